"""Fields of contacts and contact lists ([MS-OXWSCONT], [MS-OXOCNTC])."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.tags import PropertyKey

from . import lists
from .fields import Build, Draft, Field, Store, View, array, computed, simple, strings
from .names import Element, clean, elements, local, t
from .values import BOOLEAN, TEXT, TIME, choice

_PHONES: Final[dict[str, int]] = {
    "AssistantPhone": 0x3A2E001F,
    "BusinessFax": tags.PidTagBusinessFaxNumber,
    "BusinessPhone": tags.PidTagBusinessTelephoneNumber,
    "BusinessPhone2": tags.PidTagBusiness2TelephoneNumber,
    "Callback": 0x3A02001F,
    "CarPhone": 0x3A1E001F,
    "CompanyMainPhone": 0x3A57001F,
    "HomeFax": tags.PidTagHomeFaxNumber,
    "HomePhone": tags.PidTagHomeTelephoneNumber,
    "HomePhone2": 0x3A2F001F,
    "Isdn": 0x3A2D001F,
    "MobilePhone": tags.PidTagMobileTelephoneNumber,
    "OtherFax": 0x3A23001F,
    "OtherTelephone": 0x3A1F001F,
    "Pager": 0x3A21001F,
    "PrimaryPhone": tags.PidTagPrimaryTelephoneNumber,
    "RadioPhone": 0x3A1D001F,
    "Telex": 0x3A2C001F,
    "TtyTddPhone": 0x3A4B001F,
}
_EMAILS: Final = {
    "EmailAddress1": (
        tags.PidLidEmail1EmailAddress,
        tags.PidLidEmail1AddressType,
        tags.PidLidEmail1DisplayName,
        tags.PidLidEmail1OriginalDisplayName,
    ),
    "EmailAddress2": (
        tags.PidLidEmail2EmailAddress,
        tags.PidLidEmail2AddressType,
        tags.PidLidEmail2DisplayName,
        tags.PidLidEmail2OriginalDisplayName,
    ),
    "EmailAddress3": (
        tags.PidLidEmail3EmailAddress,
        tags.PidLidEmail3AddressType,
        tags.PidLidEmail3DisplayName,
        tags.PidLidEmail3OriginalDisplayName,
    ),
}
_ADDRESSES: Final[dict[str, dict[str, PropertyKey]]] = {
    "Business": {
        "Street": tags.PidLidWorkAddressStreet,
        "City": tags.PidLidWorkAddressCity,
        "State": tags.PidLidWorkAddressState,
        "CountryOrRegion": tags.PidLidWorkAddressCountry,
        "PostalCode": tags.PidLidWorkAddressPostalCode,
    },
    "Home": {
        "Street": tags.PidTagHomeAddressStreet,
        "City": tags.PidTagHomeAddressCity,
        "State": tags.PidTagHomeAddressStateOrProvince,
        "CountryOrRegion": tags.PidTagHomeAddressCountry,
        "PostalCode": tags.PidTagHomeAddressPostalCode,
    },
    "Other": {
        "Street": 0x3A63001F,
        "City": 0x3A5F001F,
        "State": 0x3A62001F,
        "CountryOrRegion": 0x3A60001F,
        "PostalCode": 0x3A61001F,
    },
}


def _emails(view: View) -> Element | None:
    entries = []
    for name, (address, routing, shown, original) in _EMAILS.items():
        value = view.value(address)
        if not value:
            continue
        entry = t("Entry", value, Key=name)
        display, kind = view.value(original) or view.value(shown), view.value(routing)
        if kind == "EX":
            entry.text = view.smtp_of(value) or value
        if display:
            entry.set("Name", clean(display))
        entry.set("RoutingType", "SMTP" if entry.text != value else kind or "SMTP")
        entries.append(entry)
    return array("EmailAddresses", entries) if entries else None


def _set_emails(draft: Draft, node: Element) -> None:
    for entry in elements(node):
        address, routing, shown, original = _EMAILS[entry.get("Key", "")]
        value = entry.text or None
        draft.set(address, value)
        draft.set(routing, (entry.get("RoutingType") or "SMTP") if value else None)
        draft.set(shown, (entry.get("Name") or value) if value else None)
        draft.set(original, (entry.get("Name") or value) if value else None)


def _phones(view: View) -> Element | None:
    entries = [t("Entry", value, Key=name) for name, key in _PHONES.items() if (value := view.value(key))]
    return array("PhoneNumbers", entries) if entries else None


def _set_phones(draft: Draft, node: Element) -> None:
    for entry in elements(node):
        draft.set(_PHONES[entry.get("Key", "")], entry.text or None)


def _addresses(view: View) -> Element | None:
    entries = []
    for name, parts in _ADDRESSES.items():
        found = [t(part, value) for part, key in parts.items() if (value := view.value(key))]
        if found:
            entry = array("Entry", found)
            entry.set("Key", name)
            entries.append(entry)
    return array("PhysicalAddresses", entries) if entries else None


def _set_addresses(draft: Draft, node: Element) -> None:
    for entry in elements(node):
        parts = _ADDRESSES[entry.get("Key", "")]
        for each in elements(entry):
            draft.set(parts[local(each)], each.text or None)


def _ims(view: View) -> Element | None:
    value = view.value(tags.PidLidInstantMessagingAddress)
    return t("ImAddresses", t("Entry", value, Key="ImAddress1")) if value else None


def _set_ims(draft: Draft, node: Element) -> None:
    for entry in elements(node):
        if entry.get("Key") == "ImAddress1":
            draft.set(tags.PidLidInstantMessagingAddress, entry.text or None)


def _complete_name(view: View) -> Element | None:
    parts: dict[str, PropertyKey] = {
        "Title": tags.PidTagDisplayNamePrefix,
        "FirstName": tags.PidTagGivenName,
        "MiddleName": tags.PidTagMiddleName,
        "LastName": tags.PidTagSurname,
        "Suffix": tags.PidTagGeneration,
        "Initials": tags.PidTagInitials,
        "FullName": tags.PidTagDisplayName,
        "Nickname": tags.PidTagNickname,
    }
    found = [t(name, value) for name, key in parts.items() if (value := view.value(key))]
    return array("CompleteName", found) if found else None


def _indexed() -> Iterator[Field]:
    """One field for each entry of the dictionaries, as IndexedFieldURI names them."""
    for name, keys in _EMAILS.items():
        yield Field(
            f"contacts:EmailAddress/{name}", "EmailAddresses", _emails, _set_emails, _clearing(*keys), keys[0], TEXT
        )
    for name, phone in _PHONES.items():
        yield Field(f"contacts:PhoneNumber/{name}", "PhoneNumbers", _phones, _set_phones, _clearing(phone), phone, TEXT)
    for name, parts in _ADDRESSES.items():
        for part, key in parts.items():
            uri = f"contacts:PhysicalAddress:{part}/{name}"
            yield Field(uri, "PhysicalAddresses", _addresses, _set_addresses, _clearing(key), key, TEXT)
    im = tags.PidLidInstantMessagingAddress
    yield Field("contacts:ImAddress/ImAddress1", "ImAddresses", _ims, _set_ims, _clearing(im), im, TEXT)


def _clearing(*keys: PropertyKey) -> Callable[[Draft], None]:
    def clear(draft: Draft) -> None:
        for key in keys:
            draft.set(key, None)

    return clear


def _dictionary(uri: str, build: Build, store: Store, keys: list[PropertyKey]) -> Field:
    return Field(uri, uri.partition(":")[2], build, store, _clearing(*keys))


FIELDS: Final = (
    simple("contacts:FileAs", tags.PidLidFileUnder, TEXT),
    simple("contacts:DisplayName", tags.PidTagDisplayName, TEXT),
    simple("contacts:GivenName", tags.PidTagGivenName, TEXT),
    simple("contacts:Initials", tags.PidTagInitials, TEXT),
    simple("contacts:MiddleName", tags.PidTagMiddleName, TEXT),
    simple("contacts:Nickname", tags.PidTagNickname, TEXT),
    computed("contacts:CompleteName", _complete_name),
    simple("contacts:CompanyName", tags.PidTagCompanyName, TEXT),
    _dictionary("contacts:EmailAddresses", _emails, _set_emails, [key for keys in _EMAILS.values() for key in keys]),
    _dictionary(
        "contacts:PhysicalAddresses",
        _addresses,
        _set_addresses,
        [key for parts in _ADDRESSES.values() for key in parts.values()],
    ),
    _dictionary("contacts:PhoneNumbers", _phones, _set_phones, list(_PHONES.values())),
    simple("contacts:AssistantName", tags.PidTagAssistant, TEXT),
    simple("contacts:Birthday", tags.PidTagBirthday, TIME),
    simple("contacts:BusinessHomePage", tags.PidTagBusinessHomePage, TEXT),
    strings("contacts:Children", 0x3A58101F),
    strings("contacts:Companies", tags.PidLidCompanies),
    simple("contacts:Department", tags.PidTagDepartmentName, TEXT),
    simple("contacts:Generation", tags.PidTagGeneration, TEXT),
    _dictionary("contacts:ImAddresses", _ims, _set_ims, [tags.PidLidInstantMessagingAddress]),
    simple("contacts:JobTitle", tags.PidTagTitle, TEXT),
    simple("contacts:Manager", tags.PidTagManagerName, TEXT),
    simple("contacts:Mileage", tags.PidLidMileage, TEXT),
    simple("contacts:OfficeLocation", tags.PidTagOfficeLocation, TEXT),
    simple(
        "contacts:PostalAddressIndex",
        tags.PidLidPostalAddressId,
        choice({0: "None", 1: "Home", 2: "Business", 3: "Other"}),
    ),
    simple("contacts:Profession", tags.PidTagProfession, TEXT),
    simple("contacts:SpouseName", tags.PidTagSpouseName, TEXT),
    simple("contacts:Surname", tags.PidTagSurname, TEXT),
    simple("contacts:WeddingAnniversary", tags.PidTagWeddingAnniversary, TIME),
    simple("contacts:HasPicture", tags.PidLidHasPicture, BOOLEAN, default=False, read_only=True),
    Field(
        "distributionlist:Members",
        "Members",
        lists.show,
        lists.store,
        _clearing(tags.PidLidDistributionListMembers, tags.PidLidDistributionListOneOffMembers),
    ),
    *_indexed(),
)
