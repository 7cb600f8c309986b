"""Who wants to hear what of which mailbox. May be used from any thread."""

from __future__ import annotations

import base64
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from isthmus_lab.store import Event, Mailbox

from ..ews.errors import EwsError
from .log import Log, Told, read_watermark, watermark

_AT_ONCE: Final = 50
"""Events in one notification."""


@dataclass(eq=False)
class Subscription:
    """A filter on a mailbox's events and the place up to which they were told; ``folders`` None means all."""

    kind: str
    owner: UUID  # who logged on: a service serves those of many mailboxes on one connection
    mailbox: UUID
    folders: frozenset[bytes] | None
    names: frozenset[str]
    minutes: int
    url: str = ""
    id: str = ""
    place: int = 0
    alive_until: float = 0.0
    connection: object = None
    """The streaming connection that serves it, a new one takes it from the old one."""

    def wants(self, told: Told) -> bool:
        """Whether the event is one of those it asked for."""
        if told.name not in self.names:
            return False
        event = told.event
        return self.folders is None or not self.folders.isdisjoint(
            (event.folder_id, event.parent_id, event.old_parent_id or b"")
        )


@dataclass
class Notification:
    """What one subscription is told at a time."""

    subscription: Subscription
    previous: int
    events: list[Told]
    last: int
    """The place up to which this tells everything."""
    more: bool


@dataclass
class Subscriptions:
    """All of a server. ``limit`` says how many a mailbox may have, ``minute`` how many seconds a minute has."""

    limit: Callable[[], int | None] = lambda: None
    minute: Callable[[], float] = lambda: 60.0
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _logs: dict[UUID, Log] = field(default_factory=dict)
    _all: dict[str, Subscription] = field(default_factory=dict)
    _listeners: dict[Callable[[], object], frozenset[UUID]] = field(default_factory=dict)

    def heard(self, events: list[Event]) -> None:
        """Takes what the store committed, in the thread that committed it."""
        log = self._logs.get(events[0].mailbox)
        if log is None:
            return
        with self._lock:
            log.add(events)
        self._wake(events[0].mailbox)

    def listen(self, mailboxes: frozenset[UUID], wake: Callable[[], object]) -> Callable[[], None]:
        """Calls ``wake`` from any thread when something happened in one of them; returns what ends that."""
        with self._lock:
            self._listeners[wake] = mailboxes
        return lambda: self._forget(wake)

    def add(self, subscription: Subscription, mailbox: Mailbox, since: str | None) -> str:
        """Begins now or at a watermark; returns that place. Raises EwsError."""
        # A mailbox may be somebody else's for long: nobody waits for it with the lock in hand.
        log = self._logs.get(mailbox.guid) or Log(mailbox)
        with self._lock:
            self._expire()
            limit = self.limit()
            if limit is not None and sum(each.mailbox == mailbox.guid for each in self._all.values()) >= limit:
                raise EwsError(
                    "ErrorExceededSubscriptionCount",
                    "You have exceeded the available subscriptions for your account. Remove unnecessary subscriptions "
                    "and try your request again.",
                )
            log = self._logs.setdefault(mailbox.guid, log)
            subscription.place = log.last if since is None else read_watermark(since, log.last)
            subscription.id = base64.b64encode(uuid.uuid4().bytes + mailbox.guid.bytes).decode()
            self._touch(subscription)
            self._all[subscription.id] = subscription
            return watermark(subscription.place)

    def get(self, subscription_id: str, owner: UUID) -> Subscription:
        """The subscription, which this keeps alive. Raises EwsError for one that is not there or somebody else's."""
        with self._lock:
            self._expire()
            found = self._all.get(subscription_id)
            if found is None:
                raise EwsError("ErrorSubscriptionNotFound", "The specified subscription was not found.")
            if found.owner != owner:
                raise EwsError("ErrorSubscriptionAccessDenied", "The subscription is somebody else's.")
            self._touch(found)
            return found

    def attach(self, served: list[Subscription], connection: object) -> None:
        """From now on this connection serves them; one that did so before hears of it."""
        for each in served:
            each.connection = connection
            self._wake(each.mailbox)

    def remove(self, subscription: Subscription) -> None:
        """Ends it."""
        with self._lock:
            self._all.pop(subscription.id, None)
        self._wake(subscription.mailbox)

    def is_there(self, subscription: Subscription) -> bool:
        """Whether nobody has ended it."""
        return subscription.id in self._all

    def take(self, subscription: Subscription, since: str | None = None) -> Notification:
        """The next events behind a watermark, or behind what was told before."""
        with self._lock:
            self._touch(subscription)
            log = self._logs[subscription.mailbox]
            previous = subscription.place if since is None else read_watermark(since, log.last)
            wanted = [told for told in log.since(previous) if subscription.wants(told)]
            more = len(wanted) > _AT_ONCE
            last = wanted[_AT_ONCE - 1].number if more else log.last
            subscription.place = last
            return Notification(subscription, previous, wanted[:_AT_ONCE], last, more)

    def _wake(self, mailbox: UUID) -> None:
        with self._lock:
            woken = [wake for wake, mailboxes in self._listeners.items() if mailbox in mailboxes]
        for wake in woken:
            wake()

    def _forget(self, wake: Callable[[], object]) -> None:
        with self._lock:
            self._listeners.pop(wake, None)

    def _touch(self, subscription: Subscription) -> None:
        subscription.alive_until = time.monotonic() + subscription.minutes * self.minute()

    def _expire(self) -> None:
        now = time.monotonic()
        for each in [each for each in self._all.values() if each.kind != "push" and each.connection is None]:
            if each.alive_until < now:
                del self._all[each.id]
