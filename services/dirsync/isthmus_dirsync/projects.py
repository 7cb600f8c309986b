"""Which projects there are, and one synchroniser for each: one in the whole system, however many instances run."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from isthmus.events.v1.project_pb2 import ProjectApplied
from isthmus_project import Project
from isthmus_service import DATABASE_ERRORS, cancellation_first, session
from pydantic import ValidationError

from isthmus_dirsync import records, telling
from isthmus_dirsync.synchroniser import Synchroniser

if TYPE_CHECKING:
    from isthmus.accounts.v1.accounts_pb2 import Pair as PairMessage
    from isthmus_events import Table
    from isthmus_service import Pool, Service

_LOCK_SECONDS = 1.0
_AGAIN_SECONDS = 5.0


async def follow_projects(
    service: Service[Any], pool: Pool, projects: Table[ProjectApplied], accounts: Table[PairMessage]
) -> None:
    """Synchronise every project as it was last applied. A new revision takes the place of the old one at once."""
    # What is switched must be known before anything is written: without it, mail would be redirected the wrong way.
    await service.wait_for("the active sides on the account map's topic", accounts.filled)
    running: dict[bytes, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as tasks:
        async for event in projects:
            applied: ProjectApplied = event.data
            if (former := running.get(event.key)) is not None:
                former.cancel()
                await asyncio.wait({former})
            running[event.key] = tasks.create_task(_synchronise(service, pool, applied, accounts))


async def _synchronise(
    service: Service[Any], pool: Pool, applied: ProjectApplied, accounts: Table[PairMessage]
) -> None:
    log = service.log.bind(project=applied.project, revision=applied.revision)
    try:
        project = Project.model_validate_json(applied.document)
    except ValidationError as error:
        log.error("the project cannot be read; apply it again with this version", reason=str(error))
        await _say_unreadable(pool, applied, str(error))
        return
    log.info("project applied", source=project.source.name, target=project.target.name)
    while True:
        try:
            with cancellation_first():
                async with session(pool) as lock, _the_only_one(lock, applied.project, log):
                    await Synchroniser(
                        project, applied.revision, service.settings.secrets_dir, pool, accounts, lock
                    ).run()
        except* DATABASE_ERRORS as error:
            log.warning("interrupted, starts again", reason=repr(error.exceptions[0]))
        await asyncio.sleep(_AGAIN_SECONDS)


@contextlib.asynccontextmanager
async def _the_only_one(connection: Any, project: str, log: Any) -> Any:
    """Hold the project's advisory lock; waits while another instance does."""
    key = f"isthmus dirsync {project}"
    said = False
    while not await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", key):
        if not said:
            log.info("another instance synchronises this project; this one stands by")
            said = True
        await asyncio.sleep(_LOCK_SECONDS)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", key)


async def _say_unreadable(pool: Pool, applied: ProjectApplied, reason: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        figures = await records.counts(connection, applied.project)
        await telling.tell_status(
            connection, applied.project, "failing", figures, f"the project is unreadable: {reason}"
        )
