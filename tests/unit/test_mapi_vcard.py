"""Contacts as vCards: what a card can say comes back, whatever it is; what is no card is refused."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_lab.mapi import tags, vcard
from isthmus_lab.mapi.bag import Attachment, Bag, Properties, filetime
from isthmus_lab.mapi.vcard import contact, is_vcard, vcard_of

FULL = "\r\n".join(
    (
        "BEGIN:VCARD",
        "VERSION:3.0",
        "N:Müller\\;Sohn;Anna;Eva;Dr.;III",
        "FN:Dr. Anna Müller",
        "NICKNAME:Änni",
        "ORG:Fichte\\, Söhne;Einkauf",
        "TITLE:Head of\\nnothing",
        "TEL;TYPE=WORK,VOICE:+49 731 1",
        "TEL;TYPE=WORK;TYPE=VOICE:+49 731 2",
        "TEL;TYPE=cell:+49 151 3",
        "TEL;TYPE=HOME:+49 731 4",
        "TEL;TYPE=WORK,FAX:+49 731 5",
        "X-MS-TEL;TYPE=ASSISTANT:+49 731 6",
        "EMAIL;TYPE=INTERNET,PREF:anna@b.test",
        "EMAIL;TYPE=INTERNET:anna@c.test",
        "ADR;TYPE=WORK:;;Gasse 1\\; Hof;Ulm;BW;89073;Deutschland",
        "URL;TYPE=WORK:https://b.test/",
        "BDAY:1980-02-29",
        "CATEGORIES:Red,Blue\\, dark",
        "NOTE:One\\nTwo",
        "CLASS:PRIVATE",
        "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo=",
        "END:VCARD",
        "",
    )
).encode()


def test_a_card_is_a_contact() -> None:
    assert is_vcard(b"\xef\xbb\xbf\r\n" + FULL) and not is_vcard(b"Subject: BEGIN:VCARD")
    bag = contact(FULL)
    expected: Properties = {
        tags.PidTagMessageClass: "IPM.Contact",
        tags.PidTagSurname: "Müller;Sohn",
        tags.PidTagGivenName: "Anna",
        tags.PidTagMiddleName: "Eva",
        tags.PidTagDisplayNamePrefix: "Dr.",
        tags.PidTagGeneration: "III",
        tags.PidTagDisplayName: "Dr. Anna Müller",
        tags.PidTagSubject: "Dr. Anna Müller",
        tags.PidLidFileUnder: "Müller;Sohn, Anna",
        tags.PidTagNickname: "Änni",
        tags.PidTagCompanyName: "Fichte, Söhne",
        tags.PidTagDepartmentName: "Einkauf",
        tags.PidTagTitle: "Head of\nnothing",
        tags.PidTagBusinessTelephoneNumber: "+49 731 1",
        tags.PidTagBusiness2TelephoneNumber: "+49 731 2",
        tags.PidTagMobileTelephoneNumber: "+49 151 3",
        tags.PidTagHomeTelephoneNumber: "+49 731 4",
        tags.PidTagBusinessFaxNumber: "+49 731 5",
        0x3A2E001F: "+49 731 6",
        tags.PidLidEmail1EmailAddress: "anna@b.test",
        tags.PidLidEmail1AddressType: "SMTP",
        tags.PidLidEmail2EmailAddress: "anna@c.test",
        tags.PidLidWorkAddressStreet: "Gasse 1; Hof",
        tags.PidLidWorkAddressCity: "Ulm",
        tags.PidLidWorkAddressPostalCode: "89073",
        tags.PidTagBusinessHomePage: "https://b.test/",
        tags.PidTagBirthday: filetime(datetime(1980, 2, 29)),
        tags.PidNameKeywords: ["Red", "Blue, dark"],
        tags.PidTagBody: "One\r\nTwo",
        tags.PidTagSensitivity: 2,
    }
    assert {key: bag.get(key) for key in expected} == expected
    [photo] = bag.attachments
    assert photo.properties[tags.PidTagAttachDataBinary] == b"\x89PNG\r\n\x1a\n"
    assert contact(vcard_of(bag)) == bag


def test_cards_of_old_telephones_are_read() -> None:
    old = contact(
        b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;Anna\r\n"
        b"TEL;HOME;VOICE:1\r\nTEL;CELL:2\r\nEND:VCARD\r\n"
    )
    assert (old[tags.PidTagSurname], old[tags.PidTagDisplayName]) == ("Müller", "Anna Müller")
    assert (old[tags.PidTagHomeTelephoneNumber], old[tags.PidTagMobileTelephoneNumber]) == ("1", "2")


# Line ends and spaces at the ends of values are folded away by cards; nothing else is.
texts = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1, max_size=90)
SINGLE = (
    *vcard._NAME.values(),
    *vcard._TEXTS.values(),
    *vcard._PAGES.values(),
    *(key for keys in vcard._ADDRESSES.values() for key in keys.values()),
    tags.PidTagDisplayName,
    tags.PidTagBody,
)


@given(
    st.dictionaries(st.sampled_from(SINGLE), texts),
    st.lists(texts, max_size=3),
    st.lists(st.sampled_from([key for _, _, key in vcard._PHONES]), unique=True),
    st.binary(max_size=300),
)
def test_what_a_card_can_say_comes_back(
    properties: dict[tags.PropertyKey, str], emails: list[str], phones: list[int], photo: bytes
) -> None:
    bag = Bag({tags.PidTagMessageClass: "IPM.Contact", **properties})
    for keys, address in zip(vcard._EMAILS, emails, strict=False):
        bag.set(dict(zip(keys, (address, "SMTP", address, address), strict=True)))
    bag.set({key: f"+{number}" for number, key in enumerate(phones)})
    if photo:
        bag.attachments.append(
            Attachment({tags.PidTagAttachmentContactPhoto: True, tags.PidTagAttachDataBinary: photo})
        )
    written = vcard_of(bag)
    read = contact(written)
    for key, value in bag.properties.items():
        if key not in phones or _is_first(key, phones):
            assert read.get(key) == value, (key, written.decode())
    assert [each.properties[tags.PidTagAttachDataBinary] for each in read.attachments] == ([photo] if photo else [])
    assert contact(vcard_of(read)) == read


def _is_first(key: tags.PropertyKey, phones: list[int]) -> bool:
    """Whether no better place of the same kind is free: a second business number alone becomes the first."""
    before = [other for _, _, other in vcard._PHONES]
    kind = {other: (name, types) for name, types, other in vcard._PHONES}
    assert isinstance(key, int)
    return all(other in phones for other in before[: before.index(key)] if kind[other] == kind[key])


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda noise: b"BEGIN:VCARD\r\n" + noise)))
def test_noise_is_refused_with_a_value_error_only(noise: bytes) -> None:
    try:
        contact(noise)
    except ValueError:
        return


@pytest.mark.parametrize("number", range(len(FULL) // 40))
def test_a_damaged_card_is_read_or_refused(number: int) -> None:
    damaged = bytearray(FULL)
    damaged[number * 40] ^= 0x15
    try:
        assert contact(bytes(damaged))[tags.PidTagMessageClass] == "IPM.Contact"
    except ValueError as error:
        assert re.match("not a card", str(error))
