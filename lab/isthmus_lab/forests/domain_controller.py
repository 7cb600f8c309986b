"""Samba's side of a forest: its configuration, its provisioning, and the snapshot that makes the next one quick.

Provisioning and loading the schema take about 12 s, and their result is the same for every data folder but for the
certificate in smb.conf. So it is kept once a machine, under XDG_CACHE_HOME, by what it was made from.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

from isthmus_lab.organisation import Organisation
from isthmus_lab.pki import ServerCertificate

SYSTEM_PYTHON = "/usr/bin/python3"
FOLDERS = ("private", "state/sysvol", "cache", "run", "ncalrpc", "bind-dns", "log")

# Samba puts sockets under its private directory, whose names end at 108 bytes, and wants absolute paths: so a forest's
# programs run in its folder and say /proc/self/cwd, and the folder may lie as deep as it likes, and be moved.
CONFIGURATION = """\
[global]
    netbios name = {host}
    workgroup = {netbios}
    realm = {realm}
    server role = active directory domain controller
    server services = ldap
    dcerpc endpoint servers = -winreg
    dsdb:schema update allowed = yes
    ldap server require strong auth = no
    interfaces = {address}/8
    bind interfaces only = yes
    disable netbios = yes
    private dir = /proc/self/cwd/private
    state directory = /proc/self/cwd/state
    cache directory = /proc/self/cwd/cache
    lock directory = /proc/self/cwd/run
    pid directory = /proc/self/cwd/run
    binddns dir = /proc/self/cwd/bind-dns
    ncalrpc dir = /proc/self/cwd/ncalrpc
    ntp signd socket directory = /proc/self/cwd/run/ntp_signd
    winbindd socket directory = /proc/self/cwd/run/winbindd
    log file = /proc/self/cwd/log/samba.log
    log level = 1
    load printers = no
    printing = bsd
    ldb:nosync = true
{tls}
[sysvol]
    path = /proc/self/cwd/state/sysvol
    read only = No
[netlogon]
    path = /proc/self/cwd/state/sysvol/{realm_lower}/scripts
    read only = No
"""


def executable() -> str:
    """Where samba is; FileNotFoundError says how to get it."""
    found = shutil.which("samba", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FileNotFoundError(
            "the lab's forests need Samba: "
            "apt-get install --no-install-recommends samba samba-ad-provision samba-dsdb-modules ldb-tools"
        )
    return found


def write_configuration(
    folder: Path, organisation: Organisation, address: str, certificate: ServerCertificate | None = None
) -> Path:
    """Write smb.conf. Without a certificate TLS is off, which is enough for work on a stopped forest."""
    tls = "    tls enabled = no\n"
    if certificate is not None:
        tls = (
            f"    tls enabled = yes\n    tls keyfile = {certificate.key}\n"
            f"    tls certfile = {certificate.certificate}\n    tls cafile = {certificate.authority}\n"
        )
    path = folder / "smb.conf"
    path.write_text(
        CONFIGURATION.format(
            host=organisation.host_name.upper(),
            netbios=organisation.netbios,
            realm=organisation.realm.upper(),
            realm_lower=organisation.realm,
            address=address,
            tls=tls,
        )
    )
    return path


def restore(folder: Path, organisation: Organisation, address: str) -> None:
    """Fill `folder` with a forest that has the Exchange schema and nothing else; what was there is removed."""
    snapshot = _snapshot(organisation, address)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(snapshot, folder, symlinks=True)


def _snapshot(organisation: Organisation, address: str) -> Path:
    """The machine's copy of this forest, made at the first call; two processes that want it at once make it once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isthmus" / "forests"
    cache.mkdir(parents=True, exist_ok=True)
    snapshot = cache / f"{organisation.name}-{_ingredients(organisation)}"
    with (cache / f"{organisation.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not snapshot.exists():
            draft = cache / f"{organisation.name}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            _provision(draft, organisation, address)
            draft.rename(snapshot)
    return snapshot


@functools.cache
def _ingredients(organisation: Organisation) -> str:
    """A digest of everything a snapshot is made from."""
    version = subprocess.run([executable(), "--version"], capture_output=True, check=True).stdout
    package = files("isthmus_lab.forests")
    parts = [version, repr(organisation).encode(), CONFIGURATION.encode()]
    parts += [package.joinpath(name).read_bytes() for name in ("exchange-schema.ldif", "directory_tool.py")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _provision(folder: Path, organisation: Organisation, address: str) -> None:
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    write_configuration(folder, organisation, address)
    # The password lasts until `prepare` sets the forest's own; it only has to satisfy Samba's first policy.
    run_tool(
        folder, "provision", organisation.realm, organisation.netbios, organisation.host_name, address,
        send="Provisional.1\n",
    )  # fmt: skip
    run_tool(folder, "schema", str(files("isthmus_lab.forests").joinpath("exchange-schema.ldif")))
    # LMDB's lock files hold process ids of the maker and are made anew by the next one.
    for lock in (folder / "private").rglob("*-lock"):
        lock.unlink()


def run_tool(folder: Path, command: str, *arguments: str, send: str = "") -> str:
    """Run directory_tool.py on the forest in `folder` under the system's Python; RuntimeError has its last words."""
    tool = str(files("isthmus_lab.forests").joinpath("directory_tool.py"))
    done = subprocess.run(
        [SYSTEM_PYTHON, "-I", tool, command, "/proc/self/cwd/smb.conf", *arguments],
        cwd=folder,
        input=send,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise RuntimeError(f"directory_tool.py {command} failed: {lines}")
    return done.stdout
