"""What dirsync tells the others: a pair as accountmap wants it, and what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isthmus.accounts.v1.accounts_pb2 import Account
from isthmus.accounts.v1.accounts_pb2 import Pair as PairMessage
from isthmus.events.v1.directory_pb2 import (
    DIRECTORY_ACTION_CREATED,
    DIRECTORY_ACTION_DELETED,
    DIRECTORY_ACTION_UPDATED,
    DirectoryChanged,
    DirectoryStatus,
    PairObserved,
    RedirectionSet,
)
from isthmus_events import publish, publish_all
from isthmus_events.topics import DIRECTORY_CHANGES, DIRECTORY_PAIRS, DIRECTORY_STATUS, REDIRECTIONS
from isthmus_service import Connection
from isthmus_sync.directory import DirectoryObject, Kind, Side
from isthmus_sync.directory.addresses import primary_smtp, smtp_addresses, x500_addresses

CREATED, UPDATED, DELETED = DIRECTORY_ACTION_CREATED, DIRECTORY_ACTION_UPDATED, DIRECTORY_ACTION_DELETED


@dataclass
class News:
    """What came of some pairs, to be told when it is written down. Keys are pair ids."""

    observed: dict[bytes, PairMessage] = field(default_factory=dict)
    redirected: dict[bytes, Side] = field(default_factory=dict)
    changed: list[tuple[bytes, DirectoryChanged]] = field(default_factory=list)

    def wrote(self, pair_id: bytes, side: Side, action: Any, dn: str, attributes: Sequence[str]) -> None:
        message = DirectoryChanged(
            pair_id=pair_id,
            side=int(side),  # type: ignore[arg-type]
            action=action,
            distinguished_name=dn,
            attributes=list(attributes),
        )
        self.changed.append((pair_id, message))


async def tell(connection: Connection, news: News) -> None:
    """Say it all when the caller's transaction commits."""
    await publish_all(
        connection, DIRECTORY_PAIRS, {key: PairObserved(pair=pair) for key, pair in sorted(news.observed.items())}
    )
    for some in rounds(news.changed):
        await publish_all(connection, DIRECTORY_CHANGES, some)
    redirections = {
        key: RedirectionSet(pair_id=key, active_side=int(side))  # type: ignore[arg-type]
        for key, side in sorted(news.redirected.items())
    }
    await publish_all(connection, REDIRECTIONS, redirections)


def rounds(changed: Sequence[tuple[bytes, DirectoryChanged]]) -> list[dict[bytes, DirectoryChanged]]:
    """The changes as they can be said at once: of each pair the first, then the second, and so on."""
    rounds: list[dict[bytes, DirectoryChanged]] = []
    said = Counter[bytes]()
    for key, message in sorted(changed, key=lambda each: each[0]):
        if said[key] == len(rounds):
            rounds.append({})
        rounds[said[key]][key] = message
        said[key] += 1
    return rounds


async def tell_status(
    connection: Connection, project: str, state: str, figures: Mapping[str, Any], problem: str
) -> None:
    """How the project's directories stand; `figures` as records.counts has them."""
    status = DirectoryStatus(
        project=project,
        state=state,
        pairs=figures["pairs"],
        matched=figures["matched"],
        created=figures["created"],
        ambiguous=figures["ambiguous"],
        errors=figures["errors"],
        problem=problem or figures["problem"] or figures["refusal"] or "",
    )
    await publish(connection, DIRECTORY_STATUS, project.encode(), status)


def observed(
    pair_id: bytes,
    source: DirectoryObject,
    target: DirectoryObject | None,
    collection: str,
    merged: Sequence[DirectoryObject] = (),
) -> PairMessage:
    """The pair as it is now; active side and revision are accountmap's to say."""
    message = PairMessage(
        id=pair_id,
        kind=int(source.kind),  # type: ignore[arg-type]
        source=_account(source, Side.SOURCE),
        collection=collection,
        merged=[_account(obj, Side.SOURCE) for obj in merged],
    )
    if target is not None:
        message.target.CopyFrom(_account(target, Side.TARGET))
    return message


def _account(obj: DirectoryObject, side: Side) -> Account:
    mailbox = obj.raw("msExchMailboxGuid") if obj.kind is not Kind.CONTACT and obj.has_mailbox else ()
    return Account(
        side=int(side),  # type: ignore[arg-type]
        object_guid=obj.guid,
        object_sid=obj.sid,
        distinguished_name=obj.dn,
        display_name=obj.text("displayName") or obj.text("cn"),
        primary_smtp_address=primary_smtp(obj),
        smtp_addresses=smtp_addresses(obj),
        legacy_exchange_dn=obj.text("legacyExchangeDN"),
        x500_addresses=x500_addresses(obj),
        user_principal_name=obj.text("userPrincipalName"),
        sam_account_name=obj.text("sAMAccountName"),
        mailbox_guid=mailbox[0] if mailbox else b"",
    )
