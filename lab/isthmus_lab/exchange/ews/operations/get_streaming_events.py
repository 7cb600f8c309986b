"""GetStreamingEvents: known here, answered by :mod:`isthmus_lab.exchange.notifications.streaming`."""

from __future__ import annotations

from ..call import Call, operation
from ..errors import EwsError
from ..soap import Answer


@operation
def get_streaming_events(_: Call) -> Answer:
    """Its answer goes on for minutes, so it is not this kind of operation."""
    raise EwsError("ErrorInvalidOperation", "GetStreamingEvents needs a connection of its own.")
