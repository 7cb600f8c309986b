"""Apache Kafka as one plain process: one node, broker and controller, on 127.0.0.1."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import socket
import string
import subprocess
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from isthmus_lab.program import Program

_FILES = files("isthmus_cli.runner") / "kafka"
_NAME = "kafka-4.3.1"
"""Folder of the jars in the cache; changes with the versions in pom.xml."""

_JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")


class KafkaError(Exception):
    """Kafka cannot be prepared; the text says what to do."""


def prepare(folder: Path, port: int, controller_port: int, cache: Path | None = None) -> Program:
    """Make `folder` ready for a Kafka node that listens on `port`, and return how to run it.

    A folder that was prepared before keeps its topics; the ports may change. The jars (44 MB) are downloaded by Maven
    once a machine, to `cache`, which is $XDG_CACHE_HOME/isthmus unless given. The node answers on 127.0.0.1:`port`,
    starts in 2 s, 3.5 s after it was killed, and needs 330 MB.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    jars = _jars(cache or _cache())
    data = folder / "data"
    configuration = folder / "server.properties"
    logging = folder / "log4j2.properties"
    logging.write_text((_FILES / "log4j2.properties").read_text())
    java = ("java", *_JVM, f"-Dlog4j2.configurationFile={logging}", "-cp", f"{jars}/*")
    if not data.exists():
        # Formatted beside its place and then renamed: an interrupted start leaves nothing half-formatted behind.
        unfinished = folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        configuration.write_text(_configuration(port, controller_port, unfinished))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One word, because one id in 64 begins with a hyphen and would be read as an option.
        _run(*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", f"--config={configuration}")
        unfinished.rename(data)
    configuration.write_text(_configuration(port, controller_port, data))
    return Program(
        name="kafka",
        command=(*java, "kafka.Kafka", str(configuration)),
        folder=folder,
        ready=lambda: not_ready(f"127.0.0.1:{port}"),
    )


def not_ready(bootstrap: str) -> str | None:
    """None when the broker at `bootstrap`, host:port, serves, else one line on what is missing.

    An open port is not enough: the cluster's metadata must name a broker. May be called from inside an event loop.
    """

    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError as error:
        return f"Kafka at {bootstrap} does not listen yet ({error.strerror})"

    async def ask() -> str | None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2000)
        try:
            await admin.start()
            cluster = await admin.describe_cluster()
        except Exception as error:
            return f"Kafka at {bootstrap} does not answer yet ({error})"
        finally:
            await admin.close()
        return None if cluster["brokers"] else f"Kafka at {bootstrap} has no broker yet"

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, ask()).result()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isthmus"


def _jars(cache: Path) -> Path:
    """The folder of Kafka's jars; filled by Maven when it does not exist."""
    jars = cache / _NAME
    if jars.exists():
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    # Downloaded beside its place and then renamed, so that a folder of that name is complete; when two programs do so
    # at once, one of them finds the place taken and uses it.
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{_NAME}-") as temporary:
        pom = Path(temporary) / "pom.xml"
        pom.write_bytes((_FILES / "pom.xml").read_bytes())
        unfinished = Path(temporary) / "jars"
        _run("mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}")
        try:
            unfinished.rename(jars)
        except OSError:
            if not jars.exists():
                raise
    return jars


def _configuration(port: int, controller_port: int, data: Path) -> str:
    template = string.Template((_FILES / "server.properties").read_text())
    return template.substitute(port=port, controller_port=controller_port, data=data)


def _run(*command: str) -> None:
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        remedy = "install Java 17 and Maven (Debian: openjdk-17-jre-headless and maven)"
        raise KafkaError(f"Kafka cannot be prepared: there is no {command[0]} on PATH; {remedy}") from error
    if result.returncode:
        output = (result.stdout + result.stderr).strip()
        raise KafkaError(f"Kafka cannot be prepared: {command[0]} ended with status {result.returncode}:\n{output}")
