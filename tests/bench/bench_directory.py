"""Two forests brought into step, beside what their domain controllers can do at all.

`python -m tests.bench.bench_directory --users 10000` runs it alone; in `make bench` it has fewer. Filling the source
takes most of the time: `--keep DIR` keeps the filled forests there for the next run. The raw figure is that of a script
that writes the same kind of objects over as many connections and does nothing else, before the first synchronisation
and after everything, the mean of both.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import secrets
import shutil
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ldap3
from isthmus.events.v1.directory_pb2 import DirectoryStatus
from isthmus_cli.runner import kafka, postgres
from isthmus_cli.runner.ports import free_ports
from isthmus_events import read_all
from isthmus_events.topics import DIRECTORY_STATUS
from isthmus_lab.forests import Change, Entry, Forest, Grant, prepare
from isthmus_lab.forests.objects import quoted_password
from isthmus_lab.layout import ServicePasswords, layout
from isthmus_lab.organisation import ALPHA, BETA, Organisation
from isthmus_lab.program import running

from tests.bench.report import Row
from tests.lab.directories import Directories, apply
from tests.lab.directory_system import BIN
from tests.plugins.forests import Forests, Units
from tests.processes import Process

_USERS = 1_000
_USERS_A_GROUP = 20
_CONNECTIONS = 4  # as isthmus_directory.Forest has
_RAW_OBJECTS = 400
_CHANGES = 50
_ENTRIES_AT_ONCE = 1000
_UNIT = "OU=Bench"
_CREATED_A_SECOND, _COMPARED_SECONDS, _VISIBLE_SECONDS, _MEMORY_MB = 120.0, 30.0, 2.0, 1000.0
_METRIC = re.compile(r"^isthmus_dirsync_pairs_looked_at_total\{[^}]*\} ([0-9.e+]+)$", re.MULTILINE)


def population(organisation: Organisation, users: int) -> Iterator[Entry]:
    """People with mailboxes, each with a manager, in groups of twenty."""
    unit = f"{_UNIT},{organisation.root_ou}"
    yield Entry(unit, {"objectClass": ["organizationalUnit"]})
    names = [f"CN=Person {number},{unit}" for number in range(users)]
    for number, dn in enumerate(names):
        alias = f"person{number}"
        yield Entry(
            dn,
            {
                "objectClass": ["user"],
                "sAMAccountName": [alias],
                "userPrincipalName": [f"{alias}@corp.{organisation.name}.test"],
                "displayName": [f"Person {number}"],
                "givenName": ["Person"],
                "sn": [str(number)],
                "mail": [f"{alias}@{organisation.mail_domain}"],
                "mailNickname": [alias],
                "proxyAddresses": [f"SMTP:{alias}@{organisation.mail_domain}", f"smtp:p.{number}@side.test"],
                "legacyExchangeDN": [organisation.legacy_exchange_dn(f"{number:032x}-{alias}")],
                "homeMDB": [organisation.mailbox_database],
                "msExchMailboxGuid": [secrets.token_bytes(16)],
                "msExchRecipientTypeDetails": ["1"],
                "msExchRecipientDisplayType": ["1073741824"],
                "userAccountControl": ["512"],
                "unicodePwd": [quoted_password("secret")],
                "title": ["Buyer"],
                "department": [f"Department {number // 100}"],
                "company": ["Alpha"],
                "telephoneNumber": [f"+49 30 {number}"],
                "l": ["Berlin"],
                **({"manager": [names[number // 10]]} if number >= 10 else {}),
            },
        )
    for number in range(users // _USERS_A_GROUP):
        members = names[number * _USERS_A_GROUP : (number + 1) * _USERS_A_GROUP]
        yield Entry(
            f"CN=Group {number},{unit}",
            {
                "objectClass": ["group"],
                "sAMAccountName": [f"group{number}"],
                "groupType": ["8"],
                "displayName": [f"Group {number}"],
                "mail": [f"group{number}@{organisation.mail_domain}"],
                "mailNickname": [f"group{number}"],
                "proxyAddresses": [f"SMTP:group{number}@{organisation.mail_domain}"],
                "member": members,
            },
        )


class Bench(Directories):
    """dirsync as a process between two forests of the given size."""

    def __init__(self, forests: Forests, folder: Path, users: int) -> None:
        super().__init__(forests, Units(f"{_UNIT},{ALPHA.root_ou}", f"{_UNIT},{BETA.root_ou}"), folder)
        self.users, self.objects = users, users + users // _USERS_A_GROUP
        self.folder = folder
        kafka_port, controller, postgres_port, self.port, directory_port = free_ports(5)
        self.kafka = f"127.0.0.1:{kafka_port}"
        self.servers = (
            kafka.prepare(folder / "kafka", kafka_port, controller),
            postgres.prepare(folder / "postgres", postgres_port),
        )
        environment = {
            "ISTHMUS_KAFKA": self.kafka,
            "ISTHMUS_DATABASE_URL": postgres.url(folder / "postgres", postgres_port, "isthmus"),
            "ISTHMUS_SECRETS_DIR": str(self.secrets),
            "ISTHMUS_HTTP_PORT": str(self.port),
            "ISTHMUS_GRPC_PORT": str(directory_port),
        }
        self.dirsync = Process((str(BIN / "isthmus-dirsync"),), folder / "dirsync.log", environment)

    def says(self, word: str) -> list[float]:
        """The seconds that dirsync wrote into its log beside a message."""
        lines = [line for line in self.dirsync.log.read_text().splitlines() if f'"message": "{word}"' in line]
        return [float(found[1]) for line in lines if (found := re.search(r'"seconds": ([0-9.]+)', line))]

    def looked_at(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            found = _METRIC.search(answer.read().decode())
        return int(float(found[1])) if found else 0

    def memory(self) -> float:
        """The most that dirsync held in memory until now, in MB."""
        [line] = [
            each
            for each in Path(f"/proc/{self.dirsync.pid}/status").read_text().splitlines()
            if each.startswith("VmHWM")
        ]
        return int(line.split()[1]) / 1024

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time until now, of dirsync and of both domain controllers."""
        return {"dirsync": _cpu_seconds(self.dirsync.pid), **self.controllers_seconds()}

    def controllers_seconds(self) -> dict[str, float]:
        return {
            place.organisation.name: _cpu_seconds(int((place.forest.folder / "run" / "samba.pid").read_text()))
            for place in (self.alpha, self.beta)
        }

    async def in_step(self, runs: int) -> float:
        """Wait for that many full comparisons; returns the seconds of the last."""
        while len(found := self.says("in step")) < runs:
            if not self.dirsync.alive():
                raise RuntimeError(self.dirsync.tail())
            await asyncio.sleep(0.2)
        return found[-1]

    async def status(self) -> DirectoryStatus:
        while True:
            event = (await read_all(self.kafka, DIRECTORY_STATUS)).get(self.name.encode())
            if event is not None and event.data.state == "in step":
                return event.data  # type: ignore[no-any-return]
            await asyncio.sleep(0.2)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def filled(folder: Path, organisation: Organisation, entries: list[Entry | Change | Grant]) -> Forest:
    """A forest with these entries and nothing else; its databases as they were then when an earlier run filled it."""
    forest = prepare(folder / organisation.name / "forest", organisation, "administrator-secret")
    databases, kept = forest.folder / "private", forest.folder / "filled"
    if kept.exists():
        shutil.rmtree(databases)
    else:
        for start in range(0, len(entries), _ENTRIES_AT_ONCE):
            forest.load(entries[start : start + _ENTRIES_AT_ONCE])
        for lock in databases.rglob("*-lock"):
            lock.unlink()  # made anew by the next process
        databases.rename(kept)
    shutil.copytree(kept, databases)
    return forest


@contextmanager
def started(folder: Path, users: int, keep: Path) -> Iterator[Bench]:
    passwords = ServicePasswords(isthmus="isthmus-secret", exchange="exchange-secret")
    unit = Entry(f"{_UNIT},{BETA.root_ou}", {"objectClass": ["organizationalUnit"]})
    alpha = filled(keep, ALPHA, [*layout(ALPHA, passwords), *population(ALPHA, users)])
    beta = filled(keep, BETA, [*layout(BETA, passwords), unit])
    with running(alpha.program(), beta.program(), log_folder=folder):
        bench = Bench(Forests(alpha, beta, passwords), folder, users)
        with running(*bench.servers, log_folder=folder):
            bench.dirsync.start()
            try:
                yield bench
            finally:
                bench.dirsync.kill()


def _spent(what: str, seconds: float, before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """A line on who needed the processors: on a machine at other work it says more than the time that passed."""
    parts = ", ".join(f"{name} {after[name] - before[name]:.1f} s" for name in after)
    print(f"{what}: {seconds:.1f} s; processor time: {parts}", flush=True)


class Raw:
    """What the domain controllers take of a script that does nothing but write what a first synchronisation writes: for
    each object one that is added to the target with its manager, and an address for one of the source. It reads
    nothing, decides nothing and writes nothing down."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._unit = f"OU=Raw,{BETA.root_ou}"
        self._manager = f"CN=Manager,{self._unit}"
        self._written = 0
        connection: Any = bench.beta.forest.connect()
        connection.add(self._unit, ["organizationalUnit"])
        connection.add(self._manager, ["user"], {"sAMAccountName": "rawmanager"})

    def measure(self) -> float:
        """Objects a second, over as many connections as dirsync has."""
        numbers = range(self._written, self._written + _RAW_OBJECTS)
        self._written += _RAW_OBJECTS
        shares = [numbers[each::_CONNECTIONS] for each in range(_CONNECTIONS)]
        lines = [(self._bench.alpha.forest.connect(), self._bench.beta.forest.connect()) for _ in shares]
        before, began = self._bench.controllers_seconds(), time.perf_counter()
        with ThreadPoolExecutor(_CONNECTIONS) as threads:
            list(threads.map(self._write, lines, shares))
        seconds = time.perf_counter() - began
        _spent(f"raw writing of {_RAW_OBJECTS} objects", seconds, before, self._bench.controllers_seconds())
        for number in numbers:
            self._address(lines[0][0], number, ldap3.MODIFY_DELETE)
        return _RAW_OBJECTS / seconds

    def _write(self, lines: tuple[Any, Any], numbers: Iterable[int]) -> None:
        alpha, beta = lines
        for number in numbers:
            dn = f"CN=Raw {number},{self._unit}"
            beta.add(dn, ["user"], {**_recipient(number), "manager": [self._manager]})
            self._address(alpha, number, ldap3.MODIFY_ADD)

    def _address(self, alpha: Any, number: int, operation: str) -> None:
        dn = f"CN=Person {number % self._bench.users},{self._bench.alpha.unit}"
        alpha.modify(dn, {"proxyAddresses": [(operation, [f"X500:/o=raw/cn={number}"])]})


def _recipient(number: int) -> dict[str, list[str | bytes]]:
    """A user as dirsync creates one."""
    alias, domain = f"raw{number}", BETA.mail_domain
    return {
        "sAMAccountName": [alias],
        "userPrincipalName": [f"{alias}@raw.test"],
        "displayName": [f"Raw {number}"],
        "givenName": ["Raw"],
        "sn": [str(number)],
        "mail": [f"{alias}@{domain}"],
        "mailNickname": [alias],
        "proxyAddresses": [
            f"SMTP:{alias}@{domain}", f"smtp:r.{number}@side.test", f"smtp:{alias}@redirect.test",
            f"X500:{ALPHA.legacy_exchange_dn(f'{number:032x}-{alias}')}",
        ],
        "targetAddress": [f"SMTP:{alias}@redirect.test"],
        "legacyExchangeDN": [BETA.legacy_exchange_dn(f"{number:032x}-{alias}")],
        "homeMDB": [BETA.mailbox_database],
        "msExchMailboxGuid": [secrets.token_bytes(16)],
        "msExchRecipientTypeDetails": ["1"],
        "msExchRecipientDisplayType": ["1073741824"],
        "msExchVersion": ["88218628259840"],
        "mDBUseDefaults": ["TRUE"],
        "userAccountControl": ["512"],
        "unicodePwd": [quoted_password(f"{secrets.token_hex(16)}-A")],
        "title": ["Buyer"],
        "department": [f"Department {number // 100}"],
        "company": ["Alpha"],
        "telephoneNumber": [f"+49 30 {number}"],
        "l": ["Berlin"],
    }  # fmt: skip


def visible(change: Callable[[str], None], shown: Callable[[], list[str]]) -> float:
    """Seconds until a change on one side is seen on the other; the median of a few."""
    seconds = []
    for number in range(5):
        value = f"{secrets.token_hex(3)} {number}"
        began = time.perf_counter()
        change(value)
        while shown() != [value]:
            time.sleep(0.01)
        seconds.append(time.perf_counter() - began)
        time.sleep(1.0)
    return statistics.median(seconds)


async def measure(bench: Bench) -> list[Row]:
    owners: dict[str, Any] = {"attributes": {"title": "target"}}
    script = await asyncio.to_thread(Raw, bench)
    raw_empty = await asyncio.to_thread(script.measure)
    # Mailboxes, as a migration would make them.
    await apply(bench.kafka, bench.project(**owners))
    before_all = bench.cpu_seconds()
    first = await bench.in_step(1)
    _spent("first synchronisation", first, before_all, bench.cpu_seconds())
    status = await bench.status()
    if (status.pairs, status.created, status.errors) != (bench.objects, bench.objects, 0):
        raise SystemExit(f"{status} where {bench.objects} were to be created\n{bench.dirsync.tail(10)}")
    await asyncio.sleep(3)
    await apply(bench.kafka, bench.project(**owners), revision=2)
    before_again = bench.cpu_seconds()
    again = await bench.in_step(2)
    _spent("full comparison", again, before_again, bench.cpu_seconds())
    memory = bench.memory()
    alpha_dn = f"CN=Person 7,{bench.alpha.unit}"
    beta_dn = f"CN=Person 7,{bench.beta.unit}"

    def on(place: Any, dn: str, attribute: str) -> list[str]:
        connection = place._connection
        connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=[attribute])
        return [value.decode() for value in connection.response[0]["raw_attributes"].get(attribute, [])]

    forth = await asyncio.to_thread(
        visible,
        lambda value: bench.alpha.change(alpha_dn, company=value),
        lambda: on(bench.beta, beta_dn, "company"),
    )
    back = await asyncio.to_thread(
        visible, lambda value: bench.beta.change(beta_dn, title=value), lambda: on(bench.alpha, alpha_dn, "title")
    )
    await asyncio.sleep(3)
    before = bench.looked_at()
    for number in range(_CHANGES):
        bench.alpha.change(f"CN=Person {number + 20},{bench.alpha.unit}", company="Fifty")
    while on(bench.beta, f"CN=Person {_CHANGES + 19},{bench.beta.unit}", "company") != ["Fifty"]:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    await asyncio.sleep(4)
    looked_at = bench.looked_at() - before
    bench.dirsync.kill()
    raw_full = await asyncio.to_thread(script.measure)
    raw = statistics.harmonic_mean((raw_empty, raw_full))
    size = f"{bench.users:,} users, {bench.objects - bench.users:,} groups"
    return [
        Row(f"directories: first synchronisation, {size}", "objects/s", bench.objects / first, "raw writing", raw),
        Row("directories: the same beside the aim", "objects/s", bench.objects / first, "aim", _CREATED_A_SECOND),
        Row("directories: full comparison without changes", "s", again, "aim, at most", _COMPARED_SECONDS),
        Row(f"directories: dirsync's memory, {size}", "MB", memory, "aim, at most", _MEMORY_MB),
        Row("directories: a change of the source visible", "s", forth, "aim, at most", _VISIBLE_SECONDS),
        Row("directories: a change of the target visible", "s", back, "aim, at most", _VISIBLE_SECONDS),
        Row(f"directories: pairs decided for {_CHANGES} changes", "pairs", looked_at, "changes", _CHANGES),
    ]  # fmt: skip


def run(users: int = _USERS, keep: Path | None = None) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as name:
        folder = Path(name)
        with started(folder, users, keep / f"{users}-users" if keep else folder) as bench:
            return asyncio.run(measure(bench))


if __name__ == "__main__":
    from tests.bench.report import show

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=_USERS)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the filled forests there, and use them again")
    arguments = parser.parse_args()
    show(run(arguments.users, arguments.keep))
