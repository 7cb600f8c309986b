"""Rules of the project file: transformations, exclusions, OUs, and rules that would never come to rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from isthmus_project import AttributeRule, Collection, ldap_filter
from isthmus_project.rules import as_rule, contradiction
from isthmus_sync.directory import Side, left_out, strangers
from isthmus_sync.directory.objects import as_values
from isthmus_sync.directory.transforming import transformed
from pydantic import ValidationError

from tests.unit.directory_values import mailbox, project, recipient
from tests.unit.directory_world import World


def _rules(**rules: Any) -> dict[str, AttributeRule]:
    return {name: AttributeRule.model_validate(as_rule(rule)) for name, rule in rules.items()}


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ({"template": "{sn}, {givenName} ({company})"}, ("Berg, Anna ()",)),
        ({"template": "{company} {pager}"}, ()),
        ({"template": "{{{sn}}}"}, ("{Berg}",)),
        ({"constant": "Beta"}, ("Beta",)),
        ({"replace": [{"pattern": r"^\+49 ?", "to": "0"}, {"pattern": " ", "to": ""}]}, ("0301", "0302")),
        ({"template": "{sn}", "replace": [{"pattern": "(B)erg", "to": r"\1."}]}, ("B.",)),
        ({"replace": [{"pattern": ".*", "to": ""}]}, ()),
    ],
)
def test_values_are_made_for_the_other_side(rule: dict[str, Any], wanted: tuple[str, ...]) -> None:
    anna = recipient("alpha", "anna", sn="Berg", givenName="Anna", otherTelephone=["+49 30 1", "+4930 2"])
    assert transformed(AttributeRule.model_validate(rule), "otherTelephone", anna) == as_values(wanted)


def test_a_value_that_is_not_text_is_left_by_a_replacement() -> None:
    photo = recipient("alpha", "anna", thumbnailPhoto=b"\xff\xd8a")
    rule = AttributeRule.model_validate({"replace": [{"pattern": "a", "to": "b"}]})
    assert transformed(rule, "thumbnailPhoto", photo) == (b"\xff\xd8a",)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"title": {"owner": "newest", "constant": "x"}}, "cannot go back"),
        ({"title": {"exclude": True, "constant": "x"}}, "excluded"),
        ({"title": {"constant": "x", "template": "{sn}"}}, "a constant needs no template"),
        ({"title": {"template": "no attribute"}}, "attributes in braces"),
        ({"title": {"template": "{sn"}}, "is not a template"),
        ({"title": {"template": "{sn!r}"}}, "attributes in braces"),
        ({"title": {"template": "{manager}"}}, "names other objects"),
        ({"title": {"replace": [{"pattern": "(", "to": ""}]}}, "is not a replacement"),
        ({"title": {"replace": [{"pattern": "a", "to": r"\1"}]}}, "is not a replacement"),
        ({"proxyAddresses": {"constant": "x"}}, "can only have an owner"),
        ({"manager": {"template": "{sn}"}}, "translated through the map"),
        ({"title": "target", "Title": "source"}, "is the same attribute"),
        ({"title": "nobody"}, "source"),
        ({"two words": "source"}, "not the name of an attribute"),
        (
            {"title": {"template": "{department}"}, "department": {"owner": "target", "template": "{title}!"}},
            "is made of itself by way of",
        ),
        ({"title": {"template": "{department}"}, "department": {"owner": "target", "template": "{info} {title}"},
          "info": "newest"}, "is made of itself"),
    ],
)  # fmt: skip
def test_rules_that_make_no_sense_are_refused(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        project(attributes=rules)


def test_a_circle_of_plain_copies_is_no_contradiction() -> None:
    assert contradiction(_rules(title="newest", info={"template": "{title}"})) is None
    assert contradiction(_rules(title="target", info={"owner": "target", "template": "{title}"})) is None


def test_transformed_excluded_and_owned_attributes_are_kept_as_the_rules_say() -> None:
    world = World(
        project(
            attributes={
                "displayName": {"template": "{sn}, {givenName} (Alpha)"},
                "company": {"constant": "Beta"},
                "department": {"replace": [{"pattern": "^Sales (.*)$", "to": r"Vertrieb \1"}]},
                "info": "exclude",
                "title": {"owner": "target", "replace": [{"pattern": "Dr", "to": "Doctor"}]},
                "manager": "exclude",
            }
        )
    )
    anna = mailbox(
        "alpha", "anna", {"manager": ["bert"]}, sn="Berg", givenName="Anna", department="Sales North", info="private",
        title="Chief", displayName="Anna Berg", company="Alpha",
    )  # fmt: skip
    world.put(Side.SOURCE, anna, mailbox("alpha", "bert"))
    world.settle()
    twin = world.twin(anna)
    assert twin.text("displayName") == "Berg, Anna (Alpha)"
    assert world.source("anna").text("displayName") == "Anna Berg"
    assert (twin.text("company"), world.source("anna").text("company")) == ("Beta", "Alpha")
    assert twin.text("department") == "Vertrieb North"
    assert not twin.raw("info")
    assert not twin.linked("manager")
    assert not twin.raw("title"), "a value cannot be transformed backwards"
    world.write(Side.TARGET, twin, "title", as_values("Dr"))
    world.write(Side.SOURCE, world.source("anna"), "sn", as_values("Stein"))
    world.write(Side.TARGET, world.twin(anna), "company", as_values("by hand"))
    world.settle()
    twin = world.twin(anna)
    assert world.source("anna").text("title") == "Doctor"
    assert twin.text("displayName") == "Stein, Anna (Alpha)"
    assert twin.text("company") == "Beta"


def test_rules_survive_the_way_over_the_topic() -> None:
    rules = {"info": "exclude", "title": "newest", "company": {"constant": "Beta"}, "sn": {"template": "{cn}"}}
    before = project(attributes=rules)
    assert type(before).model_validate(before.model_dump(mode="json")) == before


def test_a_rule_that_changes_is_carried_out() -> None:
    world = World()
    world.put(Side.SOURCE, mailbox("alpha", "anna", displayName="Anna"))
    world.settle()
    world.project = project(attributes={"displayName": {"template": "{displayName} *"}})
    world.settle()
    assert world.twin(world.source("anna")).text("displayName") == "Anna *"
    world.project = project()
    world.settle()
    assert world.twin(world.source("anna")).text("displayName") == "Anna"


def test_new_objects_go_where_the_deepest_mapping_says() -> None:
    sales, north = "OU=Sales,OU=Staff,DC=alpha,DC=test", "OU=North,OU=sales,OU=Staff,DC=alpha,DC=test"
    ous = [{"source": sales, "target": "OU=S,DC=beta,DC=test"}, {"source": north, "target": "OU=N,DC=beta,DC=test"}]
    world = World(project(create={"ous": ous}))
    for name, below in (("anna", sales), ("bert", north), ("carl", "OU=Staff,DC=alpha,DC=test")):
        obj = mailbox("alpha", name)
        world.put(Side.SOURCE, type(obj)(obj.guid, f"CN={name},{below}", obj.attributes, obj.links))
    world.settle()
    found = [world.twin(world.source(name)).dn for name in ("anna", "bert", "carl")]
    assert found == ["CN=anna,OU=S,DC=beta,DC=test", "CN=bert,OU=N,DC=beta,DC=test", "CN=carl,OU=New,DC=beta,DC=test"]


@pytest.mark.parametrize(
    ("text", "applies"),
    [
        ("(extensionAttribute1=nosync)", True),
        ("(department=*)", False),
        ("(cn=A*N*a)", True),
        ("(cn=an*nn*a)", False),
        ("(cn=ann*na)", False),
        ("(&(objectClass=user)(!(department=*)))", True),
        ("(|(employeeID>=43)(employeeID<=41))", False),
        (" ( & (employeeID>=9) (employeeID<=42) ) ".replace("( &", "(&").replace(") )", "))"), True),
        (r"(displayName=a\2a\28b\29)", True),
        (r"(displayName=\c3\a4*)", False),
    ],
)
def test_filters_apply_as_ldap_has_them(text: str, applies: bool) -> None:
    anna = recipient("alpha", "anna", extensionAttribute1="NoSync", employeeID="42", displayName="A*(b)")
    assert ldap_filter.applies(ldap_filter.parse(text), anna.raw) is applies
    reason = left_out(anna, project(exclude=[text]).directory)
    assert reason == (f"it is excluded by {text}" if applies else None)


@pytest.mark.parametrize(
    "text", ["", "department=x", "(department=x", "(&)", "(!(a=b)(c=d))", "(a~b)", r"(a=\zz)", "(a=b)c"]
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        project(exclude=[text])


_ATTRIBUTES = ("title", "info", "company", "department")
_made = st.one_of(
    st.sampled_from(["source", "target", "newest", "exclude"]),
    st.builds(
        lambda owner, name: {"owner": owner, "template": f"{{{name}}}!"},
        st.sampled_from(["source", "target"]),
        st.sampled_from(_ATTRIBUTES),
    ),
)
_edits = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.sampled_from(_ATTRIBUTES), st.sampled_from(["", "a", "b"])), max_size=6
)


@given(st.dictionaries(st.sampled_from(_ATTRIBUTES), _made), st.lists(_edits, max_size=4))
@example(
    {
        "company": {"owner": "target", "template": "{department}!"},
        "info": {"owner": "target", "template": "{title}!"},
        "title": "source",
        "department": {"owner": "source", "template": "{info}!"},
    },
    [[(Side.SOURCE, "title", "")]],
)
@settings(max_examples=150)
def test_whatever_rules_are_accepted_come_to_rest(rules: dict[str, Any], histories: list[Any]) -> None:
    """Any rules, any edits on both sides: refused when they would run in circles, else both forests settle."""
    if contradiction(_rules(**rules)):
        with pytest.raises(ValidationError):
            project(attributes=rules)
        return
    world = World(project(attributes=rules))
    world.put(Side.SOURCE, mailbox("alpha", "anna", title="t", info="i"))
    world.settle()
    for edits in histories:
        for side, attribute, value in edits:
            obj = world.source("anna") if side is Side.SOURCE else world.twin(world.source("anna"))
            world.write(side, obj, attribute, as_values(value) if value else ())
        world.settle()
        source, target = world.source("anna"), world.twin(world.source("anna"))
        for name in _ATTRIBUTES:
            rule = world.project.directory.rules.get(name.lower())
            if rule is not None and rule.transforms:
                giver, taker = (target, source) if rule.owner == "target" else (source, target)
                made = transformed(rule, name, giver)
                assert taker.raw(name) == made or not made
            elif rule is not None and rule.owner == "newest":
                assert source.raw(name) == target.raw(name)


def test_what_a_collection_names_and_no_mailbox_answers_to_is_told() -> None:
    anna, card = mailbox("alpha", "anna"), recipient("alpha", "card", "contact")
    slips = {"name": "pilot", "mailboxes": ["ANNA@x.test", "card@x.test", "anan@x.test"]}
    empty = {"name": "staff", "ou": "OU=Staf,DC=alpha,DC=test"}
    full = {"name": "rest", "ou": "OU=Staff,DC=alpha,DC=test"}
    collections = [Collection.model_validate(each) for each in (slips, empty, full)]
    found = strangers(project().model_copy(update={"collections": collections}), [anna, card])
    assert [text.split(";")[0] for text in found] == [
        "collection pilot: no mailbox of alpha has the address card@x.test",
        "collection pilot: no mailbox of alpha has the address anan@x.test",
        "collection staff: no mailbox of alpha is below OU=Staf,DC=alpha,DC=test",
    ]
