"""Search folders of the lab's Exchange, by plain requests: what the published schema and documentation say."""

from __future__ import annotations

import base64

from exchangelib import Message
from exchangelib.folders import Folder
from lxml import etree

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office, Person
from tests.plugins.raw import NS, ask

_UNREAD = (
    '<t:IsEqualTo><t:FieldURI FieldURI="message:IsRead"/>'
    '<t:FieldURIOrConstant><t:Constant Value="false"/></t:FieldURIOrConstant></t:IsEqualTo>'
)


def _parameters(restriction: str, *bases: str, traversal: str = "Deep") -> str:
    return (
        f'<t:SearchParameters Traversal="{traversal}"><t:Restriction>{restriction}</t:Restriction>'
        f"<t:BaseFolderIds>{''.join(bases)}</t:BaseFolderIds></t:SearchParameters>"
    )


def _role(name: str) -> str:
    return f'<t:DistinguishedFolderId Id="{name}"/>'


class _Searching:
    """Requests of one person."""

    def __init__(self, exchanges: Exchanges, person: Person) -> None:
        self._exchange, self._person = exchanges.alpha, person

    def ask(self, body: str) -> etree._Element:
        return ask(self._exchange, self._person, body)

    def code(self, body: str) -> str:
        return str(self.ask(body).findtext(".//m:ResponseCode", "", NS))

    def create(self, name: str, parameters: str, parent: str = "searchfolders") -> str:
        return (
            f"<m:CreateFolder><m:ParentFolderId>{_role(parent)}</m:ParentFolderId><m:Folders><t:SearchFolder>"
            f"<t:DisplayName>{name}</t:DisplayName>{parameters}</t:SearchFolder></m:Folders></m:CreateFolder>"
        )

    def made(self, name: str, parameters: str, parent: str = "searchfolders") -> str:
        found = self.ask(self.create(name, parameters, parent)).find(".//t:SearchFolder/t:FolderId", NS)
        assert found is not None
        return f'<t:FolderId Id="{found.get("Id")}"/>'

    def folder(self, identity: str) -> etree._Element:
        shape = "<m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape>"
        answer = self.ask(f"<m:GetFolder>{shape}<m:FolderIds>{identity}</m:FolderIds></m:GetFolder>")
        found = answer.find(".//t:SearchFolder", NS)
        assert found is not None
        return found

    def entry_id(self, identity: str) -> str:
        """PidTagEntryId in hexadecimal digits."""
        identity = identity.replace("<t:FolderId ", f'<t:AlternateId Format="EwsId" Mailbox="{self._person.smtp}" ')
        answer = self.ask(
            f'<m:ConvertId DestinationFormat="HexEntryId"><m:SourceIds>{identity}</m:SourceIds></m:ConvertId>'
        )
        found = answer.find(".//m:AlternateId", NS)
        assert found is not None
        return found.get("Id", "")

    def found(self, identity: str, restriction: str = "") -> list[str]:
        answer = self.ask(
            '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>'
            '<t:FieldURI FieldURI="item:Subject"/></t:AdditionalProperties></m:ItemShape>'
            f"{restriction}<m:ParentFolderIds>{identity}</m:ParentFolderIds></m:FindItem>"
        )
        return sorted(each.text or "" for each in answer.iterfind(".//t:Subject", NS))


def _mail(folder: Folder, subject: str, *, read: bool = False) -> None:
    Message(account=folder.account, folder=folder, subject=subject, is_read=read).save()


def _named(folder: Folder) -> str:
    return f'<t:FolderId Id="{folder.id}"/>'


def test_a_search_folder_shows_what_it_looks_for(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account, searching = account_of(exchanges.alpha, anna), _Searching(exchanges, anna)
    travel = Folder(parent=account.inbox, name="Travel").save()
    for folder, subject in ((account.inbox, "one"), (travel, "two"), (account.sent, "elsewhere")):
        _mail(folder, subject)
        _mail(folder, f"{subject}, read", read=True)

    unread = searching.made("Unread", _parameters(_UNREAD, _role("inbox")))
    assert searching.found(unread) == ["one", "two"]
    beginning = '<t:IsEqualTo><t:FieldURI FieldURI="item:Subject"/><t:FieldURIOrConstant><t:Constant Value="two"/>'
    restriction = f"<m:Restriction>{beginning}</t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"
    assert searching.found(unread, restriction) == ["two"]
    told = searching.folder(unread)
    assert (told.findtext("t:TotalCount", "", NS), told.findtext("t:UnreadCount", "", NS)) == ("2", "2")
    (base,) = told.iterfind("t:SearchParameters/t:BaseFolderIds/t:FolderId", NS)
    assert base.get("Id") == account.inbox.id

    # It follows what happens in its folders, and what it is told to look for from now on.
    _mail(travel, "three")
    assert searching.found(unread) == ["one", "three", "two"]
    changed = _parameters(_UNREAD, _role("inbox"), traversal="Shallow")
    update = (
        f"<m:UpdateFolder><m:FolderChanges><t:FolderChange>{unread}<t:Updates><t:SetFolderField>"
        f'<t:FieldURI FieldURI="folder:SearchParameters"/><t:SearchFolder>{changed}</t:SearchFolder>'
        "</t:SetFolderField></t:Updates></t:FolderChange></m:FolderChanges></m:UpdateFolder>"
    )
    assert searching.code(update) == "NoError"
    assert searching.found(unread) == ["one"]

    # What asks where an item is names the folder by its entry id.
    entry = base64.b64encode(bytes.fromhex(searching.entry_id(_named(travel)))).decode()
    elsewhere = (
        '<t:Not><t:IsEqualTo><t:ExtendedFieldURI PropertyTag="0x0e09" PropertyType="Binary"/><t:FieldURIOrConstant>'
        f'<t:Constant Value="{entry}"/></t:FieldURIOrConstant></t:IsEqualTo></t:Not>'
    )
    both = _parameters(f"<t:And>{_UNREAD}{elsewhere}</t:And>", _role("msgfolderroot"))
    assert searching.found(searching.made("Elsewhere", both)) == ["elsewhere", "one"]

    # A folder that is gone is looked into no more.
    travel_only = searching.made("Travel", _parameters(_UNREAD, _named(travel)))
    assert searching.found(travel_only) == ["three", "two"]
    travel.delete()
    assert searching.found(travel_only) == []


def test_a_search_folder_holds_nothing_itself(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    searching = _Searching(exchanges, anna)
    assert searching.code(searching.create("Empty", "")) == "ErrorSearchFolderNotInitialized"
    unread = searching.made("Unread", _parameters(_UNREAD, _role("inbox")))
    again = _parameters(_UNREAD, unread)
    assert searching.code(searching.create("Of searches", again)) == "ErrorCannotSpecifySearchFolderAsSourceFolder"
    assert searching.code(searching.create("unread", _parameters(_UNREAD, _role("inbox")))) == "ErrorFolderExists"
    message = "<m:Items><t:Message><t:Subject>here</t:Subject></t:Message></m:Items>"
    place = f"<m:SavedItemFolderId>{unread}</m:SavedItemFolderId>"
    made = f'<m:CreateItem MessageDisposition="SaveOnly">{place}{message}</m:CreateItem>'
    assert searching.code(made) == "ErrorInvalidFolderTypeForOperation"
    listing = (
        "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
        f"<m:SyncFolderId>{unread}</m:SyncFolderId><m:MaxChangesReturned>10</m:MaxChangesReturned></m:SyncFolderItems>"
    )
    assert searching.code(listing) == "ErrorInvalidFolderTypeForOperation"
