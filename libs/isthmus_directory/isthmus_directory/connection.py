"""A forest over LDAP: connections in threads of their own, since ldap3 waits for each answer."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

import ldap3
import structlog
from ldap3.core import exceptions as ldap

from isthmus_directory.answers import read_objects_quickly
from isthmus_directory.errors import DirectoryError, DirectoryRefused, DirectoryUnavailable

if TYPE_CHECKING:
    from types import TracebackType

    from isthmus_project import Organisation

Item = TypeVar("Item")
T = TypeVar("T")

_CONNECT_SECONDS, _ANSWER_SECONDS = 10, 120
_AWAY = (
    ldap.LDAPCommunicationError,
    ldap.LDAPMaximumRetriesError,
    ldap.LDAPBusyResult,
    ldap.LDAPUnavailableResult,
    OSError,
)
"""A server that is away; LDAPCommunicationError covers sockets that do not open, break, or fall silent."""


class Forest:
    """The directory of an organisation. Use it as an async context manager; every method may be awaited at the same
    time as others, up to `connections` are carried out at once, in the order in which they were asked for.

    The certificate is verified against the CA file of the project, else against the system's.
    """

    def __init__(self, organisation: Organisation, secrets_dir: Path, connections: int = 4) -> None:
        self.name = organisation.name
        self.base = organisation.directory.base
        self.log = structlog.get_logger("directory").bind(forest=self.name)
        self._directory = organisation.directory
        self._secrets_dir = secrets_dir
        self.connections = connections
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix=f"ldap-{self.name}")
        self._mine = threading.local()
        self._open: set[ldap3.Connection] = set()

    @property
    def url(self) -> str:
        return self._directory.url

    @property
    def encrypted(self) -> bool:
        """Whether passwords may be set: Active Directory takes them over an encrypted connection only."""
        return urlsplit(self.url).scheme == "ldaps"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for connection in list(self._open):
            await asyncio.get_running_loop().run_in_executor(None, _close, connection)

    async def run(self, work: Callable[[ldap3.Connection], T], *, repeat: bool = True) -> T:
        """Carry out `work` with a bound connection. `repeat`: once more on a new connection when this one broke.

        Raises DirectoryUnavailable or DirectoryRefused.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, work, repeat)

    async def run_each(
        self, work: Callable[[ldap3.Connection, Item], T], items: Sequence[Item], *, repeat: bool = True
    ) -> list[T]:
        """`work` for every item, each connection taking the next one as soon as it is free: the domain controller is
        never without work while the threads and the loop tell each other things.

        Raises what `run` raises once what was under way has ended; nothing more is begun then.
        """
        waiting = deque(enumerate(items))
        answers: dict[int, T] = {}

        def some() -> None:
            while waiting:
                try:
                    number, item = waiting.popleft()
                except IndexError:
                    return  # another connection was quicker
                try:
                    answers[number] = self._work(lambda connection, item=item: work(connection, item), repeat)  # type: ignore[misc]
                except BaseException:
                    waiting.clear()
                    raise

        loop = asyncio.get_running_loop()
        threads = [loop.run_in_executor(self._threads, some) for _ in range(min(self.connections, len(items)))]
        try:
            ended = await asyncio.gather(*threads, return_exceptions=True)
        finally:
            waiting.clear()  # whoever is cancelled begins nothing more
        for error in ended:
            if error is not None:
                raise error
        return [answers[number] for number in range(len(items))]

    def _work(self, work: Callable[[ldap3.Connection], T], repeat: bool) -> T:
        fresh = getattr(self._mine, "connection", None) is None
        try:
            return work(self._connection())
        except _AWAY as error:
            self._forget()
            if repeat and not fresh:
                return self._work(work, repeat=False)
            raise DirectoryUnavailable(
                f"the domain controller {self.url} of {self.name} does not answer: {error}; "
                "check that it runs and that the project names the right host, port and CA file"
            ) from error
        except ldap.LDAPOperationResult as error:
            raise DirectoryRefused(f"{self.url} of {self.name} refused: {explained(error)}") from error
        except ldap.LDAPException as error:
            self._forget()
            raise DirectoryError(f"{self.url} of {self.name}: {error!r}") from error

    def _connection(self) -> ldap3.Connection:
        connection: ldap3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = self.connect()
            read_objects_quickly(connection)
            self._open.add(connection)
        return connection

    def _forget(self) -> None:
        connection = getattr(self._mine, "connection", None)
        self._mine.connection = None
        if connection is not None:
            self._open.discard(connection)
            _close(connection)

    def connect(self, **options: Any) -> ldap3.Connection:
        """A new bound connection; for use in a thread. Raises DirectoryRefused when the account is not let in."""
        parts = urlsplit(self.url)
        try:
            password = self._directory.password.read(self._secrets_dir)
        except LookupError as error:
            raise DirectoryRefused(f"the directory of {self.name}: {error}") from error
        ca_file = self._secrets_dir / self._directory.ca_file if self._directory.ca_file else None
        if ca_file is not None and not ca_file.is_file():
            raise DirectoryRefused(
                f"the CA file {ca_file} of {self.name} is missing: put the PEM certificate that signed the domain "
                "controller's there, or leave ca_file out to use the system's"
            )
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(ca_file) if ca_file else None)
        server = ldap3.Server(
            str(parts.hostname),
            port=parts.port or (636 if self.encrypted else 389),
            use_ssl=self.encrypted,
            tls=tls,
            get_info=ldap3.NONE,  # with the schema loaded ldap3 refuses operational attributes it does not know
            connect_timeout=_CONNECT_SECONDS,
        )
        connection = ldap3.Connection(
            server,
            user=self._directory.user,
            password=password,
            raise_exceptions=True,
            receive_timeout=_ANSWER_SECONDS,
            check_names=False,
            return_empty_attributes=False,
            auto_range=False,  # its follow-up searches forget the extended DN control; reading.py has its own
            **options,
        )
        try:
            connection.bind()
        except (ldap.LDAPInvalidCredentialsResult, ldap.LDAPInvalidDnError, ldap.LDAPPasswordIsMandatoryError) as error:
            raise DirectoryRefused(
                f"{self.url} of {self.name} does not let {self._directory.user} in: {_bind_reason(error)}; "
                "check the user and the password file of the project"
            ) from error
        return connection


def entries(connection: ldap3.Connection) -> list[dict[str, Any]]:
    """The objects that the last search found, without referrals to other domains."""
    return [entry for entry in connection.response or [] if entry["type"] == "searchResEntry"]


def explained(error: ldap.LDAPOperationResult) -> str:
    """What a server answered, without line noise."""
    words = str(error.message or "").replace("\x00", "").strip()
    return f"{error.description}{f' ({words})' if words else ''}{f' at {error.dn}' if error.dn else ''}"


def _bind_reason(error: ldap.LDAPException) -> str:
    # Active Directory hides the reason in the sub-code "data 52e", [MS-ERREF].
    reasons = {
        "525": "there is no such user",
        "52e": "the password is wrong",
        "530": "it may not log on at this time",
        "532": "its password has expired",
        "533": "the account is disabled",
        "701": "the account has expired",
        "773": "its password must be changed first",
        "775": "the account is locked",
    }
    words = str(error)
    return next((reason for code, reason in reasons.items() if f"data {code}" in words), "invalid credentials")


def _close(connection: ldap3.Connection) -> None:
    with contextlib.suppress(ldap.LDAPException, OSError):  # it is gone, which is what was wanted
        connection.unbind()
