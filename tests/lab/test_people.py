"""People at work: what their journal says was sent is in every receiver's mailbox, once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from isthmus_lab.ews import NS
from isthmus_lab.organisation import ALPHA, BETA, Organisation
from isthmus_lab.people import journal_file, program
from isthmus_lab.people.journal import read_journal
from isthmus_lab.people.staff import Staff
from isthmus_lab.program import running
from ldap3 import MODIFY_REPLACE

from tests.plugins.forests import found
from tests.plugins.lab import RunningLab
from tests.waiting import eventually


async def _message_ids(small_lab: RunningLab, address: str) -> Counter[str]:
    """How often a message is in a person's mailbox in alpha or beta, their own sent copies left out."""
    staff = Staff(small_lab.lab.info())
    house = await staff.house_of(address)
    assert house is not None
    counted: Counter[str] = Counter()
    async with house.client(address) as client:
        sent = (await client.folder("sentitems")).id
        for folder in await client.folders():
            if folder.id != sent and folder.kind == "IPF.Note":
                items = await client.find(folder.id, ["message:InternetMessageId"], limit=1000)
                counted.update(each.findtext("t:InternetMessageId", "", NS) for each in items)
    return counted


async def test_what_was_sent_arrives_once(small_lab: RunningLab, tmp_path: Path) -> None:
    at_work = program(tmp_path, small_lab.lab.folder / "lab.json", actions_per_minute=1200)
    journal = journal_file(tmp_path)

    async def worked() -> bool:
        return len([line for line in read_journal(journal) if line["action"] == "sent"]) >= 40

    with running(at_work, log_folder=tmp_path):
        await eventually(worked)
    lines = list(read_journal(journal))
    assert {"sent", "read", "filed", "edited", "booked"} <= {line["action"] for line in lines}
    assert not [line for line in lines if line["action"] in ("refused", "unsure")]
    wanted = Counter((to, line["message_id"]) for line in lines if line["action"] == "sent" for to in line["to"])
    organisations = {line["organisation"] for line in lines}
    assert organisations == {"alpha", "beta"}
    assert any(to.endswith("@beta.test") for to, _ in wanted)

    async def everything_is_there() -> bool:
        for address in {to for to, _ in wanted}:
            has = await _message_ids(small_lab, address)
            if any(has[message_id] != 1 for to, message_id in wanted if to == address):
                return False
        return True

    await eventually(everything_is_there)


async def test_people_follow_their_mailbox(small_lab: RunningLab) -> None:
    """The object without a targetAddress is where somebody works; with two such, or none, they wait."""
    staff = Staff(small_lab.lab.info())
    address = next(each["address"] for each in small_lab.info["beta"]["people"] if each["also_in_alpha"])

    def redirect(organisation: Organisation, target: list[str]) -> None:
        forest = small_lab.lab.forest(organisation)
        with forest.connect() as connection:
            (dn,) = found(connection, forest.base, f"(mail={address})")
            connection.modify(dn, {"targetAddress": [(MODIFY_REPLACE, target)]})

    async def works_in() -> str | None:
        house = await staff.house_of(address)
        return house.name if house else None

    assert await works_in() == "alpha"
    redirect(ALPHA, [f"SMTP:{address.partition('@')[0]}@beta.redirect.test"])
    try:
        assert await works_in() is None
        redirect(BETA, [])
        assert await works_in() == "beta"
    finally:
        redirect(BETA, [f"SMTP:{address}"])
        redirect(ALPHA, [])
