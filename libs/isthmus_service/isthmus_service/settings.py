"""The settings that every service has, from the environment and from a file."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, PostgresDsn
from pydantic_settings import BaseSettings, SettingsConfigDict


class ConfigurationError(Exception):
    """A setting is missing or wrong; the text names each one, says why, and how to set it."""


class ServiceSettings(BaseSettings):
    """Settings of a service; a service with its own derives from this class.

    A field comes from the environment variable ISTHMUS_<FIELD>, else from the file that ISTHMUS_CONFIG names
    (YAML, or NAME=value lines when it ends in .env), else it has its default. An unknown name in the file is refused.
    """

    model_config = SettingsConfigDict(env_prefix="ISTHMUS_", extra="forbid")

    database_url: PostgresDsn | None = Field(None, description="postgresql://user:password@host:port/database")
    kafka: str = Field("127.0.0.1:9092", description="host:port of one or more brokers, separated by commas")
    http_host: str = Field("127.0.0.1", description="address on which /healthz, /readyz and /metrics are served")
    http_port: int = Field(0, ge=0, le=65535, description="its port; 0 takes a free one and logs it")
    accountmap: str = Field("127.0.0.1:7001", description="host:port of the account map")
    secrets_dir: Path = Field(Path("/run/secrets"), description="folder of the secret files that the project names")
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    instance: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}",
        description="name of this process among those of its service",
    )
