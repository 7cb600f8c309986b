"""Rights and properties of folders: what the other side is to have of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from isthmus_exchange.values import FolderSettings, Member, Permission
from isthmus_sync.mailbox.folder_settings import Agreed, KeptAside, difference, people, wanted

_DEFAULT = Permission(Member(distinguished="Default"), "None")


def _of(name: str, side: str) -> Member:
    return Member(address=f"{name}@{side}.test")


def _settings(*entries: Permission, unknown: list[str] | None = None, **properties: str) -> FolderSettings:
    return FolderSettings("Folder", list(entries), unknown or [], properties)


def _alpha(name: str, level: str) -> Permission:
    return Permission(_of(name, "alpha"), level)


def _beta(name: str, level: str) -> Permission:
    return Permission(_of(name, "beta"), level)


_COUNTERPARTS: dict[str, Member | str] = {
    "anna@alpha.test": _of("anna", "beta"),
    "bert@alpha.test": _of("bert", "beta"),
    "carl@alpha.test": "has no account on the other side yet",
}


def test_people_are_translated_and_the_others_kept_aside() -> None:
    source = _settings(_DEFAULT, _alpha("anna", "Editor"), _alpha("carl", "Reviewer"), unknown=["NT User:S-1-5-21-9"])
    assert [each.address for each in people([source, source])] == ["anna@alpha.test", "carl@alpha.test"]
    want, aside = wanted(source, _COUNTERPARTS)
    assert list(want.permissions.values()) == [_DEFAULT, _beta("anna", "Editor")]
    assert aside == [
        KeptAside("NT User:S-1-5-21-9", "permission", "the account does not exist any more"),
        KeptAside("carl@alpha.test", "Reviewer", "has no account on the other side yet"),
    ]


def test_what_was_agreed_and_is_gone_goes_and_what_is_the_others_own_stays() -> None:
    before, _ = wanted(_settings(_DEFAULT, _alpha("anna", "Editor"), _alpha("bert", "Owner")), _COUNTERPARTS)
    now, _ = wanted(_settings(_DEFAULT, _alpha("anna", "Reviewer")), _COUNTERPARTS)
    present = _settings(_DEFAULT, _beta("anna", "Editor"), _beta("bert", "Owner"), _beta("dora", "Author"))
    after = difference(now, before, present).permissions
    assert after is not None
    assert set(after) == {_DEFAULT, _beta("anna", "Reviewer"), _beta("dora", "Author")}


def test_somebody_who_has_no_counterpart_any_more_loses_what_they_had_there() -> None:
    before, _ = wanted(_settings(_DEFAULT, _alpha("anna", "Editor")), _COUNTERPARTS)
    now, aside = wanted(_settings(_DEFAULT, _alpha("anna", "Editor")), {"anna@alpha.test": "is no account"})
    assert difference(now, before, _settings(_DEFAULT, _beta("anna", "Editor"))).permissions == [_DEFAULT]
    assert aside == [KeptAside("anna@alpha.test", "Editor", "is no account")]


def test_nothing_is_written_where_it_is_right() -> None:
    custom = Permission(_of("anna", "beta"), "Custom", (("CanCreateItems", "true"), ("ReadItems", "None")))
    want = Agreed({"anna@beta.test": custom}, {"Comment": "x"})
    turned = custom._replace(rights=tuple(reversed(custom.rights)))
    present = FolderSettings("Folder", [turned], [], {"Comment": "x", "PolicyTag": "AA=="})
    assert difference(want, Agreed(), present) == (None, {})


def test_properties_come_change_and_go() -> None:
    before = Agreed({}, {"Comment": "old", "PolicyTag": "AA=="})
    want = Agreed({}, {"Comment": "new", "AttributeHidden": "true"})
    present = _settings(Comment="old", PolicyTag="AA==", DefaultPostMessageClass="IPM.Post.Own")
    assert difference(want, before, present).properties == {
        "Comment": "new",
        "AttributeHidden": "true",
        "PolicyTag": None,
    }


_LEVELS = st.sampled_from(["None", "Reviewer", "Editor", "Owner"])
_LISTS = st.dictionaries(st.sampled_from(["anna", "bert", "carl", "dora"]), _LEVELS)


@given(st.lists(_LISTS, min_size=1, max_size=4), _LISTS)
def test_whatever_came_before_the_last_list_counts_and_a_second_look_writes_nothing(
    history: list[dict[str, str]], own: dict[str, str]
) -> None:
    everybody: dict[str, Member | str] = {
        f"{name}@alpha.test": _of(name, "beta") for name in ("anna", "bert", "carl", "dora")
    }
    present = _settings(_DEFAULT, *(Permission(_of(f"{name}.own", "beta"), level) for name, level in own.items()))
    agreed = Agreed()
    for entries in history:
        source = _settings(_DEFAULT, *(_alpha(name, level) for name, level in entries.items()))
        want, aside = wanted(source, everybody)
        assert aside == []
        permissions = difference(want, agreed, present).permissions
        if permissions is not None:
            present = present._replace(permissions=permissions)
        agreed = Agreed.of(want.text())
        assert agreed == want
        assert difference(want, agreed, present) == (None, {})
    levels = {each.member.address: each.level for each in present.permissions or ()}
    assert levels == {
        "": "None",
        **{f"{name}@beta.test": level for name, level in history[-1].items()},
        **{f"{name}.own@beta.test": level for name, level in own.items()},
    }
