"""gRPC as every service speaks it: mutual TLS, health and reflection, deadlines and retries.

Whoever listens proves who they are and so does whoever calls, both with a certificate of one private authority. Without
certificates nothing leaves the machine, unless the setting grpc_plaintext says that the network is safe.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from isthmus_service.settings import ConfigurationError

if TYPE_CHECKING:
    from isthmus_service.service import Service
    from isthmus_service.settings import ServiceSettings

_LARGEST_MESSAGE = 128 * 1024 * 1024
_HEALTH_SECONDS = 1.0
_GRACE_SECONDS = 2.0
_OPTIONS = [
    ("grpc.max_send_message_length", _LARGEST_MESSAGE),
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
]
_SERVER_OPTIONS = [
    *_OPTIONS,
    ("grpc.so_reuseport", 0),  # a second instance on the same port is a mistake to be told of
    # Callers ask every 10 s whether the line still stands. A server takes pings that come shortly after each other for
    # an attack, and at the third cuts the line with all that is under way; but where a process or the line stood still,
    # those of many seconds come at once. All who call are ours, so none is held against them: 0 is any number
    # (doc/keepalive.md of gRPC).
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    # A caller that vanished without a word is noticed, too.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]
_CHANNEL_OPTIONS = [
    *_OPTIONS,
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.max_pings_without_data", 0),
    # A service that comes back is found again within a second, not after gRPC's own two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Two channels to one place in a process, with different certificates, are two.
    ("grpc.use_local_subchannel_pool", 1),
]
# What gRPC says of a connection that is not made, and what that is most likely due to. Whoever refuses a certificate
# closes the line without a word after the caller's part of the handshake (TLS 1.3); only its own log has the reason.
_REFUSED = ("Socket closed", "reset by peer")
_CAUSES = {
    **dict.fromkeys(
        _REFUSED,
        "{address} closed the connection, most likely as it refuses our certificate {certificate} "
        "(ISTHMUS_TLS_CERTIFICATE): the authority that signed it must be in the file that is ISTHMUS_TLS_CA there",
    ),
    "CERTIFICATE_VERIFY_FAILED": "{address} has a certificate of an authority that is not in {ca} (ISTHMUS_TLS_CA)",
    "Hostname Verification": "the certificate of {address} is for other names and addresses",
    "WRONG_VERSION_NUMBER": "{address} does not speak TLS: ISTHMUS_TLS_CA, ISTHMUS_TLS_CERTIFICATE and ISTHMUS_TLS_KEY "
    "are not set there",
}
_REMEDY = "'isthmus certificates' makes the files of everybody with one authority"
_RETRIES = {
    # Together about as long as callers wait; gRPC allows five attempts.
    "maxAttempts": 5,
    "initialBackoff": "0.1s",
    "maxBackoff": "4s",
    "backoffMultiplier": 3.5,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


class Files(NamedTuple):
    """The contents of the three PEM files of Security."""

    ca: bytes
    certificate: bytes
    key: bytes


@dataclass(frozen=True)
class Security:
    """How gRPC connections are secured: by three PEM files, or not at all.

    `ca` is the authority that signed everybody's certificate, `certificate` and `key` are our own. Without the three,
    only loopback is spoken to and listened on, unless `plaintext`. Raises ConfigurationError when some are missing.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    plaintext: bool = False

    def __post_init__(self) -> None:
        if len({file is None for file in (self.ca, self.certificate, self.key)}) > 1:
            raise ConfigurationError(
                "mutual TLS needs three files: set ISTHMUS_TLS_CA, ISTHMUS_TLS_CERTIFICATE and ISTHMUS_TLS_KEY"
            )

    @classmethod
    def of(cls, settings: ServiceSettings) -> Security:
        """As the settings of a process say."""
        return cls(settings.tls_ca, settings.tls_certificate, settings.tls_key, settings.grpc_plaintext)

    def channel(self, address: str, *, retried: Sequence[str] = ()) -> grpc.aio.Channel:
        """A channel to host:port. Calls of the methods `retried` (package.Service/Method), which must be safe to
        repeat, wait for a connection, and are made again after UNAVAILABLE, for as long as their timeout allows.

        Several addresses behind one name are used in turn. Raises ConfigurationError for a file that cannot be read,
        and for plaintext to another machine.
        """
        options: list[tuple[str, Any]] = [*_CHANNEL_OPTIONS, ("grpc.service_config", _service_config(retried))]
        credentials = self.credentials(address)
        if credentials is None:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(address, credentials, options=options)

    def credentials(self, address: str) -> grpc.ChannelCredentials | None:
        """What a channel to host:port is made with; None for plaintext. Raises ConfigurationError as `channel`."""
        files = self._files(address.rpartition(":")[0], "speak to", address)
        if files is None:
            return None
        return grpc.ssl_channel_credentials(files.ca, files.key, files.certificate)

    def cause(self, address: str, details: str) -> str:
        """Why there is no connection to host:port, most likely, and what helps, by the `details` of a call that failed;
        empty where these say all there is to say.
        """
        if self.ca is None and any(sign in details for sign in _REFUSED):
            return (
                f"{address} closed the connection, most likely as it speaks TLS only: set ISTHMUS_TLS_CA, "
                f"ISTHMUS_TLS_CERTIFICATE and ISTHMUS_TLS_KEY here, too; {_REMEDY}"
            )
        for sign, words in _CAUSES.items():
            if self.ca is not None and sign in details:
                return f"{words.format(address=address, certificate=self.certificate, ca=self.ca)}; {_REMEDY}"
        return ""

    def listen(self, server: grpc.aio.Server, host: str, port: int) -> int:
        """Have a server listen; returns the port. Whoever connects is shown the certificate that is in its file then.

        Raises ConfigurationError as `channel`, and for a port in use.
        """
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        files = self._files(host, "listen on", address)
        try:
            if files is None:
                return server.add_insecure_port(address)
            credentials = grpc.dynamic_ssl_server_credentials(
                _shown(files),
                self._renewals(files),  # type: ignore[arg-type]  # None, too
                require_client_authentication=True,
            )
            return server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise ConfigurationError(
                f"cannot listen on {address}: set ISTHMUS_GRPC_HOST and ISTHMUS_GRPC_PORT to a free address ({error})"
            ) from error

    def _renewals(self, shown: Files) -> Callable[[], grpc.ServerCertificateConfiguration | None]:
        """What gRPC asks before each handshake: what to show from now on, None as before. Of files that do not belong
        together, as the key is just being written, it goes on with those of before.
        """

        def renewed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal shown
            try:
                files = self.read()
            except ConfigurationError:
                return None  # they are just being written
            if files is None or files == shown:
                return None
            shown = files
            return _shown(files)

        return renewed

    def _files(self, host: str, what: str, address: str) -> Files | None:
        """The files; None for plaintext, where that is allowed."""
        files = self.read()
        if files is None and not self.plaintext and not _is_loopback(host):
            raise ConfigurationError(
                f"will not {what} {address} in plaintext: set ISTHMUS_TLS_CA, ISTHMUS_TLS_CERTIFICATE and "
                "ISTHMUS_TLS_KEY ('isthmus certificates' makes the files), or ISTHMUS_GRPC_PLAINTEXT=true where "
                "nobody else is on that network"
            )
        return files

    def read(self) -> Files | None:
        """What the files hold now, None where there are none. Raises ConfigurationError when one cannot be read."""
        if self.ca is None or self.certificate is None or self.key is None:
            return None
        try:
            return Files(self.ca.read_bytes(), self.certificate.read_bytes(), self.key.read_bytes())
        except OSError as error:
            raise ConfigurationError(
                f"{error.filename} cannot be read: {error.strerror}; see ISTHMUS_TLS_CA, ISTHMUS_TLS_CERTIFICATE and "
                "ISTHMUS_TLS_KEY"
            ) from error


def _shown(files: Files) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(files.key, files.certificate)], files.ca)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _service_config(retried: Sequence[str]) -> str:
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if retried:
        names = [dict(zip(("service", "method"), each.split("/"), strict=True)) for each in retried]
        config["methodConfig"] = [{"name": names, "waitForReady": True, "retryPolicy": _RETRIES}]
    return json.dumps(config)


async def serve(
    service: Service[Any],
    host: str,
    port: int,
    servicers: Mapping[str, Callable[[grpc.aio.Server], None]],
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
) -> int:
    """Serve gRPC until the service stops, with health and reflection, secured as its settings say. Returns the port.

    `servicers` is what adds each service to a server, by the service's full name. Health says NOT_SERVING whenever
    /readyz says no. Raises ConfigurationError.
    """
    server = grpc.aio.server(interceptors=interceptors, options=_SERVER_OPTIONS)
    for add in servicers.values():
        add(server)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection((*servicers, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    port = Security.of(service.settings).listen(server, host, port)

    async def tell_health() -> None:
        while True:
            ready = not await service.not_ready()
            status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
            for name in ("", *servicers):
                await healthy.set(name, status)
            await asyncio.sleep(_HEALTH_SECONDS)

    await server.start()
    service.on_stop(lambda: server.stop(grace=_GRACE_SECONDS))
    service.spawn("grpc health", tell_health())
    return port
