"""The shape of a project: two organisations, and what is to be moved between them.

Every field says what it is for in its description; ``isthmus init`` writes a file with these words as comments, and a
wrong file is refused with the line of the field. The model holds no secret: a :class:`Secret` names a file or a
variable, and is read at the last moment by whoever needs it.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from . import ldap_filter
from .filters import Filter, in_order
from .limits import LineLimits, ServerLimits
from .rules import AttributeRule, as_rule, check_rules
from .schedule import Schedule
from .strict import Strict as _Strict

_ATTRIBUTE = r"[A-Za-z][A-Za-z0-9-]*"
_RULES = ("mail", "proxyAddresses", "sAMAccountName", "userPrincipalName", "employeeID", "sIDHistory")


def _match_rule(value: str) -> str:
    if value not in _RULES and not re.fullmatch(f"{_ATTRIBUTE}={_ATTRIBUTE}", value):
        raise ValueError(
            f"a rule is {', '.join(_RULES)}, or an attribute of the source and one of the target with the same value, "
            "such as employeeID=extensionAttribute5"
        )
    return value


MatchRule = Annotated[str, AfterValidator(_match_rule)]

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DISTINGUISHED_NAME = re.compile(r"(?:CN|OU|DC)=.+", re.IGNORECASE)


def _distinguished_name(value: str) -> str:
    if not _DISTINGUISHED_NAME.fullmatch(value):
        raise ValueError("a distinguished name is expected, such as OU=Staff,DC=corp,DC=example,DC=com")
    return value


def _smtp_address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("an SMTP address is expected, such as anna@example.com")
    return value.lower()


class Secret(_Strict):
    """Where a password is: in a file of the secrets folder, or in an environment variable. Exactly one of the two."""

    file: str | None = Field(default=None, description="name of a file in the secrets folder; its first line counts")
    env: str | None = Field(default=None, description="name of an environment variable")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError(
                "give either 'file' (in the secrets folder) or 'env' (a variable), not both and not neither"
            )
        return self

    def read(self, secrets_dir: Path) -> str:
        """The secret itself. Raises LookupError that names the file or variable and what to do."""
        if self.env is not None:
            value = os.environ.get(self.env)
            if not value:
                raise LookupError(
                    f"the environment variable {self.env} is not set: set it to the password, or use 'file'"
                )
            return value
        path = secrets_dir / str(self.file)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise LookupError(
                f"the secret {path} cannot be read: {error.strerror}; write the password into it"
            ) from error
        if not lines or not lines[0]:
            raise LookupError(f"the secret {path} is empty: its first line must be the password")
        return lines[0]


class DirectoryServer(_Strict):
    """How to reach the Active Directory of an organisation."""

    url: str = Field(description="ldaps://host or ldaps://host:port of a domain controller")
    ca_file: str | None = Field(
        default=None, description="PEM file in the secrets folder that signed its certificate; empty: the system's"
    )
    user: str = Field(description="user principal name or DOMAIN\\user of the service account")
    password: Secret
    base: str = Field(description="the domain, as a distinguished name")

    _check_base = field_validator("base")(_distinguished_name)

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("ldaps", "ldap") or not parts.hostname:
            raise ValueError("ldaps://host or ldaps://host:port is expected")
        return value


class ExchangeServer(_Strict):
    """How to reach the Exchange servers of an organisation."""

    ews: str = Field(description="https://host/EWS/Exchange.asmx")
    ca_file: str | None = Field(
        default=None, description="PEM file in the secrets folder that signed its certificate; empty: the system's"
    )
    user: str = Field(description="user principal name or DOMAIN\\user of an account with ApplicationImpersonation")
    password: Secret
    connections: Annotated[int, Field(ge=1, le=100)] = Field(
        default=10, description="requests at the same time, at most; EWSMaxConcurrency of the throttling policy"
    )

    agent: str | None = Field(
        default=None,
        pattern=r"^[^\s/:]+:\d+$|^\[[0-9a-fA-F:]+\]:\d+$",
        description="host:port of an agent beside that server, at another site; what crosses is compressed",
    )
    limits: ServerLimits = Field(default=ServerLimits(), description="how much may be asked, by the hours of the week")

    @field_validator("ews")
    @classmethod
    def _check_ews(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError("https://host/EWS/Exchange.asmx is expected; passwords do not go over plain http")
        return value


class MappedOU(_Strict):
    """Objects below one OU of the source are created in one OU of the target."""

    source: str = Field(description="distinguished name of an OU of the source")
    target: str = Field(description="distinguished name of the OU of the target for everything below it")

    _check_names = field_validator("source", "target")(_distinguished_name)


Archives = Literal["new", "all", "none"]


class Create(_Strict):
    """Where objects are created that do not exist on this side yet, and as what."""

    users_ou: str = Field(description="distinguished name of the OU for new users")
    groups_ou: str = Field(description="distinguished name of the OU for new groups")
    contacts_ou: str = Field(description="distinguished name of the OU for new contacts")
    ous: list[MappedOU] = Field(
        default=[], description="other OUs for what lies below certain OUs of the source; the deepest that fits counts"
    )
    mailbox_database: str | None = Field(
        default=None,
        description="distinguished name of the mailbox database for new mailboxes; empty: users stay mail users",
    )
    archives: Archives = Field(
        default="new",
        description="whose mailbox gets an archive when the source's has one: new: those that Isthmus makes; all: also "
        "those that were in the target before; none: nobody's, enable them yourself (Enable-Mailbox -Archive)",
    )
    accounts: Literal["full", "linked"] = Field(
        default="full",
        description="full: people log on with the new account; linked: the new account is disabled, and they go on "
        "logging on with the source's (resource forest, needs a trust)",
    )

    _check_names = field_validator("users_ou", "groups_ou", "contacts_ou")(_distinguished_name)

    @field_validator("mailbox_database")
    @classmethod
    def _check_database(cls, value: str | None) -> str | None:
        return None if value is None else _distinguished_name(value)


class Organisation(_Strict):
    """One of the two Exchange organisations with its forest."""

    name: str = Field(description="short name, as people call it", min_length=1)
    directory: DirectoryServer
    exchange: ExchangeServer
    redirection: str = Field(
        description="template of the addresses that carry redirected mail into this organisation; "
        "its domain is accepted here and used for nothing else"
    )
    create: Create | None = Field(default=None, description="where Isthmus may create what is missing here")

    @field_validator("redirection")
    @classmethod
    def _check_template(cls, value: str) -> str:
        if value.count("{alias}") != 1 or not _ADDRESS.fullmatch(value.replace("{alias}", "a")):
            raise ValueError('a template with one {alias} is expected, such as "{alias}@alpha.redirect.example.com"')
        return value.lower()

    def redirection_address(self, alias: str) -> str:
        """The redirection address of the recipient with this alias (mailNickname)."""
        return self.redirection.replace("{alias}", alias.lower())


class NamedPair(_Strict):
    """Two objects that belong together because a person says so. Each is named by an SMTP address, a distinguished
    name, an objectGUID or a sAMAccountName."""

    source: str = Field(min_length=1)
    target: str | None = Field(default=None, description="empty: nobody; a new object is created")

    @field_validator("target", mode="before")
    @classmethod
    def _nobody(cls, value: object) -> object:
        return value or None


class DirectorySync(_Strict):
    """What is matched, and what is kept in step between the forests."""

    pairs: list[NamedPair] = Field(
        default=[], description="who belongs together whatever the rules say; in the file also the name of a CSV file"
    )

    match: list[MatchRule] = Field(
        default=["mail", "proxyAddresses"], min_length=1, description="rules in order; the first that finds one counts"
    )
    scope: list[str] = Field(
        default=[], description="OUs of the source whose users, groups and contacts take part; empty: the whole domain"
    )
    exclude: list[str] = Field(
        default=[], description="LDAP filters; an object of the source to which one applies takes no part"
    )
    contacts: Literal["report", "delete", "keep"] = Field(
        default="report",
        description="contacts of the target that stand for somebody of the source. report: they are in the way, and a "
        "person decides; delete: the new object takes over their memberships, addresses and links, and they go; "
        "keep: the same, and they stay as contacts without an address",
    )
    attributes: dict[str, Annotated[AttributeRule, BeforeValidator(as_rule)]] = Field(
        default={}, description="attributes that are not simply copied from the source: owner, exclude, transformation"
    )
    interval_seconds: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=1.0, description="how often changes are asked for"
    )
    guard: Annotated[int, Field(ge=1)] = Field(
        default=500, description="what would overwrite values of more objects than this within guard_minutes stops"
    )
    guard_deletions: Annotated[int, Field(ge=1)] = Field(
        default=50, description="when more objects than this are gone within guard_minutes, nothing follows until asked"
    )
    guard_minutes: Annotated[float, Field(ge=0, le=10080)] = Field(
        default=60.0, description="changes that come in small portions count together for so long; 0: each run alone"
    )
    deletions: Literal["follow", "keep"] = Field(
        default="follow",
        description="follow: groups and contacts that Isthmus made go with their originals; keep: nothing is deleted",
    )

    @field_validator("pairs")
    @classmethod
    def _once(cls, value: list[NamedPair]) -> list[NamedPair]:
        counted = Counter(pair.source.casefold() for pair in value)
        twice = sorted({pair.source for pair in value if counted[pair.source.casefold()] > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is named more than once; keep one line for each")
        return value

    @cached_property
    def rules(self) -> dict[str, AttributeRule]:
        """What is said about attributes, by name in lower case."""
        return {name.lower(): rule for name, rule in self.attributes.items()}

    @field_validator("exclude")
    @classmethod
    def _check_filters(cls, value: list[str]) -> list[str]:
        for text in value:
            ldap_filter.parse(text)
        return value

    @field_validator("attributes")
    @classmethod
    def _check_rules(cls, value: dict[str, AttributeRule]) -> dict[str, AttributeRule]:
        check_rules(value)
        return value

    @field_validator("scope")
    @classmethod
    def _check_scope(cls, value: list[str]) -> list[str]:
        return [_distinguished_name(name) for name in value]


class Surroundings(_Strict):
    """What is brought over beside the mail itself."""

    permissions: bool = Field(default=True, description="who may do what in folders, translated by the account map")
    rules: bool = Field(default=True, description="inbox rules, with the folders that they name on the other side")
    delegates: bool = Field(default=True, description="delegates and what they get, once they exist on the other side")
    search_folders: bool = Field(default=True, description="search folders, with the folders in which they look there")
    recoverable_items: bool = Field(default=True, description="what people may still recover after they deleted it")
    archive: bool = Field(default=True, description="the archive mailbox, where both sides have one")
    out_of_office: bool = Field(default=True, description="automatic replies, at the switch")


class MailboxSync(_Strict):
    """How mailboxes are kept in step."""

    interval_seconds: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=60.0, description="how long a mailbox that is in step rests before it is looked at again"
    )
    notifications: bool = Field(
        default=True,
        description="be told of changes by the source's servers (streaming notifications): a mailbox is looked at when "
        "it changed, and every quarter of an hour; interval_seconds is for those that cannot be watched",
    )
    surroundings: Surroundings = Surroundings()
    schedule: Schedule = Field(default=Schedule(), description="when mailboxes of any collection may be worked on")
    line: LineLimits = Field(
        default=LineLimits(), description="what may be exchanged with both organisations together, by the hours"
    )


class Collection(_Strict):
    """Mailboxes that are treated alike. A mailbox belongs to the first collection that names it."""

    name: str = Field(min_length=1)
    priority: Annotated[int, Field(ge=1, le=9)] = Field(default=5, description="1 goes first")
    concurrency: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None,
        description="so many of its mailboxes are copied for the first time at the same time, by all workers together; "
        "empty: as many as the workers have places for",
    )
    ou: str | None = Field(default=None, description="every mailbox below this OU of the source")
    group: str | None = Field(default=None, description="every mailbox of this group of the source, nested ones too")
    mailboxes: list[str] = Field(default=[], description="these SMTP addresses")
    switch: Literal["manual", "when-in-step"] = Field(
        default="manual", description="manual: isthmus switch; when-in-step: as soon as a mailbox is proven equal"
    )
    schedule: Schedule = Field(default=Schedule(), description="when its mailboxes may be worked on")
    deletions: Literal["mirror", "recoverable", "keep"] = Field(
        default="mirror",
        description="what becomes of copies whose originals people delete. mirror: the same, so that the target has "
        "what the source has; recoverable: they go where people can recover them, for as long as the target keeps such "
        "items; keep: nothing is deleted on the target",
    )
    filters: Annotated[list[Filter], AfterValidator(in_order)] = Field(
        default=[],
        description="what of the mailboxes is copied; the first filter that fits an item decides, and what "
        "none fits is copied",
    )

    @field_validator("ou", "group")
    @classmethod
    def _check_names(cls, value: str | None) -> str | None:
        return None if value is None else _distinguished_name(value)

    @field_validator("mailboxes")
    @classmethod
    def _check_mailboxes(cls, value: list[str]) -> list[str]:
        return [_smtp_address(address) for address in value]

    @model_validator(mode="after")
    def _some_selector(self) -> Self:
        if not (self.ou or self.group or self.mailboxes):
            raise ValueError("a collection needs an 'ou', a 'group' or a list of 'mailboxes'")
        return self


class Project(_Strict):
    """Two organisations, and what is moved from the source to the target."""

    project: str = Field(description="name of the project", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    source: Organisation
    target: Organisation
    directory: DirectorySync = DirectorySync()
    mailbox: MailboxSync = MailboxSync()
    collections: list[Collection] = Field(default=[], description="what is moved; nothing when empty")

    @field_validator("collections")
    @classmethod
    def _unique_names(cls, value: list[Collection]) -> list[Collection]:
        names = [collection.name for collection in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the name of a collection is used twice: {', '.join(twice)}")
        return value

    @model_validator(mode="after")
    def _two_organisations(self) -> Self:
        if self.source.name == self.target.name:
            raise ValueError(f"source and target are both called {self.source.name!r}: they need different names")
        if self.source.redirection.rpartition("@")[2] == self.target.redirection.rpartition("@")[2]:
            raise ValueError("the redirection templates of source and target must use different domains")
        if self.target.create is None:
            raise ValueError("target.create is missing: say in which OUs Isthmus may create users, groups and contacts")
        return self

    def collection(self, name: str) -> Collection | None:
        """The collection of this name, None when there is none."""
        return next((collection for collection in self.collections if collection.name == name), None)
