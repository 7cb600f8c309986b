"""How fast the lab's Exchange answers over HTTPS: ExportItems, UploadItems and SyncFolderItems, one server process.

The lab must never be what a benchmark of a migration measures. The client here sends requests made beforehand and does
not read the answers, so the figures are the server's; "a CPU second" counts the server's own processor time only,
which says the same on a machine that others use too.

Items come and go over several connections at once, as the clients of a migration have them. Over one, client and server
take turns, and half of the machine waits: those figures stand beside, as "over one connection". One SyncFolderItems
needs the state that another gave, so these follow each other. At last all connections but one upload, and over that one
somebody asks for little: how long that takes, and what it leaves of the uploads.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import http.client
import json
import re
import ssl
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import psutil
from isthmus_lab.forests import prepare
from isthmus_lab.layout import ServicePasswords, layout
from isthmus_lab.mapi import fasttransfer
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_lab.program import running

from tests.bench.bench_store import message
from tests.plugins.exchange import Exchange, build
from tests.plugins.forests import Forests

_ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Header>'
    '<t:RequestServerVersion Version="Exchange2016"/></s:Header><s:Body>{}</s:Body></s:Envelope>'
)


CONNECTIONS = 4
Request = TypeVar("Request")
Answer = TypeVar("Answer")


def at_once(
    send: Callable[[http.client.HTTPSConnection, Request], Answer],
    requests: Sequence[Request],
    connections: Sequence[http.client.HTTPSConnection],
) -> list[Answer]:
    """What ``send`` gives for each request, each over whichever connection is free."""
    free: SimpleQueue[http.client.HTTPSConnection] = SimpleQueue()
    for each in connections:
        free.put(each)

    def sent(request: Request) -> Answer:
        connection = free.get()
        answer = send(connection, request)
        free.put(connection)
        return answer

    with ThreadPoolExecutor(len(connections)) as threads:
        return list(threads.map(sent, requests))


@dataclass
class Client:
    """A person and their connections."""

    exchange: Exchange
    connections: list[http.client.HTTPSConnection]
    headers: dict[str, str]
    received: int = 0
    """Bytes of the answers as they came over the line; exact for one request at a time."""

    def call(self, body: str) -> bytes:
        """The answer to one request."""
        return self.send(self.connections[0], request(body))

    def all(self, requests: Sequence[bytes], connections: int) -> list[bytes]:
        """The answers to many, in the order of the requests, over so many connections."""
        return at_once(self.send, requests, self.connections[:connections])

    def send(self, connection: http.client.HTTPSConnection, content: bytes) -> bytes:
        """The answer to one over that connection."""
        connection.request("POST", "/EWS/Exchange.asmx", content, self.headers)
        answer = connection.getresponse()
        received = answer.read()
        self.received += len(received)
        if answer.headers["Content-Encoding"] == "gzip":
            received = gzip.decompress(received)
        if answer.status != 200 or b'ResponseClass="Error"' in received:
            raise SystemExit(received[:2000].decode())
        return received


def request(body: str) -> bytes:
    """What goes over the line."""
    return _ENVELOPE.format(body).encode()


_SMALL = request(
    '<m:FindFolder Traversal="Shallow"><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>'
    '<m:ParentFolderIds><t:DistinguishedFolderId Id="outbox"/></m:ParentFolderIds></m:FindFolder>'
)


@contextmanager
def server(folder: Path) -> Iterator[tuple[Client, psutil.Process]]:
    passwords = ServicePasswords(isthmus="isthmus-secret", exchange="exchange-secret")
    alpha, beta = (prepare(folder / each.name / "forest", each, "administrator-secret") for each in (ALPHA, BETA))
    alpha.load(layout(ALPHA, passwords))
    forests = Forests(alpha, beta, passwords)  # the server is told of both, and speaks to its own only
    exchange = build(forests, folder / "exchange").alpha
    with running(forests.alpha.program(), log_folder=folder), running(exchange.program, log_folder=folder):
        person = exchange.hire(ALPHA.people_ou, "bench")
        tls: ssl.SSLContext = exchange.tls()
        address = (exchange.settings.listen, exchange.settings.https_port)
        connections = [http.client.HTTPSConnection(*address, context=tls) for _ in range(CONNECTIONS)]
        token = base64.b64encode(f"{person.principal}:{person.password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "text/xml; charset=utf-8"}
        process = next(
            each for each in psutil.Process().children() if str(exchange.program.command[-1]) in each.cmdline()
        )
        yield Client(exchange, connections, headers), process


def measure(client: Client, process: psutil.Process, size: int, count: int, batch: int) -> dict[str, float]:
    name = uuid.uuid4().hex
    made = client.call(
        '<m:CreateFolder><m:ParentFolderId><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderId><m:Folders>'
        f"<t:Folder><t:DisplayName>{name}</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>"
    )
    folder = re.search(rb'FolderId Id="([^"]+)"', made)
    assert folder is not None
    parent = f'<t:ParentFolderId Id="{folder[1].decode()}"/>'
    contents = [fasttransfer.encode(message(size, number)) for number in range(1, count + 1)]
    items = [
        f'<t:Item CreateAction="CreateNew">{parent}<t:Data>{base64.b64encode(each).decode()}</t:Data></t:Item>'
        for each in contents
    ]
    groups = ["".join(items[at : at + batch]) for at in range(0, count, batch)]
    uploads = [request(f"<m:UploadItems><m:Items>{each}</m:Items></m:UploadItems>") for each in groups]
    megabytes = sum(map(len, contents)) / 1e6
    result: dict[str, float] = {"bytes an item": sum(map(len, contents)) / count}
    ids: list[str] = []

    def upload(connections: int) -> None:
        for answer in client.all(uploads, connections):
            ids.extend(each.decode() for each in re.findall(rb'<m:ItemId Id="([^"]+)"', answer))

    def export(connections: int) -> None:
        groups = ["".join(f'<t:ItemId Id="{each}"/>' for each in ids[at : at + batch]) for at in range(0, count, batch)]
        wanted = [request(f"<m:ExportItems><m:ItemIds>{each}</m:ItemIds></m:ExportItems>") for each in groups]
        client.all(wanted, connections)

    for what, work in (("upload", upload), ("export", export)):
        for connections in (1, CONNECTIONS):
            title = what if connections > 1 else f"{what} over one connection"
            wall, own = timed(partial(work, connections), process)
            result |= {f"{title} items/s": count / wall, f"{title} MB/s": megabytes / wall}
            result |= {f"{title} MB/CPU s": megabytes / own}

    def synchronise(client: Client) -> None:
        state, told = "", 0
        while True:
            answer = client.call(
                "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
                '<t:ExtendedFieldURI PropertyTag="0x300B" PropertyType="Binary"/></t:AdditionalProperties>'
                f'</m:ItemShape><m:SyncFolderId><t:FolderId Id="{folder[1].decode()}"/></m:SyncFolderId>{state}'
                "<m:MaxChangesReturned>512</m:MaxChangesReturned></m:SyncFolderItems>"
            )
            told += answer.count(b"<t:Create>")
            found = re.search(rb"<m:SyncState>([^<]*)</m:SyncState>", answer)
            assert found is not None
            state = f"<m:SyncState>{found[1].decode()}</m:SyncState>"
            if b"<m:IncludesLastItemInRange>true" in answer:
                break
        if told != len(ids):
            raise SystemExit(f"{told} changes were told of {len(ids)}")

    for title, headers in (("sync", {}), ("compressed sync", {"Accept-Encoding": "gzip"})):
        asking = Client(client.exchange, client.connections, client.headers | headers)
        wall, own = timed(partial(synchronise, asking), process)
        result |= {f"{title} changes/s": len(ids) / wall, f"{title} changes/CPU s": len(ids) / own}
        result[f"{title} bytes a change"] = asking.received / len(ids)
    uploaded, waited = beside(client, uploads)
    result["upload beside small requests items/s"] = uploaded * batch
    result["a small request beside uploads ms"] = waited * 1000
    return result


def beside(client: Client, uploads: Sequence[bytes], seconds: float = 3.0) -> tuple[float, float]:
    """Requests a second over all connections but the last, and the median time of a small one over that."""
    stopped, done, times = threading.Event(), SimpleQueue[bytes](), list[float]()

    def upload(connection: http.client.HTTPSConnection) -> None:
        for each in cycle(uploads):
            done.put(client.send(connection, each))
            if stopped.is_set():
                return

    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS - 1) as threads:
        at_work = [threads.submit(upload, connection) for connection in client.connections[:-1]]
        while time.perf_counter() - began < seconds:
            asked = time.perf_counter()
            client.send(client.connections[-1], _SMALL)
            times.append(time.perf_counter() - asked)
            time.sleep(0.02)
        stopped.set()
        for each in at_work:
            each.result()
    return done.qsize() / (time.perf_counter() - began), statistics.median(times)


def timed(work: Callable[[], object], process: psutil.Process) -> tuple[float, float]:
    """Seconds on the clock, and of the server's processor time."""
    before, began = process.cpu_times(), time.perf_counter()
    work()
    after = process.cpu_times()
    own = after.user + after.system - before.user - before.system
    return time.perf_counter() - began, max(own, 0.01)


_KINDS = ((5_000, 5_000, 100), (100_000, 1_500, 100), (1_000, 20_000, 500))
"""Bytes an item, items, items a request."""


def kinds(client: Client, process: psutil.Process) -> dict[str, dict[str, float]]:
    """The figures of each kind of items."""
    return {f"{size} B x {count}": measure(client, process, size, count, batch) for size, count, batch in _KINDS}


def rounds(client: Client, process: psutil.Process, count: int) -> dict[str, dict[str, float]]:
    """The figures of items of 100 kB, measured so many times: on a virtual machine they differ by a factor of two."""
    found = [measure(client, process, *_KINDS[1]) for _ in range(count)]
    spread: dict[str, Callable[[Iterable[float]], float]] = {
        "lowest": min,
        "median": statistics.median,
        "highest": max,
    }
    return {title: {name: pick(each[name] for each in found) for name in found[0]} for title, pick in spread.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, help="items of 100 kB alone, so many times: lowest, median and highest")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (client, process):
        results = rounds(client, process, arguments.rounds) if arguments.rounds else kinds(client, process)
    if arguments.json:
        print(json.dumps(results))
        return
    print(f"over {CONNECTIONS} connections at once, where it does not say one")
    print(f"{'':33}" + "".join(f"{title:>18}" for title in results))
    for name in next(iter(results.values())):
        print(f"{name:33}" + "".join(f"{result[name]:18,.1f}" for result in results.values()))


if __name__ == "__main__":
    main()
