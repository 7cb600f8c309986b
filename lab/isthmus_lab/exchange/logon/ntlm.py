"""NTLM on the server's side, passed through to the forest.

A server knows no passwords, so it cannot check an NTLM response itself: a real one asks a domain controller by
Netlogon. Here the client's messages go to the domain controller in a SASL bind over LDAPS: the challenge is the
controller's and so is the verdict ([MS-NLMP], [MS-ADTS] 5.1.1.1.2).
"""

from __future__ import annotations

import struct
from typing import Any, Final

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.protocol.sasl.sasl import send_sasl_negotiation

from isthmus_lab.processor import PROCESSOR

from ..directory import DirectoryError

_SIGNATURE: Final = b"NTLMSSP\0"
_USER: Final = struct.Struct("<HHI")
_UNICODE: Final = 1
_SUCCESS, _IN_PROGRESS, _UNWILLING = 0, 14, 53


def is_negotiate(message: bytes) -> bool:
    """Whether a handshake begins with this message."""
    return message.startswith(_SIGNATURE + b"\1\0\0\0")


def user_of(message: bytes) -> str:
    """The user name in an AUTHENTICATE_MESSAGE ([MS-NLMP] 2.2.1.3). ValueError for anything else."""
    if not message.startswith(_SIGNATURE + b"\3\0\0\0") or len(message) < 64:
        raise ValueError("not an AUTHENTICATE_MESSAGE")
    length, _, offset = _USER.unpack_from(message, 36)
    (flags,) = struct.unpack_from("<I", message, 60)
    return message[offset : offset + length].decode("utf-16-le" if flags & _UNICODE else "cp1252")


class Handshake:
    """One handshake: :meth:`challenge`, then :meth:`complete`. DirectoryError when the forest does not answer."""

    def __init__(self, server: ldap3.Server) -> None:
        self._connection: Any = ldap3.Connection(server, receive_timeout=10)
        self._connection.sasl_mechanism = "GSS-SPNEGO"

    def challenge(self, negotiate: bytes) -> bytes | None:
        """The domain controller's CHALLENGE_MESSAGE; None when it wants nothing of this."""
        result = self._send(negotiate)
        if result["result"] != _IN_PROGRESS:
            self.close()
            return None
        return bytes(result["saslCreds"])

    def complete(self, authenticate: bytes) -> bool:
        """Whether the domain controller accepts the client's response."""
        result = self._send(authenticate)
        self.close()
        # A client may ask for signing, which is never used over HTTP. Then the controller, having accepted the
        # response, does not want to sign inside TLS; one that it does not accept is invalidCredentials (49).
        signs = result["result"] == _UNWILLING and "Sign or Seal" in str(result["message"])
        return result["result"] == _SUCCESS or signs

    def close(self) -> None:
        """Ends the connection to the domain controller."""
        self._connection.unbind()

    def _send(self, message: bytes) -> dict[str, Any]:
        try:
            with PROCESSOR.waiting():
                if self._connection.closed:
                    self._connection.open()
                result: dict[str, Any] = send_sasl_negotiation(self._connection, None, message)
        except LDAPException as error:
            self.close()
            raise DirectoryError(f"the forest did not answer: {error}") from error
        return result
