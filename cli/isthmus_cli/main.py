"""The ``isthmus`` command."""

from __future__ import annotations

import typer

from .commands import plan, project, status, switch, system
from .demo.story import demo

app = typer.Typer(
    name="isthmus",
    help="Moves people from one Microsoft Exchange organisation to another while both stay in use.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

_MIGRATION, _SYSTEM = "A migration", "The system on this machine"

app.command(rich_help_panel=_MIGRATION)(project.init)
app.command(rich_help_panel=_MIGRATION)(plan.plan)
app.command(rich_help_panel=_MIGRATION)(project.apply)
app.command(rich_help_panel=_MIGRATION)(status.status)
app.command(rich_help_panel=_MIGRATION)(switch.switch)

app.command(rich_help_panel=_SYSTEM)(system.up)
app.command(rich_help_panel=_SYSTEM)(system.down)
app.command(rich_help_panel=_SYSTEM)(system.ps)
app.command(rich_help_panel=_SYSTEM)(system.logs)
app.command(rich_help_panel=_SYSTEM)(demo)
