"""Which attributes are kept in step, for which kind of recipient, and who owns them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_sync.directory.objects import LINKED_ATTRIBUTES, Kind
from isthmus_sync.directory.settling import Owner

if TYPE_CHECKING:
    from isthmus_project import Project

_EVERYBODY = (
    "displayName", "description", "info", "mail", "msExchHideFromAddressLists", "msExchRequireAuthToSendTo",
    *(f"extensionAttribute{n}" for n in range(1, 16)),
)  # fmt: skip
_PEOPLE = (
    "givenName", "initials", "sn", "title", "department", "company", "physicalDeliveryOfficeName", "telephoneNumber",
    "mobile", "facsimileTelephoneNumber", "homePhone", "pager", "ipPhone", "otherTelephone", "streetAddress",
    "postOfficeBox", "l", "st", "postalCode", "c", "co", "countryCode", "wWWHomePage", "employeeID", "employeeNumber",
    "employeeType", "thumbnailPhoto", "preferredLanguage",
)  # fmt: skip
_RESOURCES = ("msExchResourceMetaData", "msExchResourceDisplay", "msExchResourceSearchProperties",
              "msExchResourceCapacity")  # fmt: skip
_GROUPS = ("hideDLMembership", "reportToOriginator", "reportToOwner", "oOFReplyToOriginator")

_RESTRICTIONS = ("authOrig", "unauthOrig", "dLMemSubmitPerms", "dLMemRejectPerms")
_LINKS = {
    Kind.USER: ("manager", "assistant", "publicDelegates", "altRecipient", *_RESTRICTIONS),
    Kind.ROOM: ("manager", "publicDelegates", *_RESTRICTIONS),
    Kind.EQUIPMENT: ("manager", "publicDelegates", *_RESTRICTIONS),
    Kind.CONTACT: ("manager", "assistant", *_RESTRICTIONS),
    Kind.GROUP: ("member", "managedBy", *_RESTRICTIONS),
}
SINGLE_LINKS = frozenset(("manager", "assistant", "altRecipient", "managedBy"))

# The decisions about these are made elsewhere; naming one in the project file only says who owns it.
_DECIDED_ELSEWHERE = frozenset(
    name.lower()
    for name in ("proxyAddresses", "targetAddress", "legacyExchangeDN", "mailNickname", "sAMAccountName",
                 "userPrincipalName", "homeMDB", "msExchMailboxGuid", "objectSid", "objectGUID", "userAccountControl")
)  # fmt: skip


def plain_attributes(kind: Kind, project: Project) -> tuple[str, ...]:
    """Attributes copied value by value, as their names are spelled in the schema."""
    if kind is Kind.GROUP:
        names: tuple[str, ...] = _EVERYBODY + _GROUPS
    else:
        names = _EVERYBODY + _PEOPLE + (_RESOURCES if kind in (Kind.ROOM, Kind.EQUIPMENT) else ())
    known = {name.lower() for name in names} | _DECIDED_ELSEWHERE | LINKED_ATTRIBUTES
    return names + tuple(name for name in project.directory.attributes if name.lower() not in known)


def linked_attributes(kind: Kind) -> tuple[str, ...]:
    """Attributes whose values name other objects and are translated through the map."""
    return _LINKS[kind]


def owner_of(attribute: str, project: Project, default: Owner = "source") -> Owner:
    """Who owns an attribute: what the project file says, else the source."""
    wanted = attribute.lower()
    return next((owner for name, owner in project.directory.attributes.items() if name.lower() == wanted), default)


def newest_owned(project: Project) -> tuple[str, ...]:
    """The attributes for which somebody must know when they were last written."""
    return tuple(name for name, owner in project.directory.attributes.items() if owner == "newest")


def attributes_of(rule: str) -> tuple[str, str]:
    """The attributes that a rule compares, the source's and the target's."""
    if rule == "sIDHistory":  # an account that was migrated remembers whose SID it had
        return "objectSid", "sIDHistory"
    here, equals, there = rule.partition("=")
    return (here, there) if equals else (rule, rule)


_READ_ALWAYS = (
    "objectClass", "objectGUID", "objectSid", "cn", "isDeleted", "isCriticalSystemObject", "sAMAccountName",
    "userPrincipalName", "userAccountControl", "groupType", "mailNickname", "proxyAddresses", "targetAddress",
    "legacyExchangeDN", "homeMDB", "msExchMailboxGuid", "msExchArchiveGUID", "msExchHomeServerName",
    "msExchRecipientTypeDetails", "msExchRecipientDisplayType", "msExchVersion", "msExchPoliciesExcluded",
    "msExchMasterAccountSid", "msExchUserCulture", "internetEncoding", "mDBUseDefaults", "msExchUserAccountControl",
)  # fmt: skip


def attributes_to_read(project: Project) -> list[str]:
    """Everything that a decision may look at."""
    names = [*_READ_ALWAYS]
    for kind in Kind:
        names += [*plain_attributes(kind, project), *linked_attributes(kind)]
    for rule in project.directory.match:
        names += attributes_of(rule)
    return list({name.lower(): name for name in names}.values())
