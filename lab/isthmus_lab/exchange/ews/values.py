"""How values of properties are written in XML and read from it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from uuid import UUID

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import filetime, from_filetime

from .errors import EwsError


@dataclass(frozen=True)
class Text:
    """A way to write a value as text and to read it again; ``parse`` raises ValueError."""

    show: Callable[[Any], str]
    parse: Callable[[str], Any]


class WrongValueError(ValueError):
    """Something that is not what it shall be, as a client wrote it."""


def _show_boolean(value: Any) -> str:
    return "true" if value else "false"


def _parse_boolean(text: str) -> bool:
    if text.strip() in ("true", "1"):
        return True
    if text.strip() in ("false", "0"):
        return False
    raise ValueError(f"{text!r} is no boolean")


def show_time(ticks: int) -> str:
    """A FILETIME as xs:dateTime in UTC, whole seconds, as Exchange writes times."""
    return f"{from_filetime(ticks).isoformat(timespec='seconds')[:19]}Z"


_TIME = re.compile(r"(\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7})\d*)?(Z|[+-]\d\d:\d\d)?")


REQUEST_ZONE: ContextVar[tzinfo] = ContextVar("REQUEST_ZONE", default=UTC)
"""The zone of the request's TimeZoneContext, in which its times without an offset are."""


def parse_moment(text: str) -> datetime:
    """An xs:dateTime or xs:date as a moment in UTC; one without an offset is in the zone of the request."""
    text = text.strip()
    if "T" not in text:
        text += "T00:00:00" if len(text) == 10 else ""
    found = _TIME.fullmatch(text)
    if found is None:
        raise WrongValueError(f"{text!r} is no dateTime")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))
        moment += timedelta(microseconds=int((fraction or "0").ljust(7, "0")) // 10)
        if offset is None:
            return moment.replace(tzinfo=REQUEST_ZONE.get()).astimezone(UTC)
        if offset != "Z":
            sign = -1 if offset[0] == "-" else 1
            moment -= sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
        return moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise WrongValueError(f"{text!r} is no time: {error}") from None


def floats(text: str) -> bool:
    """Whether an xs:dateTime has no offset."""
    found = _TIME.fullmatch(text.strip())
    return found is not None and found[8] is None


def parse_time(text: str) -> int:
    """An xs:dateTime as a FILETIME."""
    ticks = filetime(parse_moment(text))
    if ticks < 0:
        raise WrongValueError(f"{text!r} is before 1601")
    return ticks


def _show_double(value: float) -> str:
    return f"{value:g}"


def _base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def parse_base64(text: str) -> bytes:
    """Base64 with or without white space; ValueError for anything else in it."""
    return base64.b64decode("".join(text.split()), validate=True)


def _integer(bits: int) -> Text:
    def parse(text: str) -> int:
        value = int(text.strip())
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise WrongValueError(f"{text.strip()} is more than {bits} bits hold")
        return value

    return Text(lambda value: str(int(value)), parse)


TEXT: Final = Text(str, str)
SHORT, INTEGER, LONG = _integer(16), _integer(32), _integer(64)
BOOLEAN: Final = Text(_show_boolean, _parse_boolean)
TIME: Final = Text(show_time, parse_time)
DOUBLE: Final = Text(_show_double, lambda text: float(text.strip()))
BINARY: Final = Text(_base64, parse_base64)
GUID: Final = Text(str, lambda text: UUID(text.strip()))
STRING8: Final = Text(
    lambda value: bytes(value).decode("cp1252", "replace"), lambda text: text.encode("cp1252", "replace")
)


def choice(names: Mapping[int, str], default: int = 0) -> Text:
    """An integer that EWS calls by a name; numbers without one show as the default's."""
    numbers = {name: number for number, name in names.items()}

    def parse(text: str) -> int:
        if text.strip() not in numbers:
            raise ValueError(f"{text!r} is none of {', '.join(numbers)}")
        return numbers[text.strip()]

    return Text(lambda value: names.get(value, names[default]), parse)


# MapiPropertyTypeType: the property type it stands for, and how a single value of it is written ([MS-OXWSXPROP]).
_MAPI: Final[dict[str, tuple[int, Text]]] = {
    "ApplicationTime": (tags.PtypFloatingTime, DOUBLE),
    "Binary": (tags.PtypBinary, BINARY),
    "Boolean": (tags.PtypBoolean, BOOLEAN),
    "CLSID": (tags.PtypGuid, GUID),
    "Currency": (tags.PtypCurrency, LONG),
    "Double": (tags.PtypFloating64, DOUBLE),
    "Error": (tags.PtypErrorCode, INTEGER),
    "Float": (tags.PtypFloating32, DOUBLE),
    "Integer": (tags.PtypInteger32, INTEGER),
    "Long": (tags.PtypInteger64, LONG),
    "Object": (tags.PtypObject, BINARY),
    "Short": (tags.PtypInteger16, SHORT),
    "String": (tags.PtypString, TEXT),
    "SystemTime": (tags.PtypTime, TIME),
}


@dataclass(frozen=True)
class MapiType:
    """A MapiPropertyTypeType: its property type, how one value is written, and whether there are several."""

    code: int
    text: Text
    several: bool


def mapi_type(name: str) -> MapiType:
    """By its name in EWS: ``Integer``, ``StringArray``, … Raises EwsError ErrorUnsupportedMapiPropertyType."""
    base = name.removesuffix("Array")
    if base not in _MAPI or name == "Null":
        raise EwsError("ErrorUnsupportedMapiPropertyType", f"The property type {name} is not supported.")
    code, text = _MAPI[base]
    several = name.endswith("Array")
    return MapiType(code | tags.PtypMultiple if several else code, text, several)


def text_of(code: int) -> Text:
    """How single values of a property type are written."""
    if code & ~tags.PtypMultiple == tags.PtypString8:
        return STRING8
    return next((text for known, text in _MAPI.values() if known == code & ~tags.PtypMultiple), BINARY)
