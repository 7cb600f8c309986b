"""Where a mail is, and why, from what both servers and the ledger say of it: what the lab does not do at will."""

from __future__ import annotations

from typing import Any

import pytest
from isthmus_cli.traces import ARCHIVE, MAIN, Place, Trace, explain, no_pass
from isthmus_exchange.operations import Hit

_HIT = Hit("1", "inbox", b"key", 10, "Hello", "IPM.Note", "2026-11-26T08:15:00Z")
_PURGED = "recoverableitemspurges"
_TREES = [MAIN, "recoverableitemsdeletions", ARCHIVE, "archiverecoverableitemsdeletions"]


def place(identity: str, tree: str = MAIN, **more: Any) -> Place:
    return Place(_HIT._replace(id=identity, **more), "Inbox", tree)


def box(**changes: Any) -> dict[str, Any]:
    standing = {"unwanted": "", "paused": False, "switched": False, "orders": 0, "closed": "", "failures": 0}
    rules = {"deletions": "mirror", "wanted_trees": _TREES, "trees": _TREES, "archive_rests": ""}
    return {**standing, **rules, "due": "2026-11-27T03:52:17Z", "opens": None} | changes


def ledger(**found: Any) -> dict[str, Any]:
    return {"known": [], "staged": [], "resent": []} | found


def known(source: str, target: str) -> dict[str, Any]:
    return {"source_id": source, "target_id": target, "agreed_at": "2026-11-27T03:52:17.4Z", "way": "stream"}


def staged(work: str, **more: Any) -> dict[str, Any]:
    return {"source_id": "1", "work": work, "in_doubt": None, "reason": "", "attempts": 0} | more


def said(*arguments: Any) -> tuple[str, bool]:
    [trace] = explain(*arguments)
    return trace.why, trace.well


def test_it_says_when_in_words_for_people() -> None:
    [trace] = explain([place("1")], [place("2")], ledger(known=[known("1", "2")]), box())
    assert trace == Trace(
        "Hello", "IPM.Note", "2026-11-26T08:15:00Z", 10, b"key".hex(), "Inbox", "Inbox",
        "copied 2026-11-27 03:52:17 UTC", True, "1", "2",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "there", "why"),
    [
        ("mirror", _PURGED, "removed from the target 2026-11-27 03:00:00 UTC (deletions: mirror)"),
        ("mirror", "recoverableitemsdeletions", "removed from the target 2026-11-27 03:00:00 UTC by its people"),
        ("recoverable", "recoverableitemsdeletions", "removed from the target 2026-11-27 03:00:00 UTC (deletions: rec"),
        ("keep", MAIN, "kept on the target (deletions: keep)"),
    ],
)
def test_where_servers_keep_what_is_purged_it_says_what_became_of_both(policy: str, there: str, why: str) -> None:
    here = place("1", _PURGED, deleted="2026-11-27T02:00:00Z")
    copy = place("2", there, deleted="" if there == MAIN else "2026-11-27T03:00:00Z")
    words, well = said([here], [copy], ledger(), box(deletions=policy))
    assert words.startswith(f"deleted on the source 2026-11-27 02:00:00 UTC; {why}")
    assert well


def test_an_item_without_a_search_key_is_no_other_s_counterpart() -> None:
    here, there = place("1", search_key=b""), place("2", search_key=b"")
    found = explain([here], [there], ledger(), box())
    assert [each.why for each in found] == [
        "not listed yet: the next pass finds it",
        "of the target's own: Isthmus did not bring it",
    ]
    words, _ = said([], [there], ledger(known=[known("1", "2")]), box())
    assert words.endswith("the source has it changed, or no more: the next pass tells")


def test_of_a_creation_without_an_answer_it_says_whether_the_target_has_it() -> None:
    doubt = ledger(staged=[staged("copy", in_doubt="create")])
    assert "the target has it, which the next pass sees before" in said([place("1")], [place("2")], doubt, box())[0]
    assert "the target is looked at before" in said([place("1")], [], doubt, box())[0]


def test_what_came_late_though_the_source_has_deleted_it_goes_with_the_next_proof() -> None:
    late = ledger(resent=[{"folder": "inbox", "search_key": b"key".hex()}])
    words, well = said([], [place("2")], late, box())
    assert (words.startswith("the source has it no more: Isthmus sent it again"), well) == (True, False)
    assert said([], [place("2")], late, box(deletions="keep"))[1], "there it is kept"


@pytest.mark.parametrize(
    ("mailbox", "why"),
    [
        (box(failures=2), "passes fail: no access; the next one is tried 2026-11-27 03:52:17 UTC"),
        (box(unwanted="there is no mailbox on the target"), "no pass is made: there is no mailbox on the target"),
        (box(switched=True, orders=1), ""),
    ],
)
def test_no_pass_is_promised_that_fails_and_none_denied_that_is_ordered(mailbox: dict[str, Any], why: str) -> None:
    assert no_pass(mailbox, "no access") == why
    work = said([place("1")], [], ledger(staged=[staged("copy")]), mailbox, "no access")
    assert work == (f"to be copied; {why}" if why else "to be copied", False)


def test_of_an_archive_that_rests_it_says_why() -> None:
    resting = box(archive_rests="the archive of anna@alpha.example: its database is down")
    words, _ = said([place("1", ARCHIVE)], [], ledger(), resting)
    assert words == "the archive is left out for now: the archive of anna@alpha.example: its database is down"
