"""The plan against two real forests: what it says is what is there, and nothing is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from isthmus_directory import DirectoryPlan, DirectoryRefused, PlannedObject, plan_directory

from tests.lab.directories import Directories, apply, eventually, values
from tests.lab.directory_system import System
from tests.plugins.forests import Forests, Units


@pytest.fixture
def directories(forests: Forests, units: Units, tmp_path: Path) -> Directories:
    return Directories(forests, units, tmp_path)


def _of(plan: DirectoryPlan, dn: str) -> PlannedObject:
    [found] = [obj for obj in plan.objects if obj.source == dn]
    return found


async def test_plan_says_object_by_object_what_would_be_done(directories: Directories) -> None:
    alpha, beta = directories.alpha, directories.beta
    anna = alpha.add_mailbox("anna", "Anna Berg", title="Buyer")
    bert = alpha.add_mailbox("bert", "Bert, the Builder", more_addresses=["smtp:builder@" + alpha.domain])
    alpha.change(bert, manager=anna)
    twin = beta.add_mailbox("anna", "A. Berg", f"anna@{alpha.domain}", title="Head of Purchasing")
    both = alpha.add_mailbox("carla", "Carla", more_addresses=[f"smtp:c1@{alpha.domain}", f"smtp:c2@{alpha.domain}"])
    beta.add_mailbox("c1", "C One", f"c1@{alpha.domain}")
    beta.add_mailbox("c2", "C Two", f"c2@{alpha.domain}")
    staff = alpha.add_group("staff", [anna, bert])
    alpha.add("Nobody", "user", sAMAccountName=f"nobody{directories.name[-6:]}")

    plan = await plan_directory(directories.project(), directories.secrets)

    matched = _of(plan, anna)
    assert (matched.action, matched.rule, matched.target, matched.collection) == ("change", "mail", twin, "all")
    title = [change for change in matched.changes if change.attribute == "title"]
    assert [(c.forest, c.removed, c.added) for c in title] == [("beta", ["Head of Purchasing"], ["Buyer"])]
    redirect = [c for c in matched.changes if c.attribute == "targetAddress"]
    assert [(c.forest, c.added) for c in redirect] == [("beta", [f"SMTP:anna@{directories.redirection['alpha']}"])]
    created = _of(plan, bert)
    assert created.action == "create"
    assert created.mailbox
    assert created.target == f"CN=Bert\\, the Builder,{beta.unit}"
    assert created.waiting == (f"manager {anna}",)
    refused = _of(plan, both)
    assert refused.action == "refused"
    assert "2 objects" in refused.problems[0]
    assert _of(plan, staff).action == "create"
    assert plan.left_out["it has no mail address"] == 1
    assert plan.objection is None
    assert plan.problems == []
    assert beta.find("displayName", "Bert, the Builder") is None
    assert (beta.find("mail", f"anna@{alpha.domain}") or {})["title"] == ["Head of Purchasing"]


async def test_a_wrong_ou_or_password_is_named_with_its_remedy(directories: Directories) -> None:
    document = directories.project().model_dump(mode="json")
    document["target"]["create"]["groups_ou"] = "OU=Nowhere," + directories.beta.unit
    with pytest.raises(DirectoryRefused, match=r"OU=Nowhere.* does not exist in beta: create it, or correct"):
        await plan_directory(type(directories.project()).model_validate(document), directories.secrets)
    (directories.secrets / "alpha-password").write_text("wrong")
    with pytest.raises(DirectoryRefused, match=r"does not let svc-isthmus@corp\.alpha\.test in: the password is wrong"):
        await plan_directory(directories.project(), directories.secrets)


def test_a_person_decides_what_the_rules_cannot(directories: Directories, tmp_path: Path) -> None:
    """By the command line: a conflict is listed, a pair is said, and the plan has it."""
    alpha, beta = directories.alpha, directories.beta
    mails = [f"smtp:c{number}@{alpha.domain}" for number in (1, 2)]
    both = alpha.add_mailbox("carla", "Carla [old]", more_addresses=mails)
    first, second = (beta.add_mailbox(f"c{n}", f"C {n}", f"c{n}@{alpha.domain}") for n in (1, 2))
    document = directories.project().model_dump(mode="json")
    document["directory"]["pairs"] = "pairs.csv"
    project = tmp_path / "project.yaml"
    project.write_text(json.dumps(document))  # JSON is YAML
    (tmp_path / "pairs.csv").write_text("source,target\n")

    def run(*arguments: str, exit_code: int) -> str:
        command = (str(Path(sys.executable).with_name("isthmus")), "directory", *arguments)
        environment = {**os.environ, "ISTHMUS_SECRETS_DIR": str(directories.secrets), "COLUMNS": "300"}
        found = subprocess.run(
            (*command, "--data", str(tmp_path / "none")), env=environment, capture_output=True, text=True, check=False
        )
        assert found.returncode == exit_code, (found.stdout, found.stderr)
        return found.stdout + found.stderr

    [conflict] = json.loads(run("conflicts", str(project), "--json", exit_code=1))
    assert conflict["source"] == both
    assert set(conflict["candidates"]) == {first, second}
    assert "matches 2 objects" in conflict["reason"]
    assert "Carla [old]" in run("conflicts", str(project), exit_code=1)

    where = ("--project", str(project))
    assert "would not become a pair" in run("pair", f"carla@{alpha.domain}", "nobody@x.test", *where, exit_code=2)
    assert "Nothing was written" in run("pair", both, second, "--dry-run", *where, exit_code=0)
    assert f"{both} → {second}" in run("pair", both, second, *where, exit_code=0)
    # Who is meant is decided; that the other one has an address of theirs is not.
    [left] = json.loads(run("conflicts", str(project), "--json", exit_code=1))
    assert (left["source"], left["target"]) == (both, second)
    assert f"c1@{alpha.domain} cannot be added in beta: {first} has it" in left["reason"]
    alpha.remove_values(both, proxyAddresses=mails[:1])
    assert "Everybody matches" in run("conflicts", str(project), exit_code=0)
    assert "named more than once" in run("pair", both, first, *where, exit_code=2)
    again = alpha.add_mailbox("carla2", "Carla again")
    assert f"{again} → {second}, which stands for {both}, too" in run("pair", again, second, *where, exit_code=0)


async def test_the_plan_is_what_is_done_then(system: System, tmp_path: Path) -> None:
    """While the guard holds a run back, the plan of it is made; let through, the journal has exactly that."""
    alpha, beta = system.alpha, system.beta
    people = [alpha.add_mailbox(f"p{number}", f"Person {number}", title="Buyer", company="A") for number in range(4)]
    staff = alpha.add_group("staff", people[:3])
    alpha.add_values(people[1], proxyAddresses=[f"smtp:old@{alpha.domain}"])
    project = system.project(guard=1, attributes={"title": "newest"})
    await apply(system.kafka, project)
    await system.status(lambda status: status.state == "in step" and status.pairs == 5)
    twins = [values(system.beta_object(f"p{number}"), "dn")[0] for number in range(4)]
    before = _journal(system)[0]["number"]

    # What only the agreed state tells: a value that went, an address and a member that left, who was changed last.
    os.kill(system.dirsync.pid, signal.SIGSTOP)
    alpha.change(people[0], company=[])
    alpha.change(people[2], company="B")
    alpha.remove_values(people[1], proxyAddresses=[f"smtp:old@{alpha.domain}"])
    alpha.remove_values(staff, member=[people[2]])
    beta.change(twins[3], title="Head")
    os.kill(system.dirsync.pid, signal.SIGCONT)
    await system.status(lambda status: status.state == "failing")
    (tmp_path / "project.yaml").write_text(project.model_dump_json())  # JSON is YAML
    plan = json.loads(system.isthmus("plan", str(tmp_path / "project.yaml"), "--json", exit_code=1))
    assert "stopped before writing: 4 objects" in plan["objection"]
    said = {
        (change["forest"], change["attribute"], *map(tuple, (change["removed"], change["added"])))
        for obj in plan["objects"]
        for change in obj["changes"]
    }
    assert ("beta", "company", ("A",), ()) in said
    assert ("alpha", "title", ("Buyer",), ("Head",)) in said

    system.isthmus("directory", "allow")
    await system.status(lambda status: status.state == "in step")
    eventually(lambda: values(system.beta_object("p2"), "company") == ["B"], "the changes")
    done = {
        (
            {"source": "alpha", "target": "beta"}[entry["side"]],
            change["attribute"],
            *map(tuple, (change["removed"], change["added"])),
        )
        for entry in _journal(system)
        if entry["number"] > before
        for change in entry["changes"]
    }
    assert done == said
    again = json.loads(system.isthmus("plan", str(tmp_path / "project.yaml"), "--json"))
    assert {obj["action"] for obj in again["objects"]} == {"in step"}


def _journal(system: System) -> list[dict[str, Any]]:
    return json.loads(system.isthmus("directory", "journal", "--limit", "0", "--json"))  # type: ignore[no-any-return]
