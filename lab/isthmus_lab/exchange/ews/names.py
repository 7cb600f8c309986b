"""Namespaces of EWS and short ways to build elements in them."""

from __future__ import annotations

import re
from functools import cache
from typing import Final, cast

from lxml import etree

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
TYPES: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES: Final = "http://schemas.microsoft.com/exchange/services/2006/messages"
ERRORS: Final = "http://schemas.microsoft.com/exchange/services/2006/errors"
NSMAP: Final = {"t": TYPES, "m": MESSAGES}

Element = etree._Element

# What XML 1.0 cannot carry at all. Mail is full of it; a real Exchange answers with U+FFFD-free text too.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text without the characters that XML 1.0 cannot carry."""
    return _FORBIDDEN.sub("", text)


def copied(node: Element) -> Element:
    """The element once more, with all that is in it and without what it is in."""
    return cast("Element", node.__copy__())  # type: ignore[attr-defined] # what copy() calls, in half its time


@cache
def _empty(namespace: str, name: str) -> Element:
    """To be copied, which takes a ninth of the time that making one with its namespaces does."""
    return etree.Element(f"{{{namespace}}}{name}", None, NSMAP)


def _build(namespace: str, name: str, content: str | Element | None, attributes: dict[str, str]) -> Element:
    node = copied(_empty(namespace, name))
    for key, value in attributes.items():
        node.set(key, value)
    if isinstance(content, str):
        try:
            node.text = content
        except ValueError:
            node.text = clean(content)
    elif content is not None:
        node.append(content)
    return node


def t(name: str, content: str | Element | None = None, /, **attributes: str) -> Element:
    """An element of the types namespace: with text, with one child, or empty."""
    return _build(TYPES, name, content, attributes)


def m(name: str, content: str | Element | None = None, /, **attributes: str) -> Element:
    """An element of the messages namespace: with text, with one child, or empty."""
    return _build(MESSAGES, name, content, attributes)


def local(node: Element) -> str:
    """The element's name without its namespace."""
    return str(node.tag).rpartition("}")[2]


def child(node: Element, name: str) -> Element | None:
    """The first child of that local name, whichever of the two namespaces it is in."""
    names = _in_both(name)
    for each in node:  # iterchildren(*names) is slower: lxml makes a matcher for each call
        if each.tag in names:
            return each
    return None


@cache
def _in_both(name: str) -> tuple[str, str]:
    return f"{{{TYPES}}}{name}", f"{{{MESSAGES}}}{name}"


def text(node: Element, name: str) -> str | None:
    """The text of the first child of that name; None when there is no such child."""
    found = child(node, name)
    return None if found is None else (found.text or "")


def elements(node: Element | None) -> list[Element]:
    """The element children: no comments, no processing instructions."""
    return [] if node is None else [each for each in node if isinstance(each.tag, str)]


def flag(value: str | None, default: bool = False) -> bool:
    """An xs:boolean as it is written in an attribute or element."""
    return default if value is None else value.strip() in ("true", "1")


def unprefixed(node: Element) -> Element:
    """A copy in which each namespace is the default one: some answers of Exchange are written so, and clients know."""
    attributes = {str(name): str(value) for name, value in node.attrib.items()}
    copy = etree.Element(node.tag, attributes, cast("dict[str, str]", {None: etree.QName(node).namespace}))
    copy.text = node.text
    copy.extend(unprefixed(each) for each in elements(node))
    return copy
