"""The lab's EWS in this process: no HTTP, no forest; every answer is checked against the schema."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast
from uuid import UUID

from isthmus_lab.exchange.conditions import pages
from isthmus_lab.exchange.conditions.faults import Faults
from isthmus_lab.exchange.conditions.model import FaultPlan
from isthmus_lab.exchange.directory import Directory, Recipient
from isthmus_lab.exchange.ews.answering import Answering
from isthmus_lab.exchange.ews.arriving import whole
from isthmus_lab.exchange.ews.call import Services
from isthmus_lab.exchange.mail.transport import Transport
from isthmus_lab.exchange.settings import Forest, Settings
from isthmus_lab.organisation import ALPHA
from isthmus_lab.store import Store
from pydantic import SecretStr

ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Body>{}</s:Body></s:Envelope>'
)


class Strangers(Directory):
    """A forest that knows nobody: no test that uses it asks who somebody is."""

    def _find(self, condition: str, limit: int) -> tuple[Recipient, ...]:
        return ()


def services_in(folder: Path, store: Store) -> Services:
    """What requests share, with a store and nothing else: nothing is sent, so there is no transport."""
    settings = Settings(
        organisation="alpha",
        host_name="mail.alpha.test",
        netbios="ALPHA",
        forest=Forest(url="ldaps://127.0.0.1:1", user="nobody", password=SecretStr("none"), base=ALPHA.base),
        certificate=folder,
        key=folder,
        store=folder,
        accepted_domains=("alpha.test",),
    )
    return Services(settings, Strangers(settings.forest), store, cast("Transport", None))


class Answers:
    """The server's answers to one person, without HTTP, every one checked against the schema."""

    def __init__(
        self,
        answering: Answering,
        mailbox: UUID,
        address: str = "somebody@alpha.test",
        faults: FaultPlan = FaultPlan(),  # noqa: B008 - it is frozen
    ) -> None:
        """Of the faults, those that give less than what is asked for: they need no HTTP."""
        self._answering = answering
        self._faults = Faults(faults)
        self._caller = Recipient(
            dn="",
            guid=mailbox,
            kind="user",
            name=address,
            smtp=address,
            addresses=frozenset(),
            target_address=None,
            legacy_dn=None,
            mailbox=mailbox,
            principal=address,
            account=address,
            sid=None,
            hidden=False,
            names={},
        )

    def ask(self, body: str) -> tuple[int, bytes]:
        try:
            asked = self._answering.understand(self._caller, whole(ENVELOPE.format(body).encode()))
            pages.shorten(self._faults, asked.request, self._caller.smtp or "")
            return 200, b"".join(self._answering.answer(asked))
        except Exception as error:  # as the web server does
            return 500, b"".join(self._answering.fault(error, ""))

    def to(self, body: str) -> bytes:
        status, content = self.ask(body)
        assert status == 200, content.decode()[:2000]
        assert b'ResponseClass="Error"' not in content, content.decode()[:2000]
        return content

    def ids(self, content: bytes, name: str = "ItemId") -> list[str]:
        return [each.decode() for each in re.findall(rf'<[tm]:{name} Id="([^"]+)"'.encode(), content)]

    def folders(self) -> list[str]:
        return self.ids(
            self.to(
                '<m:FindFolder Traversal="Deep"><m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape>'
                '<m:ParentFolderIds><t:DistinguishedFolderId Id="msgfolderroot"/></m:ParentFolderIds></m:FindFolder>'
            ),
            "FolderId",
        )

    def listed(self, folder: str, shape: str, traversal: str = "Shallow") -> list[str]:
        return self.ids(
            self.to(
                f'<m:FindItem Traversal="{traversal}"><m:ItemShape><t:BaseShape>{shape}</t:BaseShape></m:ItemShape>'
                f'<m:ParentFolderIds><t:FolderId Id="{folder}"/></m:ParentFolderIds></m:FindItem>'
            )
        )
