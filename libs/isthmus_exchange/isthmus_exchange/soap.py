"""SOAP envelopes of EWS: writing a request, reading an answer. XML is parsed without entities and without network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from .body import Body, Piece
from .errors import BUSY, TRANSIENT, EwsError, ServerBusyError, TransientError
from .names import MESSAGES, SOAP, TYPES, E, M, S, T

Element = etree._Element
Lifted = TypeVar("Lifted")

_DEFAULT_BACK_OFF = 30.0
_LONGEST_BACK_OFF = 600.0
_DIGITS = re.compile(r"\d+")
_DOCTYPE = re.compile(rb"<!DOCTYPE", re.IGNORECASE)
_ID = re.compile("[A-Za-z0-9+/=_-]*")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTENT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(?:Data|Content)(?: [^<>]*)?>")
"""Begins an exported item, or the content of an attachment."""
_LEAST = 256
_KEY, _ROWS, _DONE = "content: ", "rows: ", "messages: "
_CREATE = b"<t:Create>"
_CREATED = b"</t:Create>"
_PLAIN = rb"[ !#-%'-;=?-~]*"
"""Text that stands for itself."""
_ROW = re.compile(
    rb'<t:Create><t:(\w+)><t:ItemId Id="(%(text)s)" ChangeKey="(%(text)s)"/>'
    rb'((?:<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="%(text)s" PropertyType="\w+"/>'
    rb"<t:Value>%(text)s</t:Value></t:ExtendedProperty>)*)</t:\1></t:Create>" % {b"text": _PLAIN}
)
_CARRIED = re.compile(rb"<m:((?:Export|Upload)ItemsResponseMessage) ")
_BEGINNING = 4096
"""Bytes of an answer in which the first of its messages begins."""
_SUCCESS = re.compile(
    rb'<m:(\w+) ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
    rb'<m:ItemId Id="(%(text)s)" ChangeKey="(%(text)s)"/>(</m:\1>|<m:Data>)' % {b"text": _PLAIN}
)
_DATA = b"<m:Data>"
_REFERENCE = re.compile(rb"&#(x[0-9A-Fa-f]+|[0-9]+);")


def text(value: str) -> str:
    """A value as the content of an element. What XML has no place for becomes U+FFFD."""
    return escape(_FORBIDDEN.sub("\ufffd", value))


def attribute(value: str) -> str:
    """A value as an attribute, with its quotes."""
    if _ID.fullmatch(value):  # nearly all are
        return f'"{value}"'
    return quoteattr(_FORBIDDEN.sub("\ufffd", value))


def envelope(body: Body, version: str, impersonate: str | None) -> Body:
    """A SOAP 1.1 envelope around ``body``, for one request that acts for the mailbox ``impersonate``."""
    header = f'<t:RequestServerVersion Version="{version}"/>'
    if impersonate:
        header += (
            "<t:ExchangeImpersonation><t:ConnectingSID>"
            f"<t:PrimarySmtpAddress>{text(impersonate)}</t:PrimarySmtpAddress>"
            "</t:ConnectingSID></t:ExchangeImpersonation>"
        )
    head = (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" '
        f'xmlns:t="{TYPES}"><s:Header>{header}</s:Header><s:Body>'
    )
    return body.within(head.encode(), b"</s:Body></s:Envelope>")


class Row(NamedTuple):
    """A new item in a listing that is written in the plainest way. `properties`: its extended ones, as they came."""

    id: str
    change_key: str
    properties: str


class Done(NamedTuple):
    """A message of ExportItems or UploadItems that is written in the plainest way. `data`: an item's stream."""

    id: str
    change_key: str
    data: Piece


class Large(dict[str, memoryview]):
    """What is nearly all of an answer: content, which stays where it was received, as a document would copy it; the
    rows of a listing, and the messages of a batch, of which a document takes much longer than they do. In the document
    there are keys of this instead. So what is around them is the parser's to judge, and so is whatever is written in an
    unusual way.
    """

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}
        self._done: dict[str, list[Done]] = {}

    def lift(self, answer: bytes | bytearray) -> bytes | bytearray:
        """The answer without its messages, its content, or its rows."""
        answer = self._without_messages(answer)
        if b"Data>" not in answer and b"Content>" not in answer:
            return _without(answer, _CREATE, _row, _CREATED, _ROWS, self._rows)
        view, kept = memoryview(answer), 0
        rest: list[bytes | memoryview] = []
        while found := _CONTENT.search(answer, kept):
            start = found.end()
            end = answer.find(b"<", start)
            if end < 0:
                break  # it was cut off
            rest.append(view[kept:start])
            # What is short costs nothing, and what has references or sections is for a parser to read.
            if end - start >= _LEAST and answer.startswith(b"</", end) and answer.find(b"&", start, end) < 0:
                key = f"{_KEY}{len(self)}"
                self[key] = view[start:end].toreadonly()
                rest.append(key.encode())
            else:
                rest.append(view[start:end])
            kept = end
        return b"".join((*rest, view[kept:])) if self else answer

    def _without_messages(self, answer: bytes | bytearray) -> bytes | bytearray:
        found = _CARRIED.search(answer, 0, _BEGINNING)
        if found is None:
            return answer
        view = memoryview(answer).toreadonly()
        begin, end = b'<m:%b ResponseClass="Success">' % found[1], b"</m:%b>" % found[1]
        return _without(answer, begin, lambda answer, at: _message(answer, at, view), end, _DONE, self._done)

    def rows(self, element: Element) -> list[Row]:
        """The rows in whose place this is; none when it is itself what was written."""
        return self._rows.get(element.text or "", [])

    def messages(self, messages: Iterable[Element]) -> Iterator[Element | Done]:
        """Each message, those among them in whose places there is an element here."""
        for message in messages:
            yield from self._done.get(message.text or "") or (message,)

    def text(self, element: Element | None) -> Piece:
        """What is in an element, wherever it is; empty for none."""
        within = "" if element is None else element.text or ""
        return self[within] if within.startswith(_KEY) else within


def _without(
    answer: bytes | bytearray,
    begin: bytes,
    read: Callable[[bytes | bytearray, int], tuple[Lifted, int] | None],
    end: bytes,
    key: str,
    kept: dict[str, list[Lifted]],
) -> bytes | bytearray:
    """The answer with one element, from `begin` to `end`, in place of all that follow each other; what `read` found in
    these, until which byte, is in `kept` by a key that is in the element."""
    rest: list[bytes | bytearray] = []
    done = at = 0
    while (start := answer.find(begin, at)) >= 0:
        run, at = list[Lifted](), start
        while found := read(answer, at):
            run.append(found[0])
            at = found[1]
        if run:
            name = f"{key}{len(kept)}"
            kept[name] = run
            rest += answer[done:start], begin, name.encode(), end
            done = at
        else:
            at += len(begin)
    return b"".join((*rest, answer[done:])) if rest else answer


def _row(answer: bytes | bytearray, at: int) -> tuple[Row, int] | None:
    found = _ROW.match(answer, at)
    return found and (Row(found[2].decode(), found[3].decode(), found[4].decode()), found.end())


def _message(answer: bytes | bytearray, at: int, view: memoryview) -> tuple[Done, int] | None:
    found = _SUCCESS.match(answer, at)
    if found is None:
        return None
    name, identity, change_key, then = found.groups()
    start = end = found.end()
    if then == _DATA:
        end = answer.find(b"<", start)
        rest = b"</m:Data></m:%b>" % name
        # What has references is for a parser to read.
        if not answer.startswith(rest, end) or answer.find(b"&", start, end) >= 0:
            return None
        return Done(identity.decode(), change_key.decode(), view[start:end]), end + len(rest)
    return Done(identity.decode(), change_key.decode(), b""), end


class Answered(NamedTuple):
    """An answer's root, and the large texts that are not in it."""

    root: Element
    large: Large


def parse(answer: bytes | bytearray, large: Large | None = None) -> Element:
    """The root of an answer of any size. Raises EwsError, ServerBusyError or TransientError for a fault, ValueError for
    what is no EWS answer. `large` gets what is too large for a document, if given.
    """
    root = _document(bytes(answer if large is None else large.lift(answer)))
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
    """The response message of each item of a batch, successful or not, in order.

    An operation that is about one thing answers with a message that is the response itself (rules, delegates) or lies
    in it beside the content (automatic replies); then the response is given.
    """
    for response in root.iterfind(f"{S}Body/*"):
        messages = response.find(f"{M}ResponseMessages")
        if messages is not None and response.get("ResponseClass") is None:
            yield from messages
        else:
            yield response


def check(message: Element) -> EwsError | None:
    """None for a response message that reports success, else its error.

    What a server leaves out after a failure comes as a warning (ErrorBatchProcessingStopped).
    """
    if message.get("ResponseClass") == "Success":
        return None
    beside = message.find(f"{M}ResponseMessage")
    message = message if beside is None else beside
    if message.get("ResponseClass") == "Success":
        return None
    code = message.findtext(f"{M}ResponseCode") or "ErrorInternalServerError"
    if code == "NoError":
        return None
    return EwsError(code, message.findtext(f"{M}MessageText") or "", _rest(code, message.find(f"{M}MessageXml")))


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


def _document(answer: bytes) -> Element:
    if _DOCTYPE.search(answer, 0, 1024):
        raise ValueError("the server's answer has a document type")
    try:
        return etree.fromstring(answer, parser())
    except etree.XMLSyntaxError as error:
        # Exchange writes characters that XML 1.0 has no place for as references: &#x1; in a subject.
        cleaned = _REFERENCE.sub(_allowed, answer)
        if cleaned != answer:
            return _document(cleaned)
        raise ValueError(f"the server's answer is not XML: {error}") from None


def parser() -> etree.XMLParser:
    """For what a server wrote: it reads nothing else, and may be as long as an item."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


def _allowed(reference: re.Match[bytes]) -> bytes:
    digits = reference[1].decode()
    number = int(digits[1:], 16) if digits.startswith("x") else int(digits)
    if number > 0x10FFFF or _FORBIDDEN.match(chr(number)):
        return "\ufffd".encode()
    return reference[0]


def _fault(fault: Element) -> Exception:
    detail = fault.find("detail")
    code = detail.findtext(f"{E}ResponseCode") if detail is not None else None
    # A fault about the schema names its code as faultcode only: a:ErrorSchemaValidation.
    code = code or (fault.findtext("faultcode") or "").rpartition(":")[2] or "Fault"
    words = fault.findtext("faultstring") or ""
    rest = _rest(code, detail.find(f"{T}MessageXml") if detail is not None else None)
    if rest is not None:
        return ServerBusyError(rest, code if code in BUSY else "ErrorServerBusy")
    return TransientError(f"{code}: {words}") if code in TRANSIENT else EwsError(code, words)


def _rest(code: str, message_xml: Element | None) -> float | None:
    """The rest that a busy server asks for; None when it is not busy. One of its shapes is another error outside,
    ErrorServerBusy inside.
    """
    values = (
        {} if message_xml is None else {each.get("Name"): each.text or "" for each in message_xml.iter(f"{T}Value")}
    )
    if code not in BUSY and values.get("InnerErrorResponseCode") not in BUSY:
        return None
    found = _DIGITS.search(values.get("BackOffMilliseconds", ""))
    return min(int(found.group()) / 1000, _LONGEST_BACK_OFF) if found else _DEFAULT_BACK_OFF
