"""A message as a FastTransfer stream: messageContent of [MS-OXCFXICS] 2.2.4.3.11, what ExportItems carries.

messageContent  = propList *recipient *attachment
recipient       = StartRecip propList EndToRecip
attachment      = NewAttach propList [StartEmbed messageContent EndEmbed] EndAttach
propValue       = type(2) id(2) [namedPropInfo] value           a named property's id is at least 0x8000
namedPropInfo   = guid(16) (0x00 number(4) | 0x01 name in UTF-16 with a zero)
value           = as wide as its type | length(4) bytes | count(4) *value          all numbers little-endian
"""

from codecs import utf_16_le_decode
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Any
from uuid import UUID

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties
from isthmus_lab.mapi.tags import NamedProperty, PropertyKey

NEW_ATTACH = 0x40000003
START_EMBED = 0x40010003
END_EMBED = 0x40020003
START_RECIPIENT = 0x40030003
END_RECIPIENT = 0x40040003
END_ATTACH = 0x400E0003
# [MS-OXCFXICS] 2.2.4.1.4: markers of folders and of incremental synchronisation; no part of a single message.
_FOREIGN = {0x40090003, 0x400A0003, 0x400B0003, 0x400C0003, 0x400D0003, 0x40100003, 0x40120003, 0x40130003}
_FOREIGN |= {0x40140003, 0x40150003, 0x402F0003, 0x403A0003, 0x403B0003, 0x40740003, 0x40750003, 0x40780003}
_FOREIGN |= {0x407B0003, 0x407D0003, 0x40180003}
_MARKERS = {NEW_ATTACH, START_EMBED, END_EMBED, START_RECIPIENT, END_RECIPIENT, END_ATTACH} | _FOREIGN
_FIRST_MARKER = min(_MARKERS)
# Meta-properties, 2.2.4.1.5: said about the transfer, not about the message; read over.
_META = {0x40160003, 0x400F0003}  # numbers of four bytes

MAX_DEPTH = 50  # messages within messages; far beyond what any client writes, far below the interpreter's own limit

_U32 = Struct("<I")
_FIXED: dict[int, Struct] = {
    tags.PtypInteger16: Struct("<h"),
    tags.PtypInteger32: Struct("<i"),
    tags.PtypFloating32: Struct("<f"),
    tags.PtypFloating64: Struct("<d"),
    tags.PtypCurrency: Struct("<q"),
    tags.PtypFloatingTime: Struct("<d"),
    tags.PtypErrorCode: Struct("<I"),
    tags.PtypInteger64: Struct("<q"),
    tags.PtypTime: Struct("<Q"),
}
_STRING, _BINARY = tags.PtypString, tags.PtypBinary
_FIXED_READERS = {kind: (form.unpack_from, form.size) for kind, form in _FIXED.items()}
_BYTES = {tags.PtypBinary, tags.PtypObject, tags.PtypServerId}

Wanted = frozenset[PropertyKey] | None


class UnfitValueError(ValueError):
    """A bag has a value that its property cannot hold."""


def encode(bag: Bag) -> bytes:
    """The bag as a messageContent. ValueError names the property whose value does not fit its type."""
    out: list[bytes] = []
    _write_message(out, bag, {}, 0)
    return b"".join(out)


def decode(data: bytes, only: Wanted = None) -> Bag:
    """The bag of a messageContent; `decode(encode(bag)) == bag`.

    With `only` it has the values of these properties alone, in the message and in all that is within it; the rest of
    the stream is held to its format all the same. For whoever needs little of what may be large.
    ValueError says what is wrong and at which byte: truncated, a length beyond the end, an unknown marker or type.
    """
    try:
        bag, at = _read_message(data, 0, 0, only)
    except StructError as error:  # only a number cut off by the end of the stream
        raise ValueError(f"FastTransfer stream of {len(data)} bytes ends inside a value") from error
    if at != len(data):
        raise _error(at, f"marker 0x{_U32.unpack_from(data, at)[0]:08X} without its beginning")
    return bag


def _error(at: int, what: str) -> ValueError:
    return ValueError(f"FastTransfer stream, byte {at}: {what}")


# Writing


def _write_message(out: list[bytes], bag: Bag, numbers: dict[tuple[UUID, int | str], int], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"messages embedded deeper than {MAX_DEPTH}")
    _write_properties(out, bag.properties, numbers)
    for recipient in bag.recipients:
        out.append(_U32.pack(START_RECIPIENT))
        _write_properties(out, recipient, numbers)
        out.append(_U32.pack(END_RECIPIENT))
    for attachment in bag.attachments:
        out.append(_U32.pack(NEW_ATTACH))
        _write_properties(out, attachment.properties, numbers)
        if attachment.embedded is not None:
            out.append(_U32.pack(START_EMBED))
            _write_message(out, attachment.embedded, numbers, depth + 1)
            out.append(_U32.pack(END_EMBED))
        out.append(_U32.pack(END_ATTACH))


def _write_properties(out: list[bytes], properties: Properties, numbers: dict[tuple[UUID, int | str], int]) -> None:
    for key, value in properties.items():
        try:
            if isinstance(key, int):
                if key >= 0x80000000 or key in _MARKERS or key in _META:
                    raise ValueError("this tag cannot be a property of a message")
                out.append(_U32.pack(key))
                kind = key & 0xFFFF
            else:
                kind = key.type
                number = numbers.setdefault((key.guid, key.id), 0x8000 + len(numbers))
                out.append(_U32.pack(number << 16 | kind) + _named_info(key.guid, key.id))
            _write_value(out, kind, value)
        except (ValueError, TypeError, AttributeError, StructError) as error:
            raise UnfitValueError(f"property {describe(key)} cannot hold {value!r:.80}: {error}") from error


@lru_cache(maxsize=4096)
def _named_info(guid: UUID, identifier: int | str) -> bytes:
    if isinstance(identifier, int):
        return guid.bytes_le + b"\0" + _U32.pack(identifier)
    if "\0" in identifier:
        raise ValueError("a property's name cannot contain a zero")
    return guid.bytes_le + b"\1" + identifier.encode("utf-16-le", "surrogatepass") + b"\0\0"


def _write_value(out: list[bytes], kind: int, value: Any) -> None:
    if kind == tags.PtypString:
        text = value.encode("utf-16-le", "surrogatepass")
        out.append(_U32.pack(len(text) + 2) + text + b"\0\0")
    elif kind in _FIXED:
        out.append(_FIXED[kind].pack(value))
    elif kind in _BYTES:
        out.append(_U32.pack(len(value)) + value)
    elif kind == tags.PtypBoolean:
        out.append(b"\1\0" if value else b"\0\0")
    elif kind == tags.PtypString8:
        out.append(_U32.pack(len(value) + 1) + value + b"\0")
    elif kind == tags.PtypGuid:
        out.append(value.bytes_le)
    elif kind & tags.PtypMultiple and kind - tags.PtypMultiple in _MULTIPLE:
        out.append(_U32.pack(len(value)))
        for element in value:
            _write_value(out, kind - tags.PtypMultiple, element)
    else:
        raise ValueError(f"unknown property type 0x{kind:04X}")


_MULTIPLE = (set(_FIXED) - {tags.PtypErrorCode}) | {
    tags.PtypString,
    tags.PtypString8,
    tags.PtypGuid,
    tags.PtypBinary,
}


# Reading


def _read_message(data: bytes, at: int, depth: int, only: Wanted) -> tuple[Bag, int]:
    """The message that begins at `at`, and where it ends: at a marker it does not know, or at the end of the data."""
    if depth > MAX_DEPTH:
        raise _error(at, f"messages embedded deeper than {MAX_DEPTH}")
    bag = Bag()
    at, marker = _read_properties(data, at, bag.properties, only)
    while marker == START_RECIPIENT:
        recipient: Properties = {}
        at, marker = _read_properties(data, at + 4, recipient, only)
        if marker != END_RECIPIENT:
            raise _error(at, "a recipient does not end")
        bag.recipients.append(recipient)
        at, marker = _next_marker(data, at + 4)
    while marker == NEW_ATTACH:
        attachment = Attachment()
        at, marker = _read_properties(data, at + 4, attachment.properties, only)
        if marker == START_EMBED:
            attachment.embedded, at = _read_message(data, at + 4, depth + 1, only)
            if at == len(data) or _U32.unpack_from(data, at)[0] != END_EMBED:
                raise _error(at, "an embedded message does not end")
            at, marker = _next_marker(data, at + 4)
        if marker != END_ATTACH:
            raise _error(at, "an attachment does not end")
        bag.attachments.append(attachment)
        at, marker = _next_marker(data, at + 4)
    if marker in _FOREIGN:
        raise _error(at, f"marker 0x{marker:08X} does not belong into a message")
    return bag, at


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    nothing: Properties = {}
    at, marker = _read_properties(data, at, nothing, None)
    if nothing:
        raise _error(at, f"property {describe(next(iter(nothing)))} stands outside of a property list")
    return at, marker


def _read_properties(data: bytes, at: int, properties: Properties, only: Wanted) -> tuple[int, int]:
    """Reads properties up to a marker. Returns its place and the marker, which is 0 at the end of the data."""
    # The innermost loop of every upload: what it names is local or of this module.
    end, u32 = len(data), _U32.unpack_from
    key: PropertyKey
    while at < end:
        (tag,) = u32(data, at)
        start = at
        at += 4
        kind = tag & 0xFFFF
        key = tag
        if tag >= _FIRST_MARKER:  # most properties have smaller tags
            if tag in _MARKERS:
                return start, tag
            if tag in _META:
                at += 4
                continue
            if tag >= 0x80000000:
                key, at = _read_named(data, at, kind)
        keep = only is None or key in only
        if kind == _STRING:  # the commonest first
            (length,) = u32(data, at)
            at += 4
            stop = at + length
            if length < 2 or length & 1 or data[stop - 2 : stop] != b"\0\0":
                raise _error(start, f"property {describe(key)} is cut off or not a text: {length} bytes")
            if keep:
                properties[key] = utf_16_le_decode(data[at : stop - 2], "surrogatepass", True)[0]
            at = stop
        elif kind in _FIXED_READERS:
            unpack, size = _FIXED_READERS[kind]
            if keep:
                (properties[key],) = unpack(data, at)
            at += size
        elif kind == _BINARY:
            (length,) = u32(data, at)
            at += 4
            stop = at + length
            if stop > end:
                raise _error(start, f"property {describe(key)} is cut off: {length} bytes, {end - at} left")
            if keep:
                properties[key] = data[at:stop]
            at = stop
        else:
            value, at = _read_value(data, at, kind, key, start)
            if keep:
                properties[key] = value
    if at > end:
        raise _error(end, "the stream ends inside a value")
    return at, 0


def _read_value(data: bytes, at: int, kind: int, key: PropertyKey, start: int) -> tuple[Any, int]:
    """One value of any type, and where it ends."""
    end = len(data)
    if kind in _FIXED:
        form = _FIXED[kind]
        return form.unpack_from(data, at)[0], at + form.size
    if kind == tags.PtypBoolean:
        if at + 2 > end or data[at] > 1 or data[at + 1]:
            raise _error(start, f"property {describe(key)} is cut off or not a Boolean")
        return data[at] == 1, at + 2
    if kind == tags.PtypGuid:
        if at + 16 > end:
            raise _error(start, f"property {describe(key)} is cut off")
        return UUID(bytes_le=data[at : at + 16]), at + 16
    if kind in _VARIABLE:
        length = _U32.unpack_from(data, at)[0]
        at += 4
        if length > end - at:
            raise _error(start, f"property {describe(key)} is cut off: {length} bytes, {end - at} left")
        try:
            return _VARIABLE[kind](data[at : at + length]), at + length
        except ValueError as error:
            raise _error(start, f"property {describe(key)} is not a text of its type: {error}") from error
    if kind & tags.PtypMultiple and kind - tags.PtypMultiple in _MULTIPLE:
        count = _U32.unpack_from(data, at)[0]
        at += 4
        if count > end - at:  # every value takes at least one byte: no list is built on a hostile count
            raise _error(start, f"property {describe(key)} is cut off: {count} values in {end - at} bytes")
        values = []
        for _ in range(count):
            value, at = _read_value(data, at, kind - tags.PtypMultiple, key, start)
            values.append(value)
        return values, at
    raise _error(start, f"property {describe(key)} has the unknown type 0x{kind:04X}")


def _text(raw: bytes) -> str:
    if len(raw) < 2 or raw[-2:] != b"\0\0":
        raise ValueError("no terminating zero")
    return raw[:-2].decode("utf-16-le", "surrogatepass")


def _text8(raw: bytes) -> bytes:
    if not raw or raw[-1]:
        raise ValueError("no terminating zero")
    return raw[:-1]


_VARIABLE: dict[int, Callable[[bytes], Any]] = {
    tags.PtypString: _text,
    tags.PtypString8: _text8,
    tags.PtypBinary: bytes,
    tags.PtypObject: bytes,
    tags.PtypServerId: bytes,
}


def _read_named(data: bytes, at: int, kind: int) -> tuple[NamedProperty, int]:
    by_name = data[at + 16 : at + 17]
    if by_name == b"\0":
        stop = at + 21
        if stop <= len(data):
            return _numbered(data[at:stop], kind), stop
    elif by_name == b"\1":
        stop = at + 17
        while data[stop : stop + 2] not in (b"\0\0", b""):
            stop += 2
        if data[stop : stop + 2] == b"\0\0":
            return _named(data[at:stop], kind), stop + 2
    elif by_name:
        raise _error(at + 16, f"0x{by_name.hex()} is neither a number nor a name of a named property")
    raise _error(at, "a named property is cut off")


@lru_cache(maxsize=4096)
def _numbered(raw: bytes, kind: int) -> NamedProperty:
    return NamedProperty(UUID(bytes_le=raw[:16]), _U32.unpack_from(raw, 17)[0], kind)


@lru_cache(maxsize=4096)
def _named(raw: bytes, kind: int) -> NamedProperty:
    return NamedProperty(UUID(bytes_le=raw[:16]), raw[17:].decode("utf-16-le", "surrogatepass"), kind)


def describe(key: PropertyKey) -> str:
    """The key for a message to a person."""
    if isinstance(key, int):
        return f"0x{key:08X}"
    return f"{{{key.guid}}}/{f'0x{key.id:04X}' if isinstance(key.id, int) else key.id}:0x{key.type:04X}"
