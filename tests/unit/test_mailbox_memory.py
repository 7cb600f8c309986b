"""Who may hold how much content at a time."""

from __future__ import annotations

import asyncio

from isthmus_mailbox.memory import ByteGate


async def test_what_is_large_has_its_turn_though_there_is_always_something_small() -> None:
    """A proof of a large folder, or a large item, beside mailboxes that are copied for hours."""
    gate = ByteGate(10)
    entered: list[str] = []
    may_leave = {name: asyncio.Event() for name in ("first", "large", "next", "last")}

    async def hold(name: str, size: int) -> None:
        async with gate.hold(size):
            entered.append(name)
            await may_leave[name].wait()

    async with asyncio.TaskGroup() as tasks:
        for name, size in (("first", 4), ("large", 50), ("next", 4), ("last", 4)):
            tasks.create_task(hold(name, size))
            for _ in range(5):
                await asyncio.sleep(0)
        assert entered == ["first"]
        may_leave["first"].set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert entered == ["first", "large"]
        for each in may_leave.values():
            each.set()
    assert entered == ["first", "large", "next", "last"]


async def test_who_gives_up_waiting_keeps_nobody_back() -> None:
    gate = ByteGate(10)
    async with gate.hold(8):
        large = asyncio.create_task(_passes(gate, 10))
        small = asyncio.create_task(_passes(gate, 2))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not small.done()
        large.cancel()
        await small
    assert large.cancelled()


async def _passes(gate: ByteGate, size: int) -> None:
    async with gate.hold(size):
        pass
