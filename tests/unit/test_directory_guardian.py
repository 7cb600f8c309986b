"""Which of the addresses ever seen lead nowhere."""

from __future__ import annotations

from isthmus_sync.directory import Side
from isthmus_sync.directory.guardian import Found, Seen, Unresolved, attributed, unresolved

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


def test_addresses_in_items_belong_to_whoever_holds_them_or_the_address_beside_them() -> None:
    held = {Side.SOURCE: {("X500", "/o=x/cn=anna"): {ANNA}, ("SMTP", "bert@x.test"): {BERT}}, Side.TARGET: {}}
    on_a_side = Found("X500", "/o=X/cn=Anna", "", ANNA)
    beside = Found("X500", "/o=Old/cn=Bert", "Bert@x.test", ANNA)
    beside_a_former = Found("X500", "/o=Old/cn=Anna2", "old@x.test", ANNA)
    known, nobodys = Found("X500", "/o=Old/cn=Anna", "", BERT), Found("X500", "/o=Old/cn=Left", "left@x.test", ANNA)
    smtp = Found("SMTP", "left@x.test", "", ANNA)
    found = [on_a_side, beside, beside_a_former, known, nobodys, smtp]
    assert attributed(found, [OLD, X500], held) == (
        [
            Seen("X500", on_a_side.address, ANNA),
            Seen("X500", beside.address, BERT),
            Seen("X500", beside_a_former.address, ANNA),
        ],
        [nobodys, smtp],
    )


def test_an_address_beside_which_two_people_stood_is_given_to_neither() -> None:
    held = {side: {("SMTP", "info@x.test"): {ANNA, BERT}} for side in Side}
    found = Found("X500", "/o=Old/cn=Info", "info@x.test", ANNA)
    assert attributed([found], [], held) == ([], [found])
