"""The published EWS schema (Exchange 2016), and the questions that the server asks it.

``messages.xsd`` describes the requests and answers, ``types.xsd`` what they carry; both load as they are published.
What they lack of inbox rules, availability and automatic replies is in files beside them; ``services.xsd`` has it all.
``envelope.xsd`` is what SOAP puts around an answer, and a fault. Autodiscover's are in files of our own: SOAP in
``autodiscover*.xsd``, plain old XML in ``pox-*.xsd``.
The order of elements in an answer comes from here too, so that no second list of it has to be kept right by hand.
"""

from __future__ import annotations

import threading
from copy import copy
from functools import cache
from importlib.resources import as_file, files
from typing import Literal

from lxml import etree

_XS = "{http://www.w3.org/2001/XMLSchema}"
# A validator keeps its last errors in itself, so one thread at a time uses it; it takes long to make, so it is kept.
_idle: dict[str, list[etree.XMLSchema]] = {}
_taking = threading.Lock()
# The published file declares this answer as its one response message; it has ResponseMessages like the others
# ([MS-OXWSUSRCFG] 3.1.4.3), which clients rely on.
_DECLARED_LIKE = {"GetUserConfigurationResponse": "UpdateUserConfigurationResponse"}


Autodiscover = Literal["autodiscover-envelope", "pox-request", "pox-response"]
"""The schemas of Autodiscover; SOAP has one for requests and answers."""


def _document(name: str) -> etree._ElementTree:
    with as_file(files(__name__)) as folder:
        return etree.parse(str(folder / name))


def problems(element: etree._Element) -> list[str]:
    """What is wrong with a request or an answer (an element of the messages namespace); empty when it validates."""
    declared = _DECLARED_LIKE.get(etree.QName(element).localname)
    if declared is not None:
        element = copy(element)
        element.tag = f"{{{etree.QName(element).namespace}}}{declared}"
    # A copy on its own: the schema knows nothing of the SOAP envelope around the element.
    return _problems("services.xsd", etree.ElementTree(element))


def problems_of_envelope(envelope: bytes) -> list[str]:
    """What is wrong with an answer's envelope, or with the fault in it; what an operation answers is not looked at."""
    return _problems("envelope.xsd", etree.ElementTree(etree.fromstring(envelope)))


def problems_of_autodiscover(what: Autodiscover, document: etree._Element) -> list[str]:
    """What is wrong with a request or an answer of Autodiscover, from its root."""
    return _problems(f"{what}.xsd", etree.ElementTree(document))


def _problems(name: str, tree: etree._ElementTree) -> list[str]:
    with _taking:  # and whoever finds none waits while another one is made
        idle = _idle.setdefault(name, [])
        schema = idle.pop() if idle else etree.XMLSchema(_document(name))
    try:
        return [] if schema.validate(tree) else [str(entry.message) for entry in schema.error_log]  # type: ignore[attr-defined]
    finally:
        idle.append(schema)


@cache
def _types() -> dict[str, etree._Element]:
    return {
        str(node.get("name")): node
        for name in ("types.xsd", "inbox-rules-types.xsd")
        for node in _document(name).getroot()
        if node.tag in (f"{_XS}complexType", f"{_XS}simpleType")
    }


@cache
def order(type_name: str) -> tuple[str, ...]:
    """The element names of a complex type in the order in which an answer must carry them, its base type's first."""
    node = _types()[type_name]
    extension = node.find(f".//{_XS}extension")
    names: list[str] = []
    if extension is not None:
        base = str(extension.get("base"))
        if base.startswith("t:"):
            names += order(base[2:])
    names += [str(child.get("name") or child.get("ref")) for child in node.iter(f"{_XS}element")]
    return tuple(names)


@cache
def choices(type_name: str) -> frozenset[str]:
    """The values an enumerated simple type allows."""
    return frozenset(str(node.get("value")) for node in _types()[type_name].iter(f"{_XS}enumeration"))
