"""What a switch does not bring along: what is counted, what is named, what people read."""

from __future__ import annotations

from typing import Any

from isthmus.events.v1.mailbox_pb2 import NotBrought
from isthmus_cli import not_brought as shown
from isthmus_stats import record
from isthmus_stats.record import Loss as ShownLoss
from isthmus_stats.record import Mailbox
from isthmus_sync.mailbox.not_brought import MOST_EXAMPLES, Aside, LeftOut, not_brought
from rich.console import Console


def test_an_empty_mailbox_leaves_nothing_behind() -> None:
    assert not_brought(0, 0, 0, []) == []


def test_what_is_kept_aside_is_counted_by_kind_and_named() -> None:
    aside = [
        Aside("delegates", "", "carl@alpha.example", "delegate"),
        Aside("folder", "Inbox/Travel", "carl@alpha.example", "Reviewer"),
        Aside("folder", "Inbox", "dora@alpha.example", "Editor"),
        Aside("search folder", "", "", "Large Mail"),
        Aside("something new", "", "", "thing"),
    ]
    losses = not_brought(12_345, 3_200_000_000, 2, aside)
    assert [(each.kind, each.count) for each in losses] == [
        ("offline cache", 12_345),
        ("items set aside", 2),
        ("search folders", 1),
        ("rights and properties of folders", 2),
        ("delegates", 1),
        ("something new", 1),
    ]
    assert losses[0].size == 3_200_000_000
    assert losses[3].examples == ("Inbox: dora@alpha.example, Editor", "Inbox/Travel: carl@alpha.example, Reviewer")
    assert losses[2].examples == ("Large Mail",)
    assert all(each.words for each in losses)


def test_what_filters_leave_out_is_named_by_filter() -> None:
    [loss] = not_brought(0, 0, 0, [], [LeftOut("in junkemail", 3, 10), LeftOut("older than 730 days", 40, 1000)])
    assert (loss.kind, loss.count, loss.size) == ("items left out by filters", 43, 1010)
    assert loss.examples == ("40 older than 730 days", "3 in junkemail")


def test_only_the_first_ones_are_named() -> None:
    [loss] = not_brought(0, 0, 0, [Aside("search folder", "", "", f"Search {number}") for number in range(50)])
    assert loss.count == 50
    assert len(loss.examples) == MOST_EXAMPLES


def said(at: int, *kinds: str) -> NotBrought:
    return NotBrought(losses=[NotBrought.Loss(kind=kind, count=1, words="w", examples=["a"]) for kind in kinds], at=at)


def test_the_portal_keeps_the_newest() -> None:
    mailbox = record.with_not_brought(Mailbox("0f"), said(10, "delegates"))
    assert record.with_not_brought(mailbox, said(9, "archive")) == mailbox
    assert Mailbox.from_json(mailbox.to_json()) == mailbox
    newer = record.with_not_brought(mailbox, said(11))
    assert newer.not_brought == ()
    assert mailbox.not_brought == (ShownLoss("delegates", 1, 0, "w", ("a",)),)


def test_a_row_for_each_person_says_what_is_downloaded_and_what_stays() -> None:
    def person(name: str, *losses: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "status": "in step", "percent": 100.0, "not_brought": list(losses)}

    cache = {"kind": "offline cache", "count": 12_345, "bytes": 3_200_000_000, "words": "is built anew", "examples": []}
    search = {
        "kind": "search folders",
        "count": 4,
        "bytes": 0,
        "words": "are made anew",
        "examples": ["A", "B", "C", "D"],
    }
    console = Console(width=160, record=True, force_terminal=False)
    console.print(shown.table([person("Anna Berg", cache, search), person("Ben [B] Berg", cache), person("Cora Dahl")]))
    anna, ben, cora = console.export_text().splitlines()[1:]
    assert "12 345 items, 3.20 GB" in anna
    assert "4 search folders (A; B; C; …): are made anew" in anna
    assert ben.startswith("Ben [B] Berg")
    assert ben.rstrip().endswith("nothing")
    assert cora.rstrip().endswith("not known yet")
