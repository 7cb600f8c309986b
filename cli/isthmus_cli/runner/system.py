"""A whole Isthmus on one machine: what it consists of, where its parts are, how it starts and stops.

A system is a folder. Ports are chosen once and kept in ``system.json``; everything else is made again from the folder,
so that a start after any kind of end (a crash, a kill, a half-made first run) comes to the same system.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from isthmus_lab.exchange.program import Serving
from isthmus_lab.lab import Lab, LabOptions
from isthmus_lab.organisation import BOTH
from isthmus_lab.program import Program
from isthmus_lab.supervise import Supervisor
from isthmus_project import ProjectError, load_project, name_agents

from ..certificates import issue, tls_settings
from ..endpoints import Endpoints, endpoints_of
from ..signing import make_keys
from . import agents, kafka, postgres
from .ports import free_ports
from .services import service_programs

_PORTS = ("kafka", "kafka-controller", "postgres", "grpc", "directory", "accountmap", "dirsync", "switch", "stats")


class RunnerError(Exception):
    """The system cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class State:
    """What is decided once for a system, and kept."""

    ports: dict[str, int] = field(default_factory=dict)
    mailbox_workers: int = 1
    agents: bool = False
    lab: LabOptions | None = None


class System:
    """The system of one folder."""

    def __init__(self, data: Path) -> None:
        self.data = data.absolute()
        self.supervisor = Supervisor(self.data)
        self.project_file = self.data / "project.yaml"
        self.secrets = self.data / "secrets"
        self.tls = self.data / "tls"
        self._state_file = self.data / "system.json"

    # --- state ------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """What was decided for this system. Raises RunnerError when the folder holds none."""
        try:
            document = json.loads(self._state_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunnerError(f"there is no system in {self.data}; 'isthmus up' makes one") from None
        lab = document.pop("lab")
        return State(**document, lab=LabOptions(**lab) if lab else None)

    def decide(
        self, lab: LabOptions | None, mailbox_workers: int, portal_port: int | None, *, with_agents: bool | None = None
    ) -> State:
        """The state of this system, made now if there is none; ports that it lacks are chosen among the free ones."""
        self.data.mkdir(parents=True, exist_ok=True)
        state = self.state if self._state_file.exists() else State(lab=lab)
        if lab and not state.lab:
            state = replace(state, lab=lab)
        with_agents = state.agents if with_agents is None else with_agents
        state = replace(state, mailbox_workers=mailbox_workers, agents=with_agents)
        wanted = [*_PORTS, *(f"mailbox-{number}" for number in range(1, mailbox_workers + 1))]
        wanted += agents.PORTS if with_agents else ()
        missing = [name for name in wanted if name not in state.ports]
        ports = state.ports | dict(zip(missing, free_ports(len(missing)), strict=True))
        if portal_port:
            ports["stats"] = portal_port
        state = replace(state, ports=ports)
        temporary = self._state_file.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(state), indent=2), encoding="utf-8")
        temporary.replace(self._state_file)
        return state

    @property
    def endpoints(self) -> Endpoints:
        """Where the parts of this system answer."""
        return endpoints_of(self.data, self.state.ports)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one command at a time prepares, starts or stops a system."""
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunnerError(
                    f"another isthmus command is starting or stopping the system in {self.data}"
                ) from None
            yield

    # --- life -------------------------------------------------------------------------------------------------------

    def lab(self) -> Lab | None:
        """The two organisations of this system, None when it serves real ones."""
        options = self.state.lab
        return Lab(self.data / "lab", options) if options else None

    def prepare(self, say: Callable[[str], None]) -> list[Program]:
        """Make everything that programs need, in parallel where it does not depend on each other. ``say`` gets a line
        for each thing done. What is there already is kept."""
        self.secrets.mkdir(mode=0o700, exist_ok=True)
        make_keys(self.secrets)
        lab = self.lab()

        def timed(what: str, work: Callable[[], list[Program]]) -> list[Program]:
            started = time.monotonic()
            programs = work()
            say(f"{what} ({time.monotonic() - started:.1f} s)")
            return programs

        ports = self.state.ports
        works: list[tuple[str, Callable[[], list[Program]]]] = [
            ("Kafka prepared", lambda: [kafka.prepare(self.data / "kafka", ports["kafka"], ports["kafka-controller"])]),
            ("PostgreSQL prepared", lambda: [postgres.prepare(self.data / "postgres", ports["postgres"])]),
        ]
        if lab:
            # While they run they serve as somebody had them ('isthmus lab conditions'); a start begins anew.
            serving = None if self.supervisor.alive() else {each.name: Serving() for each in BOTH}
            works.append(("Two organisations prepared", lambda: lab.prepare(say, serving)))
        with ThreadPoolExecutor(len(works)) as pool:
            futures = [pool.submit(timed, what, work) for what, work in works]
            programs = [program for future in futures for program in future.result()]
        if lab:
            lab.write_project(self.project_file, self.secrets)
        self._certify("isthmus")
        return [*programs, *self._agents(say), *self._services()]

    def _agents(self, say: Callable[[str], None]) -> list[Program]:
        """Agents, when there are to be any, and the project file naming them; what it says is in force once applied."""
        state = self.state
        if not set(agents.PORTS) <= state.ports.keys():
            return []  # there never were any
        addresses = agents.addresses(state.ports)
        try:
            project = load_project(self.project_file)
            named = {project.source.exchange.agent, project.target.exchange.agent}
            # What somebody else runs elsewhere stays, unless ours are wanted.
            ours = state.agents or named <= {*addresses.values(), None}
            if ours and name_agents(self.project_file, addresses if state.agents else {}):
                say(f"{self.project_file.name} {'names the agents' if state.agents else 'names no agents'} now")
            if not state.agents:
                return []
            return agents.agent_programs(self.data, state.ports, self.secrets, project, self._certify)
        except ProjectError as error:
            raise RunnerError(f"agents need the project, here or by --lab, which brings one:\n{error}") from error
        except LookupError as error:
            raise RunnerError(str(error)) from error

    def _services(self) -> list[Program]:
        state = self.state
        environment = {
            "ISTHMUS_KAFKA": self.endpoints.kafka,
            "ISTHMUS_ACCOUNTMAP": self.endpoints.accountmap,
            "ISTHMUS_DATABASE_URL": postgres.url(self.data / "postgres", state.ports["postgres"]),
            "ISTHMUS_SECRETS_DIR": str(self.secrets),
        }
        return service_programs(
            self.data, state.ports, environment, self._certify, mailbox_workers=state.mailbox_workers
        )

    def _certify(self, name: str) -> Mapping[str, str]:
        """The settings by which a program of this system proves to the others that it is one of them."""
        return tls_settings(issue(self.tls, self.tls / name, [name, "localhost"], ["127.0.0.1"]))

    def start(self, programs: list[Program]) -> None:
        """Start what does not run yet; what runs with other settings is started anew."""
        self.supervisor.configure(programs)
        self.supervisor.start()

    def stop(self) -> None:
        """Stop everything; the data stays."""
        self.supervisor.stop()


def wait_until_ready(
    programs: list[Program], seconds: float, waiting: Callable[[dict[str, str]], None] | None = None
) -> None:
    """Return when every program is ready. ``waiting`` is told again and again what is not, and why.

    Raises RunnerError after ``seconds`` with what was missing.
    """
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(max(len(programs), 1)) as pool:
        while True:
            answers = pool.map(lambda program: (program.name, program.ready()), programs)
            missing = {name: text for name, text in answers if text is not None}
            if not missing:
                return
            if waiting:
                waiting(missing)
            if time.monotonic() > deadline:
                listed = "\n".join(f"{name}: {text}" for name, text in missing.items())
                raise RunnerError(f"not ready after {seconds:.0f} s; 'isthmus logs NAME' shows more\n{listed}")
            time.sleep(0.1)
