"""Meeting requests: what goes out when an appointment with attendees is created."""

from __future__ import annotations

import copy

from isthmus_lab.mapi import tags

from .call import Call, recipient_properties
from .fields import Draft
from .sending import send


def invite(call: Call, draft: Draft) -> None:
    """Sends the request to all attendees and notes in the appointment that it was sent ([MS-OXOCAL] 3.1.4.7.1)."""
    if not draft.bag.recipients:
        return
    request = call.draft(copy.deepcopy(draft.bag))
    request.set(tags.PidTagMessageClass, "IPM.Schedule.Meeting.Request")
    request.set(tags.PidLidIntendedBusyStatus, draft.bag.get(tags.PidLidBusyStatus, 2))
    request.set(tags.PidLidBusyStatus, 1)
    request.set(tags.PidTagResponseRequested, True)
    request.set(tags.PidLidOwnerCriticalChange, draft.now())
    send(call, request)
    draft.set(tags.PidLidFInvited, True)
    draft.set(tags.PidLidOwnerCriticalChange, draft.now())
    own = recipient_properties(call.caller)
    for key, source in (
        (tags.PidTagSentRepresentingName, tags.PidTagDisplayName),
        (tags.PidTagSentRepresentingAddressType, tags.PidTagAddressType),
        (tags.PidTagSentRepresentingEmailAddress, tags.PidTagEmailAddress),
        (tags.PidTagSentRepresentingSmtpAddress, tags.PidTagSmtpAddress),
    ):
        draft.set(key, own.get(source))
