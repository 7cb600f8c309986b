"""Exceptions of a series: messages inside its message, and entries of its recurrence blob ([MS-OXOCAL] 2.2.10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from isthmus_lab.mapi import globalid, occurrences, tags, zones
from isthmus_lab.mapi.bag import Attachment, Bag, Properties, Value, filetime
from isthmus_lab.mapi.series import Instance, Series
from isthmus_lab.mapi.tags import PropertyKey

_CLASS: Final = "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}"
_EXCEPTION: Final = 2  # PidTagAttachmentFlags: afException
# Fields of the blob's ExceptionInfo and the properties they repeat, so that views need not open the messages.
_REPEATED: Final[tuple[tuple[str, PropertyKey], ...]] = (
    ("subject", tags.PidTagSubject),
    ("location", tags.PidLidLocation),
    ("meeting", tags.PidLidAppointmentStateFlags),
    ("reminder", tags.PidLidReminderDelta),
    ("reminds", tags.PidLidReminderSet),
    ("busy", tags.PidLidBusyStatus),
    ("all_day", tags.PidLidAppointmentSubType),
)
# What only the whole series has.
_OF_SERIES: Final[frozenset[PropertyKey]] = frozenset(
    (
        tags.PidLidAppointmentRecur,
        tags.PidLidRecurrenceType,
        tags.PidLidRecurrencePattern,
        tags.PidLidClipStart,
        tags.PidLidClipEnd,
    )
)


def is_exception(attachment: Attachment) -> bool:
    """Whether an attachment is an exception of the series it is attached to."""
    return attachment.embedded is not None and bool(
        attachment.properties.get(tags.PidTagAttachmentFlags, 0) & _EXCEPTION
    )


def find(bag: Bag, original: int) -> Attachment | None:
    """The exception that replaces the occurrence of this time."""
    for each in bag.attachments:
        own = each.embedded if is_exception(each) else None
        if own is not None and own.get(tags.PidLidExceptionReplaceTime) == original:
            return each
    return None


def occurrence_of(bag: Bag, original: int) -> Bag | None:
    """One occurrence as an appointment of its own; None when the series has none at this time."""
    found = occurrences.at(bag.get, original)
    if found is None:
        return None
    shown = Bag({key: value for key, value in bag.properties.items() if key not in _OF_SERIES}, bag.recipients)
    attachment = find(bag, original) if found.changed else None
    if attachment is not None and attachment.embedded is not None:
        own = attachment.embedded
        shown.properties |= {key: value for key, value in own.properties.items() if key != tags.PidTagMessageClass}
        shown.recipients = own.recipients or bag.recipients
        shown.attachments = own.attachments
    else:
        shown.attachments = [each for each in bag.attachments if not is_exception(each)]
    shown.set(occurrences.instead(found))
    global_id = bag.get(tags.PidLidGlobalObjectId)
    if global_id:
        shown[tags.PidLidGlobalObjectId] = globalid.of_day(global_id, found.instance.original.date())
        shown[tags.PidLidCleanGlobalObjectId] = globalid.clean(global_id)
    return shown


def change(
    bag: Bag,
    original: int,
    properties: Mapping[PropertyKey, Value | None],
    recipients: list[Properties] | None = None,
    attachments: list[Attachment] | None = None,
) -> None:
    """Makes the occurrence differ in these properties, and in the others when given. KeyError if there is none."""
    series, found = occurrences.series_of(bag.get), occurrences.at(bag.get, original)
    if series is None or found is None:
        raise KeyError(original)
    attachment = find(bag, original)
    if attachment is None or attachment.embedded is None:
        attachment = Attachment(embedded=Bag({tags.PidTagMessageClass: _CLASS}))
        bag.attachments.append(attachment)
    own = attachment.embedded
    assert own is not None
    kept = _OF_SERIES | {tags.PidLidAppointmentTimeZoneDefinitionRecur}
    own.set({key: value for key, value in properties.items() if key not in kept})
    own.recipients = own.recipients if recipients is None else recipients
    own.attachments = own.attachments if attachments is None else attachments
    start = own.properties.setdefault(tags.PidLidAppointmentStartWhole, found.start)
    end = own.properties.setdefault(tags.PidLidAppointmentEndWhole, found.end)
    own[tags.PidLidExceptionReplaceTime] = original
    zone = zones.of(bag.get)
    instance = Instance(occurrences.local(start, zone), occurrences.local(end, zone), found.instance.original)
    repeated: dict[str, Any] = {name: own.get(key) for name, key in _REPEATED}
    bag[tags.PidLidAppointmentRecur] = series.changed(replace(instance, **repeated)).pack()
    # [MS-OXOCAL] 2.2.10.1: hidden, never shown in the text; the times here are local ones.
    attachment.properties |= {
        tags.PidTagAttachMethod: tags.ATTACH_EMBEDDED,
        tags.PidTagAttachmentFlags: _EXCEPTION,
        tags.PidTagAttachmentHidden: True,
        tags.PidTagAttachFlags: 0,
        tags.PidTagAttachEncoding: b"",
        tags.PidTagDisplayName: "Untitled",
        tags.PidTagRenderingPosition: -1,
        tags.PidTagExceptionStartTime: _as_if_utc(start, bag),
        tags.PidTagExceptionEndTime: _as_if_utc(end, bag),
    }


def delete(bag: Bag, original: int) -> None:
    """Takes the occurrence out of the series. KeyError if there is none."""
    series, found = occurrences.series_of(bag.get), occurrences.at(bag.get, original)
    if series is None or found is None:
        raise KeyError(original)
    bag[tags.PidLidAppointmentRecur] = series.without(found.instance.original.date()).pack()
    gone = find(bag, original)
    bag.attachments = [each for each in bag.attachments if each is not gone]


def forget(bag: Bag) -> None:
    """Takes all exceptions and deletions back: their places are no longer in the rule."""
    series = occurrences.series_of(bag.get)
    if series is not None:
        bag[tags.PidLidAppointmentRecur] = replace(series, deleted=(), exceptions=()).pack()
    bag.attachments = [each for each in bag.attachments if not is_exception(each)]


def exceptions_of(bag: Bag) -> list[tuple[int, Bag]]:
    """When the rule has each changed occurrence, and what takes place instead."""
    series: Series | None = occurrences.series_of(bag.get)
    if series is None:
        return []
    zone = zones.of(bag.get)
    originals = [occurrences.ticks(each.original, zone) for each in series.exceptions]
    return [(each, found) for each in originals if (found := occurrence_of(bag, each)) is not None]


def _as_if_utc(when: int, bag: Bag) -> int:
    return filetime(occurrences.local(when, zones.of(bag.get)))
