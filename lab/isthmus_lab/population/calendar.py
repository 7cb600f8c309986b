"""Calendars: appointments, series with exceptions, and meetings that stand in everybody's calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties, filetime
from isthmus_lab.population.parties import Party, recipient, sender_properties
from isthmus_lab.population.series import (
    ZONE_DESCRIPTION,
    Moved,
    Series,
    global_object_id,
    utc,
    zone_definition,
    zone_struct,
)
from isthmus_lab.population.text import Writer

SUBJECTS = {
    "en": (
        "Weekly team meeting",
        "One to one",
        "Budget review",
        "Dentist",
        "Fire drill",
        "Stand-up",
        "Call with {place}",
    ),
    "de": ("Teambesprechung", "Jour fixe", "Budgetrunde", "Zahnarzt", "Betriebsversammlung", "Abgabe {project}"),
    "fr": ("Réunion d'équipe", "Point hebdomadaire", "Revue de budget", "Dentiste", "Visite de {place}"),
    "es": ("Reunión de equipo", "Seguimiento semanal", "Revisión del presupuesto", "Visita de {place}"),
}
BUSY, FREE, OUT_OF_OFFICE = 2, 0, 3
_MEETING, _RECEIVED = 1, 2  # PidLidAppointmentStateFlags
_NONE, _ORGANIZED, _TENTATIVE, _ACCEPTED, _NOT_RESPONDED = 0, 1, 2, 3, 5  # PidLidResponseStatus
_SIDE_EFFECTS = 0x171


@dataclass(frozen=True)
class Appointment:
    """Something in a calendar; a meeting when there are attendees besides its organiser."""

    organiser: Party
    attendees: tuple[Party, ...]
    subject: str
    location: str
    body: str
    start: datetime
    """Local time, without a zone."""
    minutes: int
    written: datetime
    """When it was booked, UTC."""
    unique: bytes
    series: Series | None = None
    all_day: bool = False
    busy: int = BUSY
    private: bool = False
    reminder: int | None = 15

    def bag(self, random: Random, owner: Party) -> Bag:
        """The copy in the calendar of `owner`, who is the organiser or an attendee."""
        start, end = utc(self.start), utc(self.start + timedelta(minutes=self.minutes))
        organises = owner == self.organiser
        identity = global_object_id(self.unique)
        properties: Properties = {
            **sender_properties(self.organiser),
            tags.PidTagMessageClass: "IPM.Appointment",
            tags.PidTagSubject: self.subject,
            tags.PidTagNormalizedSubject: self.subject,
            tags.PidTagConversationTopic: self.subject,
            tags.PidTagBody: self.body,
            tags.PidTagImportance: 1,
            tags.PidTagSensitivity: 2 if self.private else 0,
            tags.PidTagMessageFlags: tags.MSGFLAG_READ,
            tags.PidTagCreationTime: filetime(self.written),
            tags.PidTagLastModificationTime: filetime(self.written),
            tags.PidTagClientSubmitTime: filetime(self.written),
            tags.PidTagMessageDeliveryTime: filetime(self.written),
            tags.PidTagSearchKey: random.randbytes(16),
            tags.PidTagStartDate: filetime(start),
            tags.PidTagEndDate: filetime(end),
            tags.PidTagOwnerAppointmentId: int.from_bytes(self.unique[:4], "little", signed=True),
            tags.PidTagResponseRequested: bool(self.attendees),
            tags.PidLidCommonStart: filetime(start),
            tags.PidLidCommonEnd: filetime(end),
            tags.PidLidAppointmentStartWhole: filetime(start),
            tags.PidLidAppointmentEndWhole: filetime(end),
            tags.PidLidAppointmentDuration: self.minutes,
            tags.PidLidAppointmentSubType: self.all_day,
            tags.PidLidBusyStatus: self.busy,
            tags.PidLidIntendedBusyStatus: self.busy,
            tags.PidLidLocation: self.location,
            tags.PidLidWhere: self.location,
            tags.PidLidPrivate: self.private,
            tags.PidLidSideEffects: _SIDE_EFFECTS,
            tags.PidLidAppointmentSequence: 0,
            tags.PidLidGlobalObjectId: identity,
            tags.PidLidCleanGlobalObjectId: identity,
            tags.PidLidAppointmentStateFlags: self._state(organises=organises),
            tags.PidLidResponseStatus: self._response(random, organises=organises),
            tags.PidLidFInvited: bool(self.attendees),
            tags.PidLidReminderSet: self.reminder is not None,
            tags.PidLidReminderDelta: self.reminder or 0,
            tags.PidLidRecurring: self.series is not None,
            tags.PidLidIsRecurring: self.series is not None,
            tags.PidLidTimeZoneStruct: zone_struct(),
            tags.PidLidTimeZoneDescription: ZONE_DESCRIPTION,
            tags.PidLidAppointmentTimeZoneDefinitionStartDisplay: zone_definition(),
            tags.PidLidAppointmentTimeZoneDefinitionEndDisplay: zone_definition(),
        }
        if self.reminder is not None:
            properties[tags.PidLidReminderTime] = filetime(start)
            properties[tags.PidLidReminderSignalTime] = filetime(start - timedelta(minutes=self.reminder))
        bag = Bag(properties)
        if self.attendees:
            names = "; ".join(each.name for each in self.attendees)
            bag[tags.PidTagDisplayTo] = names
            bag[tags.PidLidAllAttendeesString] = names
            bag[tags.PidLidToAttendeesString] = names
            organiser = recipient(self.organiser)
            organiser[tags.PidTagRecipientFlags] = 3  # sendable, organiser
            bag.recipients = [organiser, *(recipient(each) for each in self.attendees)]
        if self.series is not None:
            self._add_series(bag, self.series)
        return bag

    def request(self, random: Random, reader: Party) -> Bag:
        """The invitation as it lies in the inbox of an attendee."""
        bag = self.bag(random, reader)
        bag.set(
            {
                tags.PidTagMessageClass: "IPM.Schedule.Meeting.Request",
                tags.PidTagIconIndex: 0x404,
                tags.PidLidMeetingType: 1,
                tags.PidTagProcessed: True,
                tags.PidTagInternetMessageId: f"<{random.getrandbits(96):024x}@{self.organiser.address.split('@')[1]}>",
            }
        )
        bag.recipients = bag.recipients[1:]
        return bag

    def _state(self, *, organises: bool) -> int:
        if not self.attendees:
            return 0
        return _MEETING if organises else _MEETING | _RECEIVED

    def _response(self, random: Random, *, organises: bool) -> int:
        if not self.attendees:
            return _NONE
        return _ORGANIZED if organises else random.choice((_ACCEPTED, _ACCEPTED, _TENTATIVE, _NOT_RESPONDED))

    def _add_series(self, bag: Bag, series: Series) -> None:
        dates = series.dates()
        last = datetime.combine(dates[-1], series.start) + timedelta(minutes=series.minutes)
        bag.set(
            {
                tags.PidLidAppointmentRecur: series.blob(),
                tags.PidLidRecurrenceType: {"day": 1, "week": 2, "month": 3}[series.unit],
                tags.PidLidRecurrencePattern: f"every {series.every} {series.unit}s, {series.count} times",
                tags.PidLidClipStart: filetime(utc(datetime.combine(dates[0], time()))),
                tags.PidLidClipEnd: filetime(utc(last)),
                tags.PidLidAppointmentTimeZoneDefinitionRecur: zone_definition(),
            }
        )
        for moved in series.moved:
            bag.attachments.append(self._exception(bag, series, moved))

    def _exception(self, bag: Bag, series: Series, moved: Moved) -> Attachment:
        """A moved occurrence: a message of its own inside the series ([MS-OXOCAL] 2.2.10)."""
        ends = moved.start + timedelta(minutes=series.minutes)
        inner = Bag(
            {
                tags.PidTagMessageClass: "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}",
                tags.PidTagSubject: moved.subject or self.subject,
                tags.PidLidAppointmentStartWhole: filetime(utc(moved.start)),
                tags.PidLidAppointmentEndWhole: filetime(utc(ends)),
                tags.PidLidExceptionReplaceTime: filetime(utc(datetime.combine(moved.original, series.start))),
                tags.PidLidBusyStatus: self.busy,
                tags.PidTagLastModificationTime: bag[tags.PidTagLastModificationTime],
            }
        )
        return Attachment(
            {
                tags.PidTagAttachMethod: tags.ATTACH_EMBEDDED,
                tags.PidTagAttachmentFlags: 2,  # an exception
                tags.PidTagAttachmentHidden: True,
                tags.PidTagDisplayName: "Untitled",
                tags.PidTagRenderingPosition: -1,
                # Local times, as if they were in UTC ([MS-OXOCAL] 2.2.10.1.4, 2.2.10.1.5).
                tags.PidTagExceptionStartTime: filetime(moved.start.replace(tzinfo=UTC)),
                tags.PidTagExceptionEndTime: filetime(ends.replace(tzinfo=UTC)),
            },
            embedded=inner,
        )


def draw_appointment(random: Random, organiser: Party, others: Sequence[Party], today: date) -> Appointment:
    """One of the many things in a calendar between a year ago and half a year ahead."""
    writer = Writer.start(random, organiser.language if organiser.language in SUBJECTS else "en")
    day = today + timedelta(days=random.randint(-365, 180))
    start = datetime.combine(day, time(random.randint(8, 16), random.choice((0, 0, 15, 30))))
    all_day = not others and random.random() < 0.1
    minutes = 1440 if all_day else random.choice((15, 30, 30, 45, 60, 60, 90, 120, 240))
    if all_day:
        start = datetime.combine(day, time())
    booked = datetime.combine(min(day, today), time(7)) - timedelta(days=random.randint(1, 30))
    series = _draw_series(random, start, minutes) if not all_day and random.random() < 0.2 else None
    return Appointment(
        organiser=organiser,
        attendees=tuple(others),
        subject=writer.line(SUBJECTS[writer.language]) if random.random() < 0.6 else writer.subject(),
        location=random.choice(("", "Aquarium", "Room 2.14", "Besprechung 3", "Microsoft Teams", "Zürich")),
        body=writer.paragraph(random.randint(0, 3)),
        start=start,
        minutes=minutes,
        written=utc(booked),
        unique=random.randbytes(16),
        series=series,
        all_day=all_day,
        busy=random.choice((FREE, OUT_OF_OFFICE)) if all_day else BUSY,
        private=not others and random.random() < 0.08,
        reminder=None if all_day or random.random() < 0.1 else random.choice((5, 15, 15, 30)),
    )


def _draw_series(random: Random, start: datetime, minutes: int) -> Series:
    unit = random.choice(("week", "week", "week", "day", "month"))
    first = start.date()
    plain = Series(
        first=first.replace(day=min(first.day, 28)) if unit == "month" else first,
        start=start.time(),
        minutes=minutes,
        unit=unit,
        every=random.choice((1, 1, 2)),
        count=random.choice((5, 8, 12, 26)),
        weekdays=tuple(sorted({first.weekday(), random.randint(0, 4)})) if unit == "week" else (),
    )
    dates = plain.dates()
    if len(dates) < 6 or random.random() < 0.4:
        return plain
    gone, elsewhere = dates[2], dates[4]
    new_start = datetime.combine(elsewhere, start.time()) + timedelta(hours=random.choice((-2, -1, 1, 2)))
    moved = Moved(elsewhere, new_start, random.choice((None, "Moved: moderně & früher")))
    return replace(plain, deleted=(gone,), moved=(moved,))
