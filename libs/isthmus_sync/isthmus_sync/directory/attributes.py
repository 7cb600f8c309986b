"""Which attributes are kept in step, for which kind of recipient, and who owns them."""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING

from isthmus_project import AttributeRule, ldap_filter
from isthmus_project.attributes import DECIDED_ELSEWHERE, LINKED_ATTRIBUTES

from isthmus_sync.directory.objects import Kind
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
    "employeeType", "thumbnailPhoto", "preferredLanguage", "deliverAndRedirect",
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
BACK_LINKS = {
    "memberOf": "member",
    "directReports": "manager",
    "managedObjects": "managedBy",
    "publicDelegatesBL": "publicDelegates",
    "altRecipientBL": "altRecipient",
    "authOrigBL": "authOrig",
    "unauthOrigBL": "unauthOrig",
    "dLMemSubmitPermsBL": "dLMemSubmitPerms",
    "dLMemRejectPermsBL": "dLMemRejectPerms",
}
"""Where an object says who names it, and the attribute in which it is named there."""
SINGLE_LINKS = frozenset(("manager", "assistant", "altRecipient", "managedBy"))

_COPIED = AttributeRule()
"""What holds for an attribute that the project does not name."""


def plain_attributes(kind: Kind, project: Project) -> tuple[str, ...]:
    """Attributes copied value by value, as their names are spelled in the schema."""
    return _attributes(kind, _said(project))[0]


def linked_attributes(kind: Kind, project: Project) -> tuple[str, ...]:
    """Attributes whose values name other objects and are translated through the map."""
    return _attributes(kind, _said(project))[1]


def kept_in_step(kind: Kind, project: Project) -> frozenset[str]:
    """Both kinds of attributes, in lower case."""
    return _attributes(kind, _said(project))[2]


def _said(project: Project) -> tuple[tuple[str, bool], ...]:
    """The project's own attributes, and whether each is excluded."""
    return tuple([(name, rule.exclude) for name, rule in project.directory.attributes.items()])


@lru_cache(maxsize=256)
def _attributes(
    kind: Kind, said: tuple[tuple[str, bool], ...]
) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]:
    if kind is Kind.GROUP:
        names: tuple[str, ...] = _EVERYBODY + _GROUPS
    else:
        names = _EVERYBODY + _PEOPLE + (_RESOURCES if kind in (Kind.ROOM, Kind.EQUIPMENT) else ())
    known = {name.lower() for name in names} | DECIDED_ELSEWHERE | LINKED_ATTRIBUTES
    excluded = {name.lower() for name, out in said if out}
    every = names + tuple(name for name, _ in said if name.lower() not in known)
    plain = tuple(name for name in every if name.lower() not in excluded)
    linked = tuple(name for name in _LINKS[kind] if name.lower() not in excluded)
    return plain, linked, frozenset(name.lower() for name in plain + linked)


@lru_cache(maxsize=256)
def spelled(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Names as the schema spells them, each with its lower case, by which objects have their attributes; made once, as
    every pair remembers all of them."""
    return tuple((name, intern(name.lower())) for name in names)


def rule_of(attribute: str, project: Project) -> AttributeRule:
    """What the project file says about an attribute, else that it is copied from the source."""
    return project.directory.rules.get(attribute.lower(), _COPIED)


def owner_of(attribute: str, project: Project, default: Owner = "source") -> Owner:
    """Who owns an attribute: what the project file says, else the source."""
    rule = project.directory.rules.get(attribute.lower())
    return rule.owner if rule else default


def newest_owned(project: Project) -> tuple[str, ...]:
    """The attributes for which somebody must know when they were last written. Links with several values are merged
    value by value, and need no times."""
    merged = LINKED_ATTRIBUTES - {name.lower() for name in SINGLE_LINKS}
    newest = (name for name, rule in project.directory.attributes.items() if rule.owner == "newest")
    return tuple(name for name in newest if name.lower() not in merged)


def attributes_of(rule: str) -> tuple[str, str]:
    """The attributes that a rule compares, the source's and the target's."""
    if rule == "sIDHistory":  # an account that was migrated remembers whose SID it had
        return "objectSid", "sIDHistory"
    here, equals, there = rule.partition("=")
    return (here, there) if equals else (rule, rule)


_READ_ALWAYS = (
    "objectClass", "objectGUID", "objectSid", "cn", "isDeleted", "isCriticalSystemObject", "sAMAccountName",
    "userPrincipalName", "userAccountControl", "groupType", "mailNickname", "proxyAddresses", "targetAddress",
    "legacyExchangeDN", "homeMDB", "msExchMailboxGuid", "msExchArchiveGUID", "msExchArchiveName",
    "msExchArchiveDatabaseLink", "msExchELCMailboxFlags", "msExchLitigationHoldDate",
    "msExchHomeServerName", "msExchRecipientTypeDetails", "msExchRecipientDisplayType", "msExchVersion",
    "msExchPoliciesExcluded",
    "msExchMasterAccountSid", "msExchUserCulture", "internetEncoding", "mDBUseDefaults", "msExchUserAccountControl",
)  # fmt: skip


def attributes_to_read(project: Project) -> list[str]:
    """Everything that a decision may look at."""
    names = [*_READ_ALWAYS]
    for kind in Kind:
        names += [*plain_attributes(kind, project), *linked_attributes(kind, project)]
    for rule in project.directory.match:
        names += attributes_of(rule)
    if project.directory.contacts != "report":
        names += BACK_LINKS
    for name, made in project.directory.attributes.items():
        names += made.inputs(name)
    for text in project.directory.exclude:
        names += sorted(ldap_filter.attributes_in(ldap_filter.parse(text)))
    return list({name.lower(): name for name in names}.values())
