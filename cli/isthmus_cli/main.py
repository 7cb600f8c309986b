"""The ``isthmus`` command.

Commands live in ``commands/``, a module for each group, and are imported when they are asked for: a completion or a
--help should not wait for gRPC, Kafka and Exchange clients.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
from typing import NamedTuple

import typer

_MIGRATION, _SYSTEM = "A migration", "The system on this machine"


class _Command(NamedTuple):
    module: str
    panel: str
    summary: str


_COMMANDS = {
    "init": _Command("project", _MIGRATION, "Write a commented project file to fill in."),
    "plan": _Command("plan", _MIGRATION, "Read both forests and say what would happen; nothing is written."),
    "directory": _Command("directory", _MIGRATION, "Who belongs to whom, and what was written to the forests."),
    "apply": _Command("project", _MIGRATION, "Carry the project file out, or a change of it."),
    "status": _Command("status", _MIGRATION, "Show how every mailbox stands, once or live."),
    "mailbox": _Command("mailbox", _MIGRATION, "One mailbox and everything that is known of it."),
    "certificate": _Command("certificate", _MIGRATION, "Signed proofs of completeness: their key, and checking them."),
    "switch": _Command("switch", _MIGRATION, "Switch people to the target, or back."),
    "up": _Command("system", _SYSTEM, "Start Isthmus on this machine, with --lab two organisations to try it with."),
    "down": _Command("system", _SYSTEM, "Stop everything that 'isthmus up' started."),
    "ps": _Command("system", _SYSTEM, "List what runs, and whether it is ready."),
    "logs": _Command("system", _SYSTEM, "Show what a program has written."),
    "certificates": _Command("certificates", _SYSTEM, "Make the certificates by which services know each other."),
    "demo": _Command("demo", _SYSTEM, "Show a whole migration: people at work, proof at the end."),
    "lab": _Command(
        "lab", _SYSTEM, "Two Exchange organisations to try things with: start them alone, addresses, accounts, mail."
    ),
}


def build(wanted: str | None) -> typer.Typer:
    """The application; only the module of the command ``wanted`` is imported, or none when it is None."""
    app = typer.Typer(
        name="isthmus",
        help="Moves people from one Microsoft Exchange organisation to another while both stay in use.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    for name, command in _COMMANDS.items():
        if name != wanted:
            app.command(name, rich_help_panel=command.panel, help=command.summary)(_named_only)
            continue
        found = getattr(importlib.import_module(f"isthmus_cli.commands.{command.module}"), name)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, rich_help_panel=command.panel)
        else:
            app.command(name, rich_help_panel=command.panel, short_help=command.summary)(found)
    _flow(app)
    return app


def _flow(app: typer.Typer) -> None:
    """Let all paragraphs of help flow: line ends in a docstring are none, but in blocks that begin with \\b."""
    for command in app.registered_commands:
        text = command.help or inspect.getdoc(command.callback) or ""
        paragraphs = text.split("\n\n")
        command.help = "\n\n".join(each if each.startswith("\b") else each.replace("\n", " ") for each in paragraphs)
    for group in app.registered_groups:
        if group.typer_instance:
            _flow(group.typer_instance)


def _named_only() -> None:
    """Stands for a command that was not asked for; it is only ever listed."""


def main() -> None:
    """Run the command of this process's arguments."""
    # What goes wrong with Kafka is told once, by the command, with its remedy.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    build(wanted)()
