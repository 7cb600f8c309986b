"""By which way an item's content goes over: as a stream, as it is; else by its properties.

A stream (ExportItems, UploadItems) is everything that an item is. Where a server has no streams, or refuses the one of
an item, what EWS can name of it is asked for and created anew: at once, its native content (MIME, iCalendar) included;
or in parts, its attachments one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.item_properties import Form, form_of
from isthmus_exchange.values import Outline

WHOLE_BYTES = 4 * 1024 * 1024
"""An item up to this size is created by one request, with everything in it."""

STREAM_BYTES = 96 * 1024 * 1024
"""A larger item goes in parts without a try: its base64 would be more than any server takes, and more than a worker is
to hold (EWS takes 64 MiB unless somebody raised that)."""

ATTACHMENT_BYTES = 128 * 1024 * 1024
"""A larger attachment is not held by a worker; its item is set aside."""

REQUEST_BYTES = 8 * 1024 * 1024
"""Of items that one request creates, at most."""


class Way(IntEnum):
    """How an item came over."""

    STREAM = 0
    # By its properties, because its stream was refused; tried again as a stream when somebody asks for a pass.
    REFUSED = 1
    # By its properties, because a server has no streams.
    NO_STREAMS = 2


_NO_SUCH_OPERATION = frozenset({"ErrorSchemaValidation", "ErrorInvalidRequest", "ErrorInvalidOperation"})
_OF_THE_STREAM = frozenset(
    {
        "ErrorItemCorrupt",
        "ErrorCorruptData",
        "ErrorMessageSizeExceeded",
        "ErrorContentConversionFailed",
        "ErrorPropertyValidationFailure",
    }
)
"""These will be said again; whatever else a server says may have been its bad moment."""
_IN_VAIN = frozenset({"ErrorAccessDenied", "ErrorCreateItemAccessDenied"})


def has_no_operation(error: EwsError) -> bool:
    """Whether a server that answers this to a whole request does not know the operation (before Exchange 2010 SP1)."""
    return error.code in _NO_SUCH_OPERATION


def worth_another_way(error: EwsError, attempts: int) -> bool:
    """Whether an item whose stream was refused so, after so many failed attempts, is to go by its properties."""
    if error.kind is not Kind.PERMANENT or error.code in _IN_VAIN:
        return False
    return error.code in _OF_THE_STREAM or attempts > 0


class Plan(NamedTuple):
    """How an item is made from its properties. `native`: with its native content; `parts`: attachments one by one."""

    form: Form
    native: bool
    parts: bool


def too_large(outline: Outline) -> str:
    """Which attachment no worker can bring, for people; empty when all of them can go."""
    for each in outline.attachments:
        if each.size > ATTACHMENT_BYTES:
            return (
                f"attachment {each.name!r} of {each.size} bytes is larger than the {ATTACHMENT_BYTES} that go over: "
                "save it from the source's mailbox, and put it beside the copy or where files are kept"
            )
    return ""


def plan(outline: Outline, *, associated: bool) -> Plan:
    """How to make the item of this outline.

    Mail that fits into a request goes as MIME, attachments in it. Files are not in the native content of the other
    forms, and items within items are not whole in MIME: these go in parts.
    """
    form = form_of(outline.item_class, associated=associated)
    if not outline.attachments:
        return Plan(form, form.mime and outline.size <= WHOLE_BYTES, parts=False)
    files = all(each.kind == "FileAttachment" for each in outline.attachments)
    if form.attached_in_native and files and outline.size <= WHOLE_BYTES:
        return Plan(form, native=True, parts=False)
    return Plan(form, native=form.mime and not form.attached_in_native, parts=True)


def together(sizes: Sequence[int], most_items: int) -> list[int]:
    """Where to cut a row of items that are created at once: the number of items of each request."""
    counts: list[int] = []
    count = total = 0
    for size in sizes:
        if count and (count == most_items or total + size > REQUEST_BYTES):
            counts.append(count)
            count = total = 0
        count, total = count + 1, total + size
    return [*counts, count] if count else counts
