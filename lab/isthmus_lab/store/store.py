"""All mailboxes of an organisation, in one folder owned by one process."""

import fcntl
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock, RLock
from uuid import UUID

from isthmus_lab.store import mailbox as mailbox_file
from isthmus_lab.store.errors import NotFoundError, StoreError
from isthmus_lab.store.mailbox import Mailbox
from isthmus_lab.store.model import Event

_OPEN_FILES = 64  # mailboxes whose file stays open; others cost a millisecond to open again
_SUFFIX = ".mailbox"


class Store:
    """The information store. One process owns the folder: a second one is refused with StoreError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._owner = (self._folder / "owner.lock").open("w")
        try:
            fcntl.flock(self._owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._owner.close()
            raise StoreError(
                f"the store in {self._folder} is in use by another process; stop that one first"
            ) from error
        self._creating = RLock()
        self._mailboxes: dict[UUID, Mailbox] = {}
        self._open: OrderedDict[Path, Mailbox] = OrderedDict()
        self._opening = Lock()
        self._callbacks: list[Callable[[list[Event]], None]] = []

    def mailbox(self, guid: UUID, *, create: bool = True, locale: str = "en") -> Mailbox:
        """The mailbox of that msExchMailboxGuid, created with its distinguished folders on first use; `locale` ("en",
        "de", "fr") chooses the language of their names then. NotFoundError when it does not exist and create is false.
        """
        if found := self._mailboxes.get(guid):
            return found
        with self._creating:
            if guid not in self._mailboxes:
                path = self._folder / f"{guid}{_SUFFIX}"
                if not path.exists():
                    if not create:
                        raise NotFoundError(f"no mailbox {guid} in {self._folder}")
                    mailbox_file.create(path, guid, locale)
                self._mailboxes[guid] = Mailbox(path, self._publish, self._opened)
            return self._mailboxes[guid]

    def public(self, guid: UUID, replica: UUID) -> Mailbox:
        """The mailbox of public folders of that GUID, made at its first use; `replica` is the organisation's own."""
        with self._creating:
            path = self._folder / f"{guid}{_SUFFIX}"
            if not path.exists():
                mailbox_file.create(path, guid, "en", replica)
            return self.mailbox(guid, create=False)

    def mailboxes(self) -> list[UUID]:
        """All that exist."""
        return sorted(UUID(path.stem) for path in self._folder.glob(f"*{_SUFFIX}"))

    def subscribe(self, callback: Callable[[list[Event]], None]) -> Callable[[], None]:
        """Calls back after each commit with its events, in the thread that committed: be quick; from asyncio hand over
        with `loop.call_soon_threadsafe`. Returns what ends it.
        """
        self._callbacks = [*self._callbacks, callback]

        def end() -> None:
            self._callbacks = [other for other in self._callbacks if other is not callback]

        return end

    def close(self) -> None:
        """Closes all mailboxes, waiting for what is at work in them."""
        for each in self._mailboxes.values():
            with each.lock:
                each.release()
        self._mailboxes.clear()
        self._owner.close()

    def _publish(self, events: list[Event]) -> None:
        for callback in self._callbacks:
            callback(events)

    def _opened(self, mailbox: Mailbox) -> None:
        """Keeps the number of open files within bounds: the one opened longest ago is closed, unless it is at work."""
        with self._opening:
            self._open[mailbox.path] = mailbox
            self._open.move_to_end(mailbox.path)
            for path, other in list(self._open.items())[: max(0, len(self._open) - _OPEN_FILES)]:
                if other is not mailbox and other.release():
                    del self._open[path]
