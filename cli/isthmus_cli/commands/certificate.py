"""``isthmus certificate``: the key that certificates are signed with, and checking them without a system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from isthmus_sync.mailbox.certificate import PUBLIC_FILE, CertificateError, fingerprint, opened, public_key
from rich.markup import escape

from ..output import Exit, console, fail, print_json
from ..signing import make_keys
from .options import DEFAULT_PROJECT, Json, ProjectFile, secrets_folder

certificate = typer.Typer(no_args_is_help=True, help="Signed proofs that a mailbox is complete: their key, and checks.")

PublicKey = Annotated[
    Path | None,
    typer.Option(
        "--key", "-k", help=f"The public key that must have signed it; else {PUBLIC_FILE} of the secrets folder."
    ),
]


@certificate.command()
def key(path: ProjectFile = DEFAULT_PROJECT, as_json: Json = False) -> None:
    """Make the key that certificates are signed with, in the secrets folder beside the project file.

    Nothing happens when there is one. Put both files where the services read their secrets; keep the private one to
    yourself, and give the public one to whoever is to check certificates: [bold]isthmus certificate verify[/].
    """
    folder = secrets_folder(path)
    try:
        made = make_keys(folder)
        public = folder / PUBLIC_FILE
        name = fingerprint(public_key(public.read_bytes()))
    except OSError as error:
        fail(f"{error.filename} cannot be used: {error.strerror}; 'isthmus init' makes the folder", Exit.WRONG_INPUT)
    except CertificateError as error:
        fail(f"{public}: {error}", Exit.WRONG_INPUT)
    if as_json:
        print_json({"made": made, "public": str(public), "fingerprint": name})
        return
    console.print(f"{'Made a key' if made else 'There is a key'}; its public half is [bold]{escape(str(public))}[/],")
    console.print(f"fingerprint {name}.")


@certificate.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Certificates that 'isthmus mailbox certificate' wrote.")],
    public: PublicKey = None,
    as_json: Json = False,
) -> None:
    """Check certificates: that the key signed them, that nothing was changed since, and what they say.

    Needs the files and the public key only, no system. Exit code 1 when one is not genuine or does not say that the
    mailbox is complete.
    """
    where = public or secrets_folder(DEFAULT_PROJECT) / PUBLIC_FILE
    try:
        signer = public_key(where.read_bytes())
    except OSError as error:
        fail(f"the public key {where} cannot be read: {error.strerror}; name it with --key", Exit.WRONG_INPUT)
    except CertificateError as error:
        fail(f"{where}: {error}", Exit.WRONG_INPUT)
    results = [_verified(file, signer) for file in files]
    if as_json:
        print_json(results)
    else:
        for result in results:
            _say(result)
    if not all(result["genuine"] and result["certificate"]["complete"] for result in results):
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def _verified(file: Path, signer: Any) -> dict[str, Any]:
    try:
        return {"file": str(file), "genuine": True, "problem": "", "certificate": opened(file.read_bytes(), signer)}
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}", Exit.WRONG_INPUT)
    except CertificateError as error:
        return {"file": str(file), "genuine": False, "problem": str(error), "certificate": None}


def _say(result: dict[str, Any]) -> None:
    if not result["genuine"]:
        console.print(f"[bold red]not genuine[/] {escape(result['file'])}: {escape(result['problem'])}")
        return
    console.print(f"[green]genuine[/] {escape(result['file'])}")
    show(result["certificate"])


_COUNTS = {
    "missing": "missing",
    "different": "with other content",
    "surplus": "that the source has not, or not so often",
    "missing_folders": "folders missing",
    "read_flags": "read flags to be set",
    "set_aside": "set aside",
}


def show(said: dict[str, Any]) -> None:
    """What a certificate says, for people."""
    source, target = said["source"], said["target"]
    verdict = "[bold green]complete[/]" if said["complete"] else "[bold red]not complete[/]"
    console.print(f"    {escape(source['address'])} → {escape(target['address'])}: {verdict} at {said['ended_at']}")
    console.print(
        f"    {source['items']} items on the source, {target['items']} on the target "
        f"({said['own_on_target']} its own), "
        f"{len(said['folders'])} folders"
    )
    if parts := said.get("by_properties"):
        console.print(
            f"    {parts} came by their properties, not as streams: docs/operating/mailboxes.md says what that keeps"
        )
    if counts := ", ".join(f"{said[name]} {words}" for name, words in _COUNTS.items() if said.get(name)):
        console.print(f"    {counts}")
    for each in said["differences"]:
        subject = f" {each['subject']!r}" if each.get("subject") else ""
        instead = f" (at {each['instead']})" if each.get("instead") else ""
        instead += f": {each['reason']}" if each.get("reason") else ""
        console.print(f"    [yellow]{each['what']}[/] {escape(each['folder'])}{escape(subject)}{escape(instead)}")
