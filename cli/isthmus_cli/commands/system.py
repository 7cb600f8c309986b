"""``isthmus up``, ``down``, ``ps``, ``logs``: the local runner."""

from __future__ import annotations

import contextlib
import glob
import subprocess
import time
from collections.abc import Iterator
from typing import Annotated

import psutil
import typer
from isthmus_lab.lab import LabError, LabOptions
from isthmus_lab.supervise import ProcessStatus, SupervisorError
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..output import Exit, console, fail, print_json
from ..portal import PortalError
from ..runner.kafka import KafkaError
from ..runner.postgres import PostgresError
from ..runner.services import readiness
from ..runner.system import RunnerError, System, wait_until_ready
from .options import DEFAULT_DATA, DataFolder, Json

People = Annotated[int, typer.Option("--people", min=10, help="How many people the lab's source organisation has.")]
Items = Annotated[int, typer.Option("--items", min=0, help="How many items their mailboxes hold together.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same people and the same mail.")]
Work = Annotated[
    float,
    typer.Option(
        "--actions-per-minute", min=0, help="What the lab's people at work do together; 0 leaves them at home."
    ),
]
Workers = Annotated[int, typer.Option("--mailbox-workers", min=1, max=32, help="How many mailbox processes run.")]
Agents = Annotated[
    bool | None,
    typer.Option(
        "--agents/--no-agents",
        help="An agent beside each Exchange of project.yaml in the folder, as at two sites; as it was by default.",
        show_default=False,
    ),
]
PortalPort = Annotated[
    int | None, typer.Option("--portal-port", min=1, max=65535, help="Port of the portal; a free one by default.")
]


_READY_SECONDS = 300
"""Half a minute is enough for all programs on a machine that does nothing else; a busy one takes its time."""


def up(
    data: DataFolder = DEFAULT_DATA,
    lab: Annotated[
        bool, typer.Option("--lab", help="With two complete Exchange organisations to try Isthmus with.")
    ] = False,
    people: People = 25,
    items: Items = 5000,
    seed: Seed = 1,
    work: Work = 60,
    mailbox_workers: Workers = 1,
    agents: Agents = None,
    portal_port: PortalPort = None,
) -> None:
    """Start Kafka, PostgreSQL and all services on this machine, and keep them running.

    What dies is started again. A system is a folder: another --data is another system, on other ports. Starting a
    running system changes only what is asked to be different. With [bold]--lab[/], two Active Directory forests with
    an Exchange server each come up beside it, and a project file for them is written. With [bold]--agents[/], the
    workers ask both servers by agents, as they would at two sites; apply the project file to have it so.
    """
    system = System(data)
    options = LabOptions(people=people, items=items, seed=seed, actions_per_minute=work) if lab else None
    bring_up(system, options, mailbox_workers, portal_port, with_agents=agents)
    console.print(f"Portal   [bold]{system.endpoints.portal}[/]")
    if system.project_file.exists():
        console.print(f"Project  {system.project_file}  (next: isthmus apply {system.project_file})")
    console.print("Stop it with [bold]isthmus down[/]; look at it with [bold]isthmus ps[/].")


def bring_up(
    system: System,
    lab: LabOptions | None,
    mailbox_workers: int,
    portal_port: int | None = None,
    *,
    with_agents: bool | None = None,
) -> None:
    """Prepare and start the system, showing what happens, and return when everything is ready."""
    with failing_clearly(), system.locked(), _progress() as progress:
        task = progress.add_task("preparing", total=None)
        system.decide(lab, mailbox_workers, portal_port, with_agents=with_agents)
        programs = system.prepare(lambda line: progress.console.print(f"  [green]✓[/] {line}"))
        progress.update(task, description="starting")
        system.start(programs)

        def waiting(missing: dict[str, str]) -> None:
            progress.update(task, description=f"waiting for {', '.join(missing)}")

        started = time.monotonic()
        wait_until_ready(programs, _READY_SECONDS, waiting)
        progress.console.print(f"  [green]✓[/] {len(programs)} programs ready ({time.monotonic() - started:.1f} s)")


def down(data: DataFolder = DEFAULT_DATA) -> None:
    """Stop everything that 'isthmus up' started. The data stays, and the next start goes on from it."""
    system = System(data)
    with failing_clearly(), system.locked():
        if not system.supervisor.alive():
            console.print(f"Nothing runs in {data}.")
            return
        with console.status("stopping"):
            system.stop()
    console.print(f"Stopped. The data is in {data}.")


def ps(data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """List what runs: state, age, memory, processor time, address, and whether it is ready.

    Exit code 1 when something is down or not ready, 3 when nothing runs.
    """
    system = System(data)
    try:
        processes = system.supervisor.status()
    except SupervisorError:
        fail(f"nothing runs in {data}; 'isthmus up' starts it, --data names the folder of another", Exit.UNREACHABLE)
    ports = system.state.ports
    rows = [_row(process, ports.get(process.name)) for process in processes]
    if as_json:
        print_json(rows)
    else:
        table = Table("name", "state", "for", "pid", "memory", "cpu", "address", "ready", box=None, header_style="bold")
        for row in rows:
            state = f"[green]{row['state']}[/]" if row["state"] == "RUNNING" else f"[red]{row['state']}[/]"
            table.add_row(
                str(row["name"]),
                state,
                _age(row["seconds"]),
                str(row["pid"] or "-"),
                f"{int(str(row['memory_bytes'])) / 1e6:.0f} MB",
                f"{row['cpu_seconds']:.1f} s",
                str(row["address"] or ""),
                "yes" if row["problem"] is None else f"[yellow]{row['problem']}[/]",
            )
        console.print(table)
    if any(row["state"] != "RUNNING" or row["problem"] for row in rows):
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def logs(
    name: Annotated[str, typer.Argument(help="The program, as 'isthmus ps' names it; mailbox: every worker.")],
    data: DataFolder = DEFAULT_DATA,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as lines are written.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, help="How many lines.")] = 50,
) -> None:
    """Show what a program has written."""
    supervisor = System(data).supervisor
    log = supervisor.log_of(name)
    found = [log] if log.exists() else sorted(supervisor.logs.glob(f"{glob.escape(name)}-*.log"))
    if not found:
        known = ", ".join(sorted(path.stem for path in supervisor.logs.glob("*.log"))) or "none"
        fail(f"there is no log of {name!r} in {supervisor.logs}; there are: {known}", Exit.WRONG_INPUT)
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(["tail", f"--lines={lines}", *(["--follow=name"] if follow else []), "--", *found], check=False)


@contextlib.contextmanager
def failing_clearly() -> Iterator[None]:
    """Ends the program with the message of an expected failure instead of a traceback."""
    try:
        yield
    except (RunnerError, SupervisorError, KafkaError, PostgresError, LabError, PortalError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'the system'}: {error.strerror or error}")


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
    )


def _row(process: ProcessStatus, port: int | None) -> dict[str, object]:
    memory, processor = _usage(process.pid)
    serves_http = port is not None and process.name not in ("kafka", "postgres")
    return {
        "name": process.name,
        "state": process.state,
        "seconds": int(time.time()) - process.since if process.pid else None,
        "pid": process.pid,
        "memory_bytes": memory,
        "cpu_seconds": processor,
        "address": f"127.0.0.1:{port}" if port else None,
        "problem": readiness(port)() if serves_http and port and process.state == "RUNNING" else None,
    }


def _usage(pid: int | None) -> tuple[int, float]:
    """Resident bytes and processor seconds of the process and its children."""
    if pid is None:
        return 0, 0.0
    memory, processor = 0, 0.0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0, 0.0
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            memory += member.memory_info().rss
            times = member.cpu_times()
            processor += times.user + times.system
    return memory, processor


def _age(seconds: object) -> str:
    if not isinstance(seconds, int):
        return "-"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
