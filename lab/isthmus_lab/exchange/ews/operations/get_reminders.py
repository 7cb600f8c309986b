"""GetReminders: what calendar and tasks remind of in a time (Exchange 2013 and later)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from isthmus_lab.mapi import globalid, occurrences, tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import And, Compare, Mailbox

from ..call import Call, now, reading
from ..ids import ObjectId, item_change_key
from ..names import Element, m, t, text
from ..soap import Answer
from ..values import parse_time, show_time

_DAY: Final = 864_000_000_000
_MINUTE: Final = 600_000_000


class _Reminder(NamedTuple):
    when: int
    start: int
    end: int
    bag: Bag
    id: ObjectId
    change_key: str
    group: str


@reading
def get_reminders(call: Call) -> Answer:
    """Those of the caller's calendar and tasks, in the order in which they appear."""
    begin, end = (text(call.element, name) for name in ("BeginTime", "EndTime"))
    first = parse_time(begin) if begin else now() - 30 * _DAY
    last = parse_time(end) if end else now() + 180 * _DAY
    wanted, most = text(call.element, "ReminderType") or "All", int(text(call.element, "MaxItems") or 200)

    def handle() -> Iterator[Element]:
        mailbox, present = call.mailbox(), now()
        found = sorted(
            (*_appointments(mailbox, first, last), *_tasks(mailbox, first, last)), key=lambda each: each.when
        )
        if wanted != "All":  # what has begun is old
            found = [each for each in found if (each.end <= present) == (wanted == "Old")]
        node = m("Reminders")
        node.extend(map(_element, found[:most] if most else found))
        yield node

    return call.single("GetRemindersResponse", handle)


def _appointments(mailbox: Mailbox, first: int, last: int) -> Iterator[_Reminder]:
    # Nobody is reminded more than a fortnight ahead.
    touching = And(
        (
            Compare(tags.PidLidAppointmentStartWhole, "<", last + 14 * _DAY),
            Compare(tags.PidLidClipEnd, ">", first - 2 * _DAY),
        )
    )
    for row in mailbox.items.find(mailbox.folders.role("calendar").id, touching).rows:
        bag, key = mailbox.items.get(row.id).bag, item_change_key(row)
        if not bag.get(tags.PidLidReminderSet):
            continue
        signal, own = bag.get(tags.PidLidReminderSignalTime) or 0, ObjectId(mailbox.guid, row.id)
        if not row.recurring:
            shown = [_Reminder(signal or _due(row.start, bag), row.start, row.end, bag, own, key, "Calendar")]
        else:
            shown = _occurrences(own, key, bag, signal, last)
        yield from (each for each in shown if first <= each.when < last)


def _occurrences(own: ObjectId, key: str, bag: Bag, signal: int, last: int) -> list[_Reminder]:
    """Those that the series' signal time has not passed, and the one that it puts off."""
    series: list[_Reminder] = []
    for each in occurrences.expand(bag.get, max(signal - 14 * _DAY, 0), last + 14 * _DAY):
        item = Bag(bag.properties | occurrences.instead(each))
        if item.get(tags.PidLidReminderSet):
            place = own._replace(occurrence=each.original)
            series.append(_Reminder(_due(each.start, item), each.start, each.end, item, place, key, "Calendar"))
    coming = [each for each in series if each.when >= signal]
    passed = [each for each in series if each.when < signal]
    if passed and all(each.when != signal for each in coming):
        coming.insert(0, passed[-1]._replace(when=signal))
    return coming


def _due(start: int, item: Bag) -> int:
    return start - int(item.get(tags.PidLidReminderDelta) or 0) * _MINUTE


def _tasks(mailbox: Mailbox, first: int, last: int) -> Iterator[_Reminder]:
    set_ = Compare(tags.PidLidReminderSet, "=", True)
    for row in mailbox.items.find(mailbox.folders.role("tasks").id, set_).rows:
        bag = mailbox.items.get(row.id).bag
        when = (
            bag.get(tags.PidLidReminderSignalTime)
            or bag.get(tags.PidLidReminderTime)
            or bag.get(tags.PidLidTaskDueDate)
        )
        if when is not None and first <= when < last:
            start, due = bag.get(tags.PidLidTaskStartDate, when), bag.get(tags.PidLidTaskDueDate, when)
            place = ObjectId(mailbox.guid, row.id)
            yield _Reminder(when, start, due, bag, place, item_change_key(row), "Task")


def _element(found: _Reminder) -> Element:
    bag = found.bag
    node = t("Reminder", t("Subject", str(bag.get(tags.PidTagSubject, ""))))
    node.append(t("Location", str(bag.get(tags.PidLidLocation, ""))))
    for name, when in (("ReminderTime", found.when), ("StartDate", found.start), ("EndDate", found.end)):
        node.append(t(name, show_time(when)))
    node.append(t("ItemId", Id=str(found.id), ChangeKey=found.change_key))
    if found.id.occurrence:
        node.append(t("RecurringMasterItemId", Id=str(found.id._replace(occurrence=0)), ChangeKey=found.change_key))
    node.append(t("ReminderGroup", found.group))
    global_id = bag.get(tags.PidLidGlobalObjectId)
    node.append(t("UID", globalid.uid_of(global_id) if global_id else bag.get(tags.PidTagSearchKey, b"").hex().upper()))
    return node
