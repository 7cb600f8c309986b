"""Contacts as vCards (RFC 2426) and back, [MS-OXVCARD]. What a card has no property for stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final

import vobject
from vobject.vcard import Address, Name

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag, filetime, from_filetime
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.mapi.text import crlf, decode_bytes, text_from_html

_NAME: Final[dict[str, PropertyKey]] = {
    "family": tags.PidTagSurname,
    "given": tags.PidTagGivenName,
    "additional": tags.PidTagMiddleName,
    "prefix": tags.PidTagDisplayNamePrefix,
    "suffix": tags.PidTagGeneration,
}
_TEXTS: Final[dict[str, PropertyKey]] = {
    "nickname": tags.PidTagNickname,
    "title": tags.PidTagTitle,
    "role": tags.PidTagProfession,
    "x-ms-imaddress": tags.PidLidInstantMessagingAddress,
    "x-ms-spouse": tags.PidTagSpouseName,
    "x-ms-manager": tags.PidTagManagerName,
    "x-ms-assistant": tags.PidTagAssistant,
}
_DAYS: Final[dict[str, PropertyKey]] = {"bday": tags.PidTagBirthday, "x-ms-anniversary": tags.PidTagWeddingAnniversary}
_PAGES: Final[dict[str, PropertyKey]] = {
    "WORK": tags.PidTagBusinessHomePage,
    "HOME": tags.PidTagPersonalHomePage,
}
# The first kind that a card's number is, and has no number yet: so a second WORK,VOICE is the second business phone.
_PHONES: Final[tuple[tuple[str, frozenset[str], PropertyKey], ...]] = tuple(
    (name, frozenset(types.split(",")), key)
    for name, types, key in (
        ("tel", "WORK,FAX", tags.PidTagBusinessFaxNumber),
        ("tel", "HOME,FAX", tags.PidTagHomeFaxNumber),
        ("tel", "FAX", 0x3A23001F),
        ("tel", "CELL", tags.PidTagMobileTelephoneNumber),
        ("tel", "PAGER", 0x3A21001F),
        ("tel", "CAR", 0x3A1E001F),
        ("tel", "ISDN", 0x3A2D001F),
        ("tel", "WORK,VOICE", tags.PidTagBusinessTelephoneNumber),
        ("tel", "WORK,VOICE", tags.PidTagBusiness2TelephoneNumber),
        ("tel", "HOME,VOICE", tags.PidTagHomeTelephoneNumber),
        ("tel", "HOME,VOICE", 0x3A2F001F),
        ("tel", "PREF", tags.PidTagPrimaryTelephoneNumber),
        ("tel", "VOICE", 0x3A1F001F),
        ("email", "TLX", 0x3A2C001F),
        ("x-ms-tel", "ASSISTANT", 0x3A2E001F),
        ("x-ms-tel", "CALLBACK", 0x3A02001F),
        ("x-ms-tel", "COMPANY", 0x3A57001F),
        ("x-ms-tel", "RADIO", 0x3A1D001F),
        ("x-ms-tel", "TTYTTD", 0x3A4B001F),
    )
)
_ADDRESSES: Final[dict[str, dict[str, PropertyKey]]] = {
    "WORK": {
        "street": tags.PidLidWorkAddressStreet,
        "city": tags.PidLidWorkAddressCity,
        "region": tags.PidLidWorkAddressState,
        "code": tags.PidLidWorkAddressPostalCode,
        "country": tags.PidLidWorkAddressCountry,
    },
    "HOME": {
        "street": tags.PidTagHomeAddressStreet,
        "city": tags.PidTagHomeAddressCity,
        "region": tags.PidTagHomeAddressStateOrProvince,
        "code": tags.PidTagHomeAddressPostalCode,
        "country": tags.PidTagHomeAddressCountry,
    },
    "POSTAL": {
        "street": 0x3A63001F,
        "city": 0x3A5F001F,
        "region": 0x3A62001F,
        "code": 0x3A61001F,
        "country": 0x3A60001F,
    },
}
_EMAILS: Final = (
    (
        tags.PidLidEmail1EmailAddress,
        tags.PidLidEmail1AddressType,
        tags.PidLidEmail1DisplayName,
        tags.PidLidEmail1OriginalDisplayName,
    ),
    (
        tags.PidLidEmail2EmailAddress,
        tags.PidLidEmail2AddressType,
        tags.PidLidEmail2DisplayName,
        tags.PidLidEmail2OriginalDisplayName,
    ),
    (
        tags.PidLidEmail3EmailAddress,
        tags.PidLidEmail3AddressType,
        tags.PidLidEmail3DisplayName,
        tags.PidLidEmail3OriginalDisplayName,
    ),
)
_CLASSES: Final = ("PUBLIC", "X-PERSONAL", "PRIVATE", "CONFIDENTIAL")
"""By PidTagSensitivity."""


def is_vcard(content: bytes) -> bool:
    """Whether this is a card and no message."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:11].upper() == b"BEGIN:VCARD"


# --- writing ----------------------------------------------------------------------------------------------------------


def vcard_of(bag: Bag) -> bytes:
    """The contact's card."""
    card = vobject.vCard()
    get = bag.get
    shown = get(tags.PidTagDisplayName) or get(tags.PidTagSubject) or ""
    card.add("n").value = Name(**{part: get(key) or "" for part, key in _NAME.items()})
    card.add("fn").value = shown
    for name, key in _TEXTS.items():
        _add(card, name, get(key))
    for name, key in _DAYS.items():
        _add(card, name, from_filetime(get(key)).date().isoformat() if get(key) else None)
    if get(tags.PidTagCompanyName) or get(tags.PidTagDepartmentName):
        parts = (get(tags.PidTagCompanyName), get(tags.PidTagDepartmentName))
        card.add("org").value = [each or "" for each in (parts if parts[1] else parts[:1])]
    for name, types, key in _PHONES:
        _add(card, name, get(key), *sorted(types, reverse=True))
    for number, (address, kind, _, original) in enumerate(_EMAILS):
        written = get(original) if get(kind) == "EX" else get(address)
        if written and (get(kind) != "EX" or "@" in written):
            _add(card, "email", written, "INTERNET", *(["PREF"] if number == 0 else []))
    for where, keys in _ADDRESSES.items():
        parts_of = {part: get(key) or "" for part, key in keys.items()}
        if any(parts_of.values()):
            _add(card, "adr", Address(**parts_of), where)
    for where, page in _PAGES.items():
        _add(card, "url", get(page), where)
    if get(tags.PidNameKeywords):
        card.add("categories").value = list(get(tags.PidNameKeywords))
    _add(card, "note", _note(bag))
    _add(card, "class", _CLASSES[get(tags.PidTagSensitivity, 0) % 4])
    for attachment in bag.attachments:
        content = attachment.properties.get(tags.PidTagAttachDataBinary)
        if attachment.properties.get(tags.PidTagAttachmentContactPhoto) and content:
            _add(card, "photo", bytes(content), _picture(bytes(content)))
            card.photo.encoding_param = "b"
    if get(tags.PidTagLastModificationTime):
        _add(card, "rev", f"{from_filetime(get(tags.PidTagLastModificationTime)):%Y-%m-%dT%H:%M:%SZ}")
    written_card: str = card.serialize(lineLength=75)
    return written_card.encode("utf-8", "replace")


def _add(card: Any, name: str, value: Any, *types: str) -> None:
    if value:
        line = card.add(name)
        line.value = value
        if types:
            line.type_paramlist = list(types)


def _note(bag: Bag) -> str | None:
    plain, page = bag.get(tags.PidTagBody), bag.get(tags.PidTagHtml)
    text = plain if plain is not None else text_from_html(decode_bytes(page)) if page else None
    return text and text.replace("\r\n", "\n").strip("\n")


def _picture(content: bytes) -> str:
    kinds = {b"\x89PNG": "PNG", b"GIF8": "GIF", b"BM": "BMP"}
    return next((kind for beginning, kind in kinds.items() if content.startswith(beginning)), "JPEG")


# --- reading ----------------------------------------------------------------------------------------------------------


def contact(content: bytes) -> Bag:
    """The contact of a card, of version 2.1 too. Raises ValueError."""
    try:
        card = vobject.readOne(decode_bytes(content), allowQP=True)
        if card is None or card.name != "VCARD":
            raise ValueError("no VCARD")
        return _contact(card)
    except Exception as error:  # the library raises whatever its parts come upon
        raise ValueError(f"not a card of a contact: {error}") from None


def _contact(card: Any) -> Bag:
    bag = Bag({tags.PidTagMessageClass: "IPM.Contact"})
    emails = iter(_EMAILS)
    for line in card.lines():
        name, types = line.name.lower(), frozenset(_types(line))
        if name == "n":
            bag.set({key: _text(getattr(line.value, part)) for part, key in _NAME.items()})
        elif name == "fn":
            bag[tags.PidTagDisplayName] = str(line.value)
        elif name in _TEXTS:
            bag.set({_TEXTS[name]: _text(line.value)})
        elif name in _DAYS:
            bag.set({_DAYS[name]: _day(str(line.value))})
        elif name == "org":
            parts = [*map(_text, line.value), None, None]
            bag.set({tags.PidTagCompanyName: parts[0], tags.PidTagDepartmentName: parts[1]})
        elif name == "adr":
            where = next((each for each in _ADDRESSES if each in types), "POSTAL")
            bag.set({key: _text(getattr(line.value, part)) for part, key in _ADDRESSES[where].items()})
        elif name == "url":
            bag.set({_PAGES["HOME" if "HOME" in types else "WORK"]: _text(line.value)})
        elif name == "email" and "TLX" not in types:
            keys = next(emails, None)  # a contact has three
            if keys is not None:
                bag.set(dict(zip(keys, (str(line.value), "SMTP", str(line.value), str(line.value)), strict=True)))
        elif name in ("tel", "email", "x-ms-tel"):
            bag.set(dict.fromkeys(_phone(bag, name, types), _text(line.value)))
        elif name == "categories":
            bag[tags.PidNameKeywords] = [str(each) for each in line.value]
        elif name == "note":
            bag[tags.PidTagBody] = crlf(str(line.value))
        elif name == "class" and str(line.value).upper() in _CLASSES:
            bag[tags.PidTagSensitivity] = _CLASSES.index(str(line.value).upper())
        elif name == "photo" and isinstance(line.value, bytes):
            bag[tags.PidLidHasPicture] = True
            bag.attachments.append(_photo(line.value))
    _named(bag)
    return bag


def _types(line: Any) -> Iterator[str]:
    """The kinds of a value, given as TYPE=… or, in version 2.1, alone."""
    for each in (*line.params.get("TYPE", ()), *line.singletonparams):
        yield from (kind.strip().upper() for kind in each.split(","))


def _phone(bag: Bag, name: str, types: frozenset[str]) -> list[PropertyKey]:
    """The property of a number: of those that fit, the first that is not taken. What is no machine's is spoken to."""
    said = types if types & {"FAX", "CELL", "PAGER", "CAR", "ISDN"} else types | {"VOICE"}
    fitting = [key for own, kinds, key in _PHONES if own == name and kinds <= said]
    return [key for key in fitting if key not in bag][:1]


def _text(value: Any) -> str | None:
    """A value's text; several parts are one text. None where it is empty."""
    return (" ".join(map(str, value)) if isinstance(value, list) else str(value)) or None


def _day(written: str) -> int | None:
    try:
        day = date.fromisoformat(written.partition("T")[0])
    except ValueError:
        return None
    return filetime(datetime(day.year, day.month, day.day))


def _photo(content: bytes) -> Attachment:
    return Attachment(
        {
            tags.PidTagAttachMethod: tags.ATTACH_BY_VALUE,
            tags.PidTagAttachLongFilename: f"ContactPicture.{_picture(content).lower().replace('jpeg', 'jpg')}",
            tags.PidTagAttachDataBinary: content,
            tags.PidTagAttachmentContactPhoto: True,
            tags.PidTagRenderingPosition: -1,
        }
    )


def _named(bag: Bag) -> None:
    """By what a contact is found and filed ([MS-OXOCNTC] 2.2.1.1)."""
    parts = [bag.get(tags.PidTagSurname), bag.get(tags.PidTagGivenName)]
    filed = ", ".join(each for each in parts if each)
    shown = bag.properties.setdefault(tags.PidTagDisplayName, " ".join(each for each in reversed(parts) if each))
    bag.set({tags.PidTagSubject: shown, tags.PidTagNormalizedSubject: shown, tags.PidLidFileUnder: filed or shown})
