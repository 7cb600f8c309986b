"""The calendar attendant: what the server does with a meeting message the moment it arrives."""

from __future__ import annotations

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import Mailbox

from . import calendar
from .states import is_cancellation, is_request, is_response


def attend(mailbox: Mailbox, message: Bag, now: int) -> None:
    """Changes the calendar and notes in the message what was done; other mail is left alone."""
    if is_request(message):
        message[tags.PidLidMeetingType] = int(calendar.invite(mailbox, message, now))
    elif is_cancellation(message):
        calendar.cancel(mailbox, message)
    elif is_response(message):
        calendar.answered(mailbox, message)
    else:
        return
    message[tags.PidTagProcessed] = True
