"""Certificates of the lab: a strict client accepts them for the names and addresses asked for, and for no other."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from isthmus_lab.pki import Authority, ServerCertificate


async def _connect(certificate: ServerCertificate, trusted: Path, host: str) -> None:
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate.certificate, certificate.key)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(answer, "127.77.1.1", 0, ssl=serving) as server:
        port = server.sockets[0].getsockname()[1]
        client = ssl.create_default_context(cafile=trusted)
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        _, writer = await asyncio.open_connection("127.77.1.1", port, ssl=client, server_hostname=host)
        writer.close()


async def test_a_client_accepts_the_name_and_the_address(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path, "Test authority")
    issued = authority.issue(tmp_path / "server", ["mail.alpha.test"], ["127.77.1.1"])
    for host in ("mail.alpha.test", "127.77.1.1"):
        await _connect(issued, authority.certificate, host)
    with pytest.raises(ssl.SSLCertVerificationError):
        await _connect(issued, authority.certificate, "mail.beta.test")


async def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    issued = Authority.open(tmp_path / "one", "One").issue(tmp_path / "server", ["mail.alpha.test"], [])
    other = Authority.open(tmp_path / "two", "Two")
    with pytest.raises(ssl.SSLCertVerificationError):
        await _connect(issued, other.certificate, "mail.alpha.test")


def test_a_certificate_is_kept_while_it_fits(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path, "Test authority")
    assert Authority.open(tmp_path, "Test authority") == authority
    first = authority.issue(tmp_path / "server", ["a.test"], ["127.0.0.1"]).certificate.read_bytes()
    assert authority.issue(tmp_path / "server", ["a.test"], ["127.0.0.1"]).certificate.read_bytes() == first
    assert authority.issue(tmp_path / "server", ["b.test"], ["127.0.0.1"]).certificate.read_bytes() != first
    assert (tmp_path / "server" / "server.key").stat().st_mode & 0o077 == 0
