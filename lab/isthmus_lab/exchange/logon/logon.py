"""From an Authorization header to somebody, or to what they are to prove themselves by."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import structlog

from ..directory import Directory, Recipient
from ..settings import Settings
from .bearer import TokenError, Tokens
from .ntlm import Handshake, is_negotiate, user_of

_log = structlog.get_logger()


@dataclass
class Kept:
    """What a connection remembers: NTLM authenticates connections, not requests."""

    handshake: Handshake | None = None
    person: Recipient | None = None


class Refused(Exception):  # noqa: N818 - the status is called Unauthorized
    """HTTP 401: nobody yet, or nobody. The header of a challenge, if one goes with it."""

    def __init__(self, challenge: str | None = None, diagnostics: str | None = None) -> None:
        super().__init__(challenge or diagnostics or "who is it?")
        self.challenge = challenge
        self.diagnostics = diagnostics


class Logon:
    """The ways into one server. Everything here blocks; DirectoryError when the forest does not answer."""

    def __init__(self, settings: Settings, directory: Directory) -> None:
        self._settings = settings
        self._directory = directory
        self._tokens = Tokens(settings.oauth, self._named)

    @property
    def challenges(self) -> list[str]:
        """What a WWW-Authenticate header offers, in this order."""
        shown = {
            "NTLM": "NTLM",
            "Basic": f'Basic realm="{self._settings.host_name}"',
            "Bearer": 'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", trusted_issuers="'
            + ",".join(each.issuer for each in self._settings.oauth)
            + '", token_types="app_asserted_user_v1 service_asserted_app_v1"',
        }
        return [shown[each] for each in self._settings.authentication]

    def who(self, header: str | None, kept: Kept) -> Recipient:
        """Who makes the request. Raises Refused."""
        scheme, _, rest = (header or "").partition(" ")
        if not header and kept.person is not None:
            return kept.person
        ways = {"basic": ("Basic", self._basic), "ntlm": ("NTLM", self._ntlm), "bearer": ("Bearer", self._bearer)}
        name, way = ways.get(scheme.lower(), ("", None))
        if way is None or name not in self._settings.authentication:
            raise Refused
        return way(rest.strip(), kept)

    def _basic(self, encoded: str, _: Kept) -> Recipient:
        """The name may be a user principal name, ``DOMAIN\\user`` or a primary address."""
        try:
            name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            raise Refused from None
        person = self._named(name) if colon else None
        if person is None or not self._directory.check_password(person, password):
            _log.warning("logon refused", name=name)
            raise Refused
        return person

    def _ntlm(self, encoded: str, kept: Kept) -> Recipient:
        try:
            message = base64.b64decode(encoded, validate=True)
            if is_negotiate(message):
                kept.person, kept.handshake = None, Handshake(self._directory.server)
                challenge = kept.handshake.challenge(message)
                raise Refused(None if challenge is None else f"NTLM {base64.b64encode(challenge).decode()}")
            name = user_of(message)
        except ValueError:
            raise Refused from None
        # Without a name it would be an anonymous logon, which a domain controller accepts.
        accepted = bool(name) and kept.handshake is not None and kept.handshake.complete(message)
        kept.handshake = None  # not before the forest was asked: until then it may be tried again (`Processor.trying`)
        if not accepted:
            _log.warning("logon refused", name=name, by="NTLM")
            raise Refused
        kept.person = self._named(name)
        if kept.person is None:
            raise Refused
        return kept.person

    def _bearer(self, token: str, _: Kept) -> Recipient:
        try:
            return self._tokens.accepted(token)
        except TokenError as error:
            _log.warning("token refused", reason=str(error))
            raise Refused(diagnostics=error.diagnostics) from None

    def _named(self, name: str) -> Recipient | None:
        domain, backslash, account = name.partition("\\")
        if backslash:
            return self._directory.by_account(account) if domain.lower() == self._settings.netbios.lower() else None
        if "@" not in name:
            return self._directory.by_account(name)
        return self._directory.by_principal(name) or self._directory.by_address(name)
