"""What makes an Active Directory object a recipient of an Exchange organisation: the msExch* attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from isthmus_sync.directory.objects import DirectoryObject, Kind, Side, Values, as_values, sid_text
from isthmus_sync.directory.pairs import Pair, pair_id

if TYPE_CHECKING:
    from isthmus_project import Archives, Project

    from isthmus_sync.directory.index import Index


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
_LINKED_MAILBOX, _SHARED_MAILBOX = (2, 1073741824), (4, 0)
_MAIL_USER = {Kind.USER: (128, -2147483642), Kind.ROOM: (128, -2147481850), Kind.EQUIPMENT: (128, -2147481594)}
_LINKED_MAIL_USER = (128, -1073741818)
_MAIL_CONTACT = (64, 6)
_DISTRIBUTION_GROUP, _SECURITY_GROUP = 1, 1073741833
SECURITY_ENABLED = 0x80000000
_DISABLED = 0x2
_SELF = "S-1-5-10"
"""Master account of a mailbox that nobody logs on to: shared, room, equipment."""
_RESOURCE = {Kind.ROOM: "Room", Kind.EQUIPMENT: "Equipment"}
# Of msExchELCMailboxFlags, as Microsoft lists them for ElcMailboxFlags among the filterable properties:
# msExchArchiveDatabaseLink says where the archive is (ValidArchiveDatabase); LitigationHold; and what keeps items that
# people or policies delete: ExpirationSuspended, LitigationHold and SingleItemRecovery.
_VALID_ARCHIVE_DATABASE, _LITIGATION_HOLD, _HOLDS = 0x20, 0x8, 0x1 | 0x8 | 0x10
_TEXT_AND_HTML = "1310720"
"""internetEncoding of recipients elsewhere: MIME, plain text and HTML, what Exchange gives new ones."""

# The oldest version that all servers since Exchange 2010 take. A server upgrades an older object when it changes it,
# and refuses to change one that is newer than itself.
_VERSION = "44220983382016"
# Says that no e-mail address policy of the target may rewrite the addresses that came from the source.
_NO_ADDRESS_POLICY = "{26491cfc-9e50-4857-861b-0cb8df22b5d7}"


def recipient_attributes(
    pair: Pair,
    source: DirectoryObject,
    target: DirectoryObject,
    facts: ExchangeFacts,
    alias: str,
    *,
    linked: bool,
    archives: Archives = "new",
) -> dict[str, Values]:
    """The attributes that the target object lacks to be a recipient like the source's, or to have a mailbox.

    Nothing that is there is changed, but for what a mail user that becomes a mailbox must lose, and holds: what keeps
    deleted items in the source's mailbox is set in the target, too, as long as the source's is used. The target gets a
    mailbox when the project names a database and the source has one; `linked`: one that the source's account opens;
    `archives`: which mailboxes get an archive when the source has one.
    """
    kind = source.kind
    wanted: dict[str, str | bytes] = {
        "mailNickname": alias,
        "legacyExchangeDN": f"{facts.recipients}/cn={pair.id.hex()}-{alias}",
        "msExchVersion": _VERSION,
    }
    changes: dict[str, str | bytes] = {}
    if kind is Kind.GROUP:
        security = (source.number("groupType") & SECURITY_ENABLED) != 0
        wanted["msExchRecipientDisplayType"] = str(_SECURITY_GROUP if security else _DISTRIBUTION_GROUP)
    elif kind is Kind.CONTACT:
        wanted |= {"internetEncoding": _TEXT_AND_HTML, **_types(_MAIL_CONTACT)}
    elif gets_mailbox(source, target, facts):
        mailbox = _mailbox(pair, source, facts)
        wanted |= mailbox
        changes |= _types(_mailbox_types(source, linked=linked))
        if target.raw("msExchMailboxGuid") == source.raw("msExchMailboxGuid"):
            # As a mail user it named the source's mailbox, whose offline copies are none of the new one.
            changes["msExchMailboxGuid"] = mailbox["msExchMailboxGuid"]
        if source.raw("msExchArchiveGUID") and target.raw("msExchArchiveGUID") == source.raw("msExchArchiveGUID"):
            # As a mail user it named the source's archive; the new mailbox has none, or one of its own.
            changes |= {"msExchArchiveGUID": "", "msExchArchiveName": ""}
    elif not target.has_mailbox:
        # A mail user for a mailbox carries that mailbox's GUID, by which Exchange moves and finds it.
        wanted |= {"internetEncoding": _TEXT_AND_HTML, **_types(_LINKED_MAIL_USER if linked else _MAIL_USER[kind])}
        if source.has_mailbox:
            carried = ("msExchMailboxGuid", "msExchArchiveGUID", "msExchArchiveName", "msExchUserCulture")
            wanted |= {name: source.raw(name)[0] for name in carried if source.raw(name)}
    if linked and not target.has_mailbox:
        wanted["msExchMasterAccountSid"] = master_account(source)
    if kind in _RESOURCE and not source.raw("msExchResourceMetaData"):
        what = _RESOURCE[kind]
        wanted |= {
            "msExchResourceMetaData": f"ResourceType:{what}",
            "msExchResourceSearchProperties": what,
            "msExchResourceDisplay": what,
        }
    if not target.raw("proxyAddresses"):
        wanted["msExchPoliciesExcluded"] = _NO_ADDRESS_POLICY
    flags = target.number("msExchELCMailboxFlags") | _holds(pair, source)
    if flags & _LITIGATION_HOLD and source.raw("msExchLitigationHoldDate"):
        wanted["msExchLitigationHoldDate"] = source.raw("msExchLitigationHoldDate")[0]
    if gets_archive(pair, source, target, facts, archives):
        changes |= _archive(pair, source, target, facts)
        flags |= _VALID_ARCHIVE_DATABASE
    if flags != target.number("msExchELCMailboxFlags"):
        changes["msExchELCMailboxFlags"] = str(flags)
    missing = {name: as_values(value) for name, value in wanted.items() if not _has(target, name)}
    return missing | {name: as_values(value) if value else () for name, value in changes.items()}


def gets_archive(
    pair: Pair, source: DirectoryObject, target: DirectoryObject, facts: ExchangeFacts, archives: Archives
) -> bool:
    """Whether the target's mailbox, the new one or the one that is there, is to be given an archive now."""
    if archives == "none" or not (source.has_mailbox and source.raw("msExchArchiveGUID")):
        return False
    if gets_mailbox(source, target, facts):
        return not target.raw("msExchArchiveGUID") or target.raw("msExchArchiveGUID") == source.raw("msExchArchiveGUID")
    ours = target.raw("msExchMailboxGuid") == (_guid(pair, "mailbox"),)
    return target.has_mailbox and not target.raw("msExchArchiveGUID") and (ours or archives == "all")


def _holds(pair: Pair, source: DirectoryObject) -> int:
    """The flags by which a mailbox keeps what is deleted in it, as far as the target is to have them, too."""
    followed = pair.active is Side.SOURCE and source.has_mailbox
    return source.number("msExchELCMailboxFlags") & _HOLDS if followed else 0


def _archive(
    pair: Pair, source: DirectoryObject, target: DirectoryObject, facts: ExchangeFacts
) -> dict[str, str | bytes]:
    """What Enable-Mailbox -Archive sets: an archive in the mailbox's own database."""
    database = target.linked("homeMDB")
    return {
        "msExchArchiveGUID": _guid(pair, "archive"),
        "msExchArchiveName": source.text("msExchArchiveName") or f"In-Place Archive - {source.text('displayName')}",
        "msExchArchiveDatabaseLink": database[0].dn if database else facts.database,
    }


def _guid(pair: Pair, what: str) -> bytes:
    """Made from the pair's id: a second attempt after a crash asks for the same mailbox."""
    return uuid5(UUID(bytes=pair.id), what).bytes_le


def _mailbox(pair: Pair, source: DirectoryObject, facts: ExchangeFacts) -> dict[str, str | bytes]:
    wanted: dict[str, str | bytes] = {
        "homeMDB": facts.database,
        "msExchMailboxGuid": _guid(pair, "mailbox"),
        "msExchUserAccountControl": "0",
        "mDBUseDefaults": "TRUE",
        "msExchUserCulture": source.text("msExchUserCulture") or "en-US",
    }
    return wanted | ({"msExchHomeServerName": facts.home_server} if facts.home_server else {})


def _mailbox_types(source: DirectoryObject, *, linked: bool) -> tuple[int, int]:
    if linked:
        return _LINKED_MAILBOX
    if source.number("msExchRecipientTypeDetails") == _SHARED_MAILBOX[0]:
        return _SHARED_MAILBOX
    return _MAILBOX[source.kind]


def master_account(source: DirectoryObject) -> bytes:
    """The SID of the account that opens the source's mailbox: itself, or the one it is linked to."""
    master = source.raw("msExchMasterAccountSid")
    return master[0] if master and sid_text(master[0]) != _SELF else source.raw("objectSid")[0]


def is_linked(source: DirectoryObject, target: DirectoryObject, project: Project) -> bool:
    """Whether the target's mailbox is to be opened by the source's account (resource forest): the project says so,
    somebody logs on to the source's mailbox, and nobody does to the target's account."""
    if project.target.create is None or project.target.create.accounts == "full":
        return False
    opened = source.kind is Kind.USER and source.has_mailbox and bool(source.raw("objectSid"))
    master = source.raw("msExchMasterAccountSid")
    by_itself = not source.number("userAccountControl") & _DISABLED
    by_another = bool(master) and sid_text(master[0]) != _SELF
    return opened and (by_itself or by_another) and not logged_on_to(target)


def logged_on_to(target: DirectoryObject) -> bool:
    """Whether this account of the target is there and enabled."""
    return bool(target.raw("userAccountControl")) and not target.number("userAccountControl") & _DISABLED


def made_for(pair: Pair, target: DirectoryObject | None) -> bool:
    """Whether the target object got its legacyExchangeDN from us, for this pair."""
    return target is not None and f"/cn={pair.id.hex()}-" in target.text("legacyExchangeDN")


def made_before(source: DirectoryObject, targets: Index, project: Project) -> list[DirectoryObject]:
    """What an earlier run made for this object of the source, whether our records tell of it or not: it carries the
    pair's id in its own name, and the source's legacyExchangeDN among its addresses."""
    legacy = source.text("legacyExchangeDN")
    holders = targets.holders("x500", legacy) if legacy else []
    if not holders:
        return []
    pair = Pair(pair_id(project.project, source.guid), source.guid)
    return [obj for obj in holders if made_for(pair, obj)]


def gets_mailbox(source: DirectoryObject, target: DirectoryObject, facts: ExchangeFacts) -> bool:
    """Whether the target account is to be given a mailbox now."""
    return bool(facts.database) and source.kind.is_account and source.has_mailbox and not target.has_mailbox


def _has(obj: DirectoryObject, name: str) -> bool:
    return bool(obj.raw(name) or obj.linked(name))


def _types(types: tuple[int, int]) -> dict[str, str]:
    return {"msExchRecipientTypeDetails": str(types[0]), "msExchRecipientDisplayType": str(types[1])}
