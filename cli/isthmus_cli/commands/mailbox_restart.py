"""``isthmus mailbox restart``: a mailbox that was made anew is begun again."""

from __future__ import annotations

from typing import Any

from isthmus.events.v1.mailbox_pb2 import MAILBOX_ORDER_RESTART

from ..endpoints import endpoints
from ..ledger import Ledger
from ..output import console, fail, print_json
from .mailbox_orders import send_orders
from .mailbox_people import Address, one
from .options import DEFAULT_DATA, DataFolder, DryRun, Json


def restart(
    address: Address,
    data: DataFolder = DEFAULT_DATA,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Forget what is known of a mailbox and begin it again: for one that was made anew, or restored into a new one.

    Such a mailbox is blocked, as its folders have other ids; this command says that it is the right one. Nothing on the
    target is deleted: what is there already is recognised and not brought a second time, and what only the former
    mailbox had stays there. A pass that is under way ends first. Refused for somebody who is switched, as nothing
    would tell any more what they have changed and deleted since. [bold]--dry-run[/] says how much would be forgotten.
    """
    where = endpoints(data)
    person = one(where, address)
    found = Ledger(where).mailbox(person["id"])
    if found is None:
        fail(f"the mailbox service has not heard of {address} yet: there is nothing to begin again")
    if reason := refusal(found):
        fail(f"{person['name']}: {reason}")
    forgotten = {name: sum(folder[name] for folder in found["folders"]) for name in ("items", "set_aside", "left_out")}
    forgotten["folders"] = len(found["folders"])
    if not dry_run:
        send_orders(where.kafka, [person["id"]], MAILBOX_ORDER_RESTART)
    if as_json:
        print_json({"source_address": person["source_address"], "forgotten": forgotten})
        return
    console.print(
        f"{person['name']} ({person['status']}) {'would be' if dry_run else 'is'} begun again"
        f"{', once somebody resumes it' if found['paused'] else ''}. Forgotten: {forgotten['folders']} folders, "
        f"{forgotten['items']} items that are on the target, where they stay, {forgotten['set_aside']} set aside, "
        f"{forgotten['left_out']} left out."
    )


def refusal(found: dict[str, Any]) -> str:
    """Why the mailbox (as the ledger tells it) is not begun again; empty when it may be."""
    if found["switched"]:
        return (
            "is switched; what they have changed on the target since would be written over, and what they have deleted "
            "brought back. 'isthmus switch --undo' leads back to the source; there the mailbox can be begun again"
        )
    if found["unwanted"]:
        return f"no pass is made: {found['unwanted']}"
    return ""
