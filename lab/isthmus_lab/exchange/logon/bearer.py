"""OAuth 2.0 bearer tokens ([MS-XOAUTH], RFC 6750): JSON Web Tokens signed by an issuer that the settings trust."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from ..directory import Recipient
from ..settings import TrustedIssuer

FULL_ACCESS: Final = "full_access_as_app"
_AS_USER: Final = "EWS.AccessAsUser.All"
_SKEW: Final = 300
"""Seconds by which clocks may differ."""
_WORDS: Final = (
    (jwt.ExpiredSignatureError, "2000003", "The token has expired.", "token_expired"),
    (jwt.ImmatureSignatureError, "2000004", "The token is not valid yet.", "token_not_yet_valid"),
    (jwt.InvalidAudienceError, "2000008", "The audience of the token is not this server.", "invalid_audience"),
    (jwt.InvalidTokenError, "2000001", "The token cannot be accepted.", "invalid_token"),
)


class TokenError(Exception):
    """The token is not accepted; ``diagnostics`` is what x-ms-diagnostics says of it."""

    def __init__(self, number: str, reason: str, category: str) -> None:
        super().__init__(reason)
        self.diagnostics = f'{number};reason="{reason}";error_category="{category}"'


class Tokens:
    """Judges tokens by the trusted issuers' keys."""

    def __init__(self, issuers: Sequence[TrustedIssuer], person: Callable[[str], Recipient | None]) -> None:
        """``person`` finds who a user principal name is."""
        self._issuers = {each.issuer: (each, _key(each.key)) for each in issuers}
        self._person = person

    def accepted(self, token: str) -> Recipient:
        """The application or person that the token is for. Raises TokenError."""
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
            trust, key = self._issuers.get(str(issuer), (None, None))
            if trust is None or key is None:
                raise TokenError("2000002", "The issuer of the token is not trusted.", "invalid_issuer")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=trust.audiences,
                issuer=trust.issuer,
                leeway=_SKEW,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            raise TokenError(*next(words for kind, *words in _WORDS if isinstance(error, kind))) from None
        application = claims.get("appid") or claims.get("azp")
        if FULL_ACCESS in claims.get("roles", ()) and application:
            return _application(str(application))
        name = claims.get("upn") or claims.get("smtp") or claims.get("unique_name")
        if _AS_USER in str(claims.get("scp", "")).split() and name:
            person = self._person(str(name))
            if person is not None:
                return person
            raise TokenError("2000005", "The user of the token is not known here.", "invalid_user")
        raise TokenError("2000006", "The token grants nothing here.", "invalid_grant")


def _key(path: Path) -> RSAPublicKey:
    content = path.read_bytes()
    key = (
        load_pem_x509_certificate(content).public_key()
        if b"BEGIN CERTIFICATE" in content
        else load_pem_public_key(content)
    )
    if not isinstance(key, RSAPublicKey):
        raise OSError(f"{path} has no RSA key")
    return key


def _application(appid: str) -> Recipient:
    """An application as somebody who asks: it has no mailbox, and may impersonate."""
    return Recipient(
        dn="",
        guid=uuid.uuid5(uuid.NAMESPACE_URL, f"urn:application:{appid}"),
        kind="application",
        name=appid,
        smtp=None,
        addresses=frozenset(),
        target_address=None,
        legacy_dn=None,
        mailbox=None,
        principal=f"application {appid}",
        account=appid,
        sid=None,
        hidden=True,
        names={},
    )
