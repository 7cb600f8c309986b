"""What can be imported: a file or folder is recognised by what is in it, and listed without reading the messages."""

from __future__ import annotations

import email.utils
import mailbox
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesHeaderParser
from functools import partial
from pathlib import Path

from isthmus_lab.importing.entry import Entry
from isthmus_lab.importing.pst import pst_entries
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, filetime
from isthmus_lab.mapi.mime import bag_from_mime


class SourceError(Exception):
    """There is nothing to import here; the message says why."""


def open_source(path: Path) -> list[Entry]:
    """Every message in `path`, not read yet. Raises SourceError when it is nothing that we know."""
    try:
        entries = list(_entries(path))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    if not entries:
        raise SourceError(
            f"{path} holds no mail: an .eml file, a folder of them, an mbox, a Maildir or a PST is expected"
        )
    return entries


def _entries(path: Path) -> Iterator[Entry]:
    if path.is_dir():
        if (path / "cur").is_dir() and (path / "new").is_dir():
            return _maildir(path)
        return _folder(path, ())
    with path.open("rb") as file:
        start = file.read(5)
    if start[:4] == b"!BDN":
        return pst_entries(path)
    if start == b"From ":
        return _mbox(path, ())
    return iter([_eml(path, ())])


# --- internet messages ----------------------------------------------------------------------------------------------


def _folder(path: Path, names: tuple[str, ...]) -> Iterator[Entry]:
    """A folder of messages; what is below becomes folders of the same names."""
    for child in sorted(path.iterdir()):
        if child.name.startswith("."):
            continue
        if child.is_dir():
            yield from _folder(child, (*names, child.name))
        elif child.suffix.lower() == ".eml":
            yield _eml(child, names)
        elif child.suffix.lower() in (".mbox", ".mbx"):
            yield from _mbox(child, (*names, child.stem))


def _eml(path: Path, names: tuple[str, ...]) -> Entry:
    return Entry(names, "IPF.Note", str(path), lambda: message_bag(path.read_bytes(), read=True))


def _mbox(path: Path, names: tuple[str, ...]) -> Iterator[Entry]:
    """The status header says whether a message was read, as mail programs on Unix write it."""
    box = mailbox.mbox(path, create=False)

    def load(key: str) -> Bag:
        data = box.get_bytes(key)
        status = BytesHeaderParser().parsebytes(data).get("Status")
        return message_bag(data, read=status is None or "R" in status)

    for number, key in enumerate(box.keys(), 1):
        yield Entry(names, "IPF.Note", f"{path}, message {number}", partial(load, key))


def _maildir(path: Path) -> Iterator[Entry]:
    """A Maildir with its subfolders (Maildir++: ".Archive.2023" is Archive/2023)."""
    box = mailbox.Maildir(path, create=False)
    yield from _maildir_messages(box, path, ())
    for name in sorted(box.list_folders()):
        yield from _maildir_messages(box.get_folder(name), path / f".{name}", tuple(name.split(".")))


def _maildir_messages(box: mailbox.Maildir, path: Path, names: tuple[str, ...]) -> Iterator[Entry]:
    def load(key: str) -> Bag:
        flags = box.get_message(key).get_flags()
        return message_bag(box.get_bytes(key), read="S" in flags, flagged="F" in flags, draft="D" in flags)

    for key in sorted(box.keys()):
        yield Entry(names, "IPF.Note", str(path / key), partial(load, key))


def message_bag(data: bytes, *, read: bool, flagged: bool = False, draft: bool = False) -> Bag:
    """An internet message as an item that has been in a mailbox for a while."""
    bag = bag_from_mime(data)
    arrived = filetime(_arrival(BytesHeaderParser().parsebytes(data)))
    flags = int(bag.get(tags.PidTagMessageFlags, 0)) & tags.MSGFLAG_HASATTACH
    flags |= (tags.MSGFLAG_READ if read else 0) | (tags.MSGFLAG_UNSENT if draft else 0)
    bag.set(
        {
            tags.PidTagMessageFlags: flags,
            tags.PidTagMessageDeliveryTime: arrived,
            tags.PidTagCreationTime: arrived,
            tags.PidTagLastModificationTime: arrived,
        }
    )
    if flagged:
        bag[tags.PidTagFlagStatus] = 2
    return bag


def _arrival(headers: Message) -> datetime:
    """When it arrived: the newest Received header, else Date, else now."""
    received = headers.get("Received", "")
    for text in (str(received).rpartition(";")[2], str(headers.get("Date", ""))):
        try:
            moment = email.utils.parsedate_to_datetime(text.strip())
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.now(UTC)
