"""The fixture `forests`: two furnished, running forests, shared by all tests of a run.

Tests share them, so a test works in an organisational unit that it makes for itself (fixture `units`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import ldap3
import pytest
from isthmus_lab.forests import Forest, prepare
from isthmus_lab.layout import ServicePasswords, layout
from isthmus_lab.organisation import ALPHA, BETA, Organisation

from tests.processes import ProgramProcess


@dataclass(frozen=True)
class Forests:
    """Both forests with the lab's layout (organisational units, service accounts, the mailbox database's object).
    `processes` are their domain controllers by the organisation's name; a test that ends one starts it again."""

    alpha: Forest
    beta: Forest
    service_passwords: ServicePasswords
    processes: Mapping[str, ProgramProcess] = field(default_factory=dict)


@dataclass(frozen=True)
class Units:
    """An organisational unit for one test, in each forest."""

    alpha: str
    beta: str


def found(
    connection: ldap3.Connection, base: str, condition: str, *attributes: str
) -> dict[str, dict[str, list[bytes]]]:
    """What a search below `base` finds: raw attributes by distinguished name."""
    connection.search(base, condition, attributes=list(attributes))
    response: list[dict[str, Any]] = connection.response or []
    return {each["dn"]: each["raw_attributes"] for each in response if each["type"] == "searchResEntry"}


@pytest.fixture(scope="session")
def forests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forests]:
    folder = tmp_path_factory.mktemp("forests")
    passwords = ServicePasswords(isthmus="isthmus-secret", exchange="exchange-secret")

    def furnished(organisation: Organisation) -> Forest:
        forest = prepare(folder / organisation.name / "forest", organisation, "administrator-secret")
        forest.load(layout(organisation, passwords))
        return forest

    with ThreadPoolExecutor() as threads:
        alpha, beta = threads.map(furnished, (ALPHA, BETA))
    processes = {
        forest.organisation.name: ProgramProcess(forest.program(), folder / f"{forest.organisation.name}.log")
        for forest in (alpha, beta)
    }
    try:
        for process in processes.values():  # in this thread: they end with the one that started them
            process.start()
        yield Forests(alpha, beta, passwords, processes)
    finally:
        for process in processes.values():
            process.stop()


def new_units(forests: Forests) -> Units:
    """An organisational unit in each forest that nobody else uses."""
    name = f"OU=Test {secrets.token_hex(4)}"
    for forest in (forests.alpha, forests.beta):
        with forest.connect() as connection:
            connection.add(f"{name},{forest.organisation.root_ou}", ["organizationalUnit"])
    return Units(f"{name},{ALPHA.root_ou}", f"{name},{BETA.root_ou}")


@pytest.fixture
def units(forests: Forests) -> Units:
    return new_units(forests)
