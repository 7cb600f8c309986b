"""Who may act as whom: ApplicationImpersonation, within management scopes ([MS-OXWSCDATA] 2.2.4.24)."""

from __future__ import annotations

from ..directory import Directory, Recipient
from ..ews.errors import EwsError
from ..settings import ImpersonationScope, Settings


def impersonate(
    directory: Directory, settings: Settings, caller: Recipient, connecting_sid: tuple[str, str]
) -> Recipient:
    """The person as whom the request acts. Raises EwsError."""
    kind, value = connecting_sid
    unlimited, scopes = _rights(directory, settings, caller)
    if not unlimited and not scopes:
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
    if not unlimited and not any(directory.is_within(person, scope.root, scope.filter) for scope in scopes):
        raise EwsError("ErrorImpersonateUserDenied")
    if person.mailbox is None:
        raise EwsError("ErrorNonExistentMailbox", f"{value} has no mailbox in this organisation.")
    return person


def _rights(directory: Directory, settings: Settings, caller: Recipient) -> tuple[bool, list[ImpersonationScope]]:
    """Whether the caller may impersonate everybody, and if not, within which scopes."""
    if caller.kind == "application":
        scopes = [each for each in settings.impersonation_scopes if each.application == caller.account]
        return not scopes, scopes  # its role is full access, unless it was narrowed
    group = settings.impersonation_group
    if group is not None and directory.is_member(caller, group):
        return True, []
    scopes = [
        each
        for each in settings.impersonation_scopes
        if each.group is not None and directory.is_member(caller, each.group)
    ]
    return False, scopes
