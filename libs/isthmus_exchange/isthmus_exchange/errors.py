"""What can go wrong when an Exchange server is asked, by what the caller can do about it."""

from __future__ import annotations


class EwsError(Exception):
    """The server answered with a response code other than NoError; ``code`` is that code ([MS-OXWSCDATA] 2.2.5.24)."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message


class TransientError(Exception):
    """The request was not carried out and may be made again: no connection, a server that restarts."""


class ServerBusyError(TransientError):
    """The server asks for a pause of ``back_off`` seconds (ErrorServerBusy); the whole budget is paused meanwhile."""

    def __init__(self, back_off: float) -> None:
        super().__init__(f"the server is busy and asks for {back_off:.1f} s of rest")
        self.back_off = back_off


class InDoubtError(Exception):
    """A request that writes got no answer: it may have taken effect. Look at the mailbox before it is made again."""


class AccessError(Exception):
    """The account or its rights are not good enough. Nothing goes on until somebody acts; the message says how."""


FATAL_FOR_MAILBOX = frozenset(
    {
        "ErrorAccessDenied",
        "ErrorImpersonateUserDenied",
        "ErrorImpersonationDenied",
        "ErrorNonExistentMailbox",
        "ErrorMailboxMoveInProgress",
        "ErrorMissingEmailAddress",
        "ErrorAccountDisabled",
    }
)
"""Codes that hold for the whole mailbox: its owner cannot be impersonated, or there is none."""

BUSY = frozenset({"ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"})

TRANSIENT = BUSY | frozenset(
    {
        "ErrorTimeoutExpired",
        "ErrorInternalServerTransientError",
        "ErrorMailboxStoreUnavailable",
        "ErrorADUnavailable",
        "ErrorADOperation",
        "ErrorConnectionFailed",
        "ErrorBatchProcessingStopped",
        "ErrorMailboxFailover",
        "ErrorInsufficientResources",
    }
)
"""Codes after which the same item may be tried again, later."""
