"""dirsync from afar: its answers as messages, its refusals as words and an exit code."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from isthmus.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from isthmus_service import ConfigurationError

from .endpoints import endpoints
from .output import Exit, fail

_CODES = {
    grpc.StatusCode.NOT_FOUND: Exit.WRONG_INPUT,
    grpc.StatusCode.INVALID_ARGUMENT: Exit.WRONG_INPUT,
    grpc.StatusCode.FAILED_PRECONDITION: Exit.NOT_AS_IT_SHOULD_BE,
}


@contextmanager
def directory_service(data: Path) -> Iterator[DirectoryServiceStub]:
    """The service of the system in ``data``, or of the one that the environment names; ends the program when it refuses
    or does not answer."""
    found = endpoints(data)
    address = found.directory
    if not address:
        fail("set ISTHMUS_DIRECTORY to host:port of dirsync", Exit.UNREACHABLE)
    try:
        credentials = found.security.credentials(address)
    except ConfigurationError as error:
        fail(str(error), Exit.WRONG_INPUT)
    with grpc.secure_channel(address, credentials) if credentials else grpc.insecure_channel(address) as channel:
        try:
            yield DirectoryServiceStub(channel)
        except grpc.RpcError as error:
            code = error.code()
            if code in _CODES:
                fail(str(error.details()), _CODES[code])
            fail(
                f"dirsync at {address} does not answer: {error.details()}; does it run ('isthmus ps')?",
                Exit.UNREACHABLE,
            )


def me() -> str:
    """Who gives the order, for the journal."""
    return getpass.getuser()
