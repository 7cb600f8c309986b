"""Inbox rules, as the from side has them (decision 0008)."""

from __future__ import annotations

import json

from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import GetInboxRules, UpdateInboxRules
from isthmus_exchange.values import InboxRule
from isthmus_sync.mailbox import rules, ways
from isthmus_sync.mailbox.folder_settings import KeptAside

from isthmus_mailbox.passing import Pass
from isthmus_mailbox.surroundings import Around

KIND = "rules"


async def follow(p: Pass, around: Around) -> None:
    """Give the to side the from side's rules."""
    ours: list[str] = json.loads((await around.kept.agreed(KIND)).get("", "[]"))
    try:
        source = await p.from_side.call(GetInboxRules())
    except EwsError as error:
        if not ways.has_no_operation(error):
            raise
        words = f"the server does not tell rules (before Exchange 2010 SP1): {error.message or error.code}"
        await around.kept.keep(KIND, "", "", "[]", [KeptAside("", "rules", words)])
        return
    want, aside = rules.wanted(source, await _counterparts(p, source))
    present = await p.to_side.call(GetInboxRules()) if want or ours else []
    plan = rules.plan(want, ours, present)
    if {rule.name for rule in plan.create} - {*ours}:
        # Should no answer come, they are known as ours, and go when their originals do.
        names = sorted({*ours, *(rule.name for rule in plan.create)})
        await around.kept.keep(KIND, "", "", json.dumps(names), aside)
    while plan.delete or plan.create:
        refused = await p.to_side.call(UpdateInboxRules(tuple(plan.delete), tuple(plan.create)))
        if not refused:
            break
        # All or nothing: once more without what the server does not take.
        want, more = rules.without(plan.create, refused)
        aside += more
        plan = plan._replace(create=want)
    await around.kept.keep(KIND, "", "", json.dumps([rule.name for rule in want]), aside)


async def _counterparts(p: Pass, source: list[InboxRule]) -> dict[str, str]:
    """For the folders and templates that these rules name, those of the to side."""
    folders = {row.from_id: row.to_id for row in await p.ledger.folders() if row.from_id and row.to_id}
    templates = await p.ledger.known([item for rule in source for item in rule.items])
    return folders | {item: row.to_id for item, row in templates.items()}
