"""Who was in a collection and is in none any more: no total counts them, and the command line names them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from isthmus.accounts.v1.accounts_pb2 import RECIPIENT_KIND_USER, SIDE_SOURCE, Account, Pair
from isthmus.events.v1.mailbox_pb2 import MAILBOX_STATE_FIRST_PASS, MAILBOX_STATE_IN_STEP, MailboxProgress
from isthmus_cli.main import build
from isthmus_stats.board import Board
from isthmus_stats.portal import Portal
from isthmus_stats.record import Mailbox, with_pair, with_progress
from typer.testing import CliRunner

ANNA, BEN = b"\1" * 16, b"\2" * 16


def pair(identity: bytes, name: str, revision: int, collection: str) -> Pair:
    address = f"{name.lower()}@alpha.example"
    return Pair(
        id=identity,
        kind=RECIPIENT_KIND_USER,
        revision=revision,
        source=Account(display_name=name, primary_smtp_address=address, mailbox_guid=b"guid"),
        active_side=SIDE_SOURCE,
        collection=collection,
    )


@pytest.fixture
async def board(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Board]:
    """Of a portal that the command line asks: Anna and Ben are being copied in the pilot."""
    board, application = Board(), web.Application()
    for identity, name in ((ANNA, "Anna"), (BEN, "Ben")):
        progress = MailboxProgress(
            pair_id=identity, collection="pilot", state=MAILBOX_STATE_FIRST_PASS, items_total=100, items_done=40, at=1
        )
        board.mailboxes[identity.hex()] = with_progress(
            with_pair(Mailbox(identity.hex()), pair(identity, name, 1, "pilot")), progress
        )
    board.publish()
    Portal(board, asyncio.Event()).add_to(application)
    async with TestServer(application) as server:
        for name in ("KAFKA", "ACCOUNTMAP"):
            monkeypatch.setenv(f"ISTHMUS_{name}", "127.0.0.1:1")
        monkeypatch.setenv("ISTHMUS_GRPC_PLAINTEXT", "true")
        monkeypatch.setenv("ISTHMUS_PORTAL", str(server.make_url("")).rstrip("/"))
        yield board


async def isthmus(*words: str) -> Any:
    command = [*words, "--data", str(Path("nothing is here"))]
    return await asyncio.to_thread(CliRunner().invoke, build(words[0]), command)


async def test_who_is_in_no_collection_any_more_is_named_and_counted_nowhere(board: Board) -> None:
    before = await isthmus("status")
    assert "in no collection" not in before.stdout
    assert "2 mailboxes (2 copying); 80/200 items" in before.stdout
    left = with_pair(board.mailboxes[ANNA.hex()], pair(ANNA, "Anna", 2, ""))
    late = MailboxProgress(pair_id=ANNA, collection="pilot", state=MAILBOX_STATE_IN_STEP, items_total=100, at=2)
    board.mailboxes[ANNA.hex()] = with_progress(left, late)  # of a pass that was under way
    board.publish()
    told = " ".join((await isthmus("status")).stdout.split())
    assert "1 mailboxes (1 copying); 40/100 items" in told
    assert "in no collection any more, so nothing is copied: Anna;" in told
    document = json.loads((await isthmus("status", "--json")).stdout)
    assert [(each["name"], each["status"]) for each in document["left"]] == [("Anna", "in no collection")]
    assert [each["name"] for each in document["mailboxes"]] == ["Ben"]
    board.mailboxes[ANNA.hex()] = with_pair(left, pair(ANNA, "Anna", 3, "pilot"))
    board.publish()
    assert "in no collection" not in (await isthmus("status")).stdout


async def test_nobody_is_taken_for_unknown_by_a_portal_that_has_just_started(board: Board) -> None:
    board.unread = "reading the tables back from Kafka"
    for command in (["status"], ["mailbox", "show", "anna@alpha.example"], ["mailbox", "pause", "ben@alpha.example"]):
        done = await isthmus(*command)
        assert done.exit_code == 3
        assert "says: reading the tables back from Kafka; ask again in a moment" in done.stderr


@pytest.mark.parametrize("command", [["mailbox", "pause"], ["mailbox", "retry"], ["switch"], ["switch", "--undo"]])
async def test_what_would_wait_for_ever_is_not_ordered(board: Board, command: list[str]) -> None:
    board.mailboxes[ANNA.hex()] = with_pair(board.mailboxes[ANNA.hex()], pair(ANNA, "Anna", 2, ""))
    done = await isthmus(*command, "anna@alpha.example")
    assert done.exit_code == 2
    assert "anna@alpha.example: in no collection any more" in done.stderr
    assert "isthmus apply" in done.stderr
