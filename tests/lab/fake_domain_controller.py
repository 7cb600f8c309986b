"""A fake domain controller: an LDAP server that answers what a script says, byte for byte as [MS-ADTS] describes it.

It is no directory. It exists because Samba never takes certain paths that Active Directory takes every day: it puts
everything into one DirSync answer and into one page, it gives all members at once, and it does not refuse a cookie that
is too new. What is tested with it is our side of the conversation alone.
"""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ldap3.protocol.microsoft import DirSyncControlResponseValue
from ldap3.protocol.rfc2696 import RealSearchControlValue
from ldap3.protocol.rfc4511 import (
    LDAPDN,
    LDAPOID,
    AttributeDescription,
    AttributeValue,
    BindResponse,
    Control,
    Controls,
    LDAPMessage,
    LDAPString,
    MessageID,
    PartialAttribute,
    PartialAttributeList,
    ProtocolOp,
    ResultCode,
    SearchResultDone,
    SearchResultEntry,
    Vals,
)
from ldap3.strategy.base import BaseStrategy
from pyasn1.codec.ber import encoder

DIRSYNC = "1.2.840.113556.1.4.841"
PAGED = "1.2.840.113556.1.4.319"

Found = tuple[str, Mapping[str, Sequence[bytes]]]


@dataclass(frozen=True)
class Asked:
    """A search as it came: control values by OID, still encoded."""

    base: str
    attributes: tuple[str, ...]
    controls: Mapping[str, bytes]

    @property
    def cookie(self) -> bytes:
        """The cookie of the DirSync or paging control."""
        [(_, value)] = _parts(self.controls[DIRSYNC if DIRSYNC in self.controls else PAGED])
        return _parts(value)[-1][1]


@dataclass(frozen=True)
class Answer:
    """What the server says: entries, a result code with its words, controls."""

    entries: Sequence[Found] = ()
    code: int = 0
    words: str = ""
    controls: Mapping[str, bytes] = field(default_factory=dict)


def dirsync_value(cookie: bytes, *, more: bool) -> bytes:
    """The response control of DirSync ([MS-ADTS] 3.1.1.3.4.1.3)."""
    value = DirSyncControlResponseValue()
    value["MoreResults"] = int(more)
    value["unused"] = 0
    value["CookieServer"] = cookie
    return bytes(encoder.encode(value))


def paged_value(cookie: bytes) -> bytes:
    """The response control of paged results (RFC 2696)."""
    value = RealSearchControlValue()
    value["size"] = 0
    value["cookie"] = cookie
    return bytes(encoder.encode(value))


@contextlib.contextmanager
def domain_controller(script: Callable[[Asked], Answer]) -> Iterator[str]:
    """A server on loopback that lets everybody in and answers searches by `script`; yields its URL."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data = b""
            while True:
                size = BaseStrategy.compute_ldap_message_size(data)
                if size < 0 or len(data) < size:
                    more = self.request.recv(65536)
                    if not more:
                        return
                    data += more
                    continue
                [(_, message)] = _parts(data[:size])
                data = data[size:]
                for answer in _answers(_parts(message), script):
                    self.request.sendall(encoder.encode(answer))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"ldap://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


_BIND, _SEARCH, _CONTROLS = 0x60, 0x63, 0xA0


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """BER as tags and contents, one level deep. (ldap3's own description of filters is not one to decode them by.)"""
    found: list[tuple[int, bytes]] = []
    while data:
        tag, length, start = data[0], data[1], 2
        if length & 0x80:
            start = 2 + (length & 0x7F)
            length = int.from_bytes(data[2:start], "big")
        found.append((tag, data[start : start + length]))
        data = data[start + length :]
    return found


def _answers(message: list[tuple[int, bytes]], script: Callable[[Asked], Answer]) -> Iterator[Any]:
    number, (kind, content) = int.from_bytes(message[0][1], "big"), message[1]
    if kind == _BIND:
        yield _message(number, "bindResponse", _result(BindResponse(), Answer()))
    elif kind == _SEARCH:
        request = _parts(content)
        controls: dict[str, bytes] = {}
        for _, control in (part for tag, value in message[2:] if tag == _CONTROLS for part in _parts(value)):
            oid, *rest = _parts(control)
            controls[oid[1].decode()] = rest[-1][1] if rest and rest[-1][0] == 4 else b""
        names = tuple(name.decode() for _, name in _parts(request[7][1]))
        asked = Asked(request[0][1].decode(), names, controls)
        answer = script(asked)
        for dn, attributes in answer.entries:
            entry = SearchResultEntry()
            entry["object"] = LDAPDN(dn)
            entry["attributes"] = PartialAttributeList()
            for place, (name, values) in enumerate(attributes.items()):
                attribute = PartialAttribute()
                attribute["type"] = AttributeDescription(name)
                attribute["vals"] = Vals()
                for index, value in enumerate(values):
                    attribute["vals"][index] = AttributeValue(value)
                entry["attributes"][place] = attribute
            yield _message(number, "searchResEntry", entry)
        yield _message(number, "searchResDone", _result(SearchResultDone(), answer), answer.controls)


def _result(result: Any, answer: Answer) -> Any:
    result["resultCode"] = ResultCode(answer.code)
    result["matchedDN"] = LDAPDN("")
    result["diagnosticMessage"] = LDAPString(answer.words)
    return result


def _message(number: int, kind: str, operation: Any, controls: Mapping[str, bytes] | None = None) -> Any:
    message = LDAPMessage()
    message["messageID"] = MessageID(number)
    message["protocolOp"] = ProtocolOp().setComponentByName(kind, operation)
    if controls:
        message["controls"] = Controls()
        for place, (oid, value) in enumerate(controls.items()):
            control = Control()
            control["controlType"] = LDAPOID(oid)
            control["criticality"] = False
            control["controlValue"] = value
            message["controls"][place] = control
    return message
