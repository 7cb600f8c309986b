"""gRPC among services: plaintext stays on the machine, TLS needs all of its files, and says which one is missing."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from isthmus.agent.v1.agent_pb2 import HelloRequest
from isthmus.agent.v1.agent_pb2_grpc import AgentServiceStub
from isthmus_cli.certificates import issue
from isthmus_service import Caller, ConfigurationError, Security, rpc

if TYPE_CHECKING:
    from isthmus.agent.v1.agent_pb2_grpc import AgentServiceAsyncStub

_FILES = ("ca", "certificate", "key")


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


@pytest.mark.parametrize(
    ("here", "there", "why"),
    [
        (("A", "B"), ("A", "A"), r"closed the connection, most likely as it refuses our certificate .*B/server\.pem"),
        (("B", "A"), ("A", "A"), r"a certificate of an authority that is not in .*\(ISTHMUS_TLS_CA\)"),
        (("A", "A"), ("A", "A elsewhere"), "is for other names and addresses"),
        (("A", "A"), None, "does not speak TLS"),
        (None, ("A", "A"), "most likely as it speaks TLS only: set ISTHMUS_TLS_CA"),
    ],
)
async def test_why_no_connection_is_made_is_said_with_the_remedy(
    here: tuple[str, str] | None, there: tuple[str, str] | None, why: str, tmp_path: Path
) -> None:
    """`here` and `there`: whom one trusts, and who signed one's certificate."""

    def security(trusted_and_signed: tuple[str, str] | None) -> Security:
        if trusted_and_signed is None:
            return Security()
        trusted, signed = trusted_and_signed
        host = "192.0.2.1" if "elsewhere" in signed else "127.0.0.1"
        made = issue(tmp_path / f"authority {signed[0]}", tmp_path / signed, ["somebody"], [host])
        ca = issue(tmp_path / f"authority {trusted}", tmp_path / "unused", ["nobody"], []).ca
        return Security(ca, made.certificate, made.key)

    server = grpc.aio.server()
    address = f"127.0.0.1:{security(there).listen(server, '127.0.0.1', 0)}"
    await server.start()
    ours = security(here)
    async with ours.channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await AgentServiceStub(channel).Hello(HelloRequest())
    await server.stop(None)
    said = ours.cause(address, failed.value.details() or "")
    assert re.search(why, said), failed.value.details()
    assert address in said
    assert "'isthmus certificates'" in said
    assert ours.cause(address, "connection refused") == ""


def made(folder: Path, authority: str, name: str) -> Security:
    """A certificate for 127.0.0.1 that one of several authorities signed."""
    return issue(folder / authority, folder / authority / name, [name], ["127.0.0.1"])


def copied(source: Security, to: Security, *names: str) -> None:
    for name in names:
        shutil.copyfile(getattr(source, name), getattr(to, name))


def renewable(folder: Path, source: Security) -> Security:
    """The same files in another folder, to be written over."""
    folder.mkdir()
    files = Security(folder / "ca", folder / "certificate", folder / "key")
    copied(source, files, *_FILES)
    return files


async def hello(stub: AgentServiceAsyncStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await stub.Hello(HelloRequest())
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED, failed.value  # let in, where nobody answers


async def test_renewed_certificates_are_taken_up_by_whoever_listens(tmp_path: Path) -> None:
    new = made(tmp_path, "new", "server")
    listening = renewable(tmp_path / "server", made(tmp_path, "old", "server"))
    server = grpc.aio.server()
    address = f"127.0.0.1:{listening.listen(server, '127.0.0.1', 0)}"
    await server.start()
    async with made(tmp_path, "old", "early").channel(address) as early:
        await hello(AgentServiceStub(early))
        copied(new, listening, "ca", "certificate")  # the key is just being written
        async with made(tmp_path, "old", "meanwhile").channel(address) as meanwhile:
            await hello(AgentServiceStub(meanwhile))
        copied(new, listening, "key")
        async with made(tmp_path, "new", "late").channel(address) as late:
            await hello(AgentServiceStub(late))
        await hello(AgentServiceStub(early))
        async with made(tmp_path, "old", "too late").channel(address) as too_late:
            with pytest.raises(grpc.aio.AioRpcError, match="CERTIFICATE_VERIFY_FAILED"):
                await AgentServiceStub(too_late).Hello(HelloRequest())
    await server.stop(None)


async def test_renewed_certificates_are_taken_up_by_whoever_calls_once_they_connect_anew(tmp_path: Path) -> None:
    new = made(tmp_path, "new", "client")
    calling = renewable(tmp_path / "client", made(tmp_path, "old", "client"))

    async def serve(authority: str, port: int = 0) -> tuple[grpc.aio.Server, int]:
        server = grpc.aio.server()
        port = made(tmp_path, authority, "server").listen(server, "127.0.0.1", port)
        await server.start()
        return server, port

    server, port = await serve("old")
    caller = Caller(calling, f"127.0.0.1:{port}", AgentServiceStub)
    await hello(caller.stub)
    copied(new, calling, "certificate")
    assert caller.connected
    await hello(caller.stub)  # by the connection that stands
    await server.stop(None)
    server, _ = await serve("new", port)
    copied(new, calling, "ca", "key")
    await hello(caller.stub)
    await server.stop(None)
    await caller.close()


def frame(kind: int, content: bytes = b"") -> bytes:
    """A frame of the whole connection (RFC 9113, 4.1)."""
    return len(content).to_bytes(3, "big") + bytes([kind, 0, 0, 0, 0, 0]) + content


async def test_pings_that_come_all_at_once_do_not_end_a_connection() -> None:
    settings, ping, goaway, many = 4, 6, 7, 20
    server = grpc.aio.server(options=rpc._SERVER_OPTIONS)
    port = Security().listen(server, "127.0.0.1", 0)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(settings))
    async with asyncio.timeout(60):
        for _ in range(2):  # those of before are acknowledged all the same when the line is cut
            writer.write(b"".join(frame(ping, number.to_bytes(8, "big")) for number in range(many)))
            acknowledged = 0
            while acknowledged < many:
                head = await reader.readexactly(9)
                content = await reader.readexactly(int.from_bytes(head[:3], "big"))
                assert head[3] != goaway, content
                acknowledged += head[3] == ping
    writer.close()
    await server.stop(None)
