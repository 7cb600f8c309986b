"""Differences between two versions of a project."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from isthmus_cli.differences import Difference, differences


def test_only_what_differs_is_named() -> None:
    before = {"a": 1, "b": {"c": 2, "d": 3}}
    after = {"a": 1, "b": {"c": 4, "d": 3}, "e": 5}
    assert list(differences(before, after)) == [Difference("b.c", 2, 4), Difference("e", None, 5)]


def test_collections_are_compared_by_name_and_by_their_order() -> None:
    pilot, rest = {"name": "pilot", "priority": 1}, {"name": "rest", "priority": 5}
    changed = {"collections": [rest, pilot | {"priority": 2}]}
    assert list(differences({"collections": [pilot, rest]}, changed)) == [
        Difference("collections.pilot.priority", 1, 2),
        # A mailbox belongs to the first that names it.
        Difference("collections, in this order", ["pilot", "rest"], ["rest", "pilot"]),
    ]


def test_filters_without_names_are_compared_as_a_whole() -> None:
    old, mail, junk = ({"name": "", "exclude": each} for each in ("old", "mail", "junk"))
    before, after = {"filters": [old, junk]}, {"filters": [mail, junk]}
    assert list(differences(before, after)) == [Difference("filters", [old, junk], [mail, junk])]
    assert list(differences({"filters": []}, before)) == [Difference("filters", [], [old, junk])]


def test_of_what_is_new_or_gone_that_is_named_which_says_something() -> None:
    schedule = {"time_zone": "UTC", "windows": []}
    pilot = {"name": "pilot", "priority": 1, "group": None, "schedule": schedule, "filters": []}
    leaves = [("name", "pilot"), ("priority", 1), ("schedule.time_zone", "UTC")]
    added = [Difference(f"collections.pilot.{field}", None, value) for field, value in leaves]
    assert list(differences({"collections": []}, {"collections": [pilot]})) == added
    assert list(differences({}, {"collections": [pilot]})) == added
    gone = [Difference(each.field, each.after, None) for each in added]
    assert list(differences({"collections": [pilot]}, {})) == gone


def test_equal_documents_do_not_differ() -> None:
    assert list(differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]})) == []


_values = st.recursive(
    st.sampled_from([None, 0, 1, "", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "b", "c"]), inner, max_size=3),
    max_leaves=8,
)
_documents = st.dictionaries(st.sampled_from(["a", "b"]), _values)


@given(_documents, _documents)
def test_no_difference_is_overlooked(before: Any, after: Any) -> None:
    assert list(differences(before, after)) or _said(before) == _said(after)


def _said(value: Any) -> Any:
    """Without fields that are None: those are as good as absent."""
    if isinstance(value, dict):
        return {key: _said(part) for key, part in value.items() if part is not None}
    return [_said(part) for part in value] if isinstance(value, list) else value
