"""gRPC among services: plaintext stays on the machine, TLS needs all of its files, and says which one is missing."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from isthmus_cli.certificates import issue
from isthmus_service import ConfigurationError, Security


@pytest.mark.parametrize("address", ["127.0.0.1:7001", "localhost:7001", "[::1]:7001"])
async def test_loopback_needs_no_certificate(address: str) -> None:
    await Security().channel(address).close()


@pytest.mark.parametrize("address", ["accountmap:7001", "192.0.2.7:7001", "[2001:db8::1]:7001", "127.example:1"])
async def test_beyond_it_plaintext_must_be_asked_for(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"in plaintext: set ISTHMUS_TLS_CA"):
        Security().channel(address)
    await Security(plaintext=True).channel(address).close()


async def test_no_server_listens_in_plaintext_for_everybody_unasked() -> None:
    server = grpc.aio.server()
    with pytest.raises(ConfigurationError, match=r"will not listen on 0\.0\.0\.0:0 in plaintext"):
        Security().listen(server, "0.0.0.0", 0)
    assert Security().listen(server, "127.0.0.1", 0) > 0
    await server.stop(None)


def test_some_of_the_files_are_not_enough(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="mutual TLS needs three files"):
        Security(ca=tmp_path / "ca.pem")


async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    security = issue(tmp_path / "authority", tmp_path / "here", ["here"], [])
    assert security.key is not None
    security.key.unlink()
    with pytest.raises(ConfigurationError, match=r"server\.key cannot be read: No such file"):
        security.channel("elsewhere:1")
