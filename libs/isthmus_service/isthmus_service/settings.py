"""The settings that every service has, from the environment and from a file."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, Literal, TypeVar

from dotenv import dotenv_values
from pydantic import Field, PostgresDsn, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_PREFIX = "ISTHMUS_"
_FILE = "ISTHMUS_CONFIG"


class ConfigurationError(Exception):
    """A setting is missing or wrong; the text names each one, says why, and how to set it."""


class ServiceSettings(BaseSettings):
    """Settings of a service; a service with its own derives from this class.

    A field comes from the environment variable ISTHMUS_<FIELD>, else from the file that ISTHMUS_CONFIG names
    (YAML, or NAME=value lines when it ends in .env), else it has its default. An unknown name in the file is refused.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid")

    database_url: PostgresDsn | None = Field(default=None, description="postgresql://user:password@host:port/database")
    kafka: str = Field(default="127.0.0.1:9092", description="host:port of one or more brokers, separated by commas")
    http_host: str = Field(
        default="127.0.0.1", description="address on which /healthz, /readyz and /metrics are served"
    )
    http_port: int = Field(default=0, ge=0, le=65535, description="its port; 0 takes a free one and logs it")
    accountmap: str = Field(default="127.0.0.1:7001", description="host:port of the account map")
    tls_ca: Path | None = Field(
        default=None, description="PEM file of the authority that signed the certificates of all services, for gRPC"
    )
    tls_certificate: Path | None = Field(default=None, description="PEM file of this service's own certificate")
    tls_key: Path | None = Field(default=None, description="PEM file of its private key")
    grpc_plaintext: bool = Field(
        default=False, description="true lets gRPC speak beyond this machine without TLS, to whoever is there"
    )
    secrets_dir: Path = Field(
        default=Path("/run/secrets"), description="folder of the secret files that the project names"
    )
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    instance: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}",
        description="name of this process among those of its service",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names them
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, InitSettingsSource(settings_cls, _file_settings())


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def load(settings: type[SettingsT]) -> SettingsT:
    """Read the settings of this process. Raises ConfigurationError with one line for each wrong one."""
    try:
        return settings()
    except ValidationError as error:
        # Pydantic's own text quotes the values, and a database URL holds a password.
        lines = [_explain(settings, str(item["loc"][0]), item["msg"]) for item in error.errors(include_url=False)]
        raise ConfigurationError("\n".join(lines)) from None
    except SettingsError as error:
        raise ConfigurationError(str(error)) from None


def _explain(settings: type[ServiceSettings], name: str, reason: str) -> str:
    variable = f"{_PREFIX}{name.upper()}"
    field = settings.model_fields.get(name)
    place = variable if variable in os.environ else f"{name} in {os.environ.get(_FILE, 'the settings')}"
    if field is None:
        return f"{place} is not a setting; there are: {', '.join(sorted(settings.model_fields))}"
    meaning = f"; it is {field.description}" if field.description else ""
    return f"{place} is wrong: {reason}{meaning}. Set {variable}, or {name} in the file that {_FILE} names."


def _file_settings() -> dict[str, Any]:
    path = os.environ.get(_FILE)
    if not path:
        return {}
    try:
        if path.endswith(".env"):
            Path(path).read_bytes()  # dotenv_values takes a missing file for an empty one
            return {name.lower().removeprefix(_PREFIX.lower()): value for name, value in dotenv_values(path).items()}
        content = YAML(typ="safe").load(Path(path))
    except (OSError, YAMLError) as error:
        raise ConfigurationError(f"the file that {_FILE} names cannot be read: {error}") from error
    if not isinstance(content, dict | None):
        raise ConfigurationError(f"{path} is not a mapping of settings to values")
    return content or {}
