"""What EWS says when something is not possible.

An :class:`EwsError` raised while one of several items is handled becomes that item's response message; raised before,
or for the whole request, it becomes a SOAP fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .names import Element

# The sentences that Exchange writes for the codes clients look at; others are given where they are raised.
TEXTS: Final = {
    "ErrorAccessDenied": "Access is denied. Check credentials and try again.",
    "ErrorCannotDeleteObject": "The object cannot be deleted.",
    "ErrorCorruptData": "The operation could not be performed because the data is corrupt.",
    "ErrorDeleteDistinguishedFolder": "Distinguished folders cannot be deleted.",
    "ErrorFolderExists": "A folder with the specified name already exists.",
    "ErrorFolderNotFound": "The specified folder could not be found in the store.",
    "ErrorImpersonateUserDenied": "The account does not have permission to impersonate the requested user.",
    "ErrorImpersonationFailed": "Exchange Web Services could not identify the user to impersonate.",
    "ErrorInternalServerError": "An internal server error occurred. The operation failed.",
    "ErrorInvalidIdMalformed": "Id is malformed.",
    "ErrorInvalidOperation": "The operation is not valid.",
    "ErrorInvalidPropertySet": "Property is not valid for this object type.",
    "ErrorInvalidRequest": "The request is invalid.",
    "ErrorInvalidServerVersion": "The specified server version is invalid.",
    "ErrorInvalidSyncStateData": "Synchronization state data is corrupt or otherwise invalid.",
    "ErrorIrresolvableConflict": (
        "The send or update operation could not be performed because the change key passed in the request does not "
        "match the current change key for the item."
    ),
    "ErrorItemNotFound": "The specified object was not found in the store.",
    "ErrorMailboxMoveInProgress": "Mailbox move in progress.",
    "ErrorMissingRecipients": "The message has no recipients.",
    "ErrorNameResolutionNoResults": "No results were found.",
    "ErrorNonExistentMailbox": "The SMTP address has no mailbox associated with it.",
    "ErrorMoveCopyFailed": "The move or copy operation failed.",
    "ErrorNoResponse": "No response.",
    "ErrorSchemaValidation": "The request failed schema validation.",
}


class EwsError(Exception):
    """A response code of EWS with its sentence; ``values`` becomes MessageXml (e.g. BackOffMilliseconds)."""

    def __init__(self, code: str, message: str | None = None, **values: str) -> None:
        self.code = code
        self.message = message or TEXTS.get(code, code)
        self.values = values
        super().__init__(f"{code}: {self.message}")


class EwsWarning(EwsError):  # noqa: N818 - the ResponseClass is called so
    """A result that is not quite what was asked for: a response message of class Warning, with content."""

    def __init__(self, code: str, message: str, content: list[Element]) -> None:
        super().__init__(code, message)
        self.content = content
