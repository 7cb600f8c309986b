"""Restrictions of FindItem and FindFolder as the store understands them ([MS-OXWSSRCH] 2.2.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import And, Bitmask, Compare, Contains, Exists, Mentions, Not, Or, Restriction
from isthmus_lab.store.restriction import OtherProperty
from isthmus_lab.store.restriction import matches as leaf_matches

from . import extended
from .errors import EwsError
from .mailboxes import RESPONSES
from .names import Element, child, elements, local
from .shapes import ALL, uri_of
from .values import BOOLEAN, INTEGER, TEXT, Text, choice, text_of

_SIGNS: Final[dict[str, Literal["=", "!=", "<", "<=", ">", ">="]]] = {
    "IsEqualTo": "=",
    "IsNotEqualTo": "!=",
    "IsGreaterThan": ">",
    "IsGreaterThanOrEqualTo": ">=",
    "IsLessThan": "<",
    "IsLessThanOrEqualTo": "<=",
}
# Booleans that are a bit of a property.
_BITS: Final[dict[str, tuple[PropertyKey, int]]] = {
    "message:IsRead": (tags.PidTagMessageFlags, tags.MSGFLAG_READ),
    "item:IsDraft": (tags.PidTagMessageFlags, tags.MSGFLAG_UNSENT),
    "item:IsSubmitted": (tags.PidTagMessageFlags, tags.MSGFLAG_SUBMIT),
    "item:IsFromMe": (tags.PidTagMessageFlags, tags.MSGFLAG_FROMME),
    "item:IsResend": (tags.PidTagMessageFlags, 0x80),
    "item:IsUnmodified": (tags.PidTagMessageFlags, tags.MSGFLAG_UNMODIFIED),
    "calendar:IsMeeting": (tags.PidLidAppointmentStateFlags, 1),
    "calendar:IsCancelled": (tags.PidLidAppointmentStateFlags, 4),
}
# What is searched for in fields that are more than one property.
_STANDS_FOR: Final[dict[str, tuple[PropertyKey, Text]]] = {
    "message:ToRecipients": (tags.PidTagDisplayTo, TEXT),
    "message:CcRecipients": (tags.PidTagDisplayCc, TEXT),
    "message:BccRecipients": (tags.PidTagDisplayBcc, TEXT),
    "message:ReplyTo": (tags.PidTagReplyRecipientNames, TEXT),
    "item:IconIndex": (tags.PidTagIconIndex, INTEGER),
    "item:TextBody": (tags.PidTagBody, TEXT),
    "calendar:RequiredAttendees": (tags.PidLidToAttendeesString, TEXT),
    "calendar:OptionalAttendees": (tags.PidLidCcAttendeesString, TEXT),
    "calendar:Resources": (tags.PidTagDisplayBcc, TEXT),
    "calendar:TimeZone": (tags.PidLidTimeZoneDescription, TEXT),
    "calendar:MyResponseType": (tags.PidLidResponseStatus, choice(RESPONSES)),
    "contacts:CompleteName": (tags.PidTagDisplayName, TEXT),
    "contacts:Notes": (tags.PidTagBody, TEXT),
    "folder:DisplayName": (tags.PidTagDisplayName, TEXT),
    "folder:FolderClass": (tags.PidTagContainerClass, TEXT),
    "folder:TotalCount": (tags.PidTagContentCount, INTEGER),
    "folder:UnreadCount": (tags.PidTagContentUnreadCount, INTEGER),
    "folder:ChildFolderCount": (tags.PidTagFolderChildCount, INTEGER),
}
_MODES: Final[dict[str, Literal["full", "prefix", "substring", "words", "phrase"]]] = {
    "FullString": "full",
    "Prefixed": "prefix",
    "Substring": "substring",
    "PrefixOnWords": "words",
    "ExactPhrase": "phrase",
}
# ContainmentComparison: what is ignored, case and nonspacing marks; Loose is what the server's language takes as equal.
_COMPARISONS: Final[dict[str, tuple[bool, bool]]] = {
    "Exact": (False, False),
    "IgnoreCase": (True, False),
    "IgnoreNonSpacingCharacters": (False, True),
    "IgnoreCaseAndNonSpacingCharacters": (True, True),
    "Loose": (True, True),
    "LooseAndIgnoreCase": (True, True),
    "LooseAndIgnoreNonSpace": (True, True),
    "LooseAndIgnoreCaseAndIgnoreNonSpace": (True, True),
}
_INSIDE_LEAVES: Final = frozenset(
    ("FieldURI", "IndexedFieldURI", "ExtendedFieldURI", "Constant", "FieldURIOrConstant", "Bitmask")
)
_TEXTUAL: Final = frozenset((tags.PtypString, tags.PtypString8, tags.PtypBinary))
_NUMBERS: Final = frozenset((tags.PtypInteger16, tags.PtypInteger32, tags.PtypInteger64))


_MOST_NODES: Final = 255
_DEEPEST: Final = 20


def read(node: Element) -> Restriction:
    """A search expression element. Raises EwsError ErrorRestrictionTooLong, ErrorUnsupportedPathForQuery and others."""
    if sum(1 for each in node.iter() if local(each) not in _INSIDE_LEAVES) > _MOST_NODES:
        raise EwsError("ErrorRestrictionTooLong", f"The restriction has more than {_MOST_NODES} nodes.")
    return _read(node)


def _read(node: Element, depth: int = 0) -> Restriction:
    if depth > _DEEPEST:
        raise EwsError("ErrorRestrictionTooComplex", f"The restriction is more than {_DEEPEST} levels deep.")
    name, inside = local(node), elements(node)
    if name in ("And", "Or"):
        parts = tuple(_read(each, depth + 1) for each in inside)
        return And(parts) if name == "And" else Or(parts)
    if name == "Not":
        return Not(_read(inside[0], depth + 1))
    if name in _SIGNS:
        return _comparison(_SIGNS[name], inside[0], elements(inside[1])[0])
    key, _ = key_of(inside[0])
    match name:
        case "Exists":
            return Exists(key)
        case "Contains":
            return _contains(node, key, inside[1])
        case "Excludes":
            if tags.property_type(key) not in _NUMBERS:
                raise EwsError("ErrorInvalidExcludesRestriction", "Only integers have bits that can be excluded.")
            return Bitmask(key, _mask(inside[1].get("Value", "0")), is_zero=True)
    raise EwsError("ErrorInvalidRestriction", f"{name} is not supported.")


def key_of(path: Element, refusal: str = "ErrorUnsupportedPathForQuery") -> tuple[PropertyKey, Text]:
    """The property that a path stands for in a restriction or sort order, and how its values are written."""
    if local(path) == "ExtendedFieldURI":
        key = extended.key_of(path)
        return key, text_of(tags.property_type(key))
    uri = uri_of(path)
    if uri in _STANDS_FOR:
        return _STANDS_FOR[uri]
    if uri in _BITS and uri != "message:IsRead":
        return _BITS[uri][0], INTEGER
    if uri == "message:IsRead":
        return tags.PidTagRead, BOOLEAN
    found = ALL.get(uri)
    if found is None or found.key is None:
        raise EwsError(refusal, f"{uri} cannot be used in a restriction or sort order.")
    return found.key, found.text or TEXT


def matches(restriction: Restriction, value: Callable[[PropertyKey], Any]) -> bool:
    """Whether an object with these values meets the restriction."""
    match restriction:
        case And(parts):
            return all(matches(each, value) for each in parts)
        case Or(parts):
            return any(matches(each, value) for each in parts)
        case Not(part):
            return not matches(part, value)
        case Mentions():
            return False  # no restriction of a request has it, and folders have no words
        case leaf:
            properties = {leaf.key: value(leaf.key)}
            if isinstance(leaf, Compare) and isinstance(leaf.value, OtherProperty):
                properties[leaf.value.key] = value(leaf.value.key)
            return leaf_matches(leaf, properties)


def _comparison(sign: Literal["=", "!=", "<", "<=", ">", ">="], path: Element, other: Element) -> Restriction:
    uri = "" if local(path) == "ExtendedFieldURI" else uri_of(path)
    if local(other) != "Constant":
        return Compare(key_of(path)[0], sign, OtherProperty(key_of(other)[0]))
    written = other.get("Value", "")
    try:
        if uri in _BITS and sign in ("=", "!="):
            key, mask = _BITS[uri]
            return Bitmask(key, mask, is_zero=BOOLEAN.parse(written) == (sign == "!="))
        key, text = key_of(path)
        compared = Compare(key, sign, text.parse(written))
    except ValueError as error:
        raise EwsError("ErrorInvalidValueForProperty", f"{uri or path.attrib}: {error}") from None
    # A real store takes an item without the property as different from every value.
    return Or((compared, Not(Exists(key)))) if sign == "!=" else compared


def _mask(written: str) -> int:
    try:
        mask = int(written, 16 if written[:2].lower() == "0x" else 10)
    except ValueError:
        mask = -1
    if not 0 <= mask < 1 << 32:
        raise EwsError("ErrorInvalidExcludesRestriction", f"{written!r} is no mask of 32 bits.")
    return mask


def _contains(node: Element, key: PropertyKey, constant: Element) -> Restriction:
    if tags.property_type(key) & ~tags.PtypMultiple not in _TEXTUAL:
        raise EwsError("ErrorContainsFilterWrongType", "Contains looks into texts only.")
    ignore_case, ignore_marks = _COMPARISONS[node.get("ContainmentComparison") or "Exact"]
    mode = _MODES[node.get("ContainmentMode") or "FullString"]
    return Contains(key, constant.get("Value", ""), mode, ignore_case, ignore_marks)


def sort_order(node: Element | None) -> list[tuple[PropertyKey, bool]]:
    """A SortOrder element as (property, descending) pairs."""
    order = []
    for each in elements(node):
        path = next(iter(elements(each)))
        order.append((key_of(path, "ErrorUnsupportedPathForSortGroup")[0], each.get("Order") == "Descending"))
    return order


def restriction_in(request: Element) -> Restriction | None:
    """The request's Restriction, None without one."""
    node = child(request, "Restriction")
    return None if node is None else read(elements(node)[0])
