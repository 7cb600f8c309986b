"""ErrorServerBusy in the three shapes in which clients meet it."""

from __future__ import annotations

import math
from typing import Final

from ..ews.errors import EwsError
from .line import refusal

_WORDS: Final = "The server cannot service this request right now. Try again later."


def busy(shape: str, back_off_ms: int | None) -> Exception:
    """What is to be raised: a SOAP fault, an error of each item, or an answer of HTTP alone.

    The fault is HTTP 500 with ErrorServerBusy. As a message it is HTTP 200 with ErrorInternalServerError for each item,
    where MessageXml has the inner code. From IIS it is HTTP 503.
    """
    wait = {} if back_off_ms is None else {"BackOffMilliseconds": str(back_off_ms)}
    if shape == "fault":
        return EwsError("ErrorServerBusy", _WORDS, **wait)
    if shape == "message":
        return InEachMessage(back_off_ms)
    return refusal(503, None if back_off_ms is None else math.ceil(back_off_ms / 1000))


class InEachMessage(EwsError):  # noqa: N818 - a shape, not another error
    """An error that is not a fault but each item's."""

    def __init__(self, back_off_ms: int | None) -> None:
        inner = {
            "InnerErrorMessageText": _WORDS,
            "InnerErrorResponseCode": "ErrorServerBusy",
            "InnerErrorDescriptiveLinkKey": "0",
        }
        wait = {} if back_off_ms is None else {"BackOffMilliseconds": str(back_off_ms)}
        super().__init__("ErrorInternalServerError", None, **inner, **wait)
