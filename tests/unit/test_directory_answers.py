"""Objects taken from the bytes of an answer: what we read is what ldap3 reads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_directory.answers import found_object, read_objects_quickly
from ldap3.core.exceptions import LDAPSocketReceiveError
from ldap3.operation.search import raw_attributes_to_dict_fast
from ldap3.protocol.controls import build_control
from ldap3.protocol.convert import build_controls_list
from ldap3.protocol.rfc4511 import (
    AttributeValue,
    LDAPMessage,
    MessageID,
    PartialAttribute,
    ProtocolOp,
    SearchResultDone,
    SearchResultEntry,
    Vals,
)
from ldap3.utils.asn1 import decode_message_fast
from pyasn1.codec.ber.encoder import encode

OID = "1.2.840.113556.1.4.319"
numbers = st.integers(1, 2**31 - 1)
names = st.sampled_from(["mail", "proxyAddresses", "member;range=0-1499", "thumbnailPhoto"])
values = st.lists(st.binary(max_size=70_000) | st.binary(max_size=200), max_size=4)
held = st.dictionaries(names, values, max_size=4)


def _message(number: int, kind: str, answer: Any, *, controls: bool = False) -> bytes:
    message = LDAPMessage()
    message["messageID"] = MessageID(number)
    message["protocolOp"] = ProtocolOp().setComponentByName(kind, answer)
    if controls:
        message["controls"] = build_controls_list([build_control(OID, False, None)])
    return bytes(encode(message))


def _object(number: int, dn: str, attributes: dict[str, list[bytes]], *, controls: bool = False) -> bytes:
    entry = SearchResultEntry()
    entry["object"] = dn
    for place, (name, held) in enumerate(attributes.items()):
        attribute, vals = PartialAttribute(), Vals()
        for each, value in enumerate(held):
            vals.setComponentByPosition(each, AttributeValue(value))
        attribute["type"], attribute["vals"] = name, vals
        entry["attributes"].setComponentByPosition(place, attribute)
    return _message(number, "searchResEntry", entry, controls=controls)


def _done(number: int) -> bytes:
    done = SearchResultDone()
    done["resultCode"], done["matchedDN"], done["diagnosticMessage"] = 0, "", ""
    return _message(number, "searchResDone", done)


@given(numbers, st.text(max_size=200), held)
def test_an_object_is_what_ldap3_reads(number: int, dn: str, attributes: dict[str, list[bytes]]) -> None:
    message = _object(number, dn, attributes)
    raw_dn, raw = decode_message_fast(message)["payload"]
    theirs = {name: held or [] for name, held in raw_attributes_to_dict_fast(raw[3]).items()}
    assert found_object(message, number) == {
        "type": "searchResEntry",
        "raw_dn": raw_dn[3],
        "raw_attributes": theirs,
    }
    assert (raw_dn[3], theirs) == (dn.encode(), attributes)


def test_lengths_may_be_longer_than_they_need_to_be() -> None:
    # As Active Directory writes them: always five bytes.
    def element(tag: int, content: bytes) -> bytes:
        return bytes((tag, 0x84)) + len(content).to_bytes(4, "big") + content

    attribute = element(0x30, element(0x04, b"mail") + element(0x31, element(0x04, b"a@b")))
    entry = element(0x64, element(0x04, b"CN=a") + element(0x30, attribute))
    found = found_object(element(0x30, b"\x02\x01\x07" + entry), 7)
    assert found == {"type": "searchResEntry", "raw_dn": b"CN=a", "raw_attributes": {"mail": [b"a@b"]}}


def test_whatever_else_is_answered_is_left_to_ldap3() -> None:
    assert found_object(_done(7), 7) is None
    assert found_object(_object(7, "CN=a", {}), 8) is None
    assert found_object(_object(7, "CN=a", {"mail": [b"x"]}, controls=True), 7) is None


def test_a_message_that_is_cut_short_is_an_error_of_the_connection() -> None:
    whole = _object(7, "CN=a", {"mail": [b"a@b", b"c" * 200]})
    for length in range(len(whole)):
        with pytest.raises(LDAPSocketReceiveError):
            found_object(whole[:length], 7)
    # The whole is as long as it says, and what is in it says more.
    with pytest.raises(LDAPSocketReceiveError):
        found_object(b"\x30\x0a\x02\x01\x07\x64\x05\x04\x7fCN=", 7)


def test_objects_come_before_the_end_of_the_search_however_they_arrive() -> None:
    arriving = [[_object(7, "CN=a", {}), _object(7, "CN=b", {})], [_object(7, "CN=c", {}), _done(7)], []]
    strategy = SimpleNamespace(receiving=lambda: arriving.pop(0))
    # As ldap3 does: nothing received means that the session is over.
    strategy._get_response = lambda number, timeout: list(strategy.receiving()) or "over"
    connection: Any = SimpleNamespace(strategy=strategy)
    read_objects_quickly(connection)
    *objects, last = strategy._get_response(7, None)
    assert [each["raw_dn"] for each in objects] == [b"CN=a", b"CN=b", b"CN=c"]
    assert last == _done(7)
    assert strategy._get_response(8, None) == "over"
