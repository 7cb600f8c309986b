"""GetUserOofSettings and SetUserOofSettings ([MS-OXWSOOF] 3.1.4): automatic replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..names import T
from ..soap import Element, child, text
from ..values import OutOfOffice
from .operation import Operation, only


@dataclass(frozen=True)
class GetOutOfOffice(Operation[OutOfOffice]):
    """Of the mailbox with this address."""

    address: str
    name = "GetUserOofSettings"

    def body(self, _newer: bool, /) -> str:
        return f"<m:GetUserOofSettingsRequest>{_mailbox(self.address)}</m:GetUserOofSettingsRequest>"

    def answer(self, messages: Sequence[Element], /) -> OutOfOffice:
        told = child(only(messages), f"{T}OofSettings")
        return OutOfOffice(
            told.findtext(f"{T}OofState") or "Disabled",
            told.findtext(f"{T}ExternalAudience") or "None",
            told.findtext(f"{T}Duration/{T}StartTime") or "",
            told.findtext(f"{T}Duration/{T}EndTime") or "",
            told.findtext(f"{T}InternalReply/{T}Message"),
            told.findtext(f"{T}ExternalReply/{T}Message"),
        )


@dataclass(frozen=True)
class SetOutOfOffice(Operation[None]):
    """All settings at once, so it can be made twice without harm."""

    address: str
    settings: OutOfOffice
    name = "SetUserOofSettings"
    writes = True

    def body(self, _newer: bool, /) -> str:
        own = self.settings
        duration = f"<t:StartTime>{text(own.start)}</t:StartTime><t:EndTime>{text(own.end)}</t:EndTime>"
        replies = "".join(
            f"<t:{name}><t:Message>{text(reply)}</t:Message></t:{name}>"
            for name, reply in (("InternalReply", own.internal), ("ExternalReply", own.external))
            if reply is not None
        )
        return (
            f"<m:SetUserOofSettingsRequest>{_mailbox(self.address)}<t:UserOofSettings>"
            f"<t:OofState>{text(own.state)}</t:OofState><t:ExternalAudience>{text(own.audience)}</t:ExternalAudience>"
            f"{f'<t:Duration>{duration}</t:Duration>' if own.start and own.end else ''}{replies}"
            "</t:UserOofSettings></m:SetUserOofSettingsRequest>"
        )

    def answer(self, messages: Sequence[Element], /) -> None:
        only(messages)


def _mailbox(address: str) -> str:
    return f"<t:Mailbox><t:Address>{text(address)}</t:Address></t:Mailbox>"
