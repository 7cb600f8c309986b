"""What can go wrong, told apart by one question: did anything happen on the server?

EwsError          the server refused; nothing happened. Raised for a whole request, a value for one item of several.
TransientError    no server answered, or not now; nothing happened. ServerBusyError names the rest that is asked for.
InDoubtError      a write got no answer: it may have happened, be happening, or never happen. Look before trying again.
AccessError       the account is refused; nothing happened, and nothing will until somebody acts.
"""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What an EwsError means for the work at hand."""

    # Try again later; the item is as good as any other.
    TRANSIENT = "transient"
    # A write may have happened.
    IN_DOUBT = "in doubt"
    # The item or folder does not exist (any more).
    GONE = "gone"
    # It will fail again until something changes.
    PERMANENT = "permanent"
    # Nothing can be done in this mailbox until somebody acts.
    MAILBOX = "mailbox"


BUSY = frozenset({"ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"})

TRANSIENT = BUSY | frozenset(
    {
        "ErrorInternalServerTransientError",
        "ErrorMailboxStoreUnavailable",
        "ErrorMailboxMoveInProgress",
        "ErrorADUnavailable",
        "ErrorADOperation",
        "ErrorConnectionFailed",
        "ErrorBatchProcessingStopped",
        "ErrorMailboxFailover",
        "ErrorInsufficientResources",
        "ErrorNotEnoughMemory",
        # Of one Client Access server about another, to which it would pass the request on.
        "ErrorNoApplicableProxyCASServersAvailable",
        "ErrorProxyServiceDiscoveryFailed",
        "ErrorProxyTokenExpired",
    }
)
"""Codes after which the same item may be tried again, later."""

FATAL_FOR_MAILBOX = frozenset(
    {
        "ErrorImpersonateUserDenied",
        "ErrorImpersonationDenied",
        "ErrorImpersonationFailed",
        "ErrorNonExistentMailbox",
        "ErrorMissingEmailAddress",
        "ErrorMailboxConfiguration",
        "ErrorMailboxLogonFailed",
        "ErrorAccountDisabled",
        "ErrorQuotaExceeded",
        "ErrorInvalidServerVersion",
    }
)
"""Codes that hold for the whole mailbox: its owner cannot be impersonated, it is full, or there is none."""

FOLDER_GONE = frozenset(
    {"ErrorFolderNotFound", "ErrorParentFolderNotFound", "ErrorToFolderNotFound", "ErrorSavedItemFolderNotFound"}
)
"""Codes by which a server says that there is no such folder as something was to be put into."""

_KINDS = {
    **dict.fromkeys(TRANSIENT, Kind.TRANSIENT),
    **dict.fromkeys(FATAL_FOR_MAILBOX, Kind.MAILBOX),
    **dict.fromkeys(
        ("ErrorTimeoutExpired", "ErrorClientDisconnected", "ErrorProxyCallFailed", "ErrorProxyRequestProcessingFailed"),
        Kind.IN_DOUBT,
    ),
    **dict.fromkeys(
        ("ErrorItemNotFound", "ErrorFolderNotFound", "ErrorSyncFolderNotFound", "ErrorParentFolderNotFound"), Kind.GONE
    ),
}


class EwsError(Exception):
    """The server answered with a response code other than NoError; ``code`` is that code ([MS-OXWSCDATA] 2.2.5.24).

    ``back_off`` is the rest in seconds that a busy server asks for with it, else None.
    """

    def __init__(self, code: str, message: str = "", back_off: float | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.back_off = back_off

    @property
    def kind(self) -> Kind:
        return Kind.TRANSIENT if self.back_off is not None else _KINDS.get(self.code, Kind.PERMANENT)


class TransientError(Exception):
    """The request was not carried out and may be made again: no connection, a server that restarts."""


class ServerBusyError(TransientError):
    """The server asks for a rest of ``back_off`` seconds; the whole budget rests meanwhile. ``code`` is how it said so:
    a response code, or HTTP's.
    """

    def __init__(self, back_off: float, code: str = "ErrorServerBusy") -> None:
        super().__init__(f"the server is busy and asks for {back_off:.1f} s of rest")
        self.back_off = back_off
        self.code = code

    @property
    def by_status(self) -> bool:
        """What stands before EWS said so, by a status alone: of a server that is busy, or died of the request."""
        return self.code.startswith("HTTP")


class InDoubtError(Exception):
    """A request that writes got no answer: it may have taken effect. Look at the mailbox before it is made again."""


class OlderServerError(Exception):
    """A server before Exchange 2013 cannot do what it was to be asked in one request; nothing was sent."""


class AccessError(Exception):
    """The account or its rights are not good enough. Nothing goes on until somebody acts; the message says how."""
