"""Keeps programs running, with supervisord: starts them, restarts what dies, stops them all.

supervisord is a process of its own, so that the system stays up when the command line has ended. Everything it needs
is in one folder; two folders are two systems that know nothing of each other.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Sequence
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from isthmus_lab.program import Program

_LONGEST_SOCKET_PATH = 100
"""sockaddr_un holds 108 bytes, and supervisord adds its process id to the name while it binds."""

_LOG_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True)
class ProcessStatus:
    """A supervised program as supervisord sees it. ``since`` is seconds since 1970, 0 when it never started."""

    name: str
    state: str
    """RUNNING, STARTING, BACKOFF (died and will be started again), STOPPING, STOPPED, EXITED or FATAL."""
    pid: int | None
    since: int
    exit_status: int
    log: Path


class SupervisorError(Exception):
    """supervisord could not be started or asked; the message says what to do."""


class Supervisor:
    """The supervisord of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "supervisord.conf"
        self.logs = folder / "logs"
        socket = folder / "supervisor.sock"
        if len(os.fsencode(socket)) > _LONGEST_SOCKET_PATH:
            runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or ("/run" if os.geteuid() == 0 else "/tmp"))  # noqa: S108
            socket = runtime / f"isthmus-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}.sock"
        self.socket = socket

    # --- configuration ----------------------------------------------------------------------------------------------

    def configure(self, programs: Sequence[Program]) -> None:
        """Write the configuration for these programs, in the order in which they start."""
        self.logs.mkdir(parents=True, exist_ok=True)
        parser = RawConfigParser()
        parser["unix_http_server"] = {"file": _text(self.socket), "chmod": "0700"}
        parser["supervisord"] = {
            "logfile": _text(self.folder / "supervisord.log"),
            "pidfile": _text(self.folder / "supervisord.pid"),
            "childlogdir": _text(self.logs),
            "identifier": "isthmus",
            "umask": "022",
        }
        parser["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for priority, program in enumerate(programs, 1):
            parser[f"program:{program.name}"] = {
                "command": _text(shlex.join(program.command)),
                "directory": _text(program.folder),
                "environment": ",".join(f"{key}={_quoted(value)}" for key, value in program.environment.items()),
                "priority": str(priority),
                "autorestart": "true",
                "startsecs": "1",
                "startretries": "100",
                "stopsignal": "TERM",
                "stopwaitsecs": "20",
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": _text(self.log_of(program.name)),
                "stdout_logfile_maxbytes": str(_LOG_BYTES),
                "stdout_logfile_backups": "2",
            }
        temporary = self.configuration.with_suffix(".new")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            parser.write(file)
        temporary.replace(self.configuration)

    def log_of(self, name: str) -> Path:
        """Where the program of this name writes its output; two older files of 20 MiB are kept beside it."""
        return self.logs / f"{name}.log"

    # --- life -------------------------------------------------------------------------------------------------------

    def alive(self) -> bool:
        """Whether supervisord answers."""
        try:
            return bool(self._call("getState")["statename"])
        except SupervisorError:
            return False

    def start(self) -> None:
        """Start supervisord with the written configuration, or have a running one take it over."""
        if self.alive():
            self._take_over()
            return
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.configuration)]
        result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if result.returncode:
            raise SupervisorError(f"supervisord did not start: {(result.stderr or result.stdout).strip()}")
        deadline = time.monotonic() + 10
        while not self.alive():
            if time.monotonic() > deadline:
                raise SupervisorError(f"supervisord does not answer; see {self.folder / 'supervisord.log'}")
            time.sleep(0.05)

    def _take_over(self) -> None:
        [[added, changed, removed]] = self._call("reloadConfig")
        for name in [*changed, *removed]:
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._call("addProcessGroup", name)

    def stop(self, seconds: float = 60.0) -> None:
        """Stop every program, last started first, then supervisord itself. Nothing happens when it does not run."""
        if not self.alive():
            return
        processes = [status.pid for status in self.status() if status.pid]
        pid = int(self._call("getPID"))
        self._call("shutdown")
        deadline = time.monotonic() + seconds
        while any(_exists(process) for process in [pid, *processes]):
            if time.monotonic() > deadline:
                raise SupervisorError(
                    f"not everything has stopped after {seconds:.0f} s; see {self.folder / 'supervisord.log'}"
                )
            time.sleep(0.05)

    def status(self) -> list[ProcessStatus]:
        """Every program in the order of its start. Raises SupervisorError when supervisord does not run."""
        return [
            ProcessStatus(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"] or None,
                since=info["start"],
                exit_status=info["exitstatus"],
                log=Path(info["stdout_logfile"]),
            )
            for info in self._call("getAllProcessInfo")
        ]

    def restart(self, name: str) -> None:
        """Stop the program if it runs, and start it."""
        self.stop_program(name)
        self.start_program(name)

    def start_program(self, name: str) -> None:
        """Start one program; nothing happens when it runs already."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise SupervisorError(f"{name} could not be started: {fault.faultString}") from fault

    def stop_program(self, name: str) -> None:
        """Stop one program and leave it stopped; nothing happens when it does not run."""
        try:
            self._call("stopProcess", name, True)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise SupervisorError(f"{name} could not be stopped: {fault.faultString}") from fault

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            try:
                return getattr(server.supervisor, method)(*arguments)
            except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
                raise SupervisorError(f"nothing runs in {self.folder} (no answer on {self.socket}): {error}") from error


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def _text(value: object) -> str:
    """supervisord expands %(…)s in every value."""
    return str(value).replace("%", "%%")


def _quoted(value: str) -> str:
    if '"' in value or "\n" in value:
        raise ValueError("a value of the environment holds a quote or a line end, which supervisord cannot carry")
    return f'"{_text(value)}"'
