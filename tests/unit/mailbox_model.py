"""A mailbox in memory, for trying the engine of a pass without a server.

It answers the operations that the engine asks, with the rules of Exchange that matter: ids change with moves, search
keys do not; uploads are not idempotent; sync states belong to a folder; times are told to the second. Its World decides
what becomes of each call: answered, refused, without an answer, carried out late, or the process dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError, InDoubtError, ServerBusyError, TransientError
from isthmus_exchange.operations import (
    CreateAttachment,
    CreateFolder,
    CreateFolders,
    CreateItems,
    DeleteFolder,
    DeleteItems,
    DescribeItems,
    ExportItems,
    FindEntries,
    FindFolderMarks,
    FindFolderNamed,
    FindFolders,
    FindItem,
    GetAttachment,
    GetDistinguishedFolders,
    GetFolderMarks,
    GetItemLabels,
    GetProperties,
    Label,
    MoveFolder,
    MoveItems,
    Operation,
    RenameFolder,
    SetReadFlags,
    SyncFolderHierarchy,
    SyncFolderItems,
    TreePage,
    UploadItems,
)
from isthmus_exchange.streaming import UNKNOWN, News
from isthmus_exchange.values import (
    Attached,
    Attachment,
    Disposal,
    Entry,
    EntryPage,
    Exported,
    Folder,
    FolderChanges,
    FolderMark,
    Item,
    ItemChange,
    ItemChanges,
    ItemId,
    Outline,
    Page,
    Properties,
    Traits,
    Upload,
)

from tests.unit.mailbox_world import Crash, World

ANSWER_SECONDS = 30.0
_PAGE = 3
"""So small that even tiny folders take several answers."""


@dataclass
class Content:
    """An item in a model mailbox."""

    folder: str
    key: bytes
    text: str
    associated: bool
    is_read: bool
    modified: float
    version: int
    # Rises with every setting of the read flag, also to what it was.
    flag_version: int = 0
    # Attachments.
    parts: tuple[str, ...] = ()


class ModelMailbox:
    """One mailbox at its server."""

    def __init__(self, world: World, name: str, roles: dict[str, str]) -> None:
        self.world = world
        self.name = self.address = name
        self._numbers = itertools.count(1)
        self.items: dict[str, Content] = {}
        self.folders: dict[str, Folder] = {}
        self._states: dict[str, Any] = {}
        self._committed: dict[str, float] = {}
        self._deleted = Counter[str]()
        # So many items its people made of each search key, and the keys of all that ever was in its tree.
        self.made = Counter[bytes]()
        self.held = set[bytes]()
        # What was deleted so that people can recover it.
        self.recoverable: list[Content] = []
        self.uploads = 0
        # What a subscription would have told.
        self.news = News()
        # The server knows no streams; or it refuses those of the items that are told by this.
        self.streams = True
        self.stubborn: Callable[[Content], bool] = lambda _: False
        self._born(roles)

    def _born(self, roles: dict[str, str]) -> None:
        self.store = f"{self.name} store {next(self._numbers)}"
        self.root = self._add_folder("", "Top", "IPF", "msgfolderroot")
        for role, called in roles.items():
            self._add_folder(self.root, called, "IPF.Note", role)

    # What people do

    def deliver(self, folder: str, text: str, *, associated: bool = False) -> str:
        number = next(self._numbers)
        content = Content(folder, f"{self.name}{number}".encode(), text, associated, False, self.world.time, number)
        content.parts = tuple(f"{text}, page {page}" for page in range(number % 5 % 3))
        self.made[content.key] += 1
        return self._add_item(content)

    def edit(self, item: str, text: str) -> None:
        content = self.items[item]
        if sum(other.key == content.key for other in self.items.values()) > 1:
            # Nobody edits an item and its copy within one second, to the same length.
            self.world.time = float(int(self.world.time) + 1)
        content.text, content.modified, content.version = text, self.world.time, next(self._numbers)
        self._commit(content.folder)
        self._tell(content.folder)

    def flag(self, item: str) -> None:
        self._set_read(item, not self.items[item].is_read)

    def move(self, item: str, folder: str) -> str:
        return self._add_item(replace(self._take(item), folder=folder, version=next(self._numbers)))

    def copy(self, item: str, folder: str) -> str:
        self.made[self.items[item].key] += 1
        return self._add_item(replace(self.items[item], folder=folder, version=next(self._numbers)))

    def delete(self, item: str) -> None:
        self._take(item)

    def make_folder(self, parent: str, name: str) -> str:
        self._free(parent, name)
        return self._add_folder(parent, name, "IPF.Note", "")

    def _folder_made(self, parent: str, name: str) -> str | EwsError:
        try:
            return self.make_folder(parent, name)
        except EwsError as error:
            return error

    def rename_folder(self, folder: str, name: str) -> None:
        self._free(self.folders[folder].parent, name, folder)
        self.folders[folder] = self.folders[folder]._replace(name=name)
        self.news |= UNKNOWN

    def move_folder(self, folder: str, parent: str) -> None:
        above = parent
        while above:
            if above == folder:
                raise EwsError("ErrorMoveCopyFailed", "into itself")
            above = self.folders[above].parent
        self._free(parent, self.folders[folder].name, folder)
        self.folders[folder] = self.folders[folder]._replace(parent=parent)
        self.news |= UNKNOWN

    def delete_folder(self, folder: str) -> None:
        for child in [each.id for each in self.folders.values() if each.parent == folder]:
            self.delete_folder(child)
        self.items = {item: content for item, content in self.items.items() if content.folder != folder}
        del self.folders[folder]
        self.news |= UNKNOWN

    def lose_states(self) -> None:
        self._states.clear()

    def make_anew(self) -> None:
        """The mailbox is disabled and a new one enabled, in which nothing is."""
        roles = {folder.role: folder.name for folder in self.folders.values() if folder.role and folder.id != self.root}
        self.folders.clear()
        self.items.clear()
        self.recoverable.clear()
        self.held.clear()
        self.lose_states()
        self._born(roles)

    # What the engine asks

    def now(self) -> float:
        return self.world.time

    async def call(self, operation: Operation[Any], announce: Announce | None = None) -> Any:
        world = self.world
        if world.takes_turns:
            await asyncio.sleep(0)
        world.tick()
        world.land()
        fate = world.fate()
        if fate == 1:
            raise Crash
        if fate == 2:
            raise ServerBusyError(5.0) if operation.writes else TransientError("away")
        until = world.time + ANSWER_SECONDS
        if announce:
            await announce(until)
        if not operation.writes:
            return self._answer(operation)
        if fate == 3:  # the request never reached the server
            raise InDoubtError("no answer")
        if fate in (4, 5):  # it did; the answer is lost, or the process dies while it waits
            self._answer(operation)
            raise InDoubtError("no answer") if fate == 4 else Crash
        if fate in (6, 7):  # it will be carried out later
            world.late.append((until, lambda: self._quietly(operation)))
            raise InDoubtError("no answer") if fate == 6 else Crash
        if fate == 8 and isinstance(operation, UploadItems | CreateItems | CreateFolders):  # half was carried out
            what = "folders" if isinstance(operation, CreateFolders) else "items"
            everything = getattr(operation, what)
            half = len(everything) // 2
            first, rest = (replace(operation, **{what: some}) for some in (everything[:half], everything[half:]))
            self._answer(first)
            world.late.append((until, lambda: self._quietly(rest)))
            raise Crash
        return self._answer(operation)

    def _quietly(self, operation: Operation[Any]) -> None:
        with contextlib.suppress(EwsError):
            self._answer(operation)

    def _answer(self, operation: Operation[Any]) -> Any:
        match operation:
            case GetDistinguishedFolders(others):
                found_roles = {folder.role: folder for folder in self.folders.values() if folder.role}
                if "root" in others:
                    found_roles["root"] = Folder(self.store, "", "Root", "", "root", False)
                return found_roles
            case FindFolderNamed(_, name):
                below = [each for each in self.folders.values() if each.parent == self.store and each.name == name]
                return below[0].id if below else None
            case FindFolders():
                found = [folder for folder in self.folders.values() if self._below_root(folder)]
                return TreePage([folder._replace(role="") for folder in found], True, len(found))
            case FindFolderMarks():
                marks = [(each.id, self._mark(each.id)) for each in self.folders.values() if self._below_root(each)]
                return TreePage(marks, True, len(marks))
            case GetFolderMarks(folders):
                return {folder: self._mark(folder) for folder in folders if folder in self.folders}
            case SyncFolderHierarchy(state):
                return self._sync_folders(state)
            case SyncFolderItems(folder, state):
                return self._sync_items(folder, state)
            case FindItem(folder, associated, offset, keys):
                self._there(folder)
                listed = [
                    item
                    for item in self._listing(folder).values()
                    if item.associated == associated and (not keys or item.search_key in keys)
                ]
                return Page(listed[offset : offset + _PAGE], offset + _PAGE >= len(listed), offset + _PAGE)
            case FindEntries(folder, associated, offset):
                page = self._answer(FindItem(folder, associated, offset))
                return EntryPage([self._entry(item) for item in page.items], page.last, page.next)
            case GetItemLabels(ids):
                return [self._label(each) if each in self.items else _gone() for each in ids]
            case CreateFolder(parent, name, _):
                if parent != self.store:
                    self._there(parent)
                return self.make_folder(parent, name)
            case CreateFolders(parent, folders, _):
                self._there(parent)
                return [self._folder_made(parent, each.display_name) for each in folders]
            case RenameFolder(folder, name):
                self._there(folder)
                self.rename_folder(folder, name)
                return folder
            case MoveFolder(folder, parent):
                self._there(folder)
                self._there(parent)
                self.move_folder(folder, parent)
                return folder
            case DeleteFolder(folder):
                self._there(folder)
                return self.delete_folder(folder)
            case DescribeItems(ids):
                return [self._outline(each) for each in ids]
            case GetProperties(ids, _, _, associated):
                return [self._properties(each, associated) for each in ids]
            case CreateItems(folder, new):
                self._there(folder)
                return [self._made(folder, each) for each in new]
            case GetAttachment(part):
                item, _, number = part.rpartition("/")
                if item not in self.items or len(self.items[item].parts) <= int(number):
                    raise _gone()
                return Attachment((self.items[item].parts[int(number)],))
            case CreateAttachment(item, attachment):
                if item not in self.items:
                    raise _gone()
                self.items[item].parts += tuple(map(str, attachment.pieces))
                self.items[item].version = next(self._numbers)
                return None
            case ExportItems() | UploadItems() if not self.streams:
                raise EwsError("ErrorInvalidOperation", "no such operation")
            case ExportItems(ids):
                return [self._export(each) for each in ids]
            case UploadItems(items):
                return [self._upload(each) for each in items]
            case MoveItems(ids, folder):
                self._there(folder)
                return [self._id(self.move(each, folder)) if each in self.items else _gone() for each in ids]
            case SetReadFlags(flags):
                return [self._set_read(*each) for each in flags]
            case DeleteItems(ids, disposal):
                return [self._dispose(each, disposal) for each in ids]
        raise AssertionError(operation)

    def _dispose(self, item: str, disposal: Disposal) -> EwsError | None:
        if item not in self.items:
            return _gone()
        content = self._take(item)
        if disposal is Disposal.SOFT_DELETE:
            self.recoverable.append(content)
        return None

    def _label(self, item: str) -> Label:
        return Label(self.items[item].text, "IPM.Note", self._id(item).change_key)

    def _entry(self, item: Item) -> Entry:
        return Entry(*item, content=self.items[item.id].text.encode())

    def _export(self, item: str) -> Exported | EwsError:
        content = self.items.get(item)
        if content is None:
            return _gone()
        if self.stubborn(content):
            return EwsError("ErrorItemCorrupt", "stubborn")
        whole = [content.key.decode(), content.text, content.is_read, content.modified, content.parts]
        return Exported(item, json.dumps(whole), self._id(item).change_key)

    def _outline(self, item: str) -> Outline | EwsError:
        content = self.items.get(item)
        if content is None:
            return _gone()
        parts = enumerate(content.parts)
        attached = tuple(Attached(f"{item}/{number}", "ItemAttachment", part, len(part)) for number, part in parts)
        return Outline("IPM.Note", len(content.text), attached)

    def _properties(self, item: str, associated: bool) -> Properties | EwsError:
        content = self.items.get(item)
        if content is None:
            return _gone()
        whole = [content.key.decode(), content.text, content.is_read, associated]
        return Properties("Message", json.dumps(whole), self._id(item).change_key)

    def _made(self, folder: str, item: Properties) -> ItemId:
        key, text, is_read, associated = json.loads(item.content)
        number = next(self._numbers)
        return self._id(
            self._add_item(Content(folder, key.encode(), text, associated, is_read, self.world.time, number))
        )

    def _upload(self, upload: Upload) -> ItemId | EwsError:
        self.uploads += 1
        if upload.folder not in self.folders:
            return EwsError("ErrorFolderNotFound")
        key, text, is_read, modified, parts = json.loads(str(upload.data))
        number = next(self._numbers)
        content = Content(upload.folder, key.encode(), text, upload.associated, is_read, modified, number)
        content.parts = tuple(parts)
        if self.stubborn(content):
            return EwsError("ErrorCorruptData", "stubborn")
        if upload.over is None:
            return self._id(self._add_item(content))
        if upload.over not in self.items or self.items[upload.over].folder != upload.folder:
            return _gone()
        self.items[upload.over] = content
        self._commit(content.folder)
        return self._id(upload.over)

    def _set_read(self, item: str, read: bool) -> ItemId | EwsError:
        if item not in self.items:
            return _gone()
        self.items[item].is_read = read
        self.items[item].flag_version = next(self._numbers)
        self._tell(self.items[item].folder)
        return self._id(item)

    def _sync_folders(self, state: str | None) -> FolderChanges:
        before = self._state(state, "tree")
        after = {each.id: each._replace(role="") for each in self.folders.values() if self._below_root(each)}
        changed = [each for each in after.values() if before.get(each.id) != each]
        deleted = [each for each in before if each not in after]
        return FolderChanges(changed, deleted, self._remember("tree", after), True)

    def _sync_items(self, folder: str, state: str | None) -> ItemChanges:
        self._there(folder)
        known_before = self._state(state, folder)
        before = {item: known for item, (known, _) in known_before.items()}
        flags = {item: flag for item, (_, flag) in known_before.items()}
        after = self._listing(folder)
        told = dict(known_before)
        changes = [ItemChange(each) for each in before if each not in after]
        for item in after.values():
            known = before.get(item.id)
            if known is None or known.change_key != item.change_key:
                changes.append(ItemChange(item.id, item))
            elif flags.get(item.id) != self.items[item.id].flag_version:
                changes.append(ItemChange(item.id, is_read=item.is_read, change_key=item.change_key))
        page = changes[:_PAGE]
        for change in page:
            told.pop(change.id, None)
            if change.id in after:
                told[change.id] = (after[change.id], self.items[change.id].flag_version)
        return ItemChanges(page, self._remember(folder, told), len(page) == len(changes))

    def _listing(self, folder: str) -> dict[str, Item]:
        return {
            item: Item(
                item,
                self._id(item).change_key,
                content.key,
                len(content.text),
                content.associated,
                content.is_read,
                _to_the_second(content.modified),
                "IPM.Note",
                Traits("IPM.Note", "", "", _to_the_second(content.modified), ()),
            )
            for item, content in self.items.items()
            if content.folder == folder
        }

    def _state(self, state: str | None, of: str) -> dict[str, Any]:
        if state is None:
            return {}
        if state not in self._states or not state.startswith(f"{of} "):
            raise EwsError("ErrorInvalidSyncStateData", "unknown")
        return dict(self._states[state])

    def _remember(self, of: str, known: dict[str, Any]) -> str:
        state = f"{of} {next(self._numbers)}"
        self._states[state] = known
        return state

    def _tell(self, folder: str) -> None:
        self.news |= News(frozenset({folder}))

    def _add_item(self, content: Content) -> str:
        item = f"{self.name} item {next(self._numbers)}"
        self.items[item] = content
        if self.folders[content.folder].parent != self.store:
            self.held.add(content.key)
        self._commit(content.folder)
        self._tell(content.folder)
        return item

    def _take(self, item: str) -> Content:
        content = self.items.pop(item)
        self._deleted[content.folder] += 1
        self._tell(content.folder)
        return content

    def _commit(self, folder: str) -> None:
        self._committed[folder] = self.world.time

    def _below_root(self, folder: Folder) -> bool:
        """What is in the hidden part of the mailbox is not in its tree."""
        return folder.id != self.root and folder.parent != self.store

    def _mark(self, folder: str) -> FolderMark:
        """Deletions and read flags leave the time alone: some server may do so."""
        held = [content for content in self.items.values() if content.folder == folder]
        hidden = sum(content.associated for content in held)
        counts = (self._deleted[folder], len(held) - hidden, sum(not each.is_read for each in held), hidden)
        return FolderMark(_to_the_second(self._committed.get(folder, 0.0)), *map(str, counts))

    def _add_folder(self, parent: str, name: str, folder_class: str, role: str) -> str:
        folder = f"{self.name} folder {next(self._numbers)}"
        self.folders[folder] = Folder(folder, parent, name, folder_class, role, False)
        self.news |= UNKNOWN
        return folder

    def _id(self, item: str) -> ItemId:
        return ItemId(item, f"version {self.items[item].version}")

    def _there(self, folder: str) -> None:
        if folder not in self.folders:
            raise EwsError("ErrorFolderNotFound")

    def _free(self, parent: str, name: str, but: str = "") -> None:
        for each in self.folders.values():
            if each.parent == parent and each.name.casefold() == name.casefold() and each.id != but:
                raise EwsError("ErrorFolderExists")

    # What is compared in the end

    def contents(self) -> dict[tuple[str, ...], Counter[tuple[bytes, str, bool, bool, tuple[str, ...]]]]:
        """Every folder by its path (distinguished folders by role), with everything that is in it."""
        return {
            self._path(folder): Counter(
                (content.key, content.text, content.associated, content.is_read, content.parts)
                for content in self.items.values()
                if content.folder == folder
            )
            for folder, found in self.folders.items()
            if found.parent != self.store
        }

    def _path(self, folder: str) -> tuple[str, ...]:
        found = self.folders[folder]
        return (found.role,) if found.role else (*self._path(found.parent), found.name)


def _to_the_second(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).isoformat().replace("+00:00", "Z")


def _gone() -> EwsError:
    return EwsError("ErrorItemNotFound")
