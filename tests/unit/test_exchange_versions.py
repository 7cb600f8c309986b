"""Each version of Exchange that the lab's can be knows what it knew, and no more."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from isthmus_lab import schema
from isthmus_lab.exchange.directory import Recipient
from isthmus_lab.exchange.ews import since
from isthmus_lab.exchange.ews.answering import Answering
from isthmus_lab.exchange.ews.arriving import whole
from isthmus_lab.exchange.ews.call import Services
from isthmus_lab.exchange.ews.errors import EwsError
from isthmus_lab.exchange.ews.versions import SCHEMAS, VERSIONS
from isthmus_lab.exchange.settings import Forest, Settings
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import Store
from pydantic import SecretStr

from tests.plugins.conditions import ENVELOPE

FIND = (
    '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape>{}</m:ItemShape>'
    '<m:ParentFolderIds><t:DistinguishedFolderId Id="{}"/></m:ParentFolderIds></m:FindItem>'
)
FLAG = '<t:AdditionalProperties><t:FieldURI FieldURI="item:Flag"/></t:AdditionalProperties>'
EXPORT = '<m:ExportItems><m:ItemIds><t:ItemId Id="x"/></m:ItemIds></m:ExportItems>'
PEOPLE = (
    '<m:FindPeople><m:IndexedPageItemView MaxEntriesReturned="1" Offset="0" BasePoint="Beginning"/>'
    '<m:ParentFolderId><t:DistinguishedFolderId Id="directory"/></m:ParentFolderId></m:FindPeople>'
)

Ask = Callable[[str, str, "str | None"], str]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The answer of a server of a version to a request with a RequestServerVersion, or the fault's code."""
    folder: Path = tmp_path_factory.mktemp("versions")
    store, mailbox = Store(folder / "mailboxes"), uuid.uuid4()
    inbox = store.mailbox(mailbox).folders.role("inbox")
    bag = Bag()
    bag[tags.PidTagSubject], bag[tags.PidTagFlagStatus] = "Flagged", 2
    store.mailbox(mailbox).items.add(inbox.id, bag, delivered=True)
    nobody: Any = dict.fromkeys(Recipient.__dataclass_fields__)
    anna = Recipient(**nobody | _anna(mailbox))

    def send(version: Any, body: str, schema: str | None) -> str:
        settings = Settings(
            organisation="alpha",
            host_name="mail.alpha.test",
            netbios="ALPHA",
            forest=Forest(url="ldaps://127.0.0.1:1", user="nobody", password=SecretStr("none"), base="DC=test"),
            certificate=folder,
            key=folder,
            store=folder,
            accepted_domains=("alpha.test",),
            version=version,
        )
        unused: Any = None  # no forest and no transport are needed here
        answering = Answering(Services(settings, unused, store, unused))
        header = "" if schema is None else f'<t:RequestServerVersion Version="{schema}"/>'
        try:
            asked = answering.understand(anna, whole(ENVELOPE.format(header=header, body=body).encode()))
            return b"".join(answering.answer(asked)).decode()
        except EwsError as error:
            return error.code

    yield send
    store.close()


def _anna(mailbox: uuid.UUID) -> dict[str, Any]:
    names = {"dn": "", "kind": "user", "name": "Anna", "hidden": False, "names": {}, "addresses": frozenset()}
    return names | {"guid": mailbox, "mailbox": mailbox, "smtp": "anna@alpha.test"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_takes_its_own_schemas_and_older_ones(ask: Ask, version: str) -> None:
    newest = SCHEMAS.index(VERSIONS[version].schema)
    for place, name in enumerate(SCHEMAS):
        answer = ask(version, FIND.format("", "inbox"), name)
        assert (answer == "ErrorInvalidServerVersion") == (place > newest)
    major, minor, build, revision = VERSIONS[version].build
    assert (
        f'MajorVersion="{major}" MinorVersion="{minor}" MajorBuildNumber="{build}" MinorBuildNumber="{revision}"'
        in ask(version, FIND.format("", "inbox"), None)
    )


@pytest.mark.parametrize(
    ("body", "first"),
    [
        (EXPORT, "Exchange2010_SP1"),
        (PEOPLE, "Exchange2013"),
        (FIND.format("", "recoverableitemsdeletions"), "Exchange2010_SP1"),
        (FIND.format(FLAG, "inbox"), "Exchange2013"),
    ],
)
def test_what_is_newer_than_the_request_is_refused(ask: Ask, body: str, first: str) -> None:
    for name in SCHEMAS[: SCHEMAS.index(first)]:
        assert ask("Exchange2016", body, name) == "ErrorSchemaValidation"
    refused = ask("Exchange2010_SP2", body, None) == "ErrorSchemaValidation"
    assert refused == (SCHEMAS.index(first) > SCHEMAS.index("Exchange2010_SP2"))


def test_an_answer_has_nothing_newer_than_the_request(ask: Ask) -> None:
    def shown(version: str, name: str | None) -> set[str]:
        return set(re.findall(r"<t:(\w+)", ask(version, FIND.format("", "inbox"), name)))

    assert {"Flag", "ConversationId", "Subject"} <= shown("ExchangeSE", None)
    old, older = shown("Exchange2010_SP2", None), shown("Exchange2016", "Exchange2007_SP1")
    assert "Subject" in older
    assert "ConversationId" in old - older
    assert "Flag" not in old | older


def test_the_lists_name_what_there_is() -> None:
    elements, requests = (
        {node.get("name") for node in cast("Any", document).getroot().iter("{http://www.w3.org/2001/XMLSchema}element")}
        for document in (schema._document("types.xsd"), schema._document("messages.xsd"))
    )
    unpublished = {"Mentions", "MentionedMe", "MimeContentUTF8"}
    assert set(since.ELEMENT_SINCE) <= elements | requests | unpublished
