"""``isthmus directory addresses``: whether every address that was ever used still leads to its owner."""

from __future__ import annotations

from typing import Annotated

import typer
from isthmus.accounts.v1.accounts_pb2 import SIDE_SOURCE
from isthmus.directory.v1.directory_pb2 import CheckAddressesRequest, NobodysAddress, UnresolvedAddress
from rich.table import Table
from rich.text import Text

from ..directory_service import directory_service, me
from ..output import Exit, console, print_json
from .options import DEFAULT_DATA, DataFolder, Json

ProjectName = Annotated[str, typer.Option("--project", help="The project, where there are several.")]


def addresses(
    repair: Annotated[bool, typer.Option("--repair", help="Give back what nobody holds.")] = False,
    project: ProjectName = "",
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Check that every SMTP and X500 address ever seen leads to its owner in both organisations.

    Looked at is whatever dirsync has ever seen on an object of either forest, and what stands in migrated items: old
    mail, nickname caches and calendars still use it. With [bold]--repair[/] an address that nobody holds goes back to
    its former owner as a secondary one; one that somebody else holds is a matter for people. Exit code 1 when some lead
    nowhere, or elsewhere. Listed apart: addresses in items of which nobody can tell whose they were.
    """
    with directory_service(data) as service, console.status("waiting for dirsync"):
        answer = service.CheckAddresses(CheckAddressesRequest(project=project, repair=repair, requested_by=me()))
    if as_json:
        print_json(
            {
                "checked": answer.checked,
                "unresolved": [_document(each) for each in answer.unresolved],
                "nobodys": [_nobodys_document(each) for each in answer.nobodys],
            }
        )
    elif answer.unresolved:
        table = Table("side", "address", "belongs to", "", box=None, header_style="bold", pad_edge=False)
        for each in answer.unresolved:
            table.add_row(_side(each), f"{each.type}:{each.address}", each.distinguished_name, _remark(each))
        console.print(table)
    if answer.nobodys and not as_json:
        console.print("In migrated items, and nobody has them in the target:")
        table = Table("address", "beside it", "seen with", "", box=None, header_style="bold", pad_edge=False)
        for nobodys in answer.nobodys:
            holder = f"{nobodys.source_holder} has it in the source" if nobodys.source_holder else "nobody has it"
            table.add_row(f"{nobodys.type}:{nobodys.address}", nobodys.beside, nobodys.mailbox, holder)
        console.print(table)
    if not as_json:
        left = sum(not each.repaired for each in answer.unresolved)
        console.print(f"{answer.checked} addresses checked, {left} do not lead to their owner.")
    if not all(each.repaired for each in answer.unresolved):
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def _side(each: UnresolvedAddress) -> str:
    return "source" if each.side == SIDE_SOURCE else "target"


def _remark(each: UnresolvedAddress) -> Text:
    if each.repaired:
        return Text("repaired", "green")
    if each.holder:
        return Text(f"{each.holder} has it", "yellow")
    return Text(each.problem or "nobody has it; --repair gives it back", "red")


def _document(each: UnresolvedAddress) -> dict[str, object]:
    return {
        "side": _side(each),
        "type": each.type,
        "address": each.address,
        "object": each.distinguished_name,
        "holder": each.holder,
        "repaired": each.repaired,
        "problem": each.problem,
    }


def _nobodys_document(each: NobodysAddress) -> dict[str, str]:
    return {
        "type": each.type,
        "address": each.address,
        "beside": each.beside,
        "mailbox": each.mailbox,
        "source_holder": each.source_holder,
    }
