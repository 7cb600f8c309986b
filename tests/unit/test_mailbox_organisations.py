"""The clients of a worker and what they are made with."""

from __future__ import annotations

from pathlib import Path

import pytest
from isthmus.events.v1.project_pb2 import ProjectApplied
from isthmus_mailbox.organisations import Organisations
from isthmus_project import TEMPLATE, load_project
from isthmus_service import Security


async def test_a_changed_password_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "project.yaml"
    file.write_text("".join(line for line in TEMPLATE.splitlines(True) if "ca_file" not in line), encoding="utf-8")
    document = load_project(file).model_dump_json().encode()
    projects = {b"merge": ProjectApplied(project="merge", revision=1, document=document)}
    alpha, beta = tmp_path / "alpha-password", tmp_path / "beta-password"
    beta.write_text("constant")
    organisations = Organisations(projects, tmp_path, 10.0, Security())  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="alpha-password cannot be read"):
        organisations.way("pilot")
    alpha.write_text("first")
    first = organisations.way("pilot")
    assert organisations.way("everybody").source is first.source
    alpha.write_text("second")
    second = organisations.way("pilot")
    assert second.source is not first.source
    assert second.target is first.target
    assert [each.client for each in organisations.governed()] == [second.source, second.target]
    alpha.write_text("")  # somebody is just writing it
    assert organisations.way("pilot").source is second.source
    await organisations.close()
