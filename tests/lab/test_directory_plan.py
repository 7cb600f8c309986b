"""The plan against two real forests: what it says is what is there, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from isthmus_directory import DirectoryPlan, DirectoryRefused, PlannedObject, plan_directory

from tests.lab.directories import Directories
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
