"""Addresses that only stand in migrated items: learned while they are copied, checked, and given back."""

from __future__ import annotations

import base64
import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Bag
from isthmus_project import Project

from tests.lab.copying import client, put, role
from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import BIN, System
from tests.plugins.exchange import Exchanges
from tests.processes import Process


def letter(sender: str, sender_smtp: str, recipient: str) -> str:
    """A letter between people of the organisation, as Outlook wrote it: X500 addresses, the sender's SMTP beside."""
    bag = Bag(
        {
            tags.PidTagMessageClass: "IPM.Note",
            tags.PidTagSubject: "From long ago",
            tags.PidTagBody: "Hello. " * 20,
            tags.PidTagSearchKey: uuid.uuid4().bytes,
            tags.PidTagSenderAddressType: "EX",
            tags.PidTagSenderEmailAddress: sender,
            tags.PidTagSenderSmtpAddress: sender_smtp,
        }
    )
    bag.recipients.append(
        {tags.PidTagRecipientType: 1, tags.PidTagAddressType: "EX", tags.PidTagEmailAddress: recipient}
    )
    return base64.b64encode(fasttransfer.encode(bag)).decode()


def with_exchange(project: Project, exchanges: Exchanges, secrets: Path) -> Project:
    """The same project with the servers of both organisations."""
    document = project.model_dump(mode="json")
    for side, exchange in (("source", exchanges.alpha), ("target", exchanges.beta)):
        ca_file = f"{exchange.organisation.name}-exchange.pem"
        shutil.copy(exchange.authority, secrets / ca_file)
        document[side]["exchange"] |= {"ews": exchange.ews, "ca_file": ca_file}
    return Project.model_validate(document)


async def test_an_old_sender_is_reachable_again_and_what_nobody_owns_is_named(
    system: System, exchanges: Exchanges, start: Callable[..., Process]
) -> None:
    alpha = system.alpha
    anna, bert = f"anna@{alpha.domain}", f"bert@{alpha.domain}"
    for alias in ("anna", "bert"):
        alpha.add_mailbox(alias, alias.capitalize())
    # Anna was somebody else to Exchange years ago, and nobody kept her name of then. The other one has left.
    former = f"/o=Former/ou=Office/cn=Recipients/cn=anna-{uuid.uuid4().hex}"
    left = f"/o=Former/ou=Office/cn=Recipients/cn=left-{uuid.uuid4().hex}"
    async with client(exchanges.alpha, answer_seconds=60) as server:
        mailbox = server.mailbox(bert)
        await put(mailbox, await role(mailbox, "inbox"), letter(former, anna, left))

    start(
        "mailbox",
        str(BIN / "isthmus-mailbox"),
        ISTHMUS_KAFKA=system.kafka,
        ISTHMUS_DATABASE_URL=system.database_url,
        ISTHMUS_SECRETS_DIR=str(system.secrets),
        ISTHMUS_ACCOUNTMAP=system.accountmap,
        ISTHMUS_HTTP_PORT="0",
    )
    await apply(system.kafka, with_exchange(system.project(), exchanges, system.secrets))
    await system.status(lambda status: status.state == "in step" and status.pairs == 2)

    def check(*arguments: str) -> dict[str, Any]:
        said = system.isthmus("directory", "addresses", "--json", *arguments, exit_code=None)
        found: dict[str, Any] = json.loads(said)
        return found

    def named() -> bool:
        return [(each["address"], each["mailbox"]) for each in check()["nobodys"]] == [(left, bert)]

    eventually(named, "the address that nobody owns is named, with somebody who has mail from it")
    lost = {(each["side"], each["address"], each["object"].partition(",")[0]) for each in check()["unresolved"]}
    assert lost == {("source", former, "CN=Anna"), ("target", former, "CN=Anna")}
    assert all(each["repaired"] for each in check("--repair")["unresolved"])
    for found in (system.alpha_object("anna"), system.beta_object("anna")):
        assert f"X500:{former}" in values(found, "proxyAddresses")
    eventually(lambda: check()["unresolved"] == [], "everything that somebody owns resolves")
    assert "nobody has it" in system.isthmus("directory", "addresses")
