"""What one Exchange server is told when it starts: a JSON file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from .conditions.model import Conditions

VIOLATIONS: Final = "ISTHMUS_LAB_VIOLATIONS"
"""The environment variable that says so for every server that a test starts, whoever starts it."""


Scheme = Literal["Basic", "NTLM", "Bearer"]
ServerVersion = Literal[
    "Exchange2010", "Exchange2010_SP2", "Exchange2013", "Exchange2016", "Exchange2019", "ExchangeSE"
]


class SettingsError(Exception):
    """The file cannot be used; the message says which value and why."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Forest(_Section):
    """The server's own forest, as the server sees it."""

    url: str = Field(description="ldaps://host:port")
    ca_file: Path | None = None
    user: str
    password: SecretStr
    base: str = Field(description="DN of the domain")


class AddressSpace(_Section):
    """Another organisation's server that is asked when its people are free."""

    url: str = Field(description="of its EWS")
    user: str
    password: SecretStr
    ca_file: Path | None = None


class TrustedIssuer(_Section):
    """Whose tokens are accepted."""

    issuer: str = Field(description="the claim iss")
    key: Path = Field(description="PEM: an RSA public key or a certificate")
    audiences: tuple[str, ...] = Field(description="what the claim aud may be")


class ImpersonationScope(_Section):
    """Who may impersonate some people only: a role assignment with a management scope."""

    group: str | None = Field(default=None, description="DN of the group whose members may")
    application: str | None = Field(default=None, description="or the application, by the claim appid")
    root: str | None = Field(default=None, description="DN of the organisational unit of those who may be impersonated")
    filter: str | None = Field(default=None, description="LDAP filter that they meet")


class Settings(_Section):
    """An Exchange server. Port 0 takes a free one; the chosen ones are in the log and in ``ready_file``."""

    organisation: str
    host_name: str = Field(description="what the server calls itself in greetings, Received headers and Autodiscover")
    url_host: str | None = Field(default=None, description="host in the URLs that Autodiscover gives out")
    forest: Forest
    netbios: str = Field(description="the domain's short name, for DOMAIN\\user")
    listen: str = "127.0.0.1"
    https_port: int = 0
    smtp_port: int = 0
    certificate: Path
    key: Path
    store: Path = Field(description="folder of the mailboxes and of the mail queue")
    accepted_domains: tuple[str, ...]
    connectors: dict[str, str] = Field(
        default_factory=dict, description="address space -> host:port of the SMTP server that takes its mail"
    )
    autodiscover_urls: dict[str, str] = Field(
        default_factory=dict,
        description="domain of another organisation -> URL of its Autodiscover without .xml or .svc; for domains that "
        "are not here, an address is all that Autodiscover gives out",
    )
    availability: dict[str, AddressSpace] = Field(
        default_factory=dict, description="mail domain -> the organisation that knows when its people are free"
    )
    authentication: tuple[Scheme, ...] = Field(default=("Basic",), description="the ways in, offered in this order")
    oauth: tuple[TrustedIssuer, ...] = ()
    impersonation_scopes: tuple[ImpersonationScope, ...] = ()
    impersonation_group: str | None = Field(
        default=None, description="DN of the group whose members may impersonate every mailbox"
    )
    discovery_group: str | None = Field(
        default=None, description="DN of the group whose members may search all mailboxes (the role MailboxSearch)"
    )
    version: ServerVersion = "Exchange2016"
    violations: Path | None = Field(
        default_factory=lambda: Path(os.environ[VIOLATIONS]) if os.environ.get(VIOLATIONS) else None,
        description="validate answers too, and add a line to this file for what the schema does not allow",
    )
    max_request_bytes: int | None = Field(
        default=None, description="of an HTTP request; without it as the version has it"
    )
    find_count_limit: int = Field(
        default=1000, description="most items or folders in one answer (EWSFindCountLimit of the throttling policy)"
    )
    max_message_bytes: int | None = Field(default=None, description="of a message that is sent")
    compress: bool = Field(default=True, description="gzip answers (never exports) for clients that accept it")
    retry_seconds: float = Field(default=5.0, description="first wait before mail that could not go on is tried again")
    conditions: Conditions = Field(default=Conditions(), description="faults, delays and limits; see conditions/")
    ready_file: Path | None = Field(default=None, description="JSON with the ports, written once the server serves")


def load(path: Path) -> Settings:
    """Reads the file. Raises SettingsError."""
    try:
        return Settings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise SettingsError(f"{path}: {wrong}") from None
