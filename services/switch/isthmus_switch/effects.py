"""A saga's task, carried out: asks the account map and both Exchange organisations, and says what it saw."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from isthmus_accounts import SIDE_TARGET, AccountMapUnavailable, Identity, Pair, UnknownIdentity
from isthmus_accounts import Side as PairSide
from isthmus_exchange import AccessError, Client, EwsError, InDoubtError, Mailbox, TransientError
from isthmus_exchange.client import read_secrets
from isthmus_service import Security

from . import probe
from .project import current_project
from .saga import Failed, Flipped, LookedUp, ProbeCleared, ProbeFound, ProbeSent, Saga, Seen, Side, Task

if TYPE_CHECKING:
    from isthmus.events.v1.project_pb2 import ProjectApplied
    from isthmus_accounts import AccountMap
    from isthmus_events import Table
    from isthmus_service import Service

_SECONDS = 60.0
"""The longest that a task may take; it is tried again then."""


class World:
    """What a switch acts upon. Organisations are those of the project as it is applied now."""

    def __init__(self, service: Service[Any], accounts: AccountMap, projects: Table[ProjectApplied]) -> None:
        self._log = service.log
        self._secrets = service.settings.secrets_dir
        self._security = Security.of(service.settings)
        self._accounts = accounts
        self._projects = projects
        # With what each was made of.
        self._clients: dict[Side, tuple[object, Client]] = {}

    async def carry_out(self, saga: Saga) -> Seen:
        """Does the saga's task and returns what was seen; a failure is seen as well."""
        try:
            async with asyncio.timeout(_SECONDS):
                match saga.task:
                    case Task.LOOK_UP:
                        return await self._look_up(saga)
                    case Task.FLIP:
                        return await self._flip(saga)
                    case Task.SEND_PROBE:
                        return await self._send_probe(saga)
                    case Task.FIND_PROBE:
                        return await self._find_probe(saga)
                    case Task.CLEAR_PROBE:
                        return await self._clear_probe(saga)
                    case _:
                        raise ValueError(f"{saga.task} is nothing to carry out")
        except (AccountMapUnavailable, UnknownIdentity, EwsError, TransientError, InDoubtError, AccessError) as error:
            return Failed(f"It could not {saga.task.value}: {error}.")
        except LookupError as error:  # a secret or a CA file, or there is no project: the error says what to do
            return Failed(f"It could not {saga.task.value}: {error}.")
        except TimeoutError:
            return Failed(f"It took longer than {_SECONDS:.0f} s to {saga.task.value}; it is tried again.")
        except Exception as error:
            self._log.exception("a task of a switch failed", task=saga.task.name, pair=saga.pair_id.hex())
            return Failed(f"It could not {saga.task.value}: {error!r}. See 'isthmus logs switch'.")

    async def close(self) -> None:
        for _, client in self._clients.values():
            await client.close()

    async def _look_up(self, saga: Saga) -> Seen:
        try:
            pair = await self._pair(saga)
        except UnknownIdentity:
            return LookedUp(Side.SOURCE, "The account map does not know this pair: look at 'isthmus status' for it.")
        active = Side.TARGET if pair.active_side == SIDE_TARGET else Side.SOURCE
        return LookedUp(active, _obstacle(pair, *Side))

    async def _flip(self, saga: Saga) -> Seen:
        # Who goes back was not looked up, and since anybody was some time may have passed.
        if obstacle := _obstacle(await self._pair(saga), saga.side):
            return Failed(obstacle)
        side = PairSide.ValueType(saga.side.value)
        await self._accounts.set_active_side(saga.pair_id, side, f"switch {saga.request_id.hex()}")
        return Flipped(saga.side)

    async def _send_probe(self, saga: Saga) -> Seen:
        pair = await self._pair(saga)
        for via in Side:
            await probe.send(await self._mailbox(pair, via), saga.probe_subject(via))
        return ProbeSent()

    async def _find_probe(self, saga: Saga) -> Seen:
        pair = await self._pair(saga)
        subjects = {saga.probe_subject(via): via for via in Side}
        # The target first: what a pass copies there between the two questions is still seen in the source.
        found: dict[Side, frozenset[Side]] = {}
        for side in (Side.TARGET, Side.SOURCE):
            mailbox = await self._mailbox(pair, side)
            there = await probe.find(mailbox, saga.probe_of_round)
            if side is saga.side and not subjects.keys() <= there.keys():
                there = await probe.find(mailbox, saga.probe_of_round, everywhere=True)
            found[side] = frozenset(via for subject, via in subjects.items() if subject in there)
        return ProbeFound(arrived=found[saga.side], astray=found[saga.side.other])

    async def _clear_probe(self, saga: Saga) -> Seen:
        pair = await self._pair(saga)
        for side in Side:
            await probe.clear(await self._mailbox(pair, side), saga.probe)
        return ProbeCleared()

    async def _pair(self, saga: Saga) -> Pair:
        return await self._accounts.resolve(Identity(pair_id=saga.pair_id))

    async def _mailbox(self, pair: Pair, side: Side) -> Mailbox:
        account = pair.source if side is Side.SOURCE else pair.target
        return (await self._client(side)).mailbox(account.primary_smtp_address)

    async def _client(self, side: Side) -> Client:
        """The client of an organisation, made anew when another project was applied, or a password or a CA changed."""
        project = current_project(self._projects)
        organisation = project.source if side is Side.SOURCE else project.target
        known = self._clients.get(side)
        made_of = organisation, read_secrets(organisation, self._secrets)
        if known is None or known[0] != made_of:
            self._clients[side] = (made_of, Client.of(organisation, self._secrets, security=self._security))
            if known is not None:
                await known[1].close()
        return self._clients[side][1]


def _obstacle(pair: Pair, *sides: Side) -> str:
    """Why nobody can be on these sides, in words; empty when they can."""
    name = pair.source.display_name or pair.source.primary_smtp_address
    if pair.removed:
        return f"{name} is no longer there: one of its directory objects was deleted."
    for side in sides:
        if not (pair.source if side is Side.SOURCE else pair.target).mailbox_guid:
            return f"{name} has no mailbox in the {side.name.lower()} organisation. {_REMEDY[side]}"
    return ""


_REMEDY = {
    Side.SOURCE: "Nobody can be moved from there or back without one: connect it again (Connect-Mailbox).",
    Side.TARGET: "Directory synchronisation gives new people one in the database that target.create.mailbox_database "
    "of the project names.",
}
