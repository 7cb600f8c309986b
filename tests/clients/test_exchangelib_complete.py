"""exchangelib, unmodified: for each of its services the server has the operation.

What they do is shown here and in tests/lab, where it is tested together with what exchangelib cannot say.
"""

from __future__ import annotations

from exchangelib import services
from isthmus_lab.exchange.ews import operations
from isthmus_lab.exchange.ews.call import OPERATIONS

assert operations  # importing it registered the operations

ELSEWHERE = {"GetUserSettings", "SendNotification"}
"""One is Autodiscover's, the other a request of the server to its client."""

MISSING = {"GetMailTips", "GetSearchableMailboxes"}
"""The published schema has no types for mail tips; nobody in the lab is allowed to search all mailboxes."""


def test_every_service_of_exchangelib_is_answered() -> None:
    names = {getattr(getattr(services, name), "SERVICE_NAME", None) for name in services.__all__} - {None}
    known = {name.removesuffix("Request") for name in OPERATIONS}
    assert len(names) > 40
    assert names - known - ELSEWHERE == MISSING
