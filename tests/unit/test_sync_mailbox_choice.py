"""Filters: what is left out, and that what is on the other side stays in step all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_exchange.values import Item, ItemChange, Traits
from isthmus_mailbox import trees
from isthmus_project.filters import OTHER_TREES, Conditions, Filter, in_order
from isthmus_sync.mailbox import choice, staging
from isthmus_sync.mailbox.choice import NOWHERE, Place
from isthmus_sync.mailbox.model import ROOT, FolderRow, ItemRow, Staged, Work

_NOW = datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp()
_MAIL = Traits("IPM.Note", "2026-12-31T00:00:00Z", "2026-12-30T00:00:00Z", "2027-01-30T00:00:00Z", ("Red",))


def rule(sense: str = "exclude", **conditions: Any) -> Filter:
    return Filter.model_validate({sense: conditions})


def reason(rules: list[Filter], traits: Traits = _MAIL, size: int = 1000, place: Place = NOWHERE) -> str:
    return choice.left_out(rules, traits, size, place, _NOW)


def fits(traits: Traits = _MAIL, size: int = 1000, place: Place = NOWHERE, **conditions: Any) -> bool:
    return bool(reason([rule(**conditions)], traits, size, place))


def test_age_goes_by_the_wanted_date() -> None:
    assert fits(older_than="30 days")
    assert not fits(older_than="32 days")
    assert not fits(older_than="2 days", date="modified")
    assert fits(older_than="2027-01-01")
    assert not fits(older_than="2026-12-31"), "not older than the day on which it came"
    assert fits(newer_than="2026-12-31")
    assert not fits(newer_than="30 days")
    never = _MAIL._replace(received="")
    assert not fits(never, older_than="2026-12-30")
    assert fits(never, older_than="2026-12-31"), "what was never received goes by its creation"
    assert not fits(Traits("IPM.Note", "", "", "", ()), older_than="1 day"), "no time, no age"


@pytest.mark.parametrize(
    ("item_class", "concerned"),
    [
        ("IPM.Note", True),
        ("ipm.note.smime", True),
        ("IPM.Schedule.Meeting.Request", True),
        ("REPORT.IPM.Note.NDR", True),
        ("IPM.Appointment", False),
        ("IPM.Contact", False),
        ("IPM.Task", False),
    ],
)
def test_age_concerns_mail_unless_classes_are_named(item_class: str, concerned: bool) -> None:
    old = _MAIL._replace(item_class=item_class)
    assert fits(old, older_than="1 day") is concerned
    assert fits(old, older_than="1 day", classes="*")


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("IPM.Note", "ipm.NOTE", "IPM.Note.SMIME"),
        ("IPM.Note*", "IPM.Note.SMIME", "IPM.Post"),
        ("IPM.Note.*", "IPM.Note.SMIME", "IPM.Note"),
        ("*.EnterpriseVault.Shortcut", "IPM.Note.EnterpriseVault.Shortcut", "IPM.Note.EnterpriseVault.Shortcut2"),
        ("*vault*", "IPM.Note.EnterpriseVault.Shortcut", "IPM.Note"),
    ],
)
def test_classes_with_a_star_at_either_end(pattern: str, fitting: str, other: str) -> None:
    assert fits(_MAIL._replace(item_class=fitting), classes=pattern)
    assert not fits(_MAIL._replace(item_class=other), classes=pattern)


def test_sizes_and_categories() -> None:
    assert fits(size=2 * 1024**2 + 1, larger_than="2 MB")
    assert not fits(size=2 * 1024**2, larger_than="2 MB")
    assert fits(size=1023, smaller_than="1 kB")
    assert fits(categories=["Blue", "red"])
    assert not fits(categories=["Redder"])
    assert not fits(_MAIL._replace(categories=()), categories="Red")


def test_folders_by_role_and_by_path() -> None:
    rows = [
        FolderRow(ROOT, None, "", "", "msgfolderroot", "r", None),
        FolderRow(1, ROOT, "Posteingang", "", "inbox", "i", None),
        FolderRow(2, 1, "Reisen", "", "", "t", None),
        FolderRow(3, 2, "2026", "", "", "y", None),
        FolderRow(4, None, "Archive", "", "archivemsgfolderroot", "a", None),
        FolderRow(5, 4, "Alt", "", "", "o", None),
        FolderRow(6, 99, "Lost", "", "", "l", None),
        FolderRow(7, ROOT, "Archive", "", "archive", "k", None),
        FolderRow(8, ROOT, "A/B", "", "", "ab", None),
        FolderRow(9, ROOT, "A", "", "", "A", None),
        FolderRow(10, 9, "B", "", "", "B", None),
    ]
    places = choice.places(rows)
    inside = {
        "inbox": {1, 2, 3},
        "POSTEINGANG": {1, 2, 3},
        "Inbox/Reisen": {2, 3},
        "posteingang/reisen/2026": {3},
        "Reisen": set[int](),
        "msgfolderroot": {0, 1, 2, 3, 7, 8, 9, 10},
        "archivemsgfolderroot": {4, 5},
        # Outlook has a folder of that name in the mailbox itself.
        "Archive": {7},
        "/Archive": {4, 5},
        "/archive/Alt": {5},
        "/Inbox/Reisen/": {2, 3},
        "A/B": {10},
        r"A\/B": {8},
    }
    for folder, numbers in inside.items():
        assert {row.number for row in rows if fits(place=places[row.number], folders=folder)} == numbers, folder
        alone = {row.number for row in rows if fits(place=places[row.number], folders=folder, subfolders=False)}
        assert alone == {number for number in numbers if number == min(numbers)}, folder


def test_a_filter_knows_the_trees_by_the_names_that_paths_have() -> None:
    assert set(OTHER_TREES) == {tree.name for tree in trees.TREES.values()} - {""}


def test_a_tree_with_a_circle_in_it_has_places() -> None:
    rows = [FolderRow(1, 2, "A", "", "", "a", None), FolderRow(2, 1, "B", "", "", "b", None)]
    assert set(choice.places(rows)) == {1, 2}


_CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "older_than": st.sampled_from(["10 days", "40 days", "2026-06-01"]),
        "newer_than": st.sampled_from(["10 days", "2026-12-01"]),
        "classes": st.sampled_from([["IPM.Note*"], ["*"], ["IPM.Contact", "*.Shortcut"]]),
        "larger_than": st.just("1 MB"),
        "categories": st.just(["Red"]),
    },
).map(Conditions.model_validate)
_RULES = st.lists(st.tuples(st.booleans(), _CONDITIONS.filter(lambda found: found != Conditions())), max_size=4).map(
    lambda found: [Filter(include=each) if include else Filter(exclude=each) for include, each in found]
)
_TRAITS = st.builds(
    Traits,
    st.sampled_from(["IPM.Note", "IPM.Contact", "IPM.Note.EnterpriseVault.Shortcut", "IPM.Appointment"]),
    st.sampled_from(["", "2026-01-01T00:00:00Z", "2027-01-25T00:00:00Z"]),
    st.sampled_from(["", "2026-12-10T00:00:00Z"]),
    st.just("2027-01-01T00:00:00Z"),
    st.sampled_from([(), ("Red",), ("Blue", "red")]),
)


@given(_RULES, _RULES, _TRAITS, st.sampled_from([1000, 10**7]))
def test_the_first_filter_that_fits_decides(first: list[Filter], then: list[Filter], traits: Traits, size: int) -> None:
    decided = [each for each in first if reason([Filter(exclude=each.conditions)], traits, size)]
    if decided:
        expected = decided[0].words if decided[0].exclude else ""
        assert reason([*first, *then], traits, size) == reason(first, traits, size) == expected
    else:
        assert reason([*first, *then], traits, size) == reason(then, traits, size)
    assert reason([*first, Filter(exclude=Conditions())], traits, size) or decided


@given(_RULES, _TRAITS, st.booleans(), st.booleans())
def test_what_is_known_stays_in_step_and_settings_of_folders_come(
    rules: list[Filter], traits: Traits, known: bool, associated: bool
) -> None:
    item = Item("i", "new", b"k" * 16, 10**7, associated, False, traits.modified, traits.item_class, traits)
    row = ItemRow("i", "t", 1, b"k" * 16, 10, associated, False, "old", "", "")

    def choose(staged: Staged) -> Staged:
        return choice.of_staged(rules, staged, NOWHERE, _NOW)

    [staged] = staging.stage(1, [ItemChange("i", item)], {"i": row} if known else {}, {}, _NOW, choose).stage
    left = staged.work is Work.LEFT_OUT
    assert left is (not known and not associated and bool(reason(rules, traits, 10**7)))
    # Told again, read and deleted.
    assert (
        staging.stage(1, [ItemChange("i", item)], {"i": row} if known else {}, {"i": staged}, _NOW, choose).stage == []
    )
    flagged = staging.stage(
        1, [ItemChange("i", is_read=True)], {"i": row} if known else {}, {"i": staged}, _NOW, choose
    )
    assert [each.work for each in flagged.stage] == [staged.work]
    gone = staging.stage(1, [ItemChange("i")], {"i": row} if known else {}, {"i": staged}, _NOW, choose)
    assert gone.unstage == ([] if known else ["i"])


@given(_RULES, _RULES, _TRAITS)
def test_deciding_again_is_deciding_anew(before: list[Filter], after: list[Filter], traits: Traits) -> None:
    new = Staged("i", 1, Work.COPY, size=1000, traits=traits, sequence=7)
    first = choice.of_staged(before, new, NOWHERE, _NOW)
    again, anew = (choice.of_staged(after, each, NOWHERE, _NOW) for each in (first, new))
    assert replace(again, sequence=7) == anew
    assert choice.of_staged(after, again, NOWHERE, _NOW) == again


def test_it_is_decided_again_when_something_changed_that_counts() -> None:
    rows = [FolderRow(1, None, "A", "", "", "a", None)]
    renamed = [replace(rows[0], name="B")]
    day = timedelta(days=1).total_seconds()
    assert choice.version([], rows, _NOW) == ""
    by_class, by_day, by_folder = [rule(classes="X")], [rule(older_than="3 days")], [rule(folders="A")]
    versions = {choice.version(rules, rows, _NOW) for rules in (by_class, by_day, by_folder)}
    assert len(versions) == 3
    for rules, folder_counts, day_counts in ((by_class, False, False), (by_day, False, True), (by_folder, True, False)):
        was = choice.version(rules, rows, _NOW)
        assert (choice.version(rules, renamed, _NOW) != was) is folder_counts
        assert (choice.version(rules, rows, _NOW + day) != was) is day_counts
        assert (choice.version(rules, [replace(rows[0], to_id="x", sync_state="y")], _NOW)) == was


def test_filters_that_could_decide_nothing_are_refused() -> None:
    assert in_order([]) == []
    with pytest.raises(ValueError, match="everything"):
        in_order([rule("include", classes="IPM.Contact")])
