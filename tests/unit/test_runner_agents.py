"""Agents of the local runner: each with its own certificate and account, and named in the project file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from isthmus_cli.runner import agents
from isthmus_mailbox.agent import AgentSettings
from isthmus_project import TEMPLATE, load_project, name_agents

PORTS = {name: 4000 + number for number, name in enumerate(agents.PORTS)}


@pytest.fixture
def project_file(tmp_path: Path) -> Path:
    path = tmp_path / "project.yaml"
    path.write_text(TEMPLATE, encoding="utf-8")
    return path


def certify(name: str) -> Mapping[str, str]:
    return {"ISTHMUS_TLS_CERTIFICATE": f"/tls/{name}/server.pem"}


def test_each_agent_knows_one_account_at_one_server(project_file: Path) -> None:
    project = load_project(project_file)
    source, target = agents.agent_programs(project_file.parent, PORTS, Path("/secrets"), project, certify)
    known = {f"ISTHMUS_{name.upper()}" for name in AgentSettings.model_fields}
    assert source.environment.keys() | target.environment.keys() <= known
    assert source.environment["ISTHMUS_EWS"] == project.source.exchange.ews
    assert target.environment["ISTHMUS_EWS_PASSWORD_FILE"] == "beta-password"
    assert target.environment["ISTHMUS_EWS_CA_FILE"] == "beta-ca.pem"
    own = {each.environment["ISTHMUS_TLS_CERTIFICATE"] for each in (source, target)}
    assert own == {"/tls/agent-source/server.pem", "/tls/agent-target/server.pem"}
    asked = agents.addresses(PORTS)
    assert asked == {
        "source": f"127.0.0.1:{source.environment['ISTHMUS_GRPC_PORT']}",
        "target": f"127.0.0.1:{target.environment['ISTHMUS_GRPC_PORT']}",
    }


def test_a_password_in_a_variable_is_none_of_an_agent(project_file: Path) -> None:
    text = project_file.read_text(encoding="utf-8").replace("{file: beta-password}", "{env: BETA}")
    project_file.write_text(text, encoding="utf-8")
    with pytest.raises(LookupError, match="'file', not 'env'"):
        agents.agent_programs(project_file.parent, PORTS, Path("/secrets"), load_project(project_file), certify)


def test_the_project_file_names_them_and_keeps_everything_else(project_file: Path) -> None:
    before, text = load_project(project_file), project_file.read_text(encoding="utf-8")
    assert name_agents(project_file, agents.addresses(PORTS))
    named = load_project(project_file)
    assert (named.source.exchange.agent, named.target.exchange.agent) == tuple(agents.addresses(PORTS).values())
    assert "# who signed the domain controller's certificate" in project_file.read_text(encoding="utf-8")
    assert not name_agents(project_file, agents.addresses(PORTS)), "nothing is written twice"
    assert name_agents(project_file, {})
    assert load_project(project_file) == before
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    kept = project_file.read_text(encoding="utf-8")
    assert all(comment in kept for comment in comments)
