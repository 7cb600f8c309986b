"""What every service shares: lifecycle, configuration, logs, health, metrics, PostgreSQL, gRPC.

A service is one function that gets a `Service`, opens what it needs and waits:

    async def serve(service: Service[Settings]) -> None:
        pool = await service.database("mailbox", files("isthmus_mailbox") / "migrations")
        service.spawn("relay", Relay(service, pool).run())
        await service.run_until_stopped()

    def main() -> None:
        run("mailbox", Settings, serve)
"""

from isthmus_service.calling import Caller
from isthmus_service.database import DATABASE_AWAY, DATABASE_ERRORS, Connection, Pool, cancellation_first, session
from isthmus_service.migrations import MigrationError
from isthmus_service.rpc import Security
from isthmus_service.service import GC_THRESHOLD, Service, run
from isthmus_service.settings import ConfigurationError, ServiceSettings

__all__ = [
    "DATABASE_AWAY",
    "DATABASE_ERRORS",
    "GC_THRESHOLD",
    "Caller",
    "ConfigurationError",
    "Connection",
    "MigrationError",
    "Pool",
    "Security",
    "Service",
    "ServiceSettings",
    "cancellation_first",
    "run",
    "session",
]
