"""Who asks: Basic authentication against the forest, and impersonation for those who may."""

from __future__ import annotations

import base64

import structlog

from .directory import Directory, Recipient
from .ews.errors import EwsError

_log = structlog.get_logger()


def authenticate(directory: Directory, netbios: str, header: str | None) -> Recipient | None:
    """The person of an Authorization header; None when there is none or the forest does not accept it.

    The name may be a user principal name, ``DOMAIN\\user`` or a primary address. May raise DirectoryError.
    """
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    person = _person(directory, netbios, name) if colon else None
    if person is None or not directory.check_password(person, password):
        _log.warning("logon refused", name=name)
        return None
    return person


def _person(directory: Directory, netbios: str, name: str) -> Recipient | None:
    domain, backslash, account = name.partition("\\")
    if backslash:
        return directory.by_account(account) if domain.lower() == netbios.lower() else None
    if "@" not in name:
        return directory.by_account(name)
    return directory.by_principal(name) or directory.by_address(name)


def impersonate(
    directory: Directory, allowed_group: str | None, caller: Recipient, connecting_sid: tuple[str, str]
) -> Recipient:
    """The person as whom the request acts ([MS-OXWSCDATA] 2.2.4.24). Raises EwsError."""
    kind, value = connecting_sid
    if allowed_group is None or not directory.is_member(caller, allowed_group):
        raise EwsError("ErrorImpersonateUserDenied")
    match kind:
        case "PrincipalName":
            person, code = directory.by_principal(value), "ErrorInvalidUserPrincipalName"
        case "SID":
            person, code = directory.by_sid(value), "ErrorInvalidUserSid"
        case _:
            person, code = directory.by_address(value), "ErrorNonExistentMailbox"
    if person is None:
        raise EwsError(code, f"{kind} {value} names nobody in this organisation.")
    if person.mailbox is None:
        raise EwsError("ErrorNonExistentMailbox", f"{value} has no mailbox in this organisation.")
    return person
