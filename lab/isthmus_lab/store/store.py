"""All mailboxes of an organisation, in one folder owned by one process."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from isthmus_lab.store.mailbox import Mailbox
from isthmus_lab.store.model import Event


class Store:
    """The information store. One process owns the folder: a second one is refused with StoreError."""

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError

    def mailbox(self, guid: UUID, *, create: bool = True, locale: str = "en") -> Mailbox:
        """The mailbox of that msExchMailboxGuid, created with its distinguished folders on first use; `locale` ("en",
        "de", "fr") chooses the language of their names then. NotFoundError when it does not exist and create is false.
        """
        raise NotImplementedError

    def mailboxes(self) -> list[UUID]:
        """All that exist."""
        raise NotImplementedError

    def subscribe(self, callback: Callable[[list[Event]], None]) -> Callable[[], None]:
        """Calls back after each commit with its events, in the thread that committed: be quick; from asyncio hand over
        with `loop.call_soon_threadsafe`. Returns what ends it.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Closes all mailboxes."""
        raise NotImplementedError
