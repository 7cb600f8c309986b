"""``isthmus mailbox``: one mailbox and everything that is known of it."""

from __future__ import annotations

import typer

from .mailbox_certificate import certificate_of

mailbox = typer.Typer(no_args_is_help=True, help="One mailbox and everything that is known of it.")


@mailbox.callback()
def _group() -> None:
    """One mailbox and everything that is known of it."""


mailbox.command("certificate")(certificate_of)
