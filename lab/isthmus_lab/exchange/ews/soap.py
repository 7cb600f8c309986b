"""The SOAP 1.1 envelope of EWS: read from a request's bytes, written around an answer.

No document type, no entity and no network is ever followed. The base64 of uploaded items does not go through a
document tree: it was taken out of the bytes while they arrived, so a request of 60 MB is parsed as one of a few kB.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from .arriving import Body
from .errors import EwsError
from .names import ERRORS, NSMAP, SOAP, TYPES, Element, child, elements, local
from .versions import SCHEMAS, Version

Answer = Element | list[bytes]
"""What an operation gives back: the response element, or its serialised pieces where the answer is large."""


@dataclass(frozen=True)
class Request:
    """A request out of its envelope.

    ``contents`` has what elements ``Data`` hold that are empty in ``element``, as it was decoded when it arrived.
    ``header`` has the header's elements, ``schema`` is the RequestServerVersion or None, ``impersonate`` is the name
    of the ConnectingSID element and its value; ``routing`` is the HTTP header X-PublicFolderMailbox.
    """

    element: Element
    header: list[Element]
    schema: str | None
    impersonate: tuple[str, str] | None
    contents: dict[Element, bytes]
    routing: str | None = None

    @property
    def operation(self) -> str:
        """The element's local name, e.g. ``GetFolder``."""
        return local(self.element)


def parse(arrived: Body) -> Request:
    """Reads an envelope. Raises EwsError (a fault) for what is no SOAP request."""
    body = arrived.document
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            body = re.sub(r"^<\?.*?\?>", "", body.decode("utf-16"), flags=re.DOTALL).encode()
        except UnicodeDecodeError as error:
            raise EwsError("ErrorSchemaValidation", f"The request failed schema validation: {error}") from None
    if _begins_with_doctype(body):
        raise _doctype()
    # Comments and processing instructions say nothing in a request.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        envelope = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise EwsError("ErrorSchemaValidation", f"The request failed schema validation: {error}") from None
    if envelope.getroottree().docinfo.internalDTD is not None:  # in an encoding in which it was not seen before
        raise _doctype()
    content = elements(envelope.find(f"{{{SOAP}}}Body"))
    if envelope.tag != f"{{{SOAP}}}Envelope" or len(content) != 1:
        raise EwsError("ErrorSchemaValidation", "The request failed schema validation: no SOAP envelope with one body.")
    holders = envelope.iter("{*}Data") if arrived.contents else ()
    contents = {each: content for each, content in zip(holders, arrived.contents, strict=False) if content is not None}
    header = envelope.find(f"{{{SOAP}}}Header")
    schema, impersonate = None, None
    for each in elements(header):
        if each.tag == f"{{{TYPES}}}RequestServerVersion":
            schema = each.get("Version", schema)
            if schema not in SCHEMAS:
                raise EwsError("ErrorInvalidServerVersion")
        elif each.tag == f"{{{TYPES}}}ExchangeImpersonation":
            who = elements(child(each, "ConnectingSID"))
            if not who:
                raise EwsError("ErrorSchemaValidation", "ExchangeImpersonation names nobody in ConnectingSID.")
            impersonate = (local(who[0]), (who[0].text or "").strip())
    return Request(content[0], elements(header), schema, impersonate, contents)


def _begins_with_doctype(body: bytes) -> bool:
    """What comes before the first element holds a document type; seen before the parser reads what is in it."""
    at = body.find(b"<")
    while at >= 0:
        if body.startswith(b"<!--", at):
            at = body.find(b"-->", at + 4)
        elif body.startswith(b"<?", at):
            at = body.find(b"?>", at + 2)
        else:
            return body[at : at + 9].upper() == b"<!DOCTYPE"
        at = body.find(b"<", at) if at >= 0 else -1
    return False


def _doctype() -> EwsError:
    return EwsError("ErrorSchemaValidation", "The request failed schema validation: document types are not allowed.")


def envelope(version: Version, answer: Answer) -> list[bytes]:
    """The answer in its envelope, as pieces to be sent one after the other."""
    head = (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}"><s:Header>'
        f'<h:ServerVersionInfo {_numbers(version)} xmlns:h="{TYPES}"/></s:Header><s:Body>'
    )
    content = answer if isinstance(answer, list) else [etree.tostring(answer, encoding="utf-8")]
    return [head.encode(), *content, b"</s:Body></s:Envelope>"]


def envelope_of_stream(version: Version, answer: Element) -> bytes:
    """One of the envelopes of a streaming answer: Exchange writes it without a prefix, and clients look for that."""
    head = (
        f'<?xml version="1.0" encoding="utf-8"?><Envelope xmlns="{SOAP}"><soap11:Header xmlns:soap11="{SOAP}">'
        f'<ServerVersionInfo xmlns="{TYPES}" {_numbers(version)}/></soap11:Header><soap11:Body xmlns:soap11="{SOAP}">'
    )
    return head.encode() + etree.tostring(answer, encoding="utf-8") + b"</soap11:Body></Envelope>"


def _numbers(version: Version) -> str:
    major, minor, build, revision = version.build
    return (
        f'MajorVersion="{major}" MinorVersion="{minor}" MajorBuildNumber="{build}" MinorBuildNumber="{revision}" '
        f'Version="{version.label}"'
    )


def fault(error: EwsError) -> Element:
    """The SOAP fault for an error that concerns the whole request; it goes out with HTTP status 500."""
    node = etree.Element(f"{{{SOAP}}}Fault", None, NSMAP | {"e": ERRORS})
    etree.SubElement(node, "faultcode").text = f"t:{error.code}"
    words = etree.SubElement(node, "faultstring")
    words.text = error.message
    words.set("{http://www.w3.org/XML/1998/namespace}lang", "en-US")
    detail = etree.SubElement(node, "detail")
    etree.SubElement(detail, f"{{{ERRORS}}}ResponseCode").text = error.code
    etree.SubElement(detail, f"{{{ERRORS}}}Message").text = error.message
    if error.values:
        detail.append(message_xml(error))
    return node


def message_xml(error: EwsError) -> Element:
    """What an error says beside its sentence, e.g. how long to stay away."""
    node = etree.Element(f"{{{TYPES}}}MessageXml", None, NSMAP)
    for name, value in error.values.items():
        etree.SubElement(node, f"{{{TYPES}}}Value", {"Name": name}).text = value
    return node
