"""The fixture `small_lab`: a complete lab of ten people with some mail, running, without people at work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from isthmus_lab.ews import Client
from isthmus_lab.lab import Lab, LabOptions
from isthmus_lab.people.staff import House
from isthmus_lab.program import running


@dataclass(frozen=True)
class RunningLab:
    """A lab whose forests and Exchange servers are up."""

    lab: Lab
    data: Path
    """The folder that `isthmus --data` would name; the lab is in "lab" below it."""

    @property
    def info(self) -> dict[str, Any]:
        return self.lab.info()["organisations"]  # type: ignore[no-any-return]

    def house(self, name: str) -> House:
        return House.of(name, self.info[name])

    def client(self, name: str, address: str) -> Client:
        """The mailbox of this person, opened with their own password."""
        return self.house(name).client(address)


@pytest.fixture(scope="session")
def small_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    data = tmp_path_factory.mktemp("small-lab")
    lab = Lab(data / "lab", LabOptions(people=10, items=400, seed=7, actions_per_minute=0))
    with running(*lab.prepare(), log_folder=data / "log"):
        yield RunningLab(lab, data)
