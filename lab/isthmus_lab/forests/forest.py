"""A forest in a folder: where it listens, how it starts, how it is spoken to."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import ldap3
from ldap3.core.exceptions import LDAPException

from isthmus_lab.forests import domain_controller
from isthmus_lab.forests.addresses import LISTENING_PORTS, free_address, port_shift
from isthmus_lab.forests.objects import Change, Entry, Grant, as_json, quoted_password
from isthmus_lab.forests.preloading import preloaded
from isthmus_lab.organisation import Organisation
from isthmus_lab.pki import Authority
from isthmus_lab.program import Program


@dataclass(frozen=True)
class Forest:
    """An Active Directory forest of one domain and one domain controller, on a loopback address of its own."""

    organisation: Organisation
    folder: Path
    address: str
    ldap_port: int
    ldaps_port: int
    ca_file: Path
    administrator_password: str

    @property
    def base(self) -> str:
        return self.organisation.base

    @property
    def url(self) -> str:
        return f"ldaps://{self.address}:{self.ldaps_port}"

    @property
    def administrator(self) -> str:
        return self.organisation.administrator

    def connect(self, user: str | None = None, password: str | None = None) -> ldap3.Connection:
        """An LDAPS connection bound as `user` (the administrator unless told), the certificate checked."""
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.ca_file))
        server = ldap3.Server(
            self.address, port=self.ldaps_port, use_ssl=True, tls=tls, get_info=ldap3.NONE, connect_timeout=10
        )
        return ldap3.Connection(
            server,
            user or self.administrator,
            self.administrator_password if password is None else password,
            auto_bind=True,
            raise_exceptions=True,
            receive_timeout=60,
            check_names=False,
        )

    def load(self, steps: Iterable[Entry | Change | Grant]) -> None:
        """Carry out `steps` in the forest's databases, all of them or none; RuntimeError while the forest runs."""
        if self.runs():
            raise RuntimeError(f"the forest {self.organisation.name} is running and must be stopped for this")
        domain_controller.run_tool(self.folder, "load", send=json.dumps(as_json(steps)))

    def runs(self) -> bool:
        """Whether a process has this forest open, whoever started it."""
        try:
            pid = int((self.folder / "run" / "samba.pid").read_text())
            return Path(f"/proc/{pid}/cwd").readlink() == self.folder
        except (OSError, ValueError):
            return False

    def program(self) -> Program:
        return Program(
            name=f"forest-{self.organisation.name}",
            command=(
                domain_controller.executable(), "--foreground", "--no-process-group", "--model=single",
                "--debug-stdout", "--configfile=/proc/self/cwd/smb.conf",
            ),
            folder=self.folder,
            ready=self.not_ready,
            environment=preloaded(self.folder),
        )  # fmt: skip

    def not_ready(self) -> str | None:
        """None when the forest answers an LDAPS search, else why not."""
        try:
            tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.ca_file))
            server = ldap3.Server(
                self.address, port=self.ldaps_port, use_ssl=True, tls=tls, get_info=ldap3.NONE, connect_timeout=2
            )
            connection = ldap3.Connection(server, auto_bind=True, receive_timeout=2)
        except (LDAPException, OSError) as error:
            return f"{self.url} does not answer: {error}"
        connection.unbind()
        return None


def prepare(folder: Path, organisation: Organisation, administrator_password: str) -> Forest:
    """The forest of `organisation` in `folder`, made at the first call (12 s, or 1 s when this machine has its
    snapshot), ready to start. A folder whose making was interrupted is made anew; a finished one is only opened.
    """
    folder = folder.absolute()
    record = folder / "forest.json"
    if record.exists():
        return _opened(folder, organisation, json.loads(record.read_text()))
    address = free_address(folder, LISTENING_PORTS)
    shift = port_shift()
    authority = Authority.open(folder.parent / "pki", f"{organisation.title} lab authority")
    domain_controller.restore(folder, organisation, address)
    host = f"{organisation.host_name}.{organisation.realm}"
    certificate = authority.issue(
        folder / "tls", [host, organisation.realm, organisation.mail_host], [address, "127.0.0.1"]
    )
    domain_controller.write_configuration(folder, organisation, address, certificate)
    forest = Forest(
        organisation, folder, address, 389 + shift, 636 + shift, authority.certificate, administrator_password
    )
    administrator = f"CN=Administrator,CN=Users,{organisation.base}"
    forest.load([Change(administrator, {"unicodePwd": [quoted_password(administrator_password)]})])
    values = {name: value for name, value in asdict(forest).items() if name not in ("organisation", "folder")}
    draft = record.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(values | {"ca_file": str(authority.certificate)}, indent=2))
    draft.rename(record)
    return forest


def _opened(folder: Path, organisation: Organisation, values: dict[str, str | int]) -> Forest:
    return Forest(
        organisation=organisation,
        folder=folder,
        address=str(values["address"]),
        ldap_port=int(values["ldap_port"]),
        ldaps_port=int(values["ldaps_port"]),
        ca_file=Path(str(values["ca_file"])),
        administrator_password=str(values["administrator_password"]),
    )
