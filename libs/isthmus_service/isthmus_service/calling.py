"""Calling a service over gRPC for as long as a process lives, which may be longer than a certificate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import grpc

from isthmus_service.rpc import Security
from isthmus_service.settings import ConfigurationError

StubT = TypeVar("StubT")


class Caller(Generic[StubT]):
    """Who calls the service at host:port. gRPC keeps a channel's certificate for good; so once it has to connect anew,
    and the files have changed, there is another channel. `retried` as of Security.channel.

    Raises ConfigurationError as Security.channel.
    """

    def __init__(
        self,
        security: Security,
        address: str,
        stub: Callable[[grpc.aio.Channel], StubT],
        *,
        retried: Sequence[str] = (),
    ) -> None:
        self._security = security
        self._address = address
        self._make = stub
        self._retried = retried
        self._open()

    @property
    def stub(self) -> StubT:
        """To be asked for with each call."""
        if not self.connected:
            try:
                if self._security.read() != self._made_with:
                    self._open()  # nobody holds the former channel then but calls that are under way
            except ConfigurationError:
                pass  # the files are just being written; what we have may be good still
        return self._stub

    @property
    def connected(self) -> bool:
        """Whether a call would go out at once."""
        return self._channel.get_state() is grpc.ChannelConnectivity.READY

    def cause(self, details: str) -> str:
        """Security.cause of a call that failed."""
        return self._security.cause(self._address, details)

    async def close(self) -> None:
        """End what is under way."""
        await self._channel.close()

    def _open(self) -> None:
        self._made_with = self._security.read()
        self._channel = self._security.channel(self._address, retried=self._retried)
        self._stub = self._make(self._channel)
