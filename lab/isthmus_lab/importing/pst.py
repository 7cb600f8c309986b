"""Outlook's PST: every message with all its MAPI properties, straight into a bag.

libpff reads the file; it gives property ids, types and raw values, and leaves the names of named properties to us
([MS-PST] 2.4.7). Values are laid out as in [MS-PST] 2.3.3.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pypff

from isthmus_lab.importing.entry import Entry
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties, Value
from isthmus_lab.mapi.tags import NamedProperty, PropertyKey

_NAMED_GUIDS, _NAMED_ENTRIES, _NAMED_STRINGS = 0x0002, 0x0003, 0x0004
_IPM_SUBTREE = 0x35E0
_CONTAINER_CLASS = 0x3613
# What belongs to the file and not to the message: identifiers, change keys, and the rows of the file's own tables.
_INTERNAL = {0x0E09, 0x0E20, 0x0E21, 0x0FF4, 0x0FF6, 0x0FF7, 0x0FF9, 0x0FFB, 0x0FFE, 0x0FFF}
_INTERNAL |= {0x65E0, 0x65E1, 0x65E2, 0x65E3}
_FIXED = {
    tags.PtypInteger16: "<h",
    tags.PtypInteger32: "<i",
    tags.PtypFloating32: "<f",
    tags.PtypFloating64: "<d",
    tags.PtypCurrency: "<q",
    tags.PtypFloatingTime: "<d",
    tags.PtypErrorCode: "<I",
    tags.PtypInteger64: "<q",
    tags.PtypTime: "<Q",
}


def pst_entries(path: Path) -> Iterator[Entry]:
    """Every message of a PST or OST. OSError when libpff cannot open it."""
    file = pypff.file()
    file.open(str(path))
    reader = _Reader(file)
    top = _by_identifier(file.root_folder, reader.subtree()) or file.root_folder
    for folder, names in _folders(top, ()):
        folder_class = reader.text(folder, _CONTAINER_CLASS) or "IPF.Note"
        for number in range(folder.number_of_sub_messages):
            where = f"{path}: {'/'.join(names) or 'top'}, message {number + 1}"
            yield Entry(names, folder_class, where, partial(reader.load, folder, number))


def _folders(folder: Any, names: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    yield folder, names
    for number in range(folder.number_of_sub_folders):
        child = folder.get_sub_folder(number)
        yield from _folders(child, (*names, child.name or f"Folder {number + 1}"))


def _by_identifier(folder: Any, identifier: int | None) -> Any | None:
    if identifier is None:
        return None
    return next((each for each, _ in _folders(folder, ()) if each.identifier == identifier), None)


class _Reader:
    """Turns libpff's items into bags; keeps the file open as long as it lives."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._named = _named_properties(_raw(file.name_to_id_map)) if file.name_to_id_map is not None else {}
        try:
            self._codepage = codecs.lookup(str(file.ascii_codepage)).name
        except LookupError:
            self._codepage = "cp1252"

    def subtree(self) -> int | None:
        """The identifier of the folder that people see as the top, from its entry id ([MS-PST] 2.4.3.2)."""
        store = self._file.message_store
        entry_id = _raw(store).get(_IPM_SUBTREE, b"") if store is not None else b""
        return int.from_bytes(entry_id[20:24], "little") if len(entry_id) >= 24 else None

    def text(self, item: Any, identifier: int) -> str | None:
        """A string property of a folder."""
        for entry in _entries(item):
            if entry.entry_type == identifier:
                return str(self._value(entry.value_type, entry.data or b""))
        return None

    def load(self, folder: Any, number: int) -> Bag:
        """The message of that number in a folder."""
        return self._bag(folder.get_sub_message(number), 0)

    def _bag(self, message: Any, depth: int) -> Bag:
        bag = Bag(self._properties(message))
        _split_subject(bag)
        recipients = message.recipients
        if recipients is not None:
            bag.recipients = [self._set(record_set) for record_set in recipients.record_sets]
        for number in range(message.number_of_attachments):
            bag.attachments.append(self._attachment(message.get_attachment(number), depth))
        return bag

    def _attachment(self, attachment: Any, depth: int) -> Attachment:
        properties = self._properties(attachment)
        if properties.get(tags.PidTagAttachMethod) == tags.ATTACH_EMBEDDED:
            properties.pop(tags.PidTagAttachDataObject, None)
            embedded = None
            if attachment.number_of_sub_items and depth < 20:
                embedded = self._bag(attachment.get_sub_item(0), depth + 1)
            return Attachment(properties, embedded)
        if tags.PidTagAttachDataBinary not in properties and attachment.size:
            properties[tags.PidTagAttachDataBinary] = attachment.read_buffer(attachment.size)
        return Attachment(properties)

    def _properties(self, item: Any) -> Properties:
        found: Properties = {}
        for record_set in item.record_sets:
            found |= self._set(record_set)
        return found

    def _set(self, record_set: Any) -> Properties:
        found: Properties = {}
        for entry in record_set.entries:
            identifier, kind = entry.entry_type, entry.value_type
            if identifier is None or identifier in _INTERNAL or 0x67F0 <= identifier <= 0x67FF:
                continue
            key = self._key(identifier, kind)
            value = self._value(kind, entry.data or b"")
            if key is not None and value is not None:
                found[key] = value
        return found

    def _key(self, identifier: int, kind: int) -> PropertyKey | None:
        # Eight-bit strings become Unicode here: their code page is the file's, which nobody downstream knows.
        base = tags.PtypString if kind == tags.PtypString8 else kind
        base = tags.PtypMultipleString if kind == tags.PtypMultipleString8 else base
        if identifier < 0x8000:
            return tags.tag(identifier, base)
        name = self._named.get(identifier)
        return None if name is None else NamedProperty(*name, base)

    def _value(self, kind: int, raw: bytes) -> Value | None:
        """The value of a property; None for one that is cut or of a type that we do not know."""
        if kind & tags.PtypMultiple and kind != tags.PtypObject:
            return self._values(kind & ~tags.PtypMultiple, raw)
        match kind:
            case tags.PtypBoolean:
                return raw[:1] == b"\1"
            case tags.PtypString:
                return raw.decode("utf-16-le", "replace").rstrip("\0")
            case tags.PtypString8:
                return raw.decode(self._codepage, "replace").rstrip("\0")
            case tags.PtypBinary | tags.PtypObject | tags.PtypServerId:
                return raw
            case tags.PtypGuid if len(raw) == 16:
                return UUID(bytes_le=raw)
        layout = _FIXED.get(kind)
        if layout is None or len(raw) < struct.calcsize(layout):
            return None
        value: Value = struct.unpack_from(layout, raw)[0]
        return value

    def _values(self, kind: int, raw: bytes) -> Value | None:
        if kind in _FIXED or kind == tags.PtypGuid:
            width = 16 if kind == tags.PtypGuid else struct.calcsize(_FIXED[kind])
            parts = [raw[at : at + width] for at in range(0, len(raw) - width + 1, width)]
        else:  # a count, where each begins, and then all of them
            if len(raw) < 4:
                return None
            count = min(struct.unpack_from("<I", raw)[0], (len(raw) - 4) // 4)
            starts = [*struct.unpack_from(f"<{count}I", raw, 4), len(raw)]
            parts = [raw[start:end] for start, end in pairwise(starts)]
        values = [self._value(kind, part) for part in parts]
        return [each for each in values if each is not None and not isinstance(each, list)]


def _entries(item: Any) -> Iterator[Any]:
    for record_set in item.record_sets:
        yield from record_set.entries


def _raw(item: Any) -> dict[int, bytes]:
    """Property ids and their bytes."""
    return {entry.entry_type: entry.data or b"" for entry in _entries(item) if entry.entry_type is not None}


def _named_properties(streams: dict[int, bytes]) -> dict[int, tuple[UUID, int | str]]:
    """Property ids from 0x8000 on and the names they stand for ([MS-PST] 2.4.7.1: NAMEID)."""
    guids = streams.get(_NAMED_GUIDS, b"")
    strings = streams.get(_NAMED_STRINGS, b"")
    entries = streams.get(_NAMED_ENTRIES, b"")
    found: dict[int, tuple[UUID, int | str]] = {}
    for name, guid, index in struct.iter_unpack("<IHH", entries[: len(entries) // 8 * 8]):
        which = guid >> 1
        if which == 1:
            space = tags.PS_MAPI
        elif which == 2:
            space = tags.PS_PUBLIC_STRINGS
        elif which >= 3 and len(guids) >= (which - 2) * 16:
            space = UUID(bytes_le=guids[(which - 3) * 16 : (which - 2) * 16])
        else:
            continue
        if not guid & 1:
            found[0x8000 + index] = (space, name)
        elif len(strings) >= name + 4:
            length = struct.unpack_from("<I", strings, name)[0]
            found[0x8000 + index] = (space, strings[name + 4 : name + 4 + length].decode("utf-16-le", "replace"))
    return found


def _split_subject(bag: Bag) -> None:
    """A PST's subject begins with a mark and the length of its prefix plus one ([MS-PST] 2.5.3.1.1.1)."""
    subject = bag.get(tags.PidTagSubject)
    if not isinstance(subject, str):
        return
    prefix = ""
    if len(subject) >= 2 and subject[0] == "\x01":
        length = ord(subject[1]) - 1
        subject = subject[2:]
        prefix = subject[: max(0, length)]
    bag[tags.PidTagSubject] = subject
    bag[tags.PidTagSubjectPrefix] = prefix
    bag[tags.PidTagNormalizedSubject] = subject[len(prefix) :]
