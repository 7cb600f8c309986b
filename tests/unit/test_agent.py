"""An agent asked by a worker's client, with a server of HTTPS behind it."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import grpc
import pytest
from aiohttp import web
from isthmus.agent.v1 import agent_pb2_grpc
from isthmus_cli.certificates import issue
from isthmus_exchange.agent_line import AgentLine
from isthmus_exchange.client import Client
from isthmus_exchange.errors import AccessError, TransientError
from isthmus_exchange.operations import DeleteItems
from isthmus_mailbox.agent import Agent, AgentSettings
from isthmus_project import TEMPLATE, load_project
from isthmus_service import Caller, Security

from tests.unit.test_exchange_client import answer_of


async def test_a_changed_password_and_a_changed_ca_are_taken_up_without_a_restart(tmp_path: Path) -> None:
    came = list[str]()

    async def delete(request: web.Request) -> web.Response:
        came.append(base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode())
        return web.Response(text=answer_of("DeleteItem"), content_type="text/xml")

    async def serve(authority: str, port: int = 0) -> web.AppRunner:
        made = issue(tmp_path / authority, tmp_path / f"{authority}-server", ["mail"], ["127.0.0.1"])
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        assert made.ca and made.certificate and made.key
        context.load_cert_chain(made.certificate, made.key)
        app = web.Application()
        app.router.add_post("/EWS/Exchange.asmx", delete)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        (tmp_path / f"{authority}.pem").write_bytes(made.ca.read_bytes())
        return runner

    first = await serve("first")
    port = first.addresses[0][1]
    password, ca = tmp_path / "password", tmp_path / "ca.pem"
    password.write_text("one")
    ca.write_bytes((tmp_path / "first.pem").read_bytes())
    agent = Agent(
        AgentSettings(
            ews=f"https://127.0.0.1:{port}/EWS/Exchange.asmx",
            ews_user="svc",
            ews_password_file=password.name,
            ews_ca_file=ca.name,
            secrets_dir=tmp_path,
        )
    )
    listening = grpc.aio.server()
    agent_pb2_grpc.add_AgentServiceServicer_to_server(agent, listening)
    address = f"127.0.0.1:{listening.add_insecure_port('127.0.0.1:0')}"
    await listening.start()
    line = AgentLine(Caller(Security(), address, agent_pb2_grpc.AgentServiceStub), "alpha")
    async with Client("https://unused", "svc", "", name="alpha", line=line) as client:
        mailbox = client.mailbox("anna@alpha.example")
        ask = DeleteItems(("a",))
        await mailbox.call(ask)
        password.write_text("two")
        await mailbox.call(ask)
        password.write_text("")  # somebody is just writing it
        await mailbox.call(ask)
        assert came == ["svc:one", "svc:two", "svc:two"]

        password.write_text("three")
        await first.cleanup()
        second = await serve("second", port)
        with pytest.raises(AccessError, match="is not trusted"):
            await mailbox.call(ask)
        ca.write_bytes((tmp_path / "second.pem").read_bytes())
        await mailbox.call(ask)
        assert came[3:] == ["svc:three"]
    await listening.stop(None)
    await agent.close()
    await second.cleanup()


async def test_an_agent_that_refuses_our_certificate_is_named_with_the_files(tmp_path: Path) -> None:
    theirs = issue(tmp_path / "authority", tmp_path / "agent", ["agent"], ["127.0.0.1"])
    other = issue(tmp_path / "other", tmp_path / "worker", ["worker"], [])
    listening = grpc.aio.server()
    address = f"127.0.0.1:{theirs.listen(listening, '127.0.0.1', 0)}"
    await listening.start()
    file = tmp_path / "project.yaml"
    file.write_text(TEMPLATE.replace("    connections:", f"    agent: {address}\n    connections:", 1))
    ours = Security(theirs.ca, other.certificate, other.key)
    async with Client.of(load_project(file).source, tmp_path, security=ours) as client:
        with pytest.raises(TransientError) as refused:
            await client.mailbox("anna@alpha.example").call(DeleteItems(("a",)))
    await listening.stop(None)
    said = str(refused.value)
    assert said.startswith(f"alpha: no agent answers: {address} closed the connection, most likely as it refuses our ")
    assert str(other.certificate) in said
