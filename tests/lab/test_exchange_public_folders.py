"""Public folders: the tree and the items by routing headers, what they refuse, who may do what, mail to them."""

from __future__ import annotations

import base64
import smtplib
import time
from dataclasses import dataclass
from pathlib import Path

from exchangelib import Message
from exchangelib.folders import Folder

from tests.plugins.clients import account_of, impersonated
from tests.plugins.exchange import Exchanges, Office, Person
from tests.plugins.lab import RunningLab
from tests.plugins.public_folders import ROOT, PublicFolders
from tests.plugins.raw import ask, codes, found, texts

REPLICAS = '<t:ExtendedFieldURI PropertyTag="0x6698" PropertyType="Binary"/>'
SHAPE = (
    "<m:FolderShape><t:BaseShape>Default</t:BaseShape><t:AdditionalProperties>"
    f"{REPLICAS}</t:AdditionalProperties></m:FolderShape>"
)


def find_folder(parent: str = ROOT, traversal: str = "Shallow") -> str:
    return (
        f'<m:FindFolder Traversal="{traversal}">{SHAPE}<m:ParentFolderIds>{parent}</m:ParentFolderIds></m:FindFolder>'
    )


def find_items(folder: str) -> str:
    return (
        '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape>'
        f'<m:ParentFolderIds><t:FolderId Id="{folder}"/></m:ParentFolderIds></m:FindItem>'
    )


def post(folder: str, subject: str) -> str:
    return (
        f'<m:CreateItem MessageDisposition="SaveOnly"><m:SavedItemFolderId><t:FolderId Id="{folder}"/>'
        f"</m:SavedItemFolderId><m:Items><t:PostItem><t:Subject>{subject}</t:Subject></t:PostItem></m:Items></m:CreateItem>"
    )


def test_the_tree_is_seen_in_every_mailbox(public_folders: PublicFolders, office: Office) -> None:
    anna, alpha = office.alpha("anna"), public_folders.exchange
    made = public_folders.create(f"Sales {anna.account}", content=public_folders.content)
    inner = public_folders.create("Offers", f'<t:FolderId Id="{made}"/>')
    for mailbox in (None, public_folders.tree, public_folders.content, anna):
        headers = {} if mailbox is None else {"X_PublicFolderMailbox": public_folders.header(mailbox)}
        answer = ask(alpha, anna, find_folder(), **headers)
        assert f"Sales {anna.account}" in texts(answer, ".//t:DisplayName")
        below = ask(alpha, anna, find_folder(f'<t:FolderId Id="{made}"/>'), **headers)
        assert [each.get("Id") for each in found(below, ".//t:FolderId")] == [inner]
        (replica,) = texts(below, ".//t:Value")  # inherited
        assert base64.b64decode(replica) == f"{public_folders.content.mailbox}\0".encode()
    wrong = ask(alpha, anna, find_folder(), X_PublicFolderMailbox="nobody@alpha.test")
    assert codes(wrong) == ["ErrorPublicFolderMailboxDiscoveryFailed"]


def test_items_are_where_their_folder_says(public_folders: PublicFolders, office: Office) -> None:
    anna, alpha = office.alpha("anna"), public_folders.exchange
    folder = public_folders.create(f"Notes {anna.account}", content=public_folders.content)
    right = {"X_PublicFolderMailbox": public_folders.header(public_folders.content)}
    lost = ask(alpha, anna, post(folder, "Lost"))
    assert codes(lost) == ["ErrorPublicFolderRequestProcessingFailed"]
    made = ask(alpha, anna, post(folder, "Kept"), **right)
    assert codes(made) == ["NoError"]
    item = found(made, ".//t:ItemId")[0].get("Id")
    listed = ask(alpha, anna, find_items(folder), **right)
    assert texts(listed, ".//t:Subject") == ["Kept"]
    get = (
        "<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape>"
        f'<m:ItemIds><t:ItemId Id="{item}"/></m:ItemIds></m:GetItem>'
    )
    assert texts(ask(alpha, anna, get, **right), ".//t:Subject") == ["Kept"]
    assert found(ask(alpha, anna, get, **right), ".//t:ParentFolderId")[0].get("Id") == folder
    assert codes(ask(alpha, anna, get)) == ["ErrorPublicFolderRequestProcessingFailed"]
    export = f'<m:ExportItems><m:ItemIds><t:ItemId Id="{item}"/></m:ItemIds></m:ExportItems>'
    (data,) = texts(ask(alpha, anna, export, **right), ".//m:Data")
    upload = (
        f'<m:UploadItems><m:Items><t:Item CreateAction="CreateNew"><t:ParentFolderId Id="{folder}"/>'
        f"<t:Data>{data}</t:Data></t:Item></m:Items></m:UploadItems>"
    )
    assert codes(ask(alpha, anna, upload)) == ["ErrorPublicFolderRequestProcessingFailed"]
    assert codes(ask(alpha, anna, upload, **right)) == ["NoError"]
    delete = '<m:DeleteItem DeleteType="{}"><m:ItemIds><t:ItemId Id="{}"/></m:ItemIds></m:DeleteItem>'
    assert codes(ask(alpha, anna, delete.format("MoveToDeletedItems", item), **right)) == ["ErrorCannotDeleteObject"]
    assert codes(ask(alpha, anna, delete.format("SoftDelete", item), **right)) == ["NoError"]
    assert len(texts(ask(alpha, anna, find_items(folder), **right), ".//t:Subject")) == 1


def test_what_public_folders_do_not_support(public_folders: PublicFolders, office: Office) -> None:
    anna, alpha = office.alpha("anna"), public_folders.exchange
    folder = f'<t:FolderId Id="{public_folders.create(f"Plain {anna.account}")}"/>'
    shape = "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
    for body in (
        f"<m:SyncFolderItems>{shape}<m:SyncFolderId>{folder}</m:SyncFolderId>"
        "<m:MaxChangesReturned>10</m:MaxChangesReturned></m:SyncFolderItems>",
        f"<m:SyncFolderHierarchy><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:SyncFolderId>{ROOT}"
        "</m:SyncFolderId></m:SyncFolderHierarchy>",
        find_folder(ROOT, "Deep"),
        f"<m:CopyFolder><m:ToFolderId>{ROOT}</m:ToFolderId><m:FolderIds>{folder}</m:FolderIds></m:CopyFolder>",
        '<m:EmptyFolder DeleteType="HardDelete" DeleteSubFolders="false">'
        f"<m:FolderIds>{folder}</m:FolderIds></m:EmptyFolder>",
    ):
        assert codes(ask(alpha, alpha.service_account, body)) == ["ErrorInvalidFolderTypeForOperation"], body


def test_the_tree_is_changed_by_those_who_may(public_folders: PublicFolders, office: Office) -> None:
    anna, alpha = office.alpha("anna"), public_folders.exchange
    content = {"X_PublicFolderMailbox": public_folders.header(public_folders.content)}
    name = f"Shared {anna.account}"
    made = public_folders.create(name, content=public_folders.content)
    folder = f'<t:FolderId Id="{made}"/>'
    below = (
        f"<m:CreateFolder><m:ParentFolderId>{folder}</m:ParentFolderId><m:Folders><t:Folder>"
        "<t:DisplayName>Mine</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>"
    )
    assert codes(ask(alpha, anna, below)) == ["ErrorAccessDenied"]
    rename = (
        f"<m:UpdateFolder><m:FolderChanges><t:FolderChange>{folder}<t:Updates><t:SetFolderField>"
        '<t:FieldURI FieldURI="folder:DisplayName"/><t:Folder><t:DisplayName>{}</t:DisplayName></t:Folder>'
        "</t:SetFolderField></t:Updates></t:FolderChange></m:FolderChanges></m:UpdateFolder>"
    )
    assert codes(ask(alpha, anna, rename.format("Stolen"))) == ["ErrorAccessDenied"]
    assert codes(ask(alpha, alpha.service_account, rename.format(f"{name} 2"), **content)) == ["NoError"]
    assert f"{name} 2" in texts(ask(alpha, anna, find_folder()), ".//t:DisplayName")
    assert codes(ask(alpha, anna, post(made, "One"), **content)) == ["NoError"]
    closed = (
        f"<m:UpdateFolder><m:FolderChanges><t:FolderChange>{folder}<t:Updates><t:SetFolderField>"
        '<t:FieldURI FieldURI="folder:PermissionSet"/><t:Folder><t:PermissionSet><t:Permissions><t:Permission>'
        "<t:UserId><t:DistinguishedUser>Default</t:DistinguishedUser></t:UserId>"
        "<t:PermissionLevel>None</t:PermissionLevel></t:Permission></t:Permissions></t:PermissionSet></t:Folder>"
        "</t:SetFolderField></t:Updates></t:FolderChange></m:FolderChanges></m:UpdateFolder>"
    )
    assert codes(ask(alpha, alpha.service_account, closed)) == ["NoError"]
    assert codes(ask(alpha, anna, find_items(made), **content)) == ["ErrorFolderNotFound"]
    assert f"{name} 2" not in texts(ask(alpha, anna, find_folder(), **content), ".//t:DisplayName")
    delete = f'<m:DeleteFolder DeleteType="HardDelete"><m:FolderIds>{folder}</m:FolderIds></m:DeleteFolder>'
    assert codes(ask(alpha, alpha.service_account, delete)) == ["NoError"]
    gone = ask(alpha, alpha.service_account, find_items(made), **content)
    assert codes(gone) == ["ErrorFolderNotFound"]


def test_exchangelib_browses_the_tree(exchanges: Exchanges, public_folders: PublicFolders, office: Office) -> None:
    anna = office.alpha("anna")
    name = f"Browsed {anna.account}"
    public_folders.create("Inside", f'<t:FolderId Id="{public_folders.create(name)}"/>')
    for account in (account_of(exchanges.alpha, anna), impersonated(exchanges.alpha, anna)):
        root = account.public_folders_root
        (top,) = [each for each in root.children if each.name == name]
        assert [each.name for each in top.children] == ["Inside"]
        folder: Folder = top / "Inside"
        Message(account=account, folder=folder, subject="Hello").save()
        assert next(iter(folder.all())).subject == "Hello"


def test_mail_to_a_folder_is_delivered_into_it(public_folders: PublicFolders, office: Office) -> None:
    anna, alpha = office.alpha("anna"), public_folders.exchange
    folder = public_folders.create(f"Mailed {anna.account}", content=public_folders.content)
    address = f"mailed.{anna.account}@{alpha.organisation.mail_domain}"
    entry = base64.b64decode(folder)[5:51]
    with alpha.forest.connect() as connection:
        connection.add(
            f"CN=Mailed {anna.account},{office.units.alpha}",
            ["publicFolder"],
            {"displayName": "Mailed", "mail": address, "mailNickname": f"mailed.{anna.account}",
             "proxyAddresses": [f"SMTP:{address}"], "msExchRecipientTypeDetails": "4096",
             "msExchPublicFolderEntryId": entry.hex().upper(), "legacyExchangeDN":
             alpha.organisation.legacy_exchange_dn(f"mailed.{anna.account}")},
        )  # fmt: skip
        assert connection.result["description"] == "success", connection.result
    with smtplib.SMTP(*alpha.smtp) as client:
        client.sendmail("out@side.test", [address], b"Subject: For all\r\n\r\ntext\r\n")
    content = {"X_PublicFolderMailbox": public_folders.header(public_folders.content)}
    deadline = time.monotonic() + 20
    while not (subjects := texts(ask(alpha, anna, find_items(folder), **content), ".//t:Subject")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert subjects == ["For all"]
    resolve = (
        f'<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>smtp:{address}</m:UnresolvedEntry>'
        "</m:ResolveNames>"
    )
    assert texts(ask(alpha, anna, resolve), ".//t:MailboxType") == ["PublicFolder"]


def test_a_mailbox_of_public_folders_is_nobodys(public_folders: PublicFolders, office: Office) -> None:
    alpha = public_folders.exchange
    person: Person = public_folders.tree
    inbox = (
        "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds>"
        f'<t:DistinguishedFolderId Id="inbox"><t:Mailbox><t:EmailAddress>{person.smtp}</t:EmailAddress></t:Mailbox>'
        "</t:DistinguishedFolderId></m:FolderIds></m:GetFolder>"
    )
    assert codes(ask(alpha, office.alpha("anna"), inbox)) == ["ErrorItemNotFound"]


def test_ids_of_public_folders_are_converted(public_folders: PublicFolders, office: Office) -> None:
    anna, alpha = office.alpha("anna"), public_folders.exchange
    folder = public_folders.create(f"Named {anna.account}")
    item = found(ask(alpha, anna, post(folder, "x")), ".//t:ItemId")[0].get("Id") or ""

    def convert(form: str, to: str, folder: str, item: str) -> tuple[str, str]:
        answer = ask(
            alpha,
            anna,
            f'<m:ConvertId DestinationFormat="{to}"><m:SourceIds><t:AlternatePublicFolderItemId Format="{form}" '
            f'FolderId="{folder}" ItemId="{item}"/></m:SourceIds></m:ConvertId>',
        )
        assert codes(answer) == ["NoError"]
        (shown,) = [each for each in answer.iter() if each.get("ItemId")]
        return shown.get("FolderId") or "", shown.get("ItemId") or ""

    for form in ("EwsLegacyId", "EntryId", "HexEntryId", "StoreId", "OwaId"):
        assert convert(form, "EwsId", *convert("EwsId", form, folder, item)) == (folder, item)
    swapped = (
        '<m:ConvertId DestinationFormat="EntryId"><m:SourceIds><t:AlternatePublicFolderId Format="EwsId" '
        f'FolderId="{item}"/></m:SourceIds></m:ConvertId>'
    )
    assert codes(ask(alpha, anna, swapped)) == ["ErrorInvalidIdMalformed"]


@dataclass(frozen=True)
class Server:
    """The lab's Exchange server of an organisation."""

    ews: str
    authority: Path


def test_the_lab_has_a_tree_with_content(small_lab: RunningLab) -> None:
    info = small_lab.info["alpha"]
    server = Server(info["ews"], Path(info["ca_file"]))
    person = info["people"][0]["user"], info["people"][0]["password"]
    service = info["account"]["user"], info["account"]["password"]

    def children(parent: str, who: tuple[str, str] = person) -> list[tuple[str, str, str]]:
        """Id, name and content mailbox of the folders below one."""
        answer = ask(server, who, find_folder(parent))
        assert codes(answer) == ["NoError"]
        return [
            (
                found(node, "t:FolderId")[0].get("Id") or "",
                texts(node, "t:DisplayName")[0],
                base64.b64decode(texts(node, ".//t:Value")[0])[:36].decode(),
            )
            for node in found(answer, ".//t:Folders/*")
        ]

    top = {name: folder for folder, name, _ in children(ROOT)}
    assert {"Company", "Departments", "Projects"} <= set(top)
    company = {name: (folder, content) for folder, name, content in children(f'<t:FolderId Id="{top["Company"]}"/>')}
    assert len({content for _, _, content in children(ROOT)} | {content for _, content in company.values()}) == 2
    news, content = company["News"]
    routed = {"X_PublicFolderMailbox": f"{content}@{info['mail_domain']}"}
    listed = ask(server, person, find_items(news), **routed)
    assert len(texts(listed, ".//t:Subject")) > 0
    closed = children(f'<t:FolderId Id="{top["Departments"]}"/>', service)
    assert len(closed) >= len(children(f'<t:FolderId Id="{top["Departments"]}"/>'))
    resolve = (
        f'<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>smtp:news@{info["mail_domain"]}'
        "</m:UnresolvedEntry></m:ResolveNames>"
    )
    assert texts(ask(server, person, resolve), ".//t:MailboxType") == ["PublicFolder"]
    host, _, port = info["smtp"].partition(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.sendmail("out@side.test", [f"news@{info['mail_domain']}"], b"Subject: Stop press\r\n\r\ntext\r\n")
    deadline = time.monotonic() + 20
    while "Stop press" not in texts(ask(server, person, find_items(news), **routed), ".//t:Subject"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
