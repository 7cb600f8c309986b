"""Answers in portions, as Active Directory limits them, and histories that broke off: against a fake domain controller
(fake_domain_controller.py says why and what it is not)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from isthmus_directory import Bookmark, BookmarkUnusable, Forest, changes, here, read_all, sees_deletions
from isthmus_directory.metadata import attribute_number
from isthmus_project import Project

from tests.lab.fake_domain_controller import (
    DIRSYNC,
    PAGED,
    Answer,
    Asked,
    Found,
    dirsync_value,
    domain_controller,
    paged_value,
)
from tests.unit.directory_values import project
from tests.unit.test_directory_reading import link_metadata

_UNWILLING, _NO_SUCH_OBJECT, _INSUFFICIENT, _OPERATIONS = 53, 32, 50, 1
_SERVICE = "CN=NTDS Settings,CN=DC1"


def guid(number: int) -> bytes:
    return UUID(int=number + 1).bytes_le


def person(number: int, **attributes: Sequence[bytes]) -> Found:
    """An entry in the extended form that our control asks for."""
    dn = f"<GUID={UUID(bytes_le=guid(number))}>;CN=Person {number},DC=alpha,DC=test"
    return dn, {"objectGUID": [guid(number)], "objectClass": [b"top", b"user"], **attributes}


def link(number: int) -> bytes:
    return f"<GUID={UUID(bytes_le=guid(number))}>;CN=Person {number},DC=alpha,DC=test".encode()


@dataclass
class Controller:
    """A domain controller at `usn` of the life `invocation`; `answers` to everything but questions about itself."""

    answers: Callable[[Asked], Answer] = lambda asked: Answer()
    usn: int = 100
    invocation: UUID = field(default_factory=uuid4)

    def __call__(self, asked: Asked) -> Answer:
        if asked.base == "":
            root = {"highestCommittedUSN": [str(self.usn).encode()], "dsServiceName": [_SERVICE.encode()]}
            return Answer([("", root)])
        if asked.base == _SERVICE:
            return Answer([(_SERVICE, {"invocationId": [self.invocation.bytes_le]})])
        return self.answers(asked)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "p").write_text("secret")
    return tmp_path


def forest(url: str, secrets: Path) -> Forest:
    document = project().model_dump(mode="json")
    document["source"]["directory"]["url"] = url
    return Forest(Project.model_validate(document).source, secrets, connections=1)


async def test_all_pages_are_read(secrets: Path) -> None:
    cookies: list[bytes] = []

    def pages(asked: Asked) -> Answer:
        cookies.append(asked.cookie)
        page = int(asked.cookie or b"0")
        found = [person(page * 3 + number) for number in range(3 if page < 2 else 1)]
        return Answer(found, controls={PAGED: paged_value(str(page + 1).encode() if page < 2 else b"")})

    with domain_controller(Controller(pages)) as url:
        async with forest(url, secrets) as source:
            found = await read_all(source, ["objectClass"])
    assert [obj.guid for obj in found] == [guid(number) for number in range(7)]
    assert cookies == [b"", b"1", b"2"]


async def test_a_group_of_thousands_is_read_in_ranges(secrets: Path) -> None:
    members = [link(number) for number in range(3_700)]
    asked_for: list[str] = []

    def ranges(asked: Asked) -> Answer:
        ranged = [name for name in asked.attributes if name.lower().startswith("member;range=")]
        if not ranged:
            # As Active Directory does it: the values under the range, and the attribute itself without any.
            first = {"member": [], "member;range=0-1499": members[:1500]}
            return Answer([person(9000, **first)], controls={PAGED: paged_value(b"")})
        asked_for.extend(ranged)
        start = int(ranged[0].partition("=")[2].partition("-")[0])
        end = min(start + 1500, len(members))
        name = f"member;range={start}-{'*' if end == len(members) else end - 1}"
        return Answer([person(9000, **{name: members[start:end]})])

    with domain_controller(Controller(ranges)) as url:
        async with forest(url, secrets) as source:
            [group] = await read_all(source, ["objectClass", "member"])
    assert [each.guid for each in group.linked("member")] == [guid(number) for number in range(3_700)]
    assert asked_for == ["member;range=1500-*", "member;range=3000-*"]


async def test_the_time_of_a_link_is_asked_for_where_the_newest_wins(secrets: Path) -> None:
    asked_for: list[tuple[str, ...]] = []
    number = attribute_number("0.9.2342.19200300.100.1.10")
    assert number is not None

    def answer(asked: Asked) -> Answer:
        asked_for.append(asked.attributes)
        times = [link_metadata("manager", "CN=Boss", "1601-01-01T00:01:00Z")]
        found = person(1, **{"manager": [link(2)], "msDS-ReplValueMetaData": times})
        return Answer([found], controls={PAGED: paged_value(b"")})

    with domain_controller(Controller(answer)) as url:
        async with forest(url, secrets) as source:
            [obj] = await read_all(source, ["manager"], {number: "manager"})
            await read_all(source, ["title"], {12: "title"})
    assert obj.changed == {"manager": 60}
    assert ["msDS-ReplValueMetaData" in asked for asked in asked_for] == [True, False]


async def test_dirsync_goes_on_while_there_is_more(secrets: Path) -> None:
    came: list[bytes] = []
    portions: list[list[Found]] = [
        [person(1, displayName=[b"A"])],
        [],  # a portion of nothing but what we may not see
        [person(2, **{"member;range=1-1": [link(1)], "member;range=0-0": [link(3)]})],
        [person(4, isDeleted=[b"TRUE"])],
    ]

    def dirsync(asked: Asked) -> Answer:
        came.append(asked.cookie)
        number = int(asked.cookie or b"0")
        more = number < len(portions) - 1
        return Answer(portions[number], controls={DIRSYNC: dirsync_value(str(number + 1).encode(), more=more)})

    controller = Controller(dirsync)
    with domain_controller(controller) as url:
        async with forest(url, secrets) as source:
            since = Bookmark("dirsync", b"0", str(controller.invocation), 50)
            found = await changes(source, since, ["displayName", "member"])
    assert [*found.changed] == [guid(1), guid(2)]
    one, two = found.changed.values()
    assert one and one.values["displayname"] == (b"A",)
    assert two and two.linked == {"member": {guid(1): True, guid(3): False}}
    assert found.deleted == [guid(4)]
    assert found.bookmark == Bookmark("dirsync", b"4", str(controller.invocation), 100, _SERVICE)
    assert came == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize("code", [_UNWILLING, _OPERATIONS])
async def test_a_cookie_that_is_refused_means_everything_anew(secrets: Path, code: int) -> None:
    controller = Controller(lambda _: Answer(code=code, words="00002105: the replication cookie is invalid"))
    with domain_controller(controller) as url:
        async with forest(url, secrets) as source:
            with pytest.raises(BookmarkUnusable, match="does not know its own cookie"):
                await changes(source, Bookmark("dirsync", b"new", str(controller.invocation), 99), ["displayName"])


async def test_a_restored_or_replaced_controller_is_noticed(secrets: Path) -> None:
    answered = Answer([person(1, displayName=[b"A"])], controls={DIRSYNC: dirsync_value(b"2", more=False)})
    controller = Controller(lambda _: answered)
    with domain_controller(controller) as url:
        async with forest(url, secrets) as source:
            mine = Bookmark("dirsync", b"1", str(controller.invocation), 100)
            assert (await changes(source, mine, ["displayName"])).changed == {}
            with pytest.raises(BookmarkUnusable, match="is at change 100, but was at 101: it was restored"):
                await changes(source, replace(mine, usn=101), ["displayName"])
            # Restored, it has another life and a number that may be higher again; of what it lost it would not tell.
            before = replace(mine, invocation=str(uuid4()), usn=90, server=_SERVICE)
            with pytest.raises(BookmarkUnusable, match="began another life: it was restored"):
                await changes(source, before, ["displayName"])
            # Another controller of the domain knows what a cookie means, whatever its own numbers are.
            other = str(uuid4())
            found = await changes(source, replace(mine, invocation=other, usn=5000), ["displayName"])
            assert [*found.changed] == [guid(1)]
            with pytest.raises(BookmarkUnusable, match="is not the domain controller whose changes were counted"):
                await changes(source, Bookmark("usn", b"", other, 90), ["displayName"])


async def test_what_the_account_may_not_see_is_known(secrets: Path) -> None:
    controller = Controller(lambda asked: Answer(code=_INSUFFICIENT if DIRSYNC in asked.controls else _NO_SUCH_OBJECT))
    with domain_controller(controller) as url:
        async with forest(url, secrets) as source:
            assert (await here(source)).way == "usn"
            assert await sees_deletions(source) is False
