"""Which member of a consumer group gets which partitions: as many each, and as few as can be change hands.

Members say what they own when they join (KIP-54's idea). A worker that joins or dies so disturbs only what moves: the
others work on. Topics have the same partitions, so that what is owned together comes together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

Claims = Mapping[int, int]
"""The partitions that a member works on, with the epochs of its leases; 0: that work is just ending."""


def share(partitions: Collection[int], claims: Mapping[str, Claims]) -> dict[str, list[int]]:
    """The partitions of each member. Of two that claim one, the newer owner has it; a late one is fenced. A member that
    has more than its share gives away what changed hands least often so far, so that nobody's mailbox always does.
    """
    kept: dict[str, list[int]] = {member: [] for member in sorted(claims)}
    epochs = {}
    free = []
    for partition in sorted(partitions):
        claimed = [(each.get(partition, 0), member) for member, each in claims.items()]
        epochs[partition], member = max(claimed)
        if epochs[partition]:
            kept[member].append(partition)
        else:
            free.append(partition)
    least, more = divmod(len(partitions), len(kept))
    room = {}
    # Who has most already may keep one more than others.
    for place, member in enumerate(sorted(kept, key=lambda member: -len(kept[member]))):
        most = least + (place < more)
        kept[member].sort(key=lambda partition: -epochs[partition])
        free += kept[member][most:]
        del kept[member][most:]
        room[member] = most - len(kept[member])
    takers = (member for member, places in room.items() for _ in range(places))
    for partition, member in zip(sorted(free), takers, strict=True):
        kept[member].append(partition)
    return {member: sorted(each) for member, each in kept.items()}


def handed_over(member: str, given: Iterable[int], claims: Mapping[str, Claims]) -> set[int]:
    """Of what the member is given, that on which another one still works."""
    others = {partition for other, each in claims.items() if other != member for partition in each}
    return others & set(given)


class Sharing(AbstractPartitionAssignor):  # type: ignore[misc]
    """The above as Kafka's group protocol has it. `claims()`: our own; `handed_over`: what we are to wait for."""

    name = "isthmus"

    def __init__(self, claims: Callable[[], Claims]) -> None:
        self._claims = claims
        self.handed_over: set[int] = set()

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        return ConsumerProtocolMemberMetadata(0, list(topics), json.dumps(self._claims()).encode())

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        topics = sorted({topic for each in members.values() for topic in each.subscription})
        partitions = set[int]().union(*(cluster.partitions_for_topic(topic) or () for topic in topics))
        claims = {member: _read(each.user_data) for member, each in members.items()}
        return {
            member: ConsumerProtocolMemberAssignment(
                0, [(topic, given) for topic in topics], json.dumps(sorted(handed_over(member, given, claims))).encode()
            )
            for member, given in share(partitions, claims).items()
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        self.handed_over = set(json.loads(assignment.user_data or b"[]"))


def _read(user_data: bytes) -> Claims:
    return {int(partition): epoch for partition, epoch in json.loads(user_data or b"{}").items()}
