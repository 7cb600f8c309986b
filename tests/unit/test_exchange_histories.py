"""EWS over any item and any history: what is exported and uploaded is the same item, what is told is what is there."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_lab.exchange.conditions.model import FaultPlan, Rule
from isthmus_lab.exchange.ews.answering import Answering
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import Store
from isthmus_lab.store.columns import COMPUTED
from lxml import etree

from tests.plugins.raw import codes, found, texts
from tests.unit.exchange_in_process import Answers, services_in
from tests.unit.mapi_bags import bags

# No limits of time: a busy machine makes no test fail.
calmly = settings(max_examples=60)

PLACES = ("inbox", "drafts", "deleteditems", "recoverableitemsdeletions")


class Client(Answers):
    """Somebody who asks and reads the answers."""

    def tree(self, body: str) -> etree._Element:
        status, content = self.ask(body)
        assert status == 200, content[:2000]
        return etree.fromstring(content, etree.XMLParser(huge_tree=True))

    def upload(self, role: str, stream: bytes, action: str = "CreateNew", item: str = "", fai: bool = False) -> str:
        """The id of the item that UploadItems made or changed."""
        named = f'<t:ItemId Id="{item}"/>' if item else ""
        answer = self.tree(
            f'<m:UploadItems><m:Items><t:Item CreateAction="{action}" IsAssociated="{str(fai).lower()}">'
            f'<t:ParentFolderId Id="{self.folder(role)}"/>{named}'
            f"<t:Data>{base64.b64encode(stream).decode()}</t:Data></t:Item></m:Items></m:UploadItems>"
        )
        assert codes(answer) == ["NoError"], codes(answer)
        return found(answer, ".//m:ItemId")[0].get("Id") or ""

    def export(self, item: str) -> bytes:
        answer = self.tree(f'<m:ExportItems><m:ItemIds><t:ItemId Id="{item}"/></m:ItemIds></m:ExportItems>')
        return base64.b64decode(texts(answer, ".//m:Data")[0])

    def folder(self, role: str) -> str:
        answer = self.tree(
            "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds>"
            f'<t:DistinguishedFolderId Id="{role}"/></m:FolderIds></m:GetFolder>'
        )
        return found(answer, ".//t:FolderId")[0].get("Id") or ""


@contextmanager
def somebody(faults: FaultPlan = FaultPlan()) -> Iterator[Client]:  # noqa: B008 - it is frozen
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "mailboxes")
        try:
            yield Client(Answering(services_in(Path(folder), store)), uuid4(), faults=faults)
        finally:
            store.close()


@calmly
@given(bags().filter(lambda bag: bag != Bag()))  # of nothing there is no stream
def test_any_item_survives_export_and_upload(bag: Bag) -> None:
    with somebody() as client:
        first = client.export(client.upload("inbox", fasttransfer.encode(bag)))
        kept = fasttransfer.decode(first)
        # What a server has to say of every item is added; nothing that was there is lost or changed.
        for key, value in bag.properties.items():
            if key not in COMPUTED and key != tags.PidTagMessageFlags:
                assert kept[key] == value, key
        assert kept.recipients == bag.recipients
        assert [each.embedded for each in kept.attachments] == [each.embedded for each in bag.attachments]
        for before, after in zip(bag.attachments, kept.attachments, strict=True):
            number = {tags.PidTagAttachNumber: after.properties[tags.PidTagAttachNumber]}
            assert after.properties == before.properties | number
        # From then on it is the same to the byte, wherever it goes.
        again = client.export(client.upload("drafts", first))
        assert again == first
        over = client.upload("drafts", fasttransfer.encode(Bag({tags.PidTagSubject: "Other"})))
        assert client.export(client.upload("drafts", first, "Update", over)) == first


class Copy:
    """What a synchronising client keeps of a folder: change key, subject and read flag of each item it was told of."""

    def __init__(self, client: Client, role: str, scope: str, *, light: bool) -> None:
        self.client, self.folder, self.scope = client, client.folder(role), scope
        subject = "" if light else '<t:FieldURI FieldURI="item:Subject"/><t:FieldURI FieldURI="message:IsRead"/>'
        properties = '<t:ExtendedFieldURI PropertyTag="0x0037" PropertyType="String"/>'
        properties += '<t:ExtendedFieldURI PropertyTag="0x0E07" PropertyType="Integer"/>'
        self.shape = (
            "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            f"{subject}{properties}</t:AdditionalProperties></m:ItemShape>"
        )
        self.state = ""
        self.items: dict[str, tuple[str, bool]] = {}

    def sync(self, limit: int) -> bool:
        state = f"<m:SyncState>{self.state}</m:SyncState>" if self.state else ""
        answer = self.client.tree(
            f'<m:SyncFolderItems>{self.shape}<m:SyncFolderId><t:FolderId Id="{self.folder}"/></m:SyncFolderId>{state}'
            f"<m:MaxChangesReturned>{limit}</m:MaxChangesReturned><m:SyncScope>{self.scope}</m:SyncScope>"
            "</m:SyncFolderItems>"
        )
        if codes(answer) == ["ErrorInvalidSyncStateData"]:  # it expired: the folder is told anew
            assert self.state
            self.state, self.items = "", {}
            return False
        assert codes(answer) == ["NoError"]
        changes = found(answer, ".//m:Changes/*")
        assert len(changes) <= limit
        for change in changes:
            kind = str(change.tag).rpartition("}")[2]
            item = found(change, ".//t:ItemId")[0].get("Id") or ""
            if kind == "Delete":
                self.items.pop(item, None)
            elif kind == "ReadFlagChange":
                self.items[item] = self.items[item][0], texts(change, "t:IsRead") == ["true"]
            else:
                assert (item in self.items) == (kind == "Update"), f"{kind} of what was told before or never"
                subject, flags = [*texts(change, ".//t:Value"), "0"][:2]
                self.items[item] = subject, bool(int(flags) & 1)
        self.state = texts(answer, ".//m:SyncState")[0]
        return texts(answer, ".//m:IncludesLastItemInRange") == ["true"]

    def check(self) -> None:
        """Syncs to the end and compares with what FindItem lists."""
        while not self.sync(3):
            pass
        there = {}
        for traversal in ("Shallow", "Associated")[: 1 + (self.scope != "NormalItems")]:
            for node in self._listed(traversal):
                subject, flags = [*texts(node, ".//t:Value"), "0"][:2]
                there[found(node, "t:ItemId")[0].get("Id") or ""] = subject, bool(int(flags) & 1)
        assert self.items == there

    def _listed(self, traversal: str) -> Iterator[etree._Element]:
        """What FindItem gives, page by page, however short the pages are."""
        offset, last = 0, False
        while not last:
            answer = self.client.tree(
                f'<m:FindItem Traversal="{traversal}">{self.shape}<m:IndexedPageItemView MaxEntriesReturned="20" '
                f'Offset="{offset}" BasePoint="Beginning"/><m:ParentFolderIds><t:FolderId Id="{self.folder}"/>'
                "</m:ParentFolderIds></m:FindItem>"
            )
            [root] = found(answer, ".//m:RootFolder")
            last = root.get("IncludesLastItemInRange") == "true"
            offset = int(root.get("IndexedPagingOffset") or 0)
            yield from found(root, "t:Items/*")


STEPS = (
    "create",
    "create",
    "upload",
    "fai",
    "over",
    "subject",
    "read",
    "move",
    "copy",
    "delete",
    "empty",
    "sync",
    "sync",
)
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99), st.integers(1, 4)), max_size=30)


UNPLEASANT = (
    Rule(fault="short-page", most=1, probability=0.3),
    Rule(fault="short-page", operations=("FindItem",), most=2, probability=0.5),
    Rule(fault="expired-state", probability=0.2),
)


@calmly
@given(steps, st.none() | st.integers(1, 9))
def test_any_history_is_rebuilt_from_what_is_told(history: list[tuple[str, int, int]], seed: int | None) -> None:
    """Also by pages that are cut, and by states that expire and make a client begin again."""
    with somebody(FaultPlan() if seed is None else FaultPlan(seed=seed, rules=UNPLEASANT)) as client:
        copies = [
            Copy(client, role, scope, light=light)
            for role, light in zip(PLACES, (True, False, True, False), strict=True)
            for scope in ("NormalItems", "NormalAndAssociatedItems")
        ]
        for count, (what, which, size) in enumerate(history):
            role = PLACES[which % len(PLACES)]
            item = None if what in ("sync", "create") else _some_item(client, which // len(PLACES))
            _step(client, copies, what, role, item, count, size)
        for copy in copies:
            copy.check()


def _some_item(client: Client, which: int) -> str | None:
    """One of the items that are in some place; None when there is none anywhere."""
    for number in range(len(PLACES)):
        folder = client.folder(PLACES[(which + number) % len(PLACES)])
        present = [*client.listed(folder, "IdOnly"), *client.listed(folder, "IdOnly", "Associated")]
        if present:
            return present[which % len(present)]
    return None


def _step(client: Client, copies: list[Copy], what: str, role: str, item: str | None, count: int, size: int) -> None:
    """One step of a history; those that need an item are left out when there is none."""
    place = f'<t:DistinguishedFolderId Id="{role}"/>'
    named = f'<m:ItemIds><t:ItemId Id="{item}"/></m:ItemIds>'
    if what == "sync":
        copies[count % len(copies)].sync(size)
        return
    if what in ("upload", "fai"):
        stream = fasttransfer.encode(Bag({tags.PidTagSubject: f"{count}"}))
        client.upload(role, stream, fai=what == "fai")
        return
    if what == "create":
        message = "".join(f"<t:Message><t:Subject>{count}.{each}</t:Subject></t:Message>" for each in range(size))
        body = f'<m:CreateItem MessageDisposition="SaveOnly"><m:SavedItemFolderId>{place}</m:SavedItemFolderId>'
        body += f"<m:Items>{message}</m:Items></m:CreateItem>"
    elif what == "empty":
        if size > 1:  # seldom
            return
        body = f'<m:EmptyFolder DeleteType="SoftDelete" DeleteSubFolders="false"><m:FolderIds>{place}</m:FolderIds>'
        body += "</m:EmptyFolder>"
    elif item is None:
        return
    elif what == "over":
        stream = fasttransfer.encode(Bag({tags.PidTagSubject: f"{count} over"}))
        action = ("Update", "UpdateOrCreate")[size % 2]
        body = (
            f'<m:UploadItems><m:Items><t:Item CreateAction="{action}"><t:ParentFolderId Id="{client.folder(role)}"/>'
            f'<t:ItemId Id="{item}"/><t:Data>{base64.b64encode(stream).decode()}</t:Data></t:Item></m:Items>'
            "</m:UploadItems>"
        )
        client.tree(body)  # Update of an item of another folder is an error, and changes nothing
        return
    elif what in ("subject", "read"):
        field = ("item:Subject", f"<t:Subject>{count} new</t:Subject>")
        if what == "read":
            field = ("message:IsRead", f"<t:IsRead>{'true' if size % 2 else 'false'}</t:IsRead>")
        body = (
            '<m:UpdateItem ConflictResolution="AlwaysOverwrite" MessageDisposition="SaveOnly"><m:ItemChanges>'
            f'<t:ItemChange><t:ItemId Id="{item}"/><t:Updates><t:SetItemField><t:FieldURI FieldURI="{field[0]}"/>'
            f"<t:Message>{field[1]}</t:Message></t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges>"
            "</m:UpdateItem>"
        )
    elif what == "delete":
        how = ("HardDelete", "SoftDelete", "MoveToDeletedItems")[size % 3]
        body = f'<m:DeleteItem DeleteType="{how}">{named}</m:DeleteItem>'
    else:
        operation = {"move": "MoveItem", "copy": "CopyItem"}[what]
        body = f"<m:{operation}><m:ToFolderId>{place}</m:ToFolderId>{named}</m:{operation}>"
    assert set(codes(client.tree(body))) == {"NoError"}, body


class Tree:
    """What a client keeps of the folder tree: parent and name of each folder that it was told of."""

    def __init__(self, client: Client) -> None:
        self.client, self.top = client, client.folder("msgfolderroot")
        self.state = ""
        self.folders: dict[str, tuple[str, str]] = {}

    def sync(self) -> None:
        state = f"<m:SyncState>{self.state}</m:SyncState>" if self.state else ""
        answer = self.client.tree(
            "<m:SyncFolderHierarchy><m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape>"
            f'<m:SyncFolderId><t:FolderId Id="{self.top}"/></m:SyncFolderId>{state}</m:SyncFolderHierarchy>'
        )
        for change in found(answer, ".//m:Changes/*"):
            kind = str(change.tag).rpartition("}")[2]
            folder = found(change, ".//t:FolderId")[0].get("Id") or ""
            assert (folder in self.folders) == (kind != "Create")
            if kind == "Delete":
                del self.folders[folder]
            else:
                parent = found(change, ".//t:ParentFolderId")[0].get("Id") or ""
                assert parent == self.top or parent in self.folders, "a child before its parent"
                self.folders[folder] = parent, texts(change, ".//t:DisplayName")[0]
        self.state = texts(answer, ".//m:SyncState")[0]

    def there(self) -> dict[str, tuple[str, str]]:
        answer = self.client.tree(
            '<m:FindFolder Traversal="Deep"><m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape>'
            f'<m:ParentFolderIds><t:FolderId Id="{self.top}"/></m:ParentFolderIds></m:FindFolder>'
        )
        return {
            found(node, "t:FolderId")[0].get("Id") or "": (
                found(node, "t:ParentFolderId")[0].get("Id") or "",
                texts(node, "t:DisplayName")[0],
            )
            for node in found(answer, ".//t:Folders/*")
        }


FOLDER_STEPS = ("create", "create", "create", "rename", "move", "copy", "delete", "sync")
folder_steps = st.lists(st.tuples(st.sampled_from(FOLDER_STEPS), st.integers(0, 99), st.integers(0, 99)), max_size=20)


@calmly
@given(folder_steps)
def test_any_history_of_folders_is_rebuilt_from_what_is_told(history: list[tuple[str, int, int]]) -> None:
    with somebody() as client:
        tree, inbox = Tree(client), client.folder("inbox")
        born = set(tree.there())
        there: dict[str, tuple[str, str]] | None = None
        for what, one, two in history:
            there = there or tree.there()
            own = [folder for folder in there if folder not in born]
            parents = [tree.top, inbox, *own]
            parent, name = f'<t:FolderId Id="{parents[two % len(parents)]}"/>', f"Folder {two % 7}"
            if what == "sync":
                tree.sync()
                continue
            if what == "create":
                body = f"<m:CreateFolder><m:ParentFolderId>{parent}</m:ParentFolderId><m:Folders><t:Folder>"
                body += f"<t:DisplayName>{name}</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>"
            elif not own:
                continue
            else:
                body = _folder_step(what, own[one % len(own)], parent, name, two, full=len(own) > 15)
            if body:  # what is refused (a name that is taken, a folder below itself) changes nothing
                client.tree(body)
                there = None
        tree.sync()
        assert tree.folders == tree.there()


def _folder_step(what: str, folder: str, parent: str, name: str, two: int, *, full: bool) -> str:
    named = f'<m:FolderIds><t:FolderId Id="{folder}"/></m:FolderIds>'
    if what == "rename":
        return (
            f'<m:UpdateFolder><m:FolderChanges><t:FolderChange><t:FolderId Id="{folder}"/><t:Updates><t:SetFolderField>'
            f'<t:FieldURI FieldURI="folder:DisplayName"/><t:Folder><t:DisplayName>{name}</t:DisplayName></t:Folder>'
            "</t:SetFolderField></t:Updates></t:FolderChange></m:FolderChanges></m:UpdateFolder>"
        )
    if what == "delete":
        how = ("HardDelete", "SoftDelete", "MoveToDeletedItems")[two % 3]
        return f'<m:DeleteFolder DeleteType="{how}">{named}</m:DeleteFolder>'
    if what == "copy" and full:
        return ""
    operation = {"move": "MoveFolder", "copy": "CopyFolder"}[what]
    return f"<m:{operation}><m:ToFolderId>{parent}</m:ToFolderId>{named}</m:{operation}>"
