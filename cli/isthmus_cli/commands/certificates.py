"""``isthmus certificates``: what services need to speak TLS with each other."""

from __future__ import annotations

import ipaddress
import shutil
from pathlib import Path
from typing import Annotated

import typer

from ..certificates import issue
from ..output import Exit, console, fail


def certificates(
    folder: Annotated[Path, typer.Argument(help="Where the files go: a folder for each service, and ca.pem.")],
    services: Annotated[
        list[str],
        typer.Argument(help="Services, each with the names and addresses that others call it by: NAME or NAME=HOST,…"),
    ],
    authority: Annotated[
        Path,
        typer.Option(
            "--authority", help="Folder of the authority, made if there is none. Keep it off the machines that serve."
        ),
    ] = Path("authority"),
) -> None:
    """Make the certificates by which services know each other over gRPC.

    Each service gets FOLDER/NAME/server.pem and server.key, for its name, localhost and 127.0.0.1, and whatever follows
    the name. All trust FOLDER/ca.pem. Certificates that fit are kept; those that end within 30 days are made again, so
    the same command renews them. Services take up what is new in their files by themselves.

    Example: isthmus certificates secrets/tls accountmap mailbox switch agent=agent.beta.example,192.0.2.7
    """
    if authority.resolve().is_relative_to(folder.resolve()):
        fail("the authority's key must not lie among what services read; name another --authority", Exit.WRONG_INPUT)
    for service in services:
        name, _, others = service.partition("=")
        hosts = [name, "localhost", "127.0.0.1", *filter(None, others.split(","))]
        addresses = [host for host in hosts if _is_address(host)]
        try:
            made = issue(authority, folder / name, [host for host in hosts if host not in addresses], addresses)
        except (OSError, ValueError) as error:
            fail(f"the certificate of {name!r} cannot be made: {error}")
        assert made.ca is not None
        shutil.copyfile(made.ca, folder / "ca.pem")
        console.print(f"[green]✓[/] {made.certificate}")
    console.print(
        f"Set ISTHMUS_TLS_CA={folder}/ca.pem, ISTHMUS_TLS_CERTIFICATE={folder}/NAME/server.pem and "
        f"ISTHMUS_TLS_KEY={folder}/NAME/server.key for each service NAME."
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
