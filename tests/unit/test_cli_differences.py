"""Differences between two versions of a project."""

from __future__ import annotations

from isthmus_cli.differences import Difference, differences


def test_only_what_differs_is_named() -> None:
    before = {"a": 1, "b": {"c": 2, "d": 3}}
    after = {"a": 1, "b": {"c": 4, "d": 3}, "e": 5}
    assert list(differences(before, after)) == [Difference("b.c", 2, 4), Difference("e", None, 5)]


def test_collections_are_compared_by_name_not_by_place() -> None:
    pilot, rest = {"name": "pilot", "priority": 1}, {"name": "rest", "priority": 5}
    assert list(differences({"collections": [pilot, rest]}, {"collections": [rest, pilot]})) == []
    changed = {"collections": [rest, pilot | {"priority": 2}]}
    assert list(differences({"collections": [pilot, rest]}, changed)) == [
        Difference("collections.pilot.priority", 1, 2)
    ]


def test_equal_documents_do_not_differ() -> None:
    assert list(differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]})) == []
