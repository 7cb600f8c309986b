"""Extended properties: any MAPI property by its tag, or by property set and name or number ([MS-OXWSXPROP])."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.tags import NamedProperty, PropertyKey

from .errors import EwsError
from .names import Element, child, clean, elements, t
from .values import mapi_type, text_of

_SETS: Final = {
    "Meeting": tags.PSETID_Meeting,
    "Appointment": tags.PSETID_Appointment,
    "Common": tags.PSETID_Common,
    "PublicStrings": tags.PS_PUBLIC_STRINGS,
    "Address": tags.PSETID_Address,
    "InternetHeaders": tags.PS_INTERNET_HEADERS,
    "CalendarAssistant": tags.PSETID_CalendarAssistant,
    "UnifiedMessaging": tags.PSETID_UnifiedMessaging,
    "Task": tags.PSETID_Task,
    "Sharing": tags.PSETID_Sharing,
}


def key_of(path: Element) -> PropertyKey:
    """The property that an ExtendedFieldURI names. Raises EwsError ErrorInvalidExtendedProperty."""
    code = mapi_type(path.get("PropertyType", "")).code
    written = path.get("PropertyTag")
    if written is not None:
        number = int(written, 16) if written[:2].lower() == "0x" else int(written)
        if number >= 0x8000:
            raise EwsError(
                "ErrorInvalidExtendedProperty", f"The tag {written} is in the range of named properties; use their set."
            )
        return tags.tag(number, code)
    distinguished, guid = path.get("DistinguishedPropertySetId"), path.get("PropertySetId")
    name, lid = path.get("PropertyName"), path.get("PropertyId")
    if (distinguished is None) == (guid is None) or (name is None) == (lid is None):
        raise EwsError(
            "ErrorInvalidExtendedProperty", "An extended property needs a tag, or one property set and one name or id."
        )
    which = _SETS[distinguished] if distinguished is not None else UUID(guid)
    return NamedProperty(which, name if name is not None else int(lid or 0), code)


def show(path: Element, key: PropertyKey, value: Any) -> Element:
    """The ExtendedProperty element: the path as the client wrote it, and the value."""
    shown = t("ExtendedFieldURI")
    shown.attrib.update(path.attrib)
    node = t("ExtendedProperty", shown)
    code = tags.property_type(key)
    text = text_of(code)
    if code & tags.PtypMultiple:
        values = t("Values")
        values.extend(t("Value", clean(text.show(each))) for each in value)
        node.append(values)
    else:
        node.append(t("Value", text.show(value)))
    return node


def read(node: Element) -> tuple[PropertyKey, Any]:
    """The property and value of an ExtendedProperty element."""
    path = child(node, "ExtendedFieldURI")
    if path is None:
        raise EwsError("ErrorInvalidExtendedProperty", "ExtendedProperty names no property.")
    key = key_of(path)
    text = text_of(tags.property_type(key))
    try:
        values = child(node, "Values")
        if values is not None:
            return key, [text.parse(each.text or "") for each in elements(values)]
        value = child(node, "Value")
        return key, text.parse("" if value is None else value.text or "")
    except ValueError as error:
        raise EwsError("ErrorInvalidExtendedPropertyValue", str(error)) from None
