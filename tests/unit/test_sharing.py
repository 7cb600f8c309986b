"""Who gets which partitions when workers come and go."""

from __future__ import annotations

import random
from collections import Counter

from aiokafka.cluster import ClusterMetadata
from isthmus_events.sharing import Claims, Sharing, handed_over, share

_ALL = range(12)


def _claims(shared: dict[str, list[int]], epoch: int = 1) -> dict[str, Claims]:
    return {member: dict.fromkeys(partitions, epoch) for member, partitions in shared.items()}


def test_nobody_but_the_dead_ones_heirs_notices_a_death() -> None:
    before = share(_ALL, {"a": {}, "b": {}, "c": {}})
    assert [len(each) for each in before.values()] == [4, 4, 4]
    after = share(_ALL, {member: each for member, each in _claims(before).items() if member != "b"})
    assert all(set(before[member]) < set(after[member]) for member in ("a", "c"))
    assert [len(each) for each in after.values()] == [6, 6]


def test_a_new_worker_gets_its_share_and_nothing_else_moves() -> None:
    before = share(_ALL, {"b": {}, "c": {}, "d": {}})
    after = share(_ALL, {"a": {}, **_claims(before)})
    assert [len(after[member]) for member in "abcd"] == [3, 3, 3, 3]
    assert all(set(after[member]) < set(before[member]) for member in "bcd")


def test_of_two_that_claim_a_partition_the_newer_owner_keeps_it() -> None:
    assert share([0, 1], {"frozen": {0: 3, 1: 3}, "successor": {0: 4, 1: 4}})["successor"][0] in (0, 1)
    assert share([0], {"frozen": {0: 3}, "successor": {0: 4}}) == {"frozen": [], "successor": [0]}


def test_who_lives_and_ends_its_work_is_waited_for() -> None:
    claims: dict[str, Claims] = {"a": {0: 7, 1: 0}, "b": {}}
    shared = share([0, 1], claims)
    assert shared == {"a": [0], "b": [1]}
    assert handed_over("b", shared["b"], claims) == {1}
    assert not handed_over("a", shared["a"], claims)


def test_whoever_comes_and_goes_all_is_shared_evenly_and_little_moves() -> None:
    luck = random.Random(1)
    claims: dict[str, Claims] = {"0": {}}
    epochs = Counter[int]()
    for _ in range(500):
        if len(claims) > 1 and luck.random() < 0.5:
            del claims[luck.choice(sorted(claims))]
        else:
            claims[str(luck.random())] = {}
        shared = share(_ALL, claims)
        assert sorted(partition for each in shared.values() for partition in each) == list(_ALL)
        sizes = {len(each) for each in shared.values()}
        assert max(sizes) - min(sizes) <= 1
        # Of what is owned only that moves which is more than an owner's share.
        for member, owned in claims.items():
            assert len(owned.keys() - set(shared[member])) == len(owned) - min(len(owned), len(shared[member]))
        epochs.update(each for member in shared for each in set(shared[member]) - claims[member].keys())
        claims = {member: {each: epochs[each] for each in shared[member]} for member in shared}
    assert max(epochs.values()) < 1.3 * min(epochs.values())


def test_topics_of_a_group_come_together_over_kafkas_protocol() -> None:
    cluster = ClusterMetadata()
    cluster._partitions = {topic: dict.fromkeys(range(4)) for topic in ("one", "two")}
    first, second = Sharing(lambda: {0: 5, 1: 5, 2: 5, 3: 5}), Sharing(dict)
    members = {"m1": first.metadata(("one", "two")), "m2": second.metadata(("two", "one"))}
    members = {name: type(each).decode(each.encode()) for name, each in members.items()}
    given = first.assign(cluster, members)
    assert [tuple(each) for each in given["m1"].assignment] == [("one", [0, 1]), ("two", [0, 1])]
    assert [tuple(each) for each in given["m2"].assignment] == [("one", [2, 3]), ("two", [2, 3])]
    for name, member in (("m1", first), ("m2", second)):
        member.on_assignment(type(given[name]).decode(given[name].encode()))
    assert (first.handed_over, second.handed_over) == (set(), {2, 3})
