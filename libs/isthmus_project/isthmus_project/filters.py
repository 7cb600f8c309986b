"""What of a mailbox is copied, and what is left out: rules in order, of which the first that fits an item decides.

    filters:
      - include: {folders: Inbox/Contracts}
      - exclude: {older_than: 730 days}
      - exclude: {classes: "IPM.Note.EnterpriseVault.*"}

What no rule fits is copied. The rules are decided on in ``isthmus_sync.mailbox.choice``.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from .strict import Strict

MAIL_CLASSES = ("IPM.Note*", "IPM.Post*", "IPM.Schedule.*", "REPORT.*")
"""Of these classes are the items that an age concerns, unless the rule names classes: an old appointment may take place
every week, and an old contact is a contact."""

_DAYS = re.compile(r"(\d{1,5}) days?")
_SIZE = re.compile(r"(\d{1,7})(?:\.(\d{1,3}))? ?(kb|mb|gb)", re.IGNORECASE)
_UNITS = {"kb": 1024, "mb": 1024**2, "gb": 1024**3}


def _age(value: Any) -> Any:
    if isinstance(value, date):  # YAML makes dates of what looks like one
        return value.isoformat()[:10]
    if isinstance(value, str) and (_DAYS.fullmatch(value) or _is_date(value)):
        return value
    raise ValueError('an age such as "730 days" or a date such as 2024-01-31 is expected')


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _size(value: Any) -> Any:
    if isinstance(value, str) and _SIZE.fullmatch(value):
        return value
    raise ValueError(
        'a size with its unit is expected, such as "25 MB" (kB, MB or GB; 1 MB is 1024 kB, as Exchange has it)'
    )


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _class(value: str) -> str:
    if not value or "*" in value[1:-1]:
        raise ValueError(
            "a class is expected, with a * at the beginning, at the end or at both: IPM.Note.*, *.Shortcut"
        )
    return value


def _folder(value: str) -> str:
    path = value.lstrip("/")
    path = path if path.endswith("\\/") else path.rstrip("/")
    if not path:
        raise ValueError(
            "a folder is expected: junkemail (its role, whatever its name), or a path such as Inbox/Travel"
        )
    in_another = value.startswith("/") and path.partition("/")[0].casefold() in map(str.casefold, OTHER_TREES)
    return f"/{path}" if in_another else path


OTHER_TREES = ("Archive", "Recoverable Items", "Archive, Recoverable Items")
"""What people call the trees of folders beside the main one; their paths begin with a slash: /Archive/2019."""

Age = Annotated[str, BeforeValidator(_age)]
Size = Annotated[str, BeforeValidator(_size)]
Classes = Annotated[list[Annotated[str, AfterValidator(_class)]], BeforeValidator(_listed)]
Folders = Annotated[list[Annotated[str, AfterValidator(_folder)]], BeforeValidator(_listed)]
Names = Annotated[list[str], BeforeValidator(_listed)]


class Conditions(Strict):
    """What a rule fits: items of which all of this is true. Without any condition: every item."""

    older_than: Age | None = Field(default=None, description="730 days, or a date such as 2024-01-31")
    newer_than: Age | None = Field(default=None, description="90 days, or a date; what is neither older nor newer fits")
    date: Literal["received", "created", "modified"] = Field(
        default="received", description="by which date; what was never received goes by the date of its creation"
    )
    classes: Classes = Field(
        default=[],
        description="message classes, with * at either end, in any case; without: any class, but with an "
        "age only messages, posts, meeting messages and reports",
    )
    larger_than: Size | None = Field(default=None, description="25 MB")
    smaller_than: Size | None = Field(default=None, description="1 kB")
    folders: Folders = Field(default=[], description="roles (junkemail, deleteditems…) or paths (Inbox/Travel)")
    subfolders: bool = Field(default=True, description="what lies below these folders, too")
    categories: Names = Field(default=[], description="one of these categories, in any case")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.larger_than and self.smaller_than and byte_count(self.larger_than) >= byte_count(self.smaller_than):
            raise ValueError("larger_than must be below smaller_than: no item is both")
        return self

    @property
    def fitting_classes(self) -> tuple[str, ...]:
        """The patterns of classes that fit; none: every class does."""
        return tuple(self.classes) or (MAIL_CLASSES if self.older_than or self.newer_than else ())

    @property
    def relative(self) -> bool:
        """Whether what fits changes as time goes by."""
        return any(age and not _is_date(age) for age in (self.older_than, self.newer_than))

    @property
    def words(self) -> str:
        """For people: "older than 730 days, in junkemail"."""
        lists = (("class", self.classes), ("in", self.folders), ("category", self.categories))
        ages = (("older than", self.older_than), ("newer than", self.newer_than))
        sizes = (("larger than", self.larger_than), ("smaller than", self.smaller_than))
        words = [f"{name} {value}" for name, value in (*ages, *sizes) if value]
        words += [f"{name} {' or '.join(values)}" for name, values in lists if values]
        return ", ".join(words) or "everything else"


def _everything(value: Any) -> Any:
    return {} if value == "everything" else value


class Filter(Strict):
    """One rule: what fits is copied (include) or left out (exclude)."""

    name: str = Field(default="", max_length=100, description="what reports call it; by default its conditions")
    include: Conditions | None = None
    exclude: Annotated[Conditions | None, BeforeValidator(_everything)] = Field(
        default=None, description='conditions, or "everything": whatever no rule before it includes'
    )

    @model_validator(mode="after")
    def _one_sense(self) -> Self:
        if (self.include is None) == (self.exclude is None):
            raise ValueError(
                "a filter has either 'include' or 'exclude', with its conditions; write two filters for two"
            )
        return self

    @property
    def conditions(self) -> Conditions:
        """Whatever the sense."""
        found = self.include or self.exclude
        assert found is not None
        return found

    @property
    def words(self) -> str:
        """What reports call it."""
        return self.name or self.conditions.words


def in_order(filters: list[Filter]) -> list[Filter]:
    """The filters, if each can decide something. Raises ValueError."""
    if filters and filters[-1].include is not None:
        raise ValueError(
            "the last filter is an 'include', and what no filter fits is copied, too: add '- exclude: everything' "
            "after it to copy nothing else, or put it before the 'exclude' from which it is an exception"
        )
    if any(rule.conditions == Conditions() for rule in filters[:-1]):
        raise ValueError(
            "a filter without conditions fits everything, so that those after it never decide: put it last"
        )
    return filters


def moment(age: str, now: datetime) -> datetime:
    """The moment that an Age names, in UTC."""
    found = _DAYS.fullmatch(age)
    return now - timedelta(days=int(found[1])) if found else datetime.fromisoformat(age).replace(tzinfo=UTC)


def byte_count(size: str) -> int:
    """The bytes that a Size names."""
    found = _SIZE.fullmatch(size)
    assert found is not None
    return round(float(f"{found[1]}.{found[2] or 0}") * _UNITS[found[3].lower()])
