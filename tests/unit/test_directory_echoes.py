"""Our own writes come back as changes, and are told from what others wrote by their values."""

from __future__ import annotations

from dataclasses import replace

from isthmus_sync.directory import DirectoryObject, Side
from isthmus_sync.directory.echoes import Echoes, Told, consequential, leads_on
from isthmus_sync.directory.objects import as_values

from tests.unit.directory_values import guid, link, project, recipient

ANNA = recipient("beta", "anna", "user", {"manager": ["boss"]}, title="Buyer")
STAFF = recipient("beta", "staff", "group", {"member": ["anna", "bert"]})


def _heard(obj: DirectoryObject, told: Told | None) -> bool:
    echoes = Echoes()
    echoes.expect(Side.TARGET, obj, b"pair")
    assert not echoes.heard(Side.SOURCE, {obj.guid: told})
    found = echoes.heard(Side.TARGET, {obj.guid: told, guid("somebody else"): told})
    assert found in ({obj.guid: b"pair"}, {})
    assert not echoes.heard(Side.TARGET, {obj.guid: told}), "an echo is heard once"
    return bool(found)


def _told(obj: DirectoryObject, **attributes: str) -> Told:
    return Told(obj.dn, {name: as_values(value) if value else () for name, value in attributes.items()})


def test_the_values_we_left_are_an_echo_and_others_are_not() -> None:
    assert _heard(ANNA, _told(ANNA, title="Buyer", name="anna", instancetype="4"))
    assert not _heard(ANNA, _told(ANNA, title="Head"))
    assert not _heard(ANNA, _told(ANNA, title="Buyer", department="Sales")), "somebody wrote another attribute"
    assert not _heard(ANNA, _told(ANNA, title=""))
    assert _heard(ANNA, _told(ANNA, department="")), "what we took away is told as nothing"
    assert not _heard(ANNA, None), "without values nobody can tell"
    assert not _heard(ANNA, replace(_told(ANNA, title="Buyer"), dn="CN=renamed,OU=Staff,DC=beta,DC=test"))


def test_links_are_compared_whole_or_by_those_that_came_and_went() -> None:
    boss, other = link("beta", "boss").guid, link("beta", "other").guid
    anna = link("beta", "anna").guid
    assert _heard(ANNA, Told(ANNA.dn, links={"manager": frozenset((boss,))}))
    assert not _heard(ANNA, Told(ANNA.dn, links={"manager": frozenset((other,))}))
    assert not _heard(ANNA, Told(ANNA.dn, links={"manager": frozenset()}))
    assert _heard(STAFF, Told(STAFF.dn, linked={"member": {anna: True, other: False}}))
    assert not _heard(STAFF, Told(STAFF.dn, linked={"member": {other: True}}))
    assert not _heard(STAFF, Told(STAFF.dn, linked={"member": {anna: False}}))


def test_a_write_that_feeds_a_rule_or_a_filter_is_decided_about() -> None:
    rules = {"info": {"template": "{title}"}, "company": {"owner": "target", "replace": [{"pattern": "a", "to": "b"}]}}
    found = consequential(project(attributes=rules, exclude=["(department=Board)"]))
    assert found == {Side.SOURCE: {"title", "department"}, Side.TARGET: {"company"}}
    assert leads_on(["Title"], Side.SOURCE, found)
    assert not leads_on(["Title", "department"], Side.TARGET, found)
