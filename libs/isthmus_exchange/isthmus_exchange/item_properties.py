"""Items as properties: which forms EWS can create, and the properties that each form takes ([MS-OXPROPS]).

EWS tells of an item only what it is asked for by name. So these lists are what an item keeps that does not travel as
a stream: what Outlook and Exchange themselves write. Properties that other programs invented are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

# Tags by type, as EWS writes them.
_COMMON: dict[str, tuple[int, ...]] = {
    "Binary": (0x300B, 0x0071, 0x0C19, 0x0041, 0x003F, 0x0043, 0x0C1D, 0x003B),
    "Integer": (0x0E07, 0x0017, 0x0036, 0x0026, 0x1080, 0x1081, 0x1090, 0x1095, 0x0E2B, 0x3FDE, 0x3FF1, 0x3019),
    "SystemTime": (0x0E06, 0x0039, 0x3007, 0x3008, 0x1082, 0x1091, 0x000F, 0x0015),
    "String": (
        *(0x1035, 0x1042, 0x1039, 0x0070, 0x007D),
        # The sender, whom they represent, and who received it, as the directory of the source calls them.
        *(0x0C1A, 0x0C1E, 0x0C1F, 0x0042, 0x0064, 0x0065, 0x0040, 0x0075, 0x0076, 0x0044, 0x0077, 0x0078),
        *(0x5D01, 0x5D02),
    ),
    "Boolean": (0x0023, 0x0029, 0x0063),
}
_CONTACT: dict[str, tuple[int, ...]] = {
    "String": (
        *(0x3001, 0x3A02, *range(0x3A05, 0x3A0B), 0x3A0C, 0x3A0D, 0x3A11, *range(0x3A15, 0x3A1B)),
        *(0x3A1B, 0x3A1C, 0x3A1D, 0x3A1E, 0x3A1F, 0x3A21, *range(0x3A23, 0x3A2A), 0x3A2A, 0x3A2B, 0x3A2C, 0x3A2D),
        *(0x3A2E, 0x3A2F, 0x3A30, *range(0x3A43, 0x3A4D), 0x3A4E, 0x3A4F, 0x3A50, 0x3A51, 0x3A57),
        *range(0x3A59, 0x3A65),
    ),
    "SystemTime": (0x3A41, 0x3A42),
    "Short": (0x3A4D,),
    "StringArray": (0x3A58,),
}
# Of associated items: roaming settings ([MS-OXOCFG] 2.2.2), views ([MS-OXOCFG] 2.2.6), shortcuts ([MS-OXOCFG] 2.2.9).
_SETTINGS: dict[str, tuple[int, ...]] = {
    "Binary": (*range(0x7C07, 0x7C0A), 0x7001, 0x6845, 0x684C, 0x684D, 0x684F, 0x6850, 0x6853, 0x6842, 0x6844, 0x6891),
    "Integer": (0x7C06, 0x7007, *range(0x6847, 0x684C), 0x6852, 0x683A, 0x6834),
    "String": (0x7002, 0x7006, 0x684E, 0x6851, 0x6892),
}

_COMMON_SET = "00062008-0000-0000-C000-000000000046"
_ADDRESS_SET = "00062004-0000-0000-C000-000000000046"
_APPOINTMENT_SET = "00062002-0000-0000-C000-000000000046"
_MEETING_SET = "6ED8DA90-450B-101B-98DA-00AA003F1305"
_TASK_SET = "00062003-0000-0000-C000-000000000046"
_LOG_SET = "0006200A-0000-0000-C000-000000000046"
_NOTE_SET = "0006200E-0000-0000-C000-000000000046"

PARTIES = ((0x0C1F, 0x5D01), (0x0065, 0x5D02))
"""PidTag…EmailAddress and PidTag…SmtpAddress of the sender, and of whom they represent."""
CARD_ADDRESSES = frozenset((_ADDRESS_SET, number) for number in (0x8083, 0x8093, 0x80A3))
"""PidLidEmail1/2/3EmailAddress of a contact card, each by its set and number."""

_Named = dict[str, tuple[int, ...]]
# By property set, then by type.
_NAMED_COMMON: dict[str, _Named] = {
    _COMMON_SET: {
        "Integer": (0x8501, 0x8510, 0x8518, 0x8578),
        "Boolean": (0x8503, 0x8506, 0x851C, 0x851E),
        "SystemTime": (0x8502, 0x8516, 0x8517, 0x8560, 0x85A0, 0x85BF),
        "String": (0x851F, 0x8524, 0x8530, 0x8534, 0x8535, 0x85A1, 0x85A4),
        "Binary": (0x8520,),
        "StringArray": (0x8539, 0x853A),
    },
    _TASK_SET: {"SystemTime": (0x8104, 0x8105)},
}
_NAMED_CALENDAR: dict[str, _Named] = {
    _APPOINTMENT_SET: {
        "Integer": (0x8201, 0x8205, 0x8213, 0x8214, 0x8217, 0x8218, 0x8224),
        "SystemTime": (0x820D, 0x820E, 0x8220),
        "Boolean": (0x8215, 0x8229, 0x8257, 0x825A),
        "String": (0x8208, 0x8230, 0x8232, 0x8234, 0x8238, 0x823B, 0x823C),
        "Binary": (0x8233, 0x825E, 0x825F, 0x8260),
    },
    _MEETING_SET: {
        "Binary": (0x0003, 0x0023),
        "SystemTime": (0x0001, 0x001A),
        "String": (0x0002,),
        "Integer": (0x0026,),
    },
}
_NAMED_CONTACT: dict[str, _Named] = {
    _ADDRESS_SET: {
        "String": (
            *(0x8005, 0x801A, 0x801B, 0x801C, 0x802B, *range(0x8045, 0x804A), 0x8062),
            *(0x8080, 0x8082, 0x8083, 0x8084, 0x8090, 0x8092, 0x8093, 0x8094, 0x80A0, 0x80A2, 0x80A3, 0x80A4),
            *(0x80B2, 0x80B3, 0x80B4, 0x80C2, 0x80C3, 0x80C4, 0x80D2, 0x80D3, 0x80D4, 0x80D8),
        ),
        "Integer": (0x8006, 0x8022),
        "Boolean": (0x8015,),
        "Binary": (0x8085, 0x8095, 0x80A5),
    }
}
_NAMED_LIST: dict[str, _Named] = {
    _ADDRESS_SET: {"String": (0x8005, 0x8053), "Integer": (0x804C,), "BinaryArray": (0x8054, 0x8055)}
}
_NAMED_TASK: dict[str, _Named] = {
    _TASK_SET: {
        "Integer": (0x8101, 0x8110, 0x8111, 0x8112, 0x8113, 0x8123, 0x8129, 0x812A),
        "Double": (0x8102,),
        "Boolean": (0x8103, 0x8107, 0x8109, 0x811C, 0x8124, 0x8126),
        "SystemTime": (0x810F, 0x8115),
        "Binary": (0x8116, 0x8117),
        "String": (0x811F, 0x8121, 0x8122, 0x8127),
    }
}
_NAMED_NOTE: dict[str, _Named] = {
    _NOTE_SET: {"Integer": tuple(range(0x8B00, 0x8B06))},
    _LOG_SET: {
        "String": (0x8700, 0x8712),
        "SystemTime": (0x8706, 0x8708),
        "Integer": (0x8707, 0x870C),
        "Boolean": (0x870E, 0x870F, 0x8710, 0x8711),
    },
}
_KEYWORDS = (
    '<t:ExtendedFieldURI DistinguishedPropertySetId="PublicStrings" PropertyName="Keywords"'
    ' PropertyType="StringArray"/>'
)

_ITEM = ("item:ItemClass", "item:Subject")
_RECIPIENTS = ("message:ToRecipients", "message:CcRecipients", "message:BccRecipients", "message:ReplyTo")

_ATTENDEES = ("calendar:Organizer", "calendar:RequiredAttendees", "calendar:OptionalAttendees", "calendar:Resources")


@dataclass(frozen=True, eq=False)
class Form:
    """An element that CreateItem takes. `mime`: its native content (MIME, iCalendar) has body and people in it."""

    element: str
    mime: bool
    # The native content is all of it, files included; iCalendar has neither files nor more than a text as its body.
    attached_in_native: bool = False
    tags: tuple[dict[str, tuple[int, ...]], ...] = ()
    named: tuple[dict[str, _Named], ...] = ()
    # Instead of its native content.
    fields: tuple[str, ...] = ("item:Body",)

    @cached_property
    def properties(self) -> str:
        """<t:ExtendedFieldURI> of each property, without repeats."""
        found = dict.fromkeys(_tags((_COMMON, *self.tags)))
        found.update(dict.fromkeys(_numbers((_NAMED_COMMON, *self.named))))
        return "".join(found) + _KEYWORDS

    def asked(self, *, native: bool, associated: bool) -> str:
        """What follows BaseShape in an ItemShape that asks for such an item."""
        fields = _ITEM if native and self.attached_in_native else (*_ITEM, *self.fields)
        if associated:
            fields = (*fields, "item:IsAssociated")
        uris = "".join(f'<t:FieldURI FieldURI="{field}"/>' for field in fields)
        head = "<t:IncludeMimeContent>true</t:IncludeMimeContent>" if native else ""
        named = f"<t:AdditionalProperties>{uris}{self.properties}</t:AdditionalProperties>"
        return f"{head}<t:BodyType>Best</t:BodyType>{named}"


MESSAGE = Form("Message", mime=True, attached_in_native=True, fields=("item:Body", *_RECIPIENTS))
_POST = Form("PostItem", mime=True, attached_in_native=True)
_CALENDAR = Form("CalendarItem", mime=True, tags=({"Integer": (0x0062,)},), named=(_NAMED_CALENDAR,))
_CONTACT_FORM = Form("Contact", mime=False, tags=(_CONTACT,), named=(_NAMED_CONTACT,))
_LIST = Form("DistributionList", mime=False, tags=({"String": (0x3001,)},), named=(_NAMED_LIST,))
_TASK = Form("Task", mime=False, named=(_NAMED_TASK,))
_OTHER = Form("Message", mime=False, named=(_NAMED_NOTE, _NAMED_CALENDAR))
_SETTING = Form("Message", mime=False, tags=(_SETTINGS,))

_BY_CLASS = {
    "ipm.note": MESSAGE,
    "ipm.schedule": MESSAGE,
    "report": MESSAGE,
    "ipm.post": _POST,
    "ipm.appointment": _CALENDAR,
    "ipm.contact": _CONTACT_FORM,
    "ipm.distlist": _LIST,
    "ipm.task": _TASK,
}


def parties() -> str:
    """What follows IdOnly in an ItemShape that asks for nothing but addresses, whatever class the item is of: what an
    item cannot have, a server leaves out."""
    fields = "".join(f'<t:FieldURI FieldURI="{field}"/>' for field in (*_RECIPIENTS, *_ATTENDEES))
    tags = _tags([{"String": tuple(tag for both in PARTIES for tag in both)}])
    cards = _numbers([{_ADDRESS_SET: {"String": tuple(sorted(number for _, number in CARD_ADDRESSES))}}])
    return f"<t:AdditionalProperties>{fields}{''.join(tags)}{''.join(cards)}</t:AdditionalProperties>"


def form_of(item_class: str, *, associated: bool = False) -> Form:
    """The form of an item of this class: that of the longest class that it begins with."""
    if associated:
        return _SETTING
    name = item_class.casefold()
    while name:
        if name in _BY_CLASS:
            return _BY_CLASS[name]
        name = name.rpartition(".")[0]
    return _OTHER


def _tags(groups: Iterable[dict[str, tuple[int, ...]]]) -> Iterable[str]:
    for group in groups:
        for kind, tags in group.items():
            for tag in tags:
                yield f'<t:ExtendedFieldURI PropertyTag="{tag:#06x}" PropertyType="{kind}"/>'


def _numbers(groups: Iterable[dict[str, _Named]]) -> Iterable[str]:
    for group in groups:
        for which, kinds in group.items():
            for kind, numbers in kinds.items():
                for number in numbers:
                    yield (
                        f'<t:ExtendedFieldURI PropertySetId="{which.lower()}" PropertyId="{number}"'
                        f' PropertyType="{kind}"/>'
                    )
