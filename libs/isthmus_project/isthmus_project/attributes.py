"""Attributes of Active Directory that no rule of a project may treat as text, in lower case."""

from __future__ import annotations

LINKED_ATTRIBUTES = frozenset(
    name.lower()
    for name in (
        "member", "memberOf", "manager", "managedBy", "managedObjects", "directReports", "assistant", "homeMDB",
        "altRecipient", "altRecipientBL", "publicDelegates", "publicDelegatesBL", "authOrig", "authOrigBL",
        "unauthOrig", "unauthOrigBL", "dLMemSubmitPerms", "dLMemSubmitPermsBL", "dLMemRejectPerms",
        "dLMemRejectPermsBL", "msExchCoManagedByLink", "msExchDelegateListLink", "msExchModeratedByLink",
        "msExchOwningServer", "msExchArchiveDatabaseLink",
    )
)  # fmt: skip
"""Those whose values are distinguished names."""

DECIDED_ELSEWHERE = frozenset(
    name.lower()
    for name in ("proxyAddresses", "targetAddress", "legacyExchangeDN", "mailNickname", "sAMAccountName",
                 "userPrincipalName", "homeMDB", "msExchMailboxGuid", "objectSid", "objectGUID", "userAccountControl",
                 "msExchMasterAccountSid", "msExchRecipientTypeDetails", "msExchRecipientDisplayType")
)  # fmt: skip
"""Those that follow from what a pair is; naming one in the project file only says who owns it."""
