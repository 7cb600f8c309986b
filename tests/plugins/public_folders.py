"""The fixture `public_folders`: alpha's mailboxes of public folders, one with the tree and one with content."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest

from tests.plugins.exchange import Exchange, Exchanges, Person
from tests.plugins.raw import ask, codes, found

PUBLIC_FOLDER_MAILBOX = "68719476736"
ROOT = '<t:DistinguishedFolderId Id="publicfoldersroot"/>'


@dataclass(frozen=True)
class PublicFolders:
    """The service account has full access to both mailboxes; ``tree`` was made first and is written."""

    exchange: Exchange
    tree: Person
    content: Person

    def header(self, mailbox: Person) -> str:
        """What X-PublicFolderMailbox is for a mailbox."""
        return f"{mailbox.mailbox}@{self.exchange.organisation.mail_domain}"

    def create(self, name: str, parent: str = ROOT, *, content: Person | None = None) -> str:
        """A folder's id; ``content`` is the mailbox that gets its items."""
        replica = ""
        if content is not None:
            written = base64.b64encode(f"{content.mailbox}\0".encode()).decode()
            replica = (
                '<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x6698" PropertyType="Binary"/>'
                f"<t:Value>{written}</t:Value></t:ExtendedProperty>"
            )
        answer = ask(
            self.exchange,
            self.exchange.service_account,
            f"<m:CreateFolder><m:ParentFolderId>{parent}</m:ParentFolderId><m:Folders><t:Folder>"
            f"<t:DisplayName>{name}</t:DisplayName>{replica}</t:Folder></m:Folders></m:CreateFolder>",
        )
        assert codes(answer) == ["NoError"], codes(answer)
        return found(answer, ".//t:FolderId")[0].get("Id") or ""


@pytest.fixture(scope="session")
def public_folders(exchanges: Exchanges) -> PublicFolders:
    alpha = exchanges.alpha
    tree, content = (
        alpha.hire(
            alpha.organisation.people_ou,
            nickname,
            msExchRecipientTypeDetails=PUBLIC_FOLDER_MAILBOX,
            msExchDelegateListLink=[alpha.organisation.isthmus_dn],
            msExchHideFromAddressLists="TRUE",
            userAccountControl="514",
        )
        for nickname in ("pftree", "pfcontent")
    )
    return PublicFolders(alpha, tree, content)
