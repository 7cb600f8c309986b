"""ResponseObjects: how a client may answer an item ([MS-OXWSCORE] 2.2.4.24)."""

from __future__ import annotations

from typing import Final

from isthmus_lab.mapi import tags

from ..scheduling.states import attendees, attends, is_cancelled, organises
from .fields import View, array, computed
from .kinds import CALENDAR, CANCELLATION, CONTACT, DISTRIBUTION_LIST, POST, REQUEST, TASK
from .names import Element, t
from .receipts import is_due

_REPLY: Final = ("ReplyToItem", "ReplyAllToItem", "ForwardItem")
_ANSWER: Final = ("AcceptItem", "TentativelyAcceptItem", "DeclineItem")


def _names(view: View) -> tuple[str, ...]:
    kind, flags = view.kind, view.value(tags.PidTagMessageFlags) or 0
    if kind is CALENDAR:
        if is_cancelled(view.bag):
            return ("RemoveItem", *_REPLY)
        if attends(view.bag):
            return (*_ANSWER, *_REPLY)
        meets = organises(view.bag) and attendees(view.bag)
        return ("CancelCalendarItem", "ForwardItem") if meets else ("ForwardItem",)
    if kind in (CONTACT, DISTRIBUTION_LIST, TASK):
        return ("ForwardItem",)
    if kind is POST:
        return ("ReplyToItem", "ForwardItem", "PostReplyItem")
    if flags & tags.MSGFLAG_UNSENT:
        return ()
    first = _ANSWER if kind is REQUEST else ("RemoveItem",) if kind is CANCELLATION else ()
    return (*first, *_REPLY, *(("SuppressReadReceipt",) if is_due(view.bag, flags) else ()))


def _build(view: View) -> Element | None:
    names = _names(view) if view.row is not None else ()
    return array("ResponseObjects", [t(name) for name in names]) if names else None


FIELDS: Final = (computed("item:ResponseObjects", _build, heavy=True),)
