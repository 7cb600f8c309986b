"""Free and busy times of another organisation, asked of its server.

An availability address space with one account for all (Add-AvailabilityAddressSpace -AccessMethod OrgWideFB).
"""

from __future__ import annotations

import base64
import ssl
from contextlib import closing
from copy import deepcopy
from http.client import HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

import structlog
from lxml import etree

from isthmus_lab.processor import PROCESSOR

from ..directory import Recipient
from ..mail.routing import domain, smtp
from ..settings import AddressSpace
from .call import Call
from .errors import EwsError
from .names import MESSAGES, NSMAP, SOAP, TYPES, Element, child, elements, m, t

_log = structlog.get_logger()
_TIMEOUT: Final = 25.0
_LARGEST: Final = 1 << 24


def space_of(call: Call, found: Recipient | None, address: str) -> tuple[AddressSpace, str] | None:
    """Where somebody without a mailbox here is asked for, and under which address."""
    # Who has no mailbox is another organisation's server: its questions are not passed on, or they might go in circles.
    if call.caller.mailbox is None or (found is not None and (found.is_group or found.mailbox is not None)):
        return None
    target = address if found is None or found.target_address is None else smtp(found.target_address)
    space = call.services.settings.availability.get(domain(target))
    return None if space is None else (space, target)


def ask(call: Call, space: AddressSpace, address: str) -> list[Element]:
    """What the other server says of an address: the content of its FreeBusyResponse. Raises EwsError."""
    data = t("MailboxData", t("Email", t("Address", address)))
    data.append(t("AttendeeType", "Required"))
    asked = m("GetUserAvailabilityRequest")
    for each in elements(call.element):
        if each.tag == f"{{{TYPES}}}TimeZone":
            asked.append(deepcopy(each))
    asked.append(m("MailboxDataArray", data))
    options = child(call.element, "FreeBusyViewOptions")
    if options is not None:
        asked.append(deepcopy(options))
    try:
        with PROCESSOR.waiting():
            answer = _post(space, asked)
    except (HTTPException, OSError, etree.XMLSyntaxError) as error:
        _log.warning("the other organisation does not say who is busy", url=space.url, reason=str(error))
        raise EwsError("ErrorProxyRequestProcessingFailed", f"{space.url} could not be asked: {error}") from None
    found = answer.find(f".//{{{MESSAGES}}}FreeBusyResponse")
    if found is None:
        raise EwsError("ErrorProxyRequestProcessingFailed", f"{space.url} gave no answer about {address}.")
    return elements(found)


def _post(space: AddressSpace, asked: Element) -> Element:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", None, NSMAP | {"s": SOAP})
    header = etree.SubElement(envelope, f"{{{SOAP}}}Header")
    header.append(t("RequestServerVersion", Version="Exchange2010_SP2"))
    etree.SubElement(envelope, f"{{{SOAP}}}Body").append(asked)
    credentials = base64.b64encode(f"{space.user}:{space.password.get_secret_value()}".encode()).decode()
    headers = {
        "Authorization": f"Basic {credentials}",
        "Content-Type": "text/xml; charset=utf-8",
        "User-Agent": "ASProxy/CrossForest/EmailDomain",
    }
    where = urlsplit(space.url)
    tls = ssl.create_default_context(cafile=None if space.ca_file is None else str(space.ca_file))
    with closing(HTTPSConnection(where.hostname or "", where.port, timeout=_TIMEOUT, context=tls)) as connection:
        connection.request("POST", where.path, etree.tostring(envelope), headers)
        answer = connection.getresponse().read(_LARGEST)
    return etree.fromstring(answer, etree.XMLParser(resolve_entities=False, no_network=True))
