"""A certificate that is asked for when nothing is compared: in closed hours, of somebody who is in no collection."""

from __future__ import annotations

import asyncio
import time

import pytest
from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus.events.v1.mailbox_pb2 import MAILBOX_STATE_IN_STEP, MailboxProgress
from isthmus.events.v1.project_pb2 import ProjectApplied
from isthmus_cli.main import build
from isthmus_events import ensure_topics, send
from isthmus_events.direct import read_all
from isthmus_events.topics import ACCOUNT_PAIRS, MAILBOX_ORDERS, MAILBOX_PROGRESS, PROJECTS
from isthmus_project import Collection
from typer.testing import CliRunner

from tests.conftest import Broker
from tests.unit.directory_values import project

ANNA = "anna@alpha.test"
PAIR = bytes(range(16))


async def _say(bootstrap: str, collection: str) -> None:
    """Anna is in step and in this collection now; in the one that is called Closed nothing is ever done."""
    never = {"name": "Closed", "mailboxes": [ANNA], "schedule": {"blackout": ["00:00-24:00"]}}
    document = project().model_copy(update={"collections": [Collection.model_validate(never)]}).model_dump_json()
    applied = ProjectApplied(project="test", revision=1, document=document.encode())
    progress = MailboxProgress(
        pair_id=PAIR, collection="Closed", source_address=ANNA, target_address=ANNA, state=MAILBOX_STATE_IN_STEP
    )
    await ensure_topics(bootstrap, [PROJECTS, ACCOUNT_PAIRS, MAILBOX_PROGRESS, MAILBOX_ORDERS])
    await send(bootstrap, "test", PROJECTS, b"test", applied)
    await send(bootstrap, "test", ACCOUNT_PAIRS, PAIR, Pair(id=PAIR, collection=collection))
    await send(bootstrap, "test", MAILBOX_PROGRESS, PAIR, progress)


@pytest.mark.parametrize(
    ("collection", "words", "exit_code"),
    [
        ("Closed", f"{ANNA} is not compared now: blackout hours, and that never ends. Ask again then, give --wait", 1),
        ("", f"{ANNA} is in no collection any more", 2),
    ],
)
def test_it_is_refused_at_once_when_it_could_not_come_in_time(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, collection: str, words: str, exit_code: int
) -> None:
    asyncio.run(_say(broker.bootstrap, collection))
    nowhere = {"ACCOUNTMAP": "127.0.0.1:1", "PORTAL": "http://127.0.0.1:1", "GRPC_PLAINTEXT": "true"}
    for name, value in {"KAFKA": broker.bootstrap, **nowhere}.items():
        monkeypatch.setenv(f"ISTHMUS_{name}", value)
    began = time.monotonic()
    result = CliRunner().invoke(build("mailbox"), ["mailbox", "certificate", ANNA, "--new"])
    assert result.exit_code == exit_code, result.output
    assert words in result.stderr
    assert time.monotonic() - began < 600, "it did not wait for the 900 s of --wait"
    assert not asyncio.run(read_all(broker.bootstrap, MAILBOX_ORDERS)), "nor is anything ordered"
