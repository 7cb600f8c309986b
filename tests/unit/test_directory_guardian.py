"""Which of the addresses ever seen lead nowhere."""

from __future__ import annotations

from isthmus_sync.directory import Side
from isthmus_sync.directory.guardian import Seen, Unresolved, unresolved

from tests.unit.directory_values import project

ANNA, BERT = b"anna", b"bert"
OLD, X500 = Seen("SMTP", "Old@x.test", ANNA), Seen("X500", "/o=Old/cn=Anna", ANNA)
REDIRECTION = Seen("SMTP", "anna@alpha.redirect.test", ANNA)


def test_each_side_with_an_object_must_hold_every_address() -> None:
    held = {Side.SOURCE: {OLD.key: {ANNA}}, Side.TARGET: {OLD.key: {BERT}, X500.key: {ANNA}}}
    both = {Side.SOURCE: {ANNA, BERT}, Side.TARGET: {ANNA, BERT}}
    assert unresolved([OLD, X500, REDIRECTION], held, both, project()) == [
        Unresolved(OLD, Side.TARGET),
        Unresolved(X500, Side.SOURCE),
    ]


def test_a_side_without_an_object_misses_nothing() -> None:
    assert (
        unresolved([OLD], {Side.SOURCE: {}, Side.TARGET: {}}, {Side.SOURCE: set(), Side.TARGET: set()}, project()) == []
    )
