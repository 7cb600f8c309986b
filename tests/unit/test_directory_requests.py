"""Requests that are written as bytes: what we write is what ldap3 would write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import ldap3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_directory import filters, requests
from ldap3.core.exceptions import LDAPSocketOpenError
from ldap3.operation.add import add_operation
from ldap3.operation.modify import modify_operation
from ldap3.operation.search import search_operation
from ldap3.protocol.controls import build_control
from ldap3.protocol.convert import build_controls_list
from ldap3.protocol.microsoft import extended_dn_control
from ldap3.protocol.rfc4511 import LDAPMessage, MessageID, ProtocolOp
from pyasn1.codec.ber.encoder import encode

OID = "1.2.840.113556.1.4.1413"
names = st.sampled_from(["mail", "proxyAddresses", "description", "objectClass"])
held = st.dictionaries(names, st.lists(st.binary(max_size=300), min_size=1, max_size=4), min_size=1)
dns = st.text(min_size=1, max_size=200)


class Line:
    """The parts of an ldap3 connection that a request needs; it keeps what is sent."""

    def __init__(self, number: int) -> None:
        self.connection_lock = threading.RLock()
        self.server = SimpleNamespace(next_message_id=lambda: number)
        self.strategy = SimpleNamespace(_outstanding={})
        self.socket = SimpleNamespace(sendall=self._sendall)
        self.listening = True
        self.sent = b""
        self.waited_for: list[int] = []

    def _sendall(self, data: bytes) -> None:
        self.sent += data

    def post_send_single_response(self, number: int) -> None:
        self.waited_for.append(number)

    post_send_search = post_send_single_response


def ours(number: int, ask: Callable[[Any], None]) -> tuple[bytes, dict[str, Any]]:
    """What is sent, and the request as ldap3 keeps it."""
    line = Line(number)
    ask(line)
    assert line.waited_for == [number]
    return line.sent, line.strategy._outstanding[number]


def theirs(number: int, kind: str, request: Any, controls: list[Any] | None = None) -> bytes:
    message = LDAPMessage()
    message["messageID"] = MessageID(number)
    message["protocolOp"] = ProtocolOp().setComponentByName(kind, request)
    if controls:
        message["controls"] = build_controls_list(controls)
    return bytes(encode(message))


@given(st.integers(1, 2**31 - 1), dns, held)
def test_an_addition_is_what_ldap3_would_write(number: int, dn: str, attributes: dict[str, list[bytes]]) -> None:
    sent, said = ours(number, lambda line: requests.add(line, dn, attributes))
    assert sent == theirs(number, "addRequest", add_operation(dn, attributes, False))
    assert (said["type"], said["entry"], said["attributes"]) == ("addRequest", dn, attributes)


@given(st.integers(1, 2**31 - 1), dns, held)
def test_a_change_is_what_ldap3_would_write(number: int, dn: str, attributes: dict[str, list[bytes]]) -> None:
    changes: dict[str, Any] = {
        name: [(ldap3.MODIFY_DELETE, values[1:]), (ldap3.MODIFY_ADD, values), (ldap3.MODIFY_REPLACE, values[:1])]
        for name, values in attributes.items()
    }
    sent, said = ours(number, lambda line: requests.modify(line, dn, changes, OID))
    request = modify_operation(dn, changes, False)
    assert sent == theirs(number, "modifyRequest", request, [build_control(OID, False, None)])
    assert said["changes"] == [
        {"operation": operation, "attribute": {"type": name, "value": given}}
        for name, values in attributes.items()
        for operation, given in ((1, values[1:]), (0, values), (2, values[:1]))
    ]


@given(st.integers(1, 2**31 - 1), dns, st.lists(dns, min_size=1, max_size=4), st.lists(names, min_size=1, max_size=4))
def test_a_search_for_names_is_what_ldap3_would_write(
    number: int, base: str, wanted: list[str], attributes: list[str]
) -> None:
    sent, said = ours(number, lambda line: requests.search_named(line, base, wanted, attributes))
    named = filters.any_of(*(filters.equals("distinguishedName", dn) for dn in wanted))
    request = search_operation(
        base, named, ldap3.SUBTREE, ldap3.DEREF_ALWAYS, attributes, 0, 0, False, False, None, None
    )
    assert sent == theirs(number, "searchRequest", request, [extended_dn_control(criticality=True)])
    assert (said["type"], said["base"]) == ("searchRequest", base)


def test_nothing_is_sent_over_a_connection_that_was_closed() -> None:
    line: Any = Line(1)
    line.listening = False
    with pytest.raises(LDAPSocketOpenError):
        requests.add(line, "CN=a", {"objectClass": [b"user"]})
    assert line.sent == b""
