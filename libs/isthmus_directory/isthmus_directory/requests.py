"""What a first synchronisation asks ten thousand times, as bytes: additions and changes (RFC 4511 4.6, 4.7), and
searches for what was added (4.5.1). They are sent over a connection of ldap3, which waits for the answers.

ldap3 makes each request of objects of pyasn1, one for every tag and value. See
docs/decisions/0019-requests-as-bytes.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import ldap3
from ldap3.core.exceptions import LDAPSocketOpenError
from ldap3.protocol.microsoft import extended_dn_control
from pyasn1.codec.ber.encoder import encode

Steps: TypeAlias = Sequence[tuple[str, Sequence[bytes]]]
"""What is done with one attribute, as ldap3 takes it: MODIFY_ADD, MODIFY_DELETE or MODIFY_REPLACE, and values."""

_BOOLEAN, _INTEGER, _OCTETS, _ENUMERATED, _SEQUENCE, _SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
_SEARCH_REQUEST, _MODIFY_REQUEST, _ADD_REQUEST, _CONTROLS = 0x63, 0x66, 0x68, 0xA0
_OR, _EQUALITY = 0xA1, 0xA3
_WHOLE_SUBTREE, _DEREFERENCE_ALWAYS = 2, 3
_EXTENDED_NAMES = bytes(encode(extended_dn_control(criticality=True)))
_OPERATIONS = {ldap3.MODIFY_ADD: 0, ldap3.MODIFY_DELETE: 1, ldap3.MODIFY_REPLACE: 2}


def add(connection: ldap3.Connection, dn: str, attributes: Mapping[str, Sequence[bytes]]) -> None:
    """Add an object; `attributes` has its objectClass. Raises what ldap3 raises."""
    content = _octets(dn), _element(_SEQUENCE, *(_attribute(*each) for each in attributes.items()))
    said = {"type": "addRequest", "entry": dn, "attributes": attributes, "controls": None}
    _send(connection, said, _element(_ADD_REQUEST, *content))


def modify(connection: ldap3.Connection, dn: str, changes: Mapping[str, Steps], control: str) -> None:
    """Change an object; `control` is the OID of a control without a value that need not be understood. Raises what
    ldap3 raises."""
    each = [(name, operation, values) for name, steps in changes.items() for operation, values in steps]
    content = _octets(dn), _element(_SEQUENCE, *(_change(*one) for one in each))
    said = {
        "type": "modifyRequest",
        "entry": dn,
        "changes": [
            {"operation": _OPERATIONS[op], "attribute": {"type": n, "value": values}} for n, op, values in each
        ],
        "controls": [(control, False, None)],
    }
    _send(connection, said, _element(_MODIFY_REQUEST, *content), _element(_SEQUENCE, _octets(control)))


def search_named(connection: ldap3.Connection, base: str, dns: Sequence[str], attributes: Sequence[str]) -> None:
    """Search for the objects of these names below `base`, links as GUID and name; the connection has the answer, as
    after any search. Raises what ldap3 raises."""
    named = [_element(_EQUALITY, _octets("distinguishedName"), _octets(dn)) for dn in dns]
    limits = _integer(0), _integer(0), _element(_BOOLEAN, b"\0")  # objects, seconds; values are wanted, too
    content = (
        _octets(base), _enumerated(_WHOLE_SUBTREE), _enumerated(_DEREFERENCE_ALWAYS), *limits, _element(_OR, *named),
        _element(_SEQUENCE, *map(_octets, attributes)),
    )  # fmt: skip
    said = {"type": "searchRequest", "base": base, "attributes": attributes, "controls": None}
    _send(connection, said, _element(_SEARCH_REQUEST, *content), _EXTENDED_NAMES)


def _send(connection: ldap3.Connection, said: Mapping[str, Any], operation: bytes, control: bytes = b"") -> None:
    """Send a request and wait for its answer. `said` is the request as ldap3 keeps it until then, for referrals."""
    with connection.connection_lock:
        if not connection.listening:
            raise LDAPSocketOpenError("the connection is closed")
        number = connection.server.next_message_id()
        connection.strategy._outstanding[number] = said
        controls = _element(_CONTROLS, control) if control else b""
        connection.socket.sendall(_element(_SEQUENCE, _integer(number), operation, controls))
        searching = said["type"] == "searchRequest"
        (connection.post_send_search if searching else connection.post_send_single_response)(number)


def _attribute(name: str, values: Sequence[bytes]) -> bytes:
    return _element(_SEQUENCE, _octets(name), _element(_SET, *map(_octets, values)))


def _change(name: str, operation: str, values: Sequence[bytes]) -> bytes:
    return _element(_SEQUENCE, _enumerated(_OPERATIONS[operation]), _attribute(name, values))


def _enumerated(value: int) -> bytes:
    return _element(_ENUMERATED, bytes((value,)))


def _integer(value: int) -> bytes:
    return _element(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _octets(value: str | bytes) -> bytes:
    return _element(_OCTETS, value.encode() if isinstance(value, str) else value)


def _element(tag: int, *contents: bytes) -> bytes:
    """Tag, length, content; lengths in their shortest form (X.690 8.1.3)."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content
