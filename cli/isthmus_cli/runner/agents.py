"""Agents of the local runner: one beside each Exchange, as at two sites, to try and to rehearse that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from isthmus_lab.program import Program
from isthmus_project import Organisation, Project

from .services import readiness

AGENTS = ("agent-source", "agent-target")
PORTS = (*AGENTS, *(f"{name}-grpc" for name in AGENTS))
"""Names of the ports that they need: for health and metrics, and those on which they are asked."""


def addresses(ports: Mapping[str, int]) -> dict[str, str]:
    """Where the agent of each side is asked, as the project file says it."""
    return {name.removeprefix("agent-"): f"127.0.0.1:{ports[f'{name}-grpc']}" for name in AGENTS}


def agent_programs(
    folder: Path, ports: Mapping[str, int], secrets: Path, project: Project, certify: Callable[[str], Mapping[str, str]]
) -> list[Program]:
    """An agent for each side of the project, with the account that the project names and a certificate of its own.

    Raises LookupError when an agent cannot read its password: it knows files only.
    """
    sides = zip(AGENTS, (project.source, project.target), strict=True)
    return [_program(folder, name, ports, secrets, organisation, certify(name)) for name, organisation in sides]


def _program(
    folder: Path,
    name: str,
    ports: Mapping[str, int],
    secrets: Path,
    organisation: Organisation,
    certificate: Mapping[str, str],
) -> Program:
    exchange = organisation.exchange
    if exchange.password.file is None:
        raise LookupError(
            f"the agent of {organisation.name} needs its password in a file of {secrets}: 'file', not 'env'"
        )
    environment = {
        "ISTHMUS_INSTANCE": name,
        "ISTHMUS_HTTP_PORT": str(ports[name]),
        "ISTHMUS_GRPC_PORT": str(ports[f"{name}-grpc"]),
        "ISTHMUS_SECRETS_DIR": str(secrets),
        "ISTHMUS_ORGANISATION": organisation.name,
        "ISTHMUS_EWS": exchange.ews,
        "ISTHMUS_EWS_USER": exchange.user,
        "ISTHMUS_EWS_PASSWORD_FILE": exchange.password.file,
        **({"ISTHMUS_EWS_CA_FILE": exchange.ca_file} if exchange.ca_file else {}),
        **certificate,
    }
    command = (str(Path(sys.executable).parent / "isthmus-agent"),)
    return Program(name, command, folder, readiness(ports[name]), environment)
