"""Whom a request is about, and where they are: here, in another organisation, or nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lxml import etree

from ..directory import Recipient
from ..ews.call import Services
from ..ews.names import Element
from ..mail.routing import domain, smtp


@dataclass(frozen=True)
class Here:
    """Their mailbox is in this organisation."""

    person: Recipient


@dataclass(frozen=True)
class Elsewhere:
    """Their mail goes to another organisation: at that address, and at that URL where one is known."""

    person: Recipient
    address: str
    url: str | None


def find(services: Services, written: str) -> Here | Elsewhere | None:
    """By an SMTP address, a legacyExchangeDN, or the GUID of a mailbox with a domain behind it."""
    person = _person(services, written)
    if person is None:
        return None
    address = _target(services, person)
    if address is not None:
        return Elsewhere(person, address, services.settings.autodiscover_urls.get(domain(address)))
    return None if person.mailbox is None else Here(person)


def _person(services: Services, written: str) -> Recipient | None:
    if written.startswith("/"):
        return services.directory.by_address(f"x500:{written}")
    name, at, where = written.rpartition("@")
    if at and where.lower() in services.transport.accepted:
        try:
            return services.directory.by_mailbox(UUID(name))
        except ValueError:
            pass
    return services.directory.by_address(written)


def _target(services: Services, person: Recipient) -> str | None:
    """The address at which a person's active mailbox is, when that is in another organisation."""
    if person.target_address is None or not person.target_address.lower().startswith("smtp:"):
        return None
    address = smtp(person.target_address)
    return None if domain(address) in services.transport.accepted else address


def parse(body: bytes) -> Element | None:
    """A request's document without entities and network, None when it is none."""
    try:
        return etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return None


def add(parent: Element, namespace: str, name: str, text: str | None = None, **attributes: str) -> Element:
    """A new child with that text."""
    node = etree.SubElement(parent, f"{{{namespace}}}{name}", attributes)
    node.text = text
    return node


def written(root: Element) -> bytes:
    """The document that is sent."""
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)
