"""What a mailbox tells the others: how far it is, what a pass did, what was proven."""

from __future__ import annotations

import time

from isthmus.accounts.v1 import accounts_pb2
from isthmus.events.v1 import mailbox_pb2
from isthmus_sync.mailbox.model import Outcome

from isthmus_mailbox.boxes import Box, Counts
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proving import Proof


def microseconds() -> int:
    """Now, as events say it."""
    return time.time_ns() // 1000


def progress(
    box: Box, counts: Counts, state: mailbox_pb2.MailboxState.ValueType, problem: str = ""
) -> mailbox_pb2.MailboxProgress:
    """How the mailbox stands. ``at`` is left to the moment of saying it."""
    pair: accounts_pb2.Pair = box.pair
    return mailbox_pb2.MailboxProgress(
        pair_id=pair.id,
        collection=pair.collection,
        display_name=pair.source.display_name,
        source_address=pair.source.primary_smtp_address,
        target_address=pair.target.primary_smtp_address,
        state=state,
        **{"pass": box.passes + 1},
        folders=counts.folders,
        items_total=counts.total,
        items_done=counts.done,
        items_set_aside=counts.set_aside,
        bytes_done=counts.bytes_done,
        kept_aside=counts.kept_aside,
        items_left_out=counts.left_out,
        problem=problem,
    )


def completed(
    box: Box, made: Pass, counts: Counts, started_at: int, round_trips: int, proof: Proof | None, request_id: bytes
) -> mailbox_pb2.PassCompleted:
    """What a pass did, as the answer to one request or, without a request id, of its own accord."""
    return mailbox_pb2.PassCompleted(
        pair_id=box.id,
        **{"pass": box.passes + 1},
        request_id=request_id,
        added=made.counts[Outcome.ADDED],
        updated=made.counts[Outcome.UPDATED],
        moved=made.counts[Outcome.MOVED],
        deleted=made.counts[Outcome.DELETED],
        read_flags=made.counts[Outcome.READ_FLAG],
        set_aside=counts.set_aside,
        bytes=made.bytes_copied,
        round_trips=round_trips,
        started_at=started_at,
        finished_at=microseconds(),
        proof=_proof(proof) if proof else None,
    )


def _proof(proof: Proof) -> mailbox_pb2.Proof:
    return mailbox_pb2.Proof(
        equal=proof.equal,
        folders=len(proof.folders),
        source_items=proof.from_items,
        target_items=proof.to_items,
        missing=proof.missing,
        surplus=proof.surplus,
        removed_on_target=proof.removed,
        differences=proof.differences,
        digest=proof.digest,
        different=proof.different,
        missing_folders=proof.missing_folders,
        left_out=proof.left_out.total(),
        unread_folders=proof.unread,
    )
