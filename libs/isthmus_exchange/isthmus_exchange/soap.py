"""SOAP envelopes of EWS: writing a request, reading an answer. XML is parsed without entities and without network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from .errors import BUSY, EwsError, ServerBusyError
from .names import MESSAGES, SOAP, TYPES, E, M, S, T

Element = etree._Element

_DEFAULT_BACK_OFF = 30.0
_LONGEST_BACK_OFF = 300.0
_DIGITS = re.compile(r"\d+")

text = escape
attribute = quoteattr


def envelope(body: bytes, version: str, impersonate: str | None) -> bytes:
    """A SOAP 1.1 envelope around ``body``, for one request that acts for the mailbox ``impersonate``."""
    header = f'<t:RequestServerVersion Version="{version}"/>'
    if impersonate:
        header += (
            "<t:ExchangeImpersonation><t:ConnectingSID>"
            f"<t:PrimarySmtpAddress>{escape(impersonate)}</t:PrimarySmtpAddress>"
            "</t:ConnectingSID></t:ExchangeImpersonation>"
        )
    return b"".join(
        (
            f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" '
            f'xmlns:t="{TYPES}"><s:Header>{header}</s:Header><s:Body>'.encode(),
            body,
            b"</s:Body></s:Envelope>",
        )
    )


def parse(answer: bytes) -> Element:
    """The body of an answer. Raises EwsError or ServerBusyError for a fault, ValueError for what is no EWS answer."""
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
        root = etree.fromstring(answer, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"the server's answer is not XML: {error}") from error
    body = root.find(f"{S}Body")
    if root.tag != f"{S}Envelope" or body is None or len(body) == 0:
        raise ValueError("the server's answer is not a SOAP envelope")
    if body[0].tag == f"{S}Fault":
        raise _fault(body[0])
    return root


def major_version(root: Element) -> int:
    """MajorVersion of the ServerVersionInfo in an answer: 14 is Exchange 2010, 15 is 2013 and everything later."""
    info = root.find(f"{S}Header/{T}ServerVersionInfo")
    return int(info.get("MajorVersion", "14")) if info is not None else 14


def response_messages(root: Element) -> Iterator[Element]:
    """The response message of each item of a batch, successful or not, in order."""
    for messages in root.iterfind(f"{S}Body/*/{M}ResponseMessages"):
        yield from messages


def check(message: Element) -> EwsError | None:
    """None for a response message that reports success, else its error. Raises ServerBusyError for a throttled one:
    the rest of the batch was not carried out, and nothing of this budget should be asked for a while."""
    code = message.findtext(f"{M}ResponseCode") or "ErrorInternalServerError"
    if message.get("ResponseClass") == "Success" or (message.get("ResponseClass") == "Warning" and code == "NoError"):
        return None
    values = _values(message.find(f"{M}MessageXml"))
    # The second shape of throttling: ErrorInternalServerError outside, ErrorServerBusy inside.
    if code in BUSY or values.get("InnerErrorResponseCode") in BUSY:
        raise ServerBusyError(_back_off(values.get("BackOffMilliseconds")))
    return EwsError(code, message.findtext(f"{M}MessageText") or "")


def child(element: Element, tag: str) -> Element:
    """The child with this tag. Raises ValueError when there is none."""
    found = element.find(tag)
    if found is None:
        raise ValueError(f"the server's {element.tag} has no {tag}")
    return found


def single(root: Element) -> Element:
    """The only response message of an answer. Raises EwsError when it reports an error."""
    for message in response_messages(root):
        if error := check(message):
            raise error
        return message
    raise ValueError("the server's answer holds no response message")


def _fault(fault: Element) -> EwsError | ServerBusyError | ValueError:
    detail = fault.find("detail")
    code = detail.findtext(f"{E}ResponseCode") if detail is not None else None
    values = _values(detail.find(f"{T}MessageXml") if detail is not None else None)
    words = fault.findtext("faultstring") or ""
    if code in BUSY:
        return ServerBusyError(_back_off(values.get("BackOffMilliseconds")))
    return EwsError(code or (fault.findtext("faultcode") or "").rpartition(":")[2] or "Fault", words)


def _values(message_xml: Element | None) -> dict[str, str]:
    if message_xml is None:
        return {}
    return {value.get("Name", ""): value.text or "" for value in message_xml.iterfind(f"{T}Value")}


def _back_off(milliseconds: str | None) -> float:
    found = _DIGITS.search(milliseconds or "")
    return min(int(found.group()) / 1000, _LONGEST_BACK_OFF) if found else _DEFAULT_BACK_OFF
