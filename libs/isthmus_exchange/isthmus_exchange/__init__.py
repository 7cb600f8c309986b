"""Exchange over EWS: an asyncio client for the path that every item takes."""

from .client import Client, Counters, Mailbox
from .errors import FATAL_FOR_MAILBOX, TRANSIENT, AccessError, EwsError, InDoubtError, ServerBusyError, TransientError
from .model import Folder, FolderChange, FolderChanges, FoundItem, ItemChange, ItemChanges, ItemRef, Kind
from .operations.change_folders import create_folder, delete_folder, find_child, move_folder, rename_folder
from .operations.change_items import delete_items, move_items, set_read
from .operations.export_items import export_items
from .operations.find_items import find_items
from .operations.get_folders import ROLES, ROOT, distinguished_folders
from .operations.sync_folder_hierarchy import sync_folder_hierarchy
from .operations.sync_folder_items import sync_folder_items
from .operations.upload_items import Upload, upload_items

__all__ = [
    "FATAL_FOR_MAILBOX",
    "ROLES",
    "ROOT",
    "TRANSIENT",
    "AccessError",
    "Client",
    "Counters",
    "EwsError",
    "Folder",
    "FolderChange",
    "FolderChanges",
    "FoundItem",
    "InDoubtError",
    "ItemChange",
    "ItemChanges",
    "ItemRef",
    "Kind",
    "Mailbox",
    "ServerBusyError",
    "TransientError",
    "Upload",
    "create_folder",
    "delete_folder",
    "delete_items",
    "distinguished_folders",
    "export_items",
    "find_child",
    "find_items",
    "move_folder",
    "move_items",
    "rename_folder",
    "set_read",
    "sync_folder_hierarchy",
    "sync_folder_items",
    "upload_items",
]
