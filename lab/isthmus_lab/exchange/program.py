"""An Exchange server as a program that somebody supervises."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from isthmus_lab.program import Program

from .conditions.model import Conditions
from .settings import Scheme, ServerVersion, Settings

_CONFIG: Final = "exchange.json"

# glibc gives every block of 128 kB and more pages of its own, which the kernel fills with zeros and takes back: most of
# the time that a request of megabytes would take. One arena, so that what is kept for the next request is bounded. In
# huge pages, where the kernel has them: at each small one, what walks through megabytes (TLS, base64) waits for the
# page table.
_MEMORY: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


@dataclass(frozen=True)
class Serving:
    """How an Exchange server serves; it may be another way at each start."""

    version: ServerVersion = "Exchange2016"
    conditions: Conditions = field(default_factory=Conditions)
    authentication: tuple[Scheme, ...] = ("Basic",)


_SERVING = TypeAdapter(Serving)


def last_serving(folder: Path) -> Serving | None:
    """How the server of this folder serves when it starts, as `program` wrote it last; None when it never did."""
    try:
        return _SERVING.validate_json((folder / _CONFIG).read_bytes())
    except FileNotFoundError:
        return None


def program(settings: Settings, folder: Path, authority: Path) -> Program:
    """Writes the configuration into ``folder`` and says how to start the server.

    The ports in ``settings`` must be fixed ones; ``authority`` is the PEM file that signed the server's certificate.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / _CONFIG
    config.touch(mode=0o600)  # passwords are in it
    values = json.loads(settings.model_dump_json())
    values["forest"]["password"] = settings.forest.password.get_secret_value()
    for name, space in settings.availability.items():
        values["availability"][name]["password"] = space.password.get_secret_value()
    config.write_text(json.dumps(values, indent=2, ensure_ascii=False))
    return Program(
        name=f"exchange-{settings.organisation}",
        command=(sys.executable, "-m", "isthmus_lab.exchange", "--config", str(config)),
        folder=folder,
        environment=_MEMORY,
        ready=partial(_not_ready, f"https://{settings.listen}:{settings.https_port}/healthz", authority),
    )


def _not_ready(url: str, authority: Path) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=2, context=ssl.create_default_context(cafile=authority)):  # noqa: S310
            return None
    except (urllib.error.URLError, OSError) as error:
        return f"{url} does not answer: {error}"
