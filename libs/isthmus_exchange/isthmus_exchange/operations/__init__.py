"""The operations of EWS that the per-item path needs: one small file each, named after it."""

from .attachments import CreateAttachment, GetAttachment
from .convert_ids import ConvertIds, Format
from .create_folder import CreateFolder, CreateFolders
from .create_items import CreateItems
from .delegates import AddDelegates, GetDelegation, RemoveDelegates, UpdateDelegates
from .delete_folder import DeleteFolder
from .delete_item import DeleteItems
from .describe_items import DescribeItems
from .export_items import ExportItems
from .find_folder import FindFolderMarks, FindFolderNamed, FindFolders, TreePage
from .find_item import FindEntries, FindItem
from .get_folder import GetDistinguishedFolders, GetFolderMarks
from .get_folder_settings import GetFolderSettings
from .get_item import GetItemLabels, Label
from .get_mime import GetMime
from .get_parties import GetParties
from .get_properties import GetProperties
from .inbox_rules import GetInboxRules, UpdateInboxRules
from .move_folder import MoveFolder
from .move_item import MoveItems
from .operation import Operation
from .out_of_office import GetOutOfOffice, SetOutOfOffice
from .search_folders import CreateSearchFolder, GetSearchFolders, SetSearch
from .search_items import Hit, SearchItems, Sought
from .set_folder_settings import FolderUpdate, SetFolderSettings
from .subscribe import SubscribeToAll
from .suppress_receipts import SuppressReceipts
from .sync_folder_hierarchy import SyncFolderHierarchy
from .sync_folder_items import SyncFolderItems
from .update_folder import RenameFolder
from .update_item import SetReadFlags
from .upload_items import UploadItems

__all__ = [
    "AddDelegates",
    "ConvertIds",
    "CreateAttachment",
    "CreateFolder",
    "CreateFolders",
    "CreateItems",
    "CreateSearchFolder",
    "DeleteFolder",
    "DeleteItems",
    "DescribeItems",
    "ExportItems",
    "FindEntries",
    "FindFolderMarks",
    "FindFolderNamed",
    "FindFolders",
    "FindItem",
    "FolderUpdate",
    "Format",
    "GetAttachment",
    "GetDelegation",
    "GetDistinguishedFolders",
    "GetFolderMarks",
    "GetFolderSettings",
    "GetInboxRules",
    "GetItemLabels",
    "GetMime",
    "GetOutOfOffice",
    "GetParties",
    "GetProperties",
    "GetSearchFolders",
    "Hit",
    "Label",
    "MoveFolder",
    "MoveItems",
    "Operation",
    "RemoveDelegates",
    "RenameFolder",
    "SearchItems",
    "SetFolderSettings",
    "SetOutOfOffice",
    "SetReadFlags",
    "SetSearch",
    "Sought",
    "SubscribeToAll",
    "SuppressReceipts",
    "SyncFolderHierarchy",
    "SyncFolderItems",
    "TreePage",
    "UpdateDelegates",
    "UpdateInboxRules",
    "UploadItems",
]
