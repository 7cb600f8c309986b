"""dirsync dies after it wrote to a forest and before it wrote that down."""

from __future__ import annotations

import asyncpg

from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System


async def test_an_address_that_dirsync_removed_before_it_died_can_be_given_back(
    system: System, database_url: str
) -> None:
    alpha = system.alpha
    desk = f"smtp:desk@{alpha.domain}"
    anna = alpha.add_mailbox("anna", "Anna Berg")
    alpha.add_values(anna, proxyAddresses=[desk])
    await apply(system.kafka, system.project())
    await system.status(lambda status: status.state == "in step" and status.pairs == 1)
    assert desk in values(system.beta_object("anna"), "proxyAddresses")

    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            # Nobody else writes to the pair now: dirsync comes as far as the forest.
            await connection.execute("SELECT FROM dirsync.pair FOR UPDATE")
            alpha.remove_values(anna, proxyAddresses=[desk])
            eventually(lambda: desk not in values(system.beta_object("anna"), "proxyAddresses"), "the address is gone")
            system.dirsync.kill()
    finally:
        await connection.close()
    alpha.add_values(anna, proxyAddresses=[desk])
    system.dirsync.start()
    eventually(lambda: desk in values(system.beta_object("anna"), "proxyAddresses"), "the address is back")
    assert desk in values(system.alpha_object("anna"), "proxyAddresses")
    assert "begun" not in system.isthmus("directory", "journal", "--object", f"anna@{alpha.domain}", "--all")
