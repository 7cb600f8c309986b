"""Plain EWS requests, for what no client library asks."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import requests
from lxml import etree

from tests.plugins.exchange import Person

TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
NS = {"t": TYPES, "m": MESSAGES}
_ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="{t}" xmlns:m="{m}"><s:Header>'
    '<t:RequestServerVersion Version="Exchange2016"/>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>'
)


class Server(Protocol):
    """An Exchange server that somebody started."""

    @property
    def ews(self) -> str: ...

    @property
    def authority(self) -> Path: ...


def ask(
    exchange: Server, person: Person | tuple[str, str], body: str, *, header: str = "", **headers: str
) -> etree._Element:
    """The answer's envelope. ``headers`` are HTTP headers with _ for -, ``X_AnchorMailbox``."""
    user = (person.principal, person.password) if isinstance(person, Person) else person
    answer = requests.post(
        exchange.ews,
        data=_ENVELOPE.format(header=header, body=body, **NS).encode(),
        auth=user,
        headers={"Content-Type": "text/xml"} | {name.replace("_", "-"): value for name, value in headers.items()},
        verify=str(exchange.authority),
        timeout=60,
    )
    return etree.fromstring(answer.content)


def found(node: etree._Element, path: str) -> list[etree._Element]:
    """The elements of an XPath with the prefixes t and m."""
    return list(node.iterfind(path, NS))


def texts(node: etree._Element, path: str) -> list[str]:
    """The texts of the elements of an XPath."""
    return [each.text or "" for each in found(node, path)]


def codes(node: etree._Element) -> list[str]:
    """The response codes of all response messages, or the fault's."""
    return [each.text or "" for each in node.iter() if str(each.tag).endswith("}ResponseCode")]
