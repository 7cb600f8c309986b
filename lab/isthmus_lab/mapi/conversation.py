"""Threads: subjects without their prefix, conversation indexes ([MS-OXOMSG] 2.2.1.3)."""

import base64
import binascii
import hashlib
import re

_PREFIX = re.compile(r"^[^\s:\d]{1,3}: ")


def split_subject(subject: str) -> tuple[str, str]:
    """The prefix ("RE: ", may be empty) and the normalized subject, [MS-OXCMSG] 2.2.1.9, 2.2.1.10."""
    match = _PREFIX.match(subject)
    prefix = match.group() if match else ""
    return prefix, subject[len(prefix) :]


def index(thread_index: str, references: list[str], message_id: str, sent: int) -> bytes:
    """The conversation index: that of a Thread-Index header, else one made of the thread's first Message-ID.

    22 bytes for the first message (a reserved byte, the upper five bytes of the FILETIME after its first, a GUID), five
    more for each reply. Messages of one thread get the same GUID without knowing of each other.
    """
    try:
        raw = base64.b64decode(thread_index, validate=False)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) >= 22 and raw[0] == 1:
        return raw
    root = references[0] if references else message_id
    guid = hashlib.md5(root.encode("utf-8", "replace"), usedforsecurity=False).digest() if root else b""
    time = (sent >> 16 & 0xFFFFFFFFFFFF).to_bytes(6, "big")
    head = b"\1" + time[1:] + (guid or hashlib.md5(time, usedforsecurity=False).digest())
    replies = b"".join(
        (0x80000000 | (position * 0x1000)).to_bytes(4, "big") + b"\0" for position in range(min(len(references), 40))
    )
    return head + replies


def reply_index(parent: bytes, since: int) -> bytes:
    """The index of a reply: the parent's and five more bytes; `since` is 100 ns since the thread's first message."""
    block = min(since >> 18, 0x7FFFFFFF)
    return parent + block.to_bytes(4, "big") + b"\0"
