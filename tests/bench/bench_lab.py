"""The lab's Exchange in figures: what it exports, takes in and tells of in a second, how fast it opens, what it needs.

One server process, and several connections of http.client at once, as the clients of a migration have them; over one
connection, whose figures stand beside, client and server take turns. What is compared with is the same number of bytes
in the same batches over as many connections with the same TLS and HTTP, with a server that reads none of them.
Every figure is the best of three rounds, as other work on the machine only ever makes one worse.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from isthmus_lab.exchange.program import program

from tests.bench import bench_store
from tests.bench.bench_exchange import CONNECTIONS, Client, at_once, measure, server, timed
from tests.bench.report import Row
from tests.plugins.exchange import Exchange

_ROUNDS = 3
_BATCH = 100
_PLAIN = "plain HTTPS"


@contextmanager
def plain(exchange: Exchange, folder: Path) -> Iterator[tuple[list[http.client.HTTPSConnection], psutil.Process]]:
    """Connections to a server that reads nothing, with the same certificate and memory settings as the lab's."""
    settings = exchange.settings
    environment = program(settings, folder / "plain", exchange.authority).environment
    command = (sys.executable, "-m", "tests.bench.plain_server", str(settings.certificate), str(settings.key))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **environment}) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            port = int(process.stdout.readline())
            tls = exchange.tls()
            connections = [http.client.HTTPSConnection("127.0.0.1", port, context=tls) for _ in range(CONNECTIONS)]
            yield connections, psutil.Process(process.pid)
        finally:
            process.stdin.close()


def copied(
    connections: list[http.client.HTTPSConnection], process: psutil.Process, size: int, count: int
) -> tuple[float, float]:
    """Seconds to send `count` items of `size` bytes as base64 in batches, and to get them."""
    batch = os.urandom(_BATCH * size * 4 // 3)

    def send(connection: http.client.HTTPSConnection, content: bytes) -> None:
        connection.request("POST", "/", content)
        connection.getresponse().read()

    def get(connection: http.client.HTTPSConnection, length: int) -> None:
        connection.request("GET", f"/{length}")
        connection.getresponse().read()

    times = count // _BATCH
    return (
        timed(lambda: at_once(send, [batch] * times, connections), process)[0],
        timed(lambda: at_once(get, [len(batch)] * times, connections), process)[0],
    )


def transfers(client: Client, process: psutil.Process, folder: Path) -> Iterator[Row]:
    """Uploads, exports and synchronisation of large and of small items."""
    sizes = {100_000: 600, 5_000: 3_000}
    rounds = {
        size: [measure(client, process, size, count, _BATCH) for _ in range(_ROUNDS)] for size, count in sizes.items()
    }

    def best(size: int, name: str) -> float:
        return max(each[name] for each in rounds[size])

    with plain(client.exchange, folder) as (connections, other):
        for title, used in (("", connections), (" over one connection", connections[:1])):
            times = {size: [copied(used, other, size, count) for _ in range(_ROUNDS)] for size, count in sizes.items()}
            for index, what in enumerate(("upload", "export")):
                large, small = (min(each[index] for each in times[size]) for size in (100_000, 5_000))
                name = f"{what}{title}"
                yield Row(f"lab: {name}, 100 kB items", "MB/s", best(100_000, f"{name} MB/s"), _PLAIN, 60 / large)
                yield Row(f"lab: {name}, 5 kB items", "items/s", best(5_000, f"{name} items/s"), _PLAIN, 3_000 / small)
    for what in ("upload", "export"):
        yield Row(f"lab: {what}, 100 kB items", "MB/CPU s", best(100_000, f"{what} MB/CPU s"), "aim", 150)
    small = min(each["a small request beside uploads ms"] for each in rounds[100_000])
    yield Row("lab: a small request while three clients upload 100 kB items", "ms", small, "aim of a new mail", 2_000)
    yield Row("lab: SyncFolderItems", "changes/s", best(5_000, "sync changes/s"), "aim", 20_000)


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (client, process):
        measure(client, process, 100_000, 600, _BATCH)
        before = process.memory_info().rss / 1e6
        rows = list(transfers(client, process, Path(folder)))
        stored = (60 + _ROUNDS * (60 + 15)) // 60
        after = process.memory_info().rss / 1e6
        rows.append(Row(f"lab: memory with {stored} times as much stored", "MB", after, "before", before))
    with tempfile.TemporaryDirectory() as folder:
        big = bench_store.measure(Path(folder) / "big", 1_000, 100_000)
        little = bench_store.measure(Path(folder) / "little", 1_000, 1_000)
    rows.append(Row("lab: opening 100,000 items", "ms", big["open ms"], "1,000 items", little["open ms"]))
    return rows
