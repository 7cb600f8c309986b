"""The objects that a search found (RFC 4511 4.5.2), taken from the bytes of the answer; every other answer is ldap3's.

ldap3 makes a tuple of each tag, length and value on the way, and names and values of text beside the raw ones, which
nobody here reads. A full comparison reads ten thousand objects of each side. See
docs/decisions/0020-objects-from-bytes.md.
"""

from __future__ import annotations

from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPSocketReceiveError

_SEARCH_RESULT_ENTRY = 0x64


def read_objects_quickly(connection: ldap3.Connection) -> None:
    """Have this connection, one of ldap3's synchronous kind, take objects from the bytes: each is `type`, `raw_dn` and
    `raw_attributes` alone, these as the server spells them."""
    strategy = connection.strategy
    receive, get_response = strategy.receiving, strategy._get_response
    expected, objects = 0, list[dict[str, Any]]()

    def receiving() -> list[bytes]:
        """What is no object; nothing when the server ended the session, as ldap3 wants it."""
        while messages := receive():
            others = []
            for message in messages:
                if (found := found_object(message, expected)) is None:
                    others.append(message)
                else:
                    objects.append(found)
            if others:
                return others
        return []

    def response(message_id: int, timeout: float | None) -> Any:
        nonlocal expected
        expected = message_id
        objects.clear()
        answers = get_response(message_id, timeout)
        return [*objects, *answers] if isinstance(answers, list) else answers

    strategy.receiving, strategy._get_response = receiving, response


def found_object(message: bytes, number: int) -> dict[str, Any] | None:
    """The object that a message brings; None when it is another answer, one with controls, or one to another request
    than that of this number.

    Raises LDAPSocketReceiveError when a part of the message is longer than its whole: the connection is of no use then.
    """
    try:
        return _found_object(message, number)
    except (IndexError, UnicodeDecodeError) as error:
        raise LDAPSocketReceiveError(f"an answer is not one of LDAP: {error}") from error


def _found_object(message: bytes, number: int) -> dict[str, Any] | None:
    at, _ = _content(message, 0)
    start, at = _content(message, at)
    if message[at] != _SEARCH_RESULT_ENTRY or int.from_bytes(message[start:at], "big") != number:
        return None
    at, end = _content(message, at)
    if end != len(message):
        return None
    start, at = _content(message, at)
    raw_dn = message[start:at]
    attributes: dict[str, list[bytes]] = {}
    at, end = _content(message, at)
    while at < end:
        at, _ = _content(message, at)
        start, at = _content(message, at)
        values = attributes[message[start:at].decode()] = []
        at, last = _content(message, at)
        while at < last:
            start, at = _content(message, at)
            values.append(message[start:at])
    return {"type": "searchResEntry", "raw_dn": raw_dn, "raw_attributes": attributes}


def _content(message: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at this place starts and ends (X.690 8.1.3). Raises IndexError when the message
    ends before."""
    start, length = at + 2, message[at + 1]
    if length >= 0x80:
        start += length & 0x7F
        length = int.from_bytes(message[at + 2 : start], "big")
    if start + length > len(message):
        raise IndexError(f"an element of {length} bytes at {start} of {len(message)}")
    return start, start + length
