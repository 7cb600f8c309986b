"""``isthmus mailbox``: one mailbox and everything that is known of it."""

from __future__ import annotations

import typer

from .mailbox_certificate import certificate_of
from .mailbox_errors import errors, fetch
from .mailbox_orders import pause, resume, retry
from .mailbox_plan import plan
from .mailbox_restart import restart
from .mailbox_show import show
from .mailbox_trace import trace

mailbox = typer.Typer(no_args_is_help=True, help="One mailbox and everything that is known of it.")

for _command in (plan, show, trace, errors, fetch, retry, pause, resume, restart):
    mailbox.command()(_command)
mailbox.command("certificate")(certificate_of)
