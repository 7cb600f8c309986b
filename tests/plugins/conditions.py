"""Conditions of a running Exchange for the length of a test, and plain requests that show what they do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests
from isthmus_lab.exchange.conditions.model import CONTROL_PATH

from tests.plugins.exchange import Exchange, Person

ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header>{header}</s:Header>'
    "<s:Body>{body}</s:Body></s:Envelope>"
)
GET_INBOX = (
    "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds>"
    '<t:DistinguishedFolderId Id="inbox"/></m:FolderIds></m:GetFolder>'
)


def control(exchange: Exchange, method: str, **more: Any) -> dict[str, Any]:
    """The server's page of conditions, asked or given others."""
    url = urljoin(exchange.ews, CONTROL_PATH)
    answer = requests.request(
        method, url, auth=exchange.service_account, verify=str(exchange.authority), timeout=30, **more
    )
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


@contextmanager
def conditions(exchange: Exchange, **sections: Any) -> Iterator[None]:
    """These conditions instead of the server's own, until the end of the block."""
    before = control(exchange, "GET")["conditions"]
    control(exchange, "PUT", json=sections)
    try:
        yield
    finally:
        control(exchange, "PUT", json=before)


def injected(exchange: Exchange) -> dict[str, int]:
    """How often each rule has struck."""
    return control(exchange, "GET")["injected"]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Any

    @property
    def codes(self) -> list[str]:
        """The response codes in order; of a fault the one it has."""
        return re.findall(r"<\w+:ResponseCode[^>]*>(\w+)<", self.text)

    def ids(self, name: str = "ItemId") -> list[str]:
        """The ids of these elements."""
        return re.findall(rf'<\w+:{name} Id="([^"]+)"', self.text)


def ask(exchange: Exchange, person: Person, body: str, *, header: str = "", timeout: float = 30, **more: Any) -> Answer:
    """A plain request of a person, on a connection of its own."""
    with requests.Session() as session:
        answer = session.post(
            exchange.ews,
            data=ENVELOPE.format(header=header, body=body).encode(),
            verify=str(exchange.authority),
            timeout=timeout,
            **{"auth": (person.principal, person.password), "headers": {"Content-Type": "text/xml"}} | more,
        )
        return Answer(answer.status_code, answer.text, answer.headers)


def drafts(*subjects: str) -> str:
    """A request that makes drafts."""
    messages = "".join(f"<t:Message><t:Subject>{each}</t:Subject></t:Message>" for each in subjects)
    return f'<m:CreateItem MessageDisposition="SaveOnly"><m:Items>{messages}</m:Items></m:CreateItem>'


def item_ids(ids: list[str]) -> str:
    """The element that names these items."""
    return "<m:ItemIds>" + "".join(f'<t:ItemId Id="{each}"/>' for each in ids) + "</m:ItemIds>"
