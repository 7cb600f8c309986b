"""Change notification: the domain controller says at once that something changed, so that nobody waits for the next
look. What changed is asked for by bookmark as always; a lost notification costs only the ordinary delay."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import ldap3
from ldap3.core import exceptions as ldap

from isthmus_directory.connection import Forest
from isthmus_directory.errors import DirectoryError

_RENEW_SECONDS, _LOOK_SECONDS = 30.0, 1.0


async def notify(forest: Forest, changed: asyncio.Event, wanted: asyncio.Event) -> None:
    """Set `changed` whenever anything in the forest's domain changes (LDAP_SERVER_NOTIFICATION_OID); until cancelled.

    Nothing is listened to while `wanted` is not set: a domain controller that is written to thousands of times would
    say so thousands of times. `changed` is set when listening begins. A connection that breaks is opened again after a
    while.
    """
    loop = asyncio.get_running_loop()

    def heard(_: Any) -> None:
        loop.call_soon_threadsafe(changed.set)

    def listen() -> ldap3.Connection:
        connection = forest.connect(client_strategy=ldap3.ASYNC_STREAM)
        connection.extend.microsoft.persistent_search(
            forest.base, ldap3.SUBTREE, ["objectClass"], streaming=False, callback=heard
        )
        return connection

    while True:
        await wanted.wait()
        connection: ldap3.Connection | None = None
        try:
            connection = await asyncio.to_thread(listen)
            changed.set()
            # ldap3 tells nobody that it broke.
            while wanted.is_set() and not connection.closed and connection.listening:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
        except (DirectoryError, ldap.LDAPException, OSError) as error:
            forest.log.info("no change notification for now", reason=str(error))
            await asyncio.sleep(_RENEW_SECONDS)
        finally:
            if connection is not None:
                with contextlib.suppress(ldap.LDAPException, OSError):
                    connection.strategy.close()
