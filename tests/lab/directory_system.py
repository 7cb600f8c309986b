"""dirsync and accountmap as processes, beside the directories of a test."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from isthmus.accounts.v1.accounts_pb2 import Identity, Pair
from isthmus.events.v1.directory_pb2 import DirectoryStatus, RedirectionSet
from isthmus_accounts import AccountMap, UnknownIdentity
from isthmus_cli.runner.ports import free_ports
from isthmus_events import read_all
from isthmus_events.topics import DIRECTORY_STATUS, REDIRECTIONS

from tests.lab.directories import Directories, values
from tests.plugins.forests import Forests, Units
from tests.processes import Process

BIN = Path(sys.executable).parent


class System(Directories):
    """Both services beside the directories. `accountmap` is the address of the account map."""

    def __init__(
        self, directories: tuple[Forests, Units, Path], kafka: str, database_url: str, start: Callable[..., Process]
    ) -> None:
        super().__init__(*directories)
        self.kafka, self.database_url = kafka, database_url
        port, directory_port = free_ports(2)
        self.accountmap, self.directory = f"127.0.0.1:{port}", f"127.0.0.1:{directory_port}"
        environment = {
            "ISTHMUS_KAFKA": kafka,
            "ISTHMUS_DATABASE_URL": database_url,
            "ISTHMUS_SECRETS_DIR": str(self.secrets),
            "ISTHMUS_ACCOUNTMAP": self.accountmap,
            "ISTHMUS_HTTP_PORT": "0",
        }
        self.accounts_process = start(
            "accountmap", str(BIN / "isthmus-accountmap"), ISTHMUS_GRPC_PORT=str(port), **environment
        )
        self.dirsync = start(
            "dirsync", str(BIN / "isthmus-dirsync"), ISTHMUS_GRPC_PORT=str(directory_port), **environment
        )

    def isthmus(self, *arguments: str, exit_code: int | None = 0) -> str:
        """The command line, talking to this system; what it wrote. `exit_code` None: any."""
        environment = {
            **os.environ,
            "ISTHMUS_KAFKA": self.kafka,
            "ISTHMUS_ACCOUNTMAP": self.accountmap,
            "ISTHMUS_PORTAL": "http://127.0.0.1:9",
            "ISTHMUS_DIRECTORY": self.directory,
            "ISTHMUS_SECRETS_DIR": str(self.secrets),
            "COLUMNS": "300",
        }
        command = (str(BIN / "isthmus"), *arguments)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert exit_code is None or done.returncode == exit_code, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    def alpha_object(self, alias: str) -> dict[str, list[str]] | None:
        """The object in alpha whose address begins like this."""
        return self.alpha.find("mail", f"{alias}@{self.alpha.domain}")

    def beta_object(self, alias: str) -> dict[str, list[str]] | None:
        """Its counterpart in beta."""
        return self.beta.find("mail", f"{alias}@{self.alpha.domain}")

    def sent_on_to(self, organisation: str, alias: str) -> str:
        """The redirection address of somebody in an organisation."""
        obj = self.alpha_object(alias) if organisation == "alpha" else self.beta_object(alias)
        return f"{values(obj, 'mailNickname')[0]}@{self.redirection[organisation]}"

    async def pair(self, address: str, ready: Callable[[Pair], Any] = lambda pair: pair.target.object_guid) -> Pair:
        """The pair with this address once it is as wanted."""
        async with AccountMap(self.accountmap, deadline=60) as accounts:
            for _ in range(1200):
                try:
                    pair = await accounts.resolve(Identity(smtp_address=address))
                except UnknownIdentity:
                    pair = Pair()
                if pair.id and ready(pair):
                    return pair
                await asyncio.sleep(0.05)
        raise AssertionError(f"{address} never became as wanted; last seen: {pair}")

    async def status(self, ready: Callable[[DirectoryStatus], Any]) -> DirectoryStatus:
        for _ in range(600):
            event = (await read_all(self.kafka, DIRECTORY_STATUS)).get(self.name.encode())
            if event is not None and ready(event.data):
                return event.data  # type: ignore[no-any-return]
            await asyncio.sleep(0.1)
        raise AssertionError(f"the status never became as wanted; last seen: {event and event.data}")

    async def redirected(self, pair: Pair, side: int) -> None:
        """Wait until dirsync says that both forests redirect to this side."""
        for _ in range(600):
            event = (await read_all(self.kafka, REDIRECTIONS)).get(pair.id)
            said: RedirectionSet | None = event.data if event else None
            if said is not None and said.active_side == side:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("RedirectionSet never came")
