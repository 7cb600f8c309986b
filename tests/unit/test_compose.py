"""docker-compose.yml: it runs every service, shows nothing beyond this machine, keeps no password, and says only
settings that exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from isthmus_mailbox.agent import AgentSettings
from isthmus_service import ServiceSettings
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml"))
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]


def settings_of(service: str) -> type[ServiceSettings]:
    """The settings class that the service's main() runs with."""
    main = importlib.import_module(f"isthmus_{service}.main")
    found = [
        value
        for value in vars(main).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    ]
    assert len(found) <= 1, f"isthmus_{service}.main has several settings: {found}"
    return found[0] if found else ServiceSettings


def test_every_service_is_a_container_built_alone() -> None:
    built = {name: container["build"]["args"] for name, container in CONTAINERS.items() if "build" in container}
    # The agent is a program of the mailbox service's image.
    assert built == {name: {"SERVICE": name} for name in SERVICES} | {"agent": {"SERVICE": "mailbox"}}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_only_settings_it_knows(service: str) -> None:
    known = {f"ISTHMUS_{name.upper()}" for name in settings_of(service).model_fields} | {"ISTHMUS_CONFIG"}
    told = {name for name in CONTAINERS[service]["environment"] if name.startswith("ISTHMUS_")}
    assert told <= known


def test_an_agent_starts_when_it_is_asked_for_and_needs_nothing_but_its_own_settings() -> None:
    agent = CONTAINERS["agent"]
    assert agent["profiles"] == ["agent"]
    assert agent["depends_on"] == []
    known = {f"ISTHMUS_{name.upper()}" for name in AgentSettings.model_fields}
    assert agent["environment"].keys() <= known, "nor does it know the database or Kafka"
    required = {f"ISTHMUS_{name.upper()}" for name, field in AgentSettings.model_fields.items() if field.is_required()}
    assert required <= agent["environment"].keys()
    own = Path(agent["environment"]["ISTHMUS_TLS_CERTIFICATE"]).parent
    assert all(
        container["environment"].get("ISTHMUS_TLS_CERTIFICATE") != f"{own}/server.pem" for container in others(agent)
    )


def others(container: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in CONTAINERS.values() if each is not container and "environment" in each]


def test_the_image_says_only_settings_that_every_service_knows() -> None:
    known = {f"ISTHMUS_{name.upper()}" for name in ServiceSettings.model_fields}
    said = set(re.findall(r"\bISTHMUS_[A-Z_]+(?==)", (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")))
    assert said
    assert said <= known


@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_no_port_is_published_beyond_loopback(container: str) -> None:
    for port in CONTAINERS[container].get("ports", []):
        assert isinstance(port, str), "the short form is what this test reads"
        # An agent is asked from another site; that, too, somebody has to want.
        assert port.startswith("${AGENT_ADDRESS:-127.0.0.1}:" if container == "agent" else "127.0.0.1:"), port
    assert CONTAINERS[container].get("network_mode") != "host"


@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_a_container_has_no_more_rights_than_it_needs(container: str) -> None:
    settings = CONTAINERS[container]
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert not settings.get("privileged")
    assert settings.get("read_only") or container == "kafka"


@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_passwords_are_asked_for_and_never_given(container: str) -> None:
    for name, value in CONTAINERS[container].get("environment", {}).items():
        if ("PASSWORD" in name or "SECRET" in name) and not name.endswith("_FILE"):
            assert re.fullmatch(r"\$\{[A-Z_]+:\?.+\}", value), f"{name} must be required from .env, with a reason"


@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_images_of_others_are_pinned(container: str) -> None:
    settings = CONTAINERS[container]
    if "build" not in settings:
        assert re.search(r":v?\d+[\d.]*$", settings["image"])


def test_the_example_names_every_variable_of_the_file_and_no_other() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    example = (ROOT / "deploy" / "compose.env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) == used


def test_prometheus_asks_every_service() -> None:
    asked = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "prometheus.yml")["scrape_configs"]
    names = {name for job in asked for discovery in job.get("dns_sd_configs", []) for name in discovery["names"]}
    assert names == set(SERVICES)
