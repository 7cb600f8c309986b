"""The portal's pages over a board without Kafka: what they show, what they escape, what they refuse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from isthmus_stats import words
from isthmus_stats.board import Board
from isthmus_stats.portal import Portal
from isthmus_stats.pressure import Pressure
from isthmus_stats.record import Journal, Mailbox, Pass, Sample, SetAside, Setting, Switch
from isthmus_stats.summary import DirectoryView, ProjectView

NOW = 1_800_000_000
AT = NOW * 1_000_000
ID = "0f" * 16
EVIL = "<img src=x onerror=alert(1)>"

BOARD = web.AppKey("board", Board)
STOPPING = web.AppKey("stopping", asyncio.Event)
Client = TestClient[web.Request, web.Application]


def filled() -> Board:
    board = Board(clock=lambda: float(NOW))
    board.projects["merge"] = ProjectView("merge", 1, "alpha", "beta", [("Everybody", "manual"), (EVIL, "manual")])
    board.directories["merge"] = DirectoryView("in step", 3, 2, 1, 1, 0, EVIL)
    board.pressures["mailbox-1"] = Pressure("mailbox-1", "target server", EVIL, NOW + 60, float(NOW))
    step = Switch("ab" * 16, "target", "probe", EVIL, "the probe mails to arrive", AT, EVIL, AT)
    board.mailboxes[ID] = Mailbox(
        ID, EVIL, f"{EVIL}@alpha.example", f"{EVIL}@beta.example", "Everybody", "user", "target", 1, True, False,
        "in step", 3, 14, 100, 97, 3, 5, 2, 123_456, EVIL, AT, step,
    )  # fmt: skip
    board.mailboxes["11" * 16] = Mailbox("11" * 16, "Anna Berg", collection=EVIL, has_mailbox=True)
    board.journals[ID] = Journal(
        [Pass(1, 97, 0, 0, 0, 0, 3, 123_456, 9, AT - 5_000_000, AT, False, [EVIL])],
        [SetAside(EVIL, EVIL, EVIL, 10, EVIL, AT)],
        [step],
        [Sample(AT - 10_000_000, 0, 100, 0), Sample(AT, 97, 100, 123_456)],
        [Setting("folder", EVIL, EVIL, "Reviewer", "has no account on the target")],
    )
    board.publish()
    return board


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    application = web.Application()
    board, stopping = filled(), asyncio.Event()
    Portal(board, stopping).add_to(application)
    application[BOARD], application[STOPPING] = board, stopping
    async with TestClient(TestServer(application)) as made:
        yield made


class Structure(HTMLParser):
    """Elements that are left open, ids that are used twice, and every attribute that could carry script or style."""

    VOID = frozenset({"meta", "link", "input", "img", "br", "path", "circle", "rect", "polygon", "polyline"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.dangerous: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [str(values["id"])] if "id" in values else []
        self.dangerous += [name for name in values if name.startswith("on") or name == "style"]
        if tag == "script" and not str(values.get("src", "")).startswith("/static/"):
            self.dangerous.append("script")
        if tag == "img" and values.get("src") == "x":
            self.dangerous.append("not escaped")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    "path", ["/", "/?q=anna", "/?status=attention&sort=items&dir=desc", f"/mailboxes/{ID}", f"/mailboxes/{'11' * 16}"]
)
async def test_pages_are_whole_and_nothing_in_them_is_taken_for_markup(client: Client, path: str) -> None:
    answer = await client.get(path)
    text = await answer.text()
    assert answer.status == 200
    found = Structure(text)
    assert found.open == []
    assert found.dangerous == []
    assert len(found.ids) == len(set(found.ids))
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text, "everything comes from here"


async def test_the_overview_shows_every_mailbox_with_what_matters(client: Client) -> None:
    text = await (await client.get("/")).text()
    assert "Anna Berg" in text
    assert "97 %" in text
    assert "Switching" in text
    assert "beta" in text
    assert "1 ambiguous" in text
    assert "Limited by <b>target server</b>" in text


async def test_the_page_of_a_mailbox_shows_its_story(client: Client) -> None:
    text = await (await client.get(f"/mailboxes/{ID}")).text()
    for part in ("the probe mails to arrive", "Differs", "<polyline", "123 kB", "Probe", "Reviewer", "has no account"):
        assert part in text


async def test_unknown_mailboxes_and_files_are_not_found(client: Client) -> None:
    for path in ("/mailboxes/nobody", "/mailboxes/nobody/events", "/api/v1/mailboxes/nobody", "/static/..%2Fmain.py"):
        assert (await client.get(path)).status == 404


async def test_nothing_but_reading_is_possible(client: Client) -> None:
    for path in ("/", "/events", f"/mailboxes/{ID}", "/api/v1/summary", "/api/v1/mailboxes", "/static/portal.js"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await client.request(method, path)).status == 405


async def test_the_api_has_the_shapes_that_the_command_line_reads(client: Client) -> None:
    summary = await (await client.get("/api/v1/summary")).json()
    assert summary["mailboxes"] == 2
    assert summary["by_status"]["switching"] == 1
    assert summary["project"]["source"] == "alpha"
    page = await (await client.get("/api/v1/mailboxes?size=1&page=2")).json()
    assert (page["total"], page["page"], page["pages"], len(page["mailboxes"])) == (2, 2, 2, 1)
    one = await (await client.get(f"/api/v1/mailboxes/{ID}")).json()
    assert one["switch"]["step"] == "probe"
    assert one["items"] == {"total": 100, "done": 97, "set_aside": 3, "left_out": 5}
    assert one["passes"][0]["added"] == 97
    assert one["set_aside"][0]["reason"] == EVIL
    assert (one["kept_aside"], one["settings_aside"][0]["what"]) == (2, "Reviewer")


async def test_events_bring_every_part_once_and_then_only_what_changed(client: Client) -> None:
    assert client.app is not None
    board, stopping = client.app[BOARD], client.app[STOPPING]
    answer = await client.get("/events?q=anna")
    assert answer.headers["Content-Type"] == "text/event-stream"

    async def fragment() -> dict[str, str]:
        while True:
            line = (await answer.content.readline()).decode()
            if line.startswith("data: "):
                data: dict[str, str] = json.loads(line.removeprefix("data: "))
                return data

    first = [await fragment() for _ in range(4)]
    assert {one["id"] for one in first} == {"totals", "collections", "statuses", "mailboxes"}
    board.mailboxes["11" * 16] = Mailbox("11" * 16, "Anna Berg-Castro", collection=EVIL, has_mailbox=True)
    board.publish()
    changed = await fragment()
    assert changed["id"] == "mailboxes"
    assert "Anna Berg-Castro" in changed["html"]
    stopping.set()
    assert (await answer.content.read()).strip() == b"", "the service stops: so does the stream"


async def test_a_portal_without_a_project_says_how_it_begins() -> None:
    application = web.Application()
    Portal(Board(), asyncio.Event()).add_to(application)
    async with TestClient(TestServer(application)) as client:
        text = await (await client.get("/")).text()
    assert "isthmus apply" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words.size(999), "999 bytes"), (words.size(1000), "1.0 kB"), (words.size(123_456), "123 kB"),
        (words.size(2_500_000_000), "2.5 GB"), (words.size(5e15), "5,000.0 TB"), (words.number(1234567), "1,234,567"),
        (words.percent(50.0), "50 %"), (words.percent(99.9), "99.9 %"), (words.rate(0.25), "0.2"),
        (words.rate(1234.5), "1,234"),
        (words.span(0.25), "250 ms"), (words.span(75), "75 s"), (words.span(600), "10 min"),
        (words.span(7200), "2.0 h"),
        (words.span(864000), "10.0 days"),
    ],
)  # fmt: skip
def test_numbers_as_people_read_them(text: str, expected: str) -> None:
    assert text == expected
