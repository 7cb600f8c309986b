"""What makes an Active Directory object a recipient of an Exchange organisation: the msExch* attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from isthmus_sync.directory.objects import DirectoryObject, Kind, Values, as_values

if TYPE_CHECKING:
    from isthmus_sync.directory.pairs import Pair


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    """What the target's configuration says about its Exchange organisation.

    `recipients` is the legacyExchangeDN of its recipients container; `database` and `home_server` are the DN of the
    database for new mailboxes and the legacyExchangeDN of its server, both empty when users stay mail users.
    """

    recipients: str
    database: str = ""
    home_server: str = ""


# msExchRecipientTypeDetails and msExchRecipientDisplayType: of a mailbox, and of a mail user that stands for one.
_MAILBOX = {Kind.USER: (1, 1073741824), Kind.ROOM: (16, 7), Kind.EQUIPMENT: (32, 8)}
_MAIL_USER = {Kind.USER: (128, -2147483642), Kind.ROOM: (128, -2147481850), Kind.EQUIPMENT: (128, -2147481594)}
_MAIL_CONTACT = (64, 6)
_DISTRIBUTION_GROUP, _SECURITY_GROUP = 1, 1073741833
SECURITY_ENABLED = 0x80000000

# The oldest version that all servers since Exchange 2010 take. A server upgrades an older object when it changes it,
# and refuses to change one that is newer than itself.
_VERSION = "44220983382016"
# Says that no e-mail address policy of the target may rewrite the addresses that came from the source.
_NO_ADDRESS_POLICY = "{26491cfc-9e50-4857-861b-0cb8df22b5d7}"


def recipient_attributes(
    pair: Pair, source: DirectoryObject, target: DirectoryObject, facts: ExchangeFacts, alias: str
) -> dict[str, Values]:
    """The attributes that the target object lacks to be a recipient like the source's, or to have a mailbox.

    Nothing that is there is changed, but for the two type attributes of a mail user that becomes a mailbox. The
    target gets a mailbox when the project names a database and the source has one.
    """
    kind = source.kind
    wanted: dict[str, str | bytes] = {
        "mailNickname": alias,
        "legacyExchangeDN": f"{facts.recipients}/cn={pair.id.hex()}-{alias}",
        "msExchVersion": _VERSION,
    }
    changes: dict[str, str] = {}
    if kind is Kind.GROUP:
        security = (source.number("groupType") & SECURITY_ENABLED) != 0
        wanted["msExchRecipientDisplayType"] = str(_SECURITY_GROUP if security else _DISTRIBUTION_GROUP)
    elif kind is Kind.CONTACT:
        wanted |= _types(_MAIL_CONTACT)
    elif gets_mailbox(source, target, facts):
        wanted |= {
            "homeMDB": facts.database,
            # Made from the pair's id: a second attempt after a crash asks for the same mailbox.
            "msExchMailboxGuid": uuid5(UUID(bytes=pair.id), "mailbox").bytes_le,
            "msExchUserAccountControl": "0",
            "mDBUseDefaults": "TRUE",
            "msExchUserCulture": source.text("msExchUserCulture") or "en-US",
        }
        if facts.home_server:
            wanted["msExchHomeServerName"] = facts.home_server
        changes = _types(_MAILBOX[kind])
    elif not target.has_mailbox:
        wanted |= _types(_MAIL_USER[kind])
    if not target.raw("proxyAddresses"):
        wanted["msExchPoliciesExcluded"] = _NO_ADDRESS_POLICY
    missing = {name: as_values(value) for name, value in wanted.items() if not _has(target, name)}
    return missing | {name: as_values(value) for name, value in changes.items()}


def made_for(pair: Pair, target: DirectoryObject | None) -> bool:
    """Whether the target object got its legacyExchangeDN from us, for this pair."""
    return target is not None and f"/cn={pair.id.hex()}-" in target.text("legacyExchangeDN")


def gets_mailbox(source: DirectoryObject, target: DirectoryObject, facts: ExchangeFacts) -> bool:
    """Whether the target account is to be given a mailbox now."""
    return bool(facts.database) and source.kind.is_account and source.has_mailbox and not target.has_mailbox


def _has(obj: DirectoryObject, name: str) -> bool:
    return bool(obj.raw(name) or obj.linked(name))


def _types(types: tuple[int, int]) -> dict[str, str]:
    return {"msExchRecipientTypeDetails": str(types[0]), "msExchRecipientDisplayType": str(types[1])}
