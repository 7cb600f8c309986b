"""PostgreSQL as one plain process: a cluster of its own in a folder, on 127.0.0.1."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

from isthmus_lab.program import Program

_OLDEST = 15
_USER = "postgres"
"""Who runs PostgreSQL when we are root, which it refuses; Debian's package creates this user."""

_SETTINGS = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
max_wal_size = 1GB
password_encryption = 'scram-sha-256'
log_line_prefix = '%m %u@%d '
log_checkpoints = off
"""
_FLEETING = """\
fsync = off
synchronous_commit = off
full_page_writes = off
"""

_ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"

_STOP_ON_TERM = """trap 'kill -INT $!' TERM; "$@" & wait $!; wait $!"""
"""SIGTERM makes PostgreSQL wait for its clients to go; SIGINT makes it send them away, which is what we mean."""


class PostgresError(Exception):
    """PostgreSQL cannot be prepared; the text says what to do."""


def prepare(folder: Path, port: int, *, durable: bool = True) -> Program:
    """Make `folder` ready for a PostgreSQL server that listens on `port`, and return how to run it.

    A folder that was prepared before keeps its data; the port may change. The server has one database, `isthmus`, and
    one user; `url` says how to reach it. When we are root it runs as the system's user postgres. Not `durable` is
    faster and may lose everything when the machine dies, though not when the server is killed.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    binaries = _binaries(data)
    become = _become(folder)
    if not data.exists():
        _initialise(folder, binaries, become)
    (data / "postgresql.conf").write_text(_SETTINGS.format(port=port) + ("" if durable else _FLEETING))
    return Program(
        name="postgres",
        command=("sh", "-c", _STOP_ON_TERM, "sh", *become, f"{binaries}/postgres", "-D", str(data)),
        folder=folder,
        ready=lambda: _not_ready(binaries, port),
    )


def url(folder: Path, port: int, database: str = "isthmus") -> str:
    """Where the server prepared in `folder` is reached, password included: postgresql://…"""
    password = (folder / "password").read_text().strip()
    return f"postgresql://isthmus:{password}@127.0.0.1:{port}/{database}"


def _not_ready(binaries: Path, port: int) -> str | None:
    result = subprocess.run(
        [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], capture_output=True, text=True, check=False
    )
    return None if result.returncode == 0 else result.stdout.strip() or result.stderr.strip()


def _binaries(data: Path) -> Path:
    """The folder of the server's programs: of the version that made `data`, else of the newest one installed."""
    installed = {
        int(path.parent.name): path
        for path in Path("/usr/lib/postgresql").glob("*/bin")
        if path.parent.name.isdecimal() and (path / "postgres").exists()
    }
    if (data / "PG_VERSION").exists():
        version = int((data / "PG_VERSION").read_text())
        if version not in installed:
            raise PostgresError(f"{data} was made by PostgreSQL {version}: install postgresql-{version}")
        return installed[version]
    on_path = shutil.which("postgres")
    if installed and max(installed) >= _OLDEST:
        return installed[max(installed)]
    if on_path:
        return Path(on_path).resolve().parent
    raise PostgresError(f"PostgreSQL {_OLDEST} or newer is not installed (Debian: apt-get install postgresql)")


def _become(folder: Path) -> list[str]:
    """The command before the server's own: dies with its parent, and is not root."""
    command = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() != 0:
        return command
    try:
        pwd.getpwnam(_USER)
    except KeyError as error:
        raise PostgresError(f"PostgreSQL refuses to run as root, and there is no user {_USER!r} to run it") from error
    command += [f"--reuid={_USER}", f"--regid={_USER}", "--init-groups"]
    if _enters(command, folder):
        return command
    # A folder below one of root's own, /root say: PostgreSQL may pass through, and still is not root.
    command += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    if _enters(command, folder):
        return command
    raise PostgresError(f"the user {_USER!r}, who runs PostgreSQL, cannot enter {folder}: choose another data folder")


def _enters(become: list[str], folder: Path) -> bool:
    # stat(2) counts capabilities, access(2), which `test` asks, does not.
    return subprocess.run([*become, "stat", folder / "."], capture_output=True, cwd="/", check=False).returncode == 0


def _initialise(folder: Path, binaries: Path, become: list[str]) -> None:
    """Make the cluster beside its place, then rename it: an interrupted first start leaves nothing half-made behind."""
    password = secrets.token_urlsafe(24)
    with os.fdopen(os.open(folder / "password", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password)
    unfinished = folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(unfinished, _USER, _USER)
    initdb = [f"{binaries}/initdb", "-D", str(unfinished), "--username=isthmus", "--encoding=UTF8", "--locale=C.UTF-8"]
    _run([*become, *initdb, "--auth=trust", "--no-instructions"])
    (unfinished / "pg_hba.conf").write_text(_ACCESS)
    # Without a server, and so without a moment in which anybody could connect.
    statements = f"ALTER USER isthmus PASSWORD '{password}'\nCREATE DATABASE isthmus\n"
    _run([*become, f"{binaries}/postgres", "--single", "-D", str(unfinished), "postgres"], statements)
    unfinished.rename(folder / "data")


def _run(command: list[str], statements: str = "") -> None:
    # In / because the folder that we happen to be in may be closed to the user postgres.
    result = subprocess.run(command, input=statements, capture_output=True, text=True, cwd="/", check=False)
    if result.returncode:
        output = (result.stdout + result.stderr).strip()
        raise PostgresError(f"PostgreSQL cannot be prepared: status {result.returncode} of {command}:\n{output}")
