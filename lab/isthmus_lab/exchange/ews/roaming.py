"""The dictionary of a user configuration: elements of EWS, and the XML in which it is kept ([MS-OXOCFG] 2.2.5.1).

A key or value is written as its type's number, a dash and its text: ``18-piReminderUpgradeTime``, ``3-True``.
"""

from __future__ import annotations

import json
from typing import Final

from lxml import etree

from .errors import EwsError
from .names import Element, clean, elements, t, text

_NAMESPACE: Final = "dictionary.xsd"
_EMPTY: Final = (
    f'<UserConfiguration xmlns="{_NAMESPACE}"><Info version="Exchange.12"/><Data/></UserConfiguration>'.encode()
)
_XSI_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_NIL: Final = 0
_TYPES: Final = {
    "Boolean": 3,
    "Byte": 6,
    "Integer32": 9,
    "UnsignedInteger32": 10,
    "Integer64": 11,
    "UnsignedInteger64": 12,
    "DateTime": 16,
    "String": 18,
    # The protocol has no numbers for these two.
    "StringArray": 101,
    "ByteArray": 102,
}
_NAMES: Final = {number: name for name, number in _TYPES.items()}


def write(dictionary: Element) -> bytes:
    """PidTagRoamingDictionary from a Dictionary element."""
    root = etree.fromstring(_EMPTY)
    data = root[1]
    known = set()
    for entry in elements(dictionary):
        key, value = (_packed(each) for each in elements(entry))
        if key in known:
            raise EwsError("ErrorInvalidRequest", f"The dictionary has the key {key} twice.")
        known.add(key)
        etree.SubElement(data, f"{{{_NAMESPACE}}}e", {"k": key, "v": value})
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def read(raw: bytes) -> Element:
    """The Dictionary element of PidTagRoamingDictionary."""
    try:
        root = etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise EwsError("ErrorCorruptData", f"The dictionary cannot be read: {error}") from None
    node = t("Dictionary")
    for each in root.iter(f"{{{_NAMESPACE}}}e"):
        entry = t("DictionaryEntry", _unpacked("DictionaryKey", each.get("k", "")))
        entry.append(_unpacked("DictionaryValue", each.get("v", "")))
        node.append(entry)
    return node


def _packed(node: Element) -> str:
    if node.get(_XSI_NIL) in ("true", "1"):
        return f"{_NIL}-"
    kind = text(node, "Type") or "String"
    values = [each.text or "" for each in elements(node)[1:]]
    if kind == "StringArray":
        content = json.dumps(values, ensure_ascii=False)
    elif kind == "Boolean":
        content = "True" if values[0].strip() in ("true", "1", "True") else "False"
    else:
        content = values[0] if values else ""
    return f"{_TYPES[kind]}-{clean(content)}"


def _unpacked(name: str, packed: str) -> Element:
    number, _, content = packed.partition("-")
    node = t(name)
    if number == str(_NIL):
        node.set(_XSI_NIL, "true")
        return node
    kind = _NAMES.get(int(number) if number.isdecimal() else _TYPES["String"], "String")
    node.append(t("Type", kind))
    values = json.loads(content) if kind == "StringArray" else [content.lower() if kind == "Boolean" else content]
    node.extend(t("Value", clean(str(each))) for each in values)
    return node
