"""Which mailboxes have their turn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from isthmus_sync.mailbox.turns import Turn, Urgency, choose, kept, kept_for_news

_turns = st.builds(Turn, st.builds(Urgency, st.booleans(), st.integers(1, 9)), st.booleans(), st.booleans())
_many = st.lists(_turns, max_size=30)


def _turn(*, first: bool, priority: int = 5, ordered: bool = False) -> Turn:
    return Turn(Urgency(not ordered, priority), first)


def test_a_new_mail_does_not_wait_for_first_passes() -> None:
    copying = [_turn(first=True)] * 7
    assert choose([_turn(first=True, priority=1), _turn(first=False, priority=9)], copying, 10)[0] == [1]


def test_news_do_not_wait_for_mailboxes_that_are_looked_at_in_turn() -> None:
    working = [_turn(first=True)] * 7 + [_turn(first=False)] * 2
    news = Turn(Urgency(unordered=True, priority=5), first=False, news=True)
    assert choose([_turn(first=False, priority=1), news], working, 10)[0] == [1]


def test_first_passes_go_on_however_much_happens() -> None:
    busy = [_turn(first=False)] * 7
    assert choose([_turn(first=False), _turn(first=True)], busy, 10)[0] == [1]


def test_what_is_ordered_takes_any_place() -> None:
    copying = [_turn(first=True)] * 9
    assert choose([_turn(first=True, ordered=True), _turn(first=False)], copying, 10)[0] == [0]


def test_less_urgent_work_of_the_same_kind_gives_way() -> None:
    working = [_turn(first=True)] * 7 + [_turn(first=False)] * 3
    waiting = [_turn(first=True, priority=2), _turn(first=True, priority=3), _turn(first=False, priority=4)]
    assert choose(waiting, working, 10) == ([], {True: Urgency(True, 2), False: Urgency(True, 4)})


@given(_many, _many, st.integers(1, 20))
def test_places_are_neither_overfilled_nor_idle(waiting: list[Turn], working: list[Turn], places: int) -> None:
    waiting.sort(key=lambda turn: turn.urgency)
    chosen, left = choose(waiting, working[:places], places)
    taken = [*working[:places], *(waiting[position] for position in chosen)]
    assert len(taken) <= places
    assert bool(left) == (len(chosen) < len(waiting))
    for position, turn in enumerate(waiting):
        if position not in chosen and len(taken) < places:
            full = sum(each.first == turn.first for each in taken) >= places - kept(places)
            assert full or (not turn.news and len(taken) >= places - kept_for_news(places))
    for first in (True, False):
        passed_over = [waiting[n].urgency for n in range(len(waiting)) if n not in chosen and waiting[n].first == first]
        assert left.get(first) == (passed_over[0] if passed_over else None)
