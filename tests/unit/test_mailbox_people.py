"""Who gets the rights on the other side that somebody has on this one."""

from __future__ import annotations

import pytest
from isthmus.accounts.v1.accounts_pb2 import SIDE_SOURCE, SIDE_TARGET, Account, Pair
from isthmus_accounts import Cache, UnknownIdentity
from isthmus_exchange.values import Member
from isthmus_mailbox import people


def _account(side: int, *addresses: str, sid: str = "") -> Account:
    return Account(
        side=side,  # type: ignore[arg-type]
        primary_smtp_address=addresses[0],
        smtp_addresses=addresses,
        object_sid=sid,
    )


@pytest.fixture
def accounts() -> Cache:
    cache = Cache()
    bert = _account(SIDE_TARGET, "bert@beta.test", "info@alpha.test", sid="S-1-5-21-2-1")
    cache.put(Pair(id=b"bert", revision=1, source=_account(SIDE_SOURCE, "bert@alpha.test"), target=bert))
    return cache


def test_an_address_is_that_of_somebody_of_the_source(accounts: Cache) -> None:
    """Who has it on the target may be somebody else: the source's own is in no pair, or not yet."""
    bert, stranger = people.asked([Member(address="bert@alpha.test"), Member(address="info@alpha.test")])
    assert accounts.resolve(bert).id == b"bert"
    with pytest.raises(UnknownIdentity):
        accounts.resolve(stranger)


def test_a_sid_is_the_same_everywhere(accounts: Cache) -> None:
    """The source's lists may name accounts of the target's forest."""
    [bert] = people.asked([Member(sid="S-1-5-21-2-1")])
    assert accounts.resolve(bert).id == b"bert"
