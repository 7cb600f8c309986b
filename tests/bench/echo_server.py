"""A gRPC server that answers every Resolve with the same pair, from nowhere. Its argument is a file with that pair.

Prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc
from isthmus.accounts.v1.accounts_pb2 import Pair, ResolveRequest, ResolveResponse
from isthmus.accounts.v1.accounts_pb2_grpc import AccountMapServiceServicer, add_AccountMapServiceServicer_to_server


class Echo(AccountMapServiceServicer):
    """Knows one pair."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    async def Resolve(self, request: ResolveRequest, context: Any) -> ResolveResponse:  # noqa: N802
        return ResolveResponse(pair=self._pair)


async def main(pair: Pair) -> None:
    server = grpc.aio.server()
    add_AccountMapServiceServicer_to_server(Echo(pair), server)  # type: ignore[abstract]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(main(Pair.FromString(Path(sys.argv[1]).read_bytes())))
