"""Single decisions of mailbox synchronisation; test_sync_mailbox_histories.py tries them all together."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from isthmus_exchange.values import Entry, Folder
from isthmus_mailbox.ids import pack, unpack
from isthmus_sync.mailbox import batches, hierarchy, proof, retry, staging
from isthmus_sync.mailbox.hierarchy import Adopt, Create, Move, Rename
from isthmus_sync.mailbox.model import ROOT, FolderRow, Staged, Work


@given(st.lists(st.integers(0, 300)), st.integers(1, 10), st.integers(1, 200))
def test_batches_keep_the_order_and_the_limits(sizes: list[int], most_items: int, most_bytes: int) -> None:
    rows = [Staged(str(number), 1, Work.COPY, size=size) for number, size in enumerate(sizes)]
    made = list(batches.by_bytes(rows, most_items, most_bytes))
    assert [row for batch in made for row in batch] == rows
    for batch in made:
        assert 1 <= len(batch) <= most_items
        assert len(batch) == 1 or sum(row.size for row in batch) <= most_bytes


@given(st.text())
def test_ids_come_back_as_they_were(identity: str) -> None:
    assert unpack(pack(identity)) == identity


def test_ids_of_exchange_are_stored_without_base64() -> None:
    assert len(pack("AAMkADk" + "w" * 141)) == 112


def _row(number: int, parent: int | None, name: str, to_id: str | None, role: str = "") -> FolderRow:
    return FolderRow(number, parent, name, "IPF.Note", role, f"from {number}", to_id)


def _folder(identity: str, parent: str, name: str, role: str = "") -> Folder:
    return Folder(identity, parent, name, "IPF.Note", role, False)


ROOT_ROW = _row(ROOT, None, "Top", "root", "msgfolderroot")
ROOT_FOLDER = _folder("root", "", "Top", "msgfolderroot")


def test_a_new_mailbox_is_matched_by_role_whatever_its_language() -> None:
    rows = [_row(ROOT, None, "Top", None, "msgfolderroot"), _row(1, ROOT, "Posteingang", None, "inbox")]
    tree = [ROOT_FOLDER, _folder("in", "root", "Inbox", "inbox")]
    assert hierarchy.plan(rows, tree) == [Adopt(ROOT, "root"), Adopt(1, "in")]


def test_a_name_that_a_distinguished_folder_has_gets_a_number_once() -> None:
    rows = [ROOT_ROW, _row(1, ROOT, "Inbox", None)]
    tree = [ROOT_FOLDER, _folder("in", "root", "Inbox", "inbox")]
    assert hierarchy.plan(rows, tree) == [Create(1, ROOT, "Inbox (2)", "IPF.Note")]
    rows, tree = [ROOT_ROW, _row(1, ROOT, "Inbox", "own")], [*tree, _folder("own", "root", "Inbox (2)")]
    assert hierarchy.plan(rows, tree) == []


def test_a_folder_whose_role_an_older_server_cannot_tell_is_matched_by_its_name() -> None:
    history = _folder("ch", "root", "Conversation History", "conversationhistory")
    rows, tree = [ROOT_ROW, _row(1, ROOT, "Conversation History", None)], [ROOT_FOLDER, history]
    assert hierarchy.plan(rows, tree) == [Adopt(1, "ch")]
    [_, place] = proof.places(
        [ROOT_ROW, _row(1, ROOT, "Conversation History", "ch")],
        [ROOT_FOLDER, _folder("from 1", "root", "Conversation History")],
        tree,
    )
    assert (place.to_id, place.instead) == ("ch", "")
    newer = _row(2, ROOT, "Sync Issues", None, "syncissues")
    assert hierarchy.plan([*rows, newer], tree)[0] == Create(1, ROOT, "Conversation History (2)", "IPF.Note")
    gone = replace(_row(1, ROOT, "Conversation History", "ch"), gone=True)
    assert hierarchy.removals([ROOT_ROW, gone], tree) == ([], [gone])


def test_a_search_folder_becomes_no_other_folder_and_holds_none_up() -> None:
    searching = _folder("search", "root", "Travel")._replace(search=True)
    assert hierarchy.plan([ROOT_ROW, _row(1, ROOT, "Travel", None)], [ROOT_FOLDER, searching]) == [
        Create(1, ROOT, "Travel (2)", "IPF.Note")
    ]
    gone = replace(_row(1, ROOT, "Old", "old"), gone=True)
    tree = [ROOT_FOLDER, _folder("old", "root", "Old"), searching._replace(parent="old")]
    assert hierarchy.removals([ROOT_ROW, gone], tree) == ([gone], [])
    assert hierarchy.removals([ROOT_ROW, gone], [*tree, _folder("own", "old", "Mine")]) == ([], [gone])


def test_two_folders_that_swap_their_names() -> None:
    rows = [ROOT_ROW, _row(1, ROOT, "B", "one"), _row(2, ROOT, "A", "two")]
    tree = [ROOT_FOLDER, _folder("one", "root", "A"), _folder("two", "root", "B")]
    assert hierarchy.plan(rows, tree) == [Rename("two", "A (making way 2)"), Rename("one", "B"), Rename("two", "A")]


def test_parent_and_child_that_change_places() -> None:
    rows = [ROOT_ROW, _row(2, ROOT, "child", "two"), _row(1, 2, "parent", "one")]
    tree = [ROOT_FOLDER, _folder("one", "root", "parent"), _folder("two", "one", "child")]
    assert hierarchy.plan(rows, tree) == [Move("two", ROOT), Move("one", 2)]


def test_a_folder_that_holds_one_of_its_own_is_not_deleted() -> None:
    gone = FolderRow(1, ROOT, "Old", "IPF.Note", "", "from 1", "old", gone=True)
    tree = [ROOT_FOLDER, _folder("old", "root", "Old")]
    assert hierarchy.removals([ROOT_ROW, gone], tree) == ([gone], [])
    assert hierarchy.removals([ROOT_ROW, gone], [*tree, _folder("theirs", "old", "Theirs")]) == ([], [gone])


def test_a_time_of_the_same_second_proves_nothing() -> None:
    assert staging.trusted("2024-01-01T00:00:00Z", 1704067200 + 10) == "2024-01-01T00:00:00Z"
    assert staging.trusted("2024-01-01T00:00:00Z", 1704067200 + 1) == ""
    assert staging.trusted("soon", 0) == ""


def _entry(
    identity: str, key: bytes, *, is_read: bool = False, content: bytes = b"", at: str = "2024-01-01T00:00:00Z"
) -> Entry:
    return Entry(identity, "", key, 1, False, is_read, at, "IPM.Note", None, content)


def test_sides_are_compared_as_multisets() -> None:
    ours = [_entry("a", b"1"), _entry("b", b"1"), _entry("c", b"2")]
    found = proof.compare(ours, [_entry("x", b"1"), _entry("y", b"2", is_read=True), _entry("z", b"3")])
    assert [(each.missing, each.surplus) for each in found.numbers] == [(1, 0), (0, 1)]
    assert [item.id for item in found.flags] == ["c"]
    assert not found.different


def test_a_copy_of_other_content_or_of_an_earlier_state_is_a_difference_and_a_later_copy_is_none() -> None:
    ours = [_entry("a", b"1", content=b"old"), _entry("b", b"2", at="2024-01-01T00:00:05Z"), _entry("c", b"3")]
    theirs = [_entry("x", b"1", content=b"new"), _entry("y", b"2"), _entry("z", b"3", at="2024-02-01T00:00:00Z")]
    assert [item.id for item in proof.compare(ours, theirs).different] == ["a", "b"]


def test_copies_of_one_item_are_compared_by_what_they_hold() -> None:
    ours = [_entry("a", b"1", content=b"draft"), _entry("b", b"1", content=b"final")]
    assert not proof.compare(ours, [ours[1], ours[0]]).different
    theirs = [_entry("x", b"1", content=b"draft"), _entry("y", b"1", content=b"draft")]
    assert [item.id for item in proof.compare(ours, theirs).different] == ["b"]
    thrice = [_entry(name, b"1", content=b"final") for name in "abc"]
    others = [_entry(name, b"1", content=b"other") for name in "xyz"]
    assert [item.id for item in proof.compare(thrice, others).different] == ["a", "b", "c"]


def test_of_copies_of_one_item_an_earlier_state_is_a_difference_too() -> None:
    times = [f"2024-01-01T00:00:0{second}Z" for second in range(4)]
    ours = [_entry("a", b"1", at=times[3]), _entry("b", b"1", at=times[1])]
    assert [item.id for item in proof.compare(ours, [_entry(name, b"1", at=times[1]) for name in "xy"]).different] == [
        "a"
    ]
    assert not proof.compare(ours, [_entry("x", b"1", at=times[2]), _entry("y", b"1", at=times[3])]).different
    # The copy of the one was written later than that of the other, which may be the one that is too old.
    both = [_entry("a", b"1", at=times[1]), _entry("b", b"1", at=times[2])]
    theirs = [_entry("copy of a", b"1", at=times[2]), _entry("copy of b", b"1", at=times[0])]
    assert [item.id for item in proof.compare(both, theirs).different] == ["a", "b"]


def test_an_item_without_a_search_key_is_known_by_what_it_tells_and_not_by_what_a_server_adds_to_its_size() -> None:
    ours = [_entry("a", b"", content=b"one")._replace(size=10), _entry("b", b"", content=b"two")._replace(size=10)]
    theirs = [each._replace(id=f"copy of {each.id}", size=each.size + 4) for each in ours[::-1]]
    assert proof.compare(ours, theirs) == proof.Comparison()
    assert [each.missing for each in proof.compare(ours, theirs[:1]).numbers] == [1]


def test_read_flags_of_copies_of_one_item_are_compared_as_multisets() -> None:
    ours = [_entry("a", b"1"), _entry("b", b"1"), _entry("c", b"1", is_read=True)]
    assert not proof.compare(ours, [ours[2], ours[0], ours[1]]).flags
    found = proof.compare(ours, [_entry("x", b"1"), *(_entry(name, b"1", is_read=True) for name in "yz")])
    assert [item.id for item in found.flags] == ["a", "b"], "either may be the one whose counterpart is read"
    assert not found.different


def test_every_folder_of_the_server_has_a_place_whatever_the_ledger_knows() -> None:
    ours = [ROOT_FOLDER, _folder("from 1", "root", "Posteingang", "inbox"), _folder("new", "from 1", "Travel")]
    ours[0] = ours[0]._replace(id="from 0")
    ours[1] = ours[1]._replace(parent="from 0")
    theirs = [ROOT_FOLDER, _folder("in", "root", "Inbox", "inbox"), _folder("moved", "root", "Old")]
    rows = [_row(ROOT, None, "Top", "root", "msgfolderroot"), _row(1, ROOT, "Posteingang", "in", "inbox")]
    found = proof.places(rows, ours, theirs)
    assert [(place.path, place.to_id, place.instead) for place in found] == [
        ("/", "root", ""),
        ("Posteingang", "in", ""),
        ("Posteingang/Travel", None, ""),
    ]
    rows.append(replace(_row(2, 1, "Travel", "moved"), from_id="new"))
    assert proof.places(rows, ours, theirs)[-1].instead == "Old"
    theirs[-1] = _folder("moved", "in", "travel (2)")
    assert proof.places(rows, ours, theirs)[-1].instead == ""
    # The archive is another tree: what the ledger does not know of it has a place, too.
    top = _folder("from archive", "", "Top", "archivemsgfolderroot")
    ours += [top, _folder("old", "from archive", "2019")]
    theirs += [top._replace(id="archive")]
    rows.append(replace(_row(3, None, "Archive", "archive", "archivemsgfolderroot"), from_id="from archive"))
    found = proof.places(rows, ours, theirs, {"archivemsgfolderroot": "Archive"})
    assert [(place.path, place.to_id, place.instead) for place in found[-2:]] == [
        ("/Archive", "archive", ""),
        ("/Archive/2019", None, ""),
    ]


def test_no_two_folders_have_the_same_path() -> None:
    """A slash or a backslash in a name, a folder that is called as another tree is: neither a certificate, nor a filter
    takes one folder for another.
    """
    rows = [
        ROOT_ROW,
        _row(1, ROOT, "A", None),
        _row(2, 1, "B", None),
        _row(3, ROOT, "A/B", None),
        _row(4, ROOT, "A\\", None),
        _row(5, 4, "B", None),
        _row(6, ROOT, "A\\/B", None),
        _row(7, ROOT, "Archive", None),
        _row(8, None, "Archive", None, "archivemsgfolderroot"),
        _row(9, 8, "B", None),
        _row(10, 7, "B", None),
    ]
    paths = hierarchy.paths(rows)
    assert len(set(paths.values())) == len(rows)
    assert [paths[each] for each in (0, 2, 3, 7, 9)] == ["/", "A/B", r"A\/B", "Archive", "/Archive/B"]
    tree = [
        _folder(row.from_id or "", f"from {row.parent}" if row.parent is not None else "", row.name, row.role)
        for row in rows
    ]
    found = proof.places(rows, tree, [], {"archivemsgfolderroot": "Archive"})
    assert [place.path for place in found] == list(paths.values())


def test_a_manifest_does_not_depend_on_the_order() -> None:
    inbox = proof.manifest("Inbox", [_entry("a", b"1"), _entry("b", b"2")])
    assert inbox == proof.manifest("Inbox", [_entry("q", b"2"), _entry("p", b"1")])
    assert inbox != proof.manifest("Sent", [_entry("a", b"1"), _entry("b", b"2")])
    sent = ("Sent", proof.manifest("Sent", []))
    one = proof.whole([("Inbox", inbox), sent])
    assert one == proof.whole([sent, ("Inbox", inbox)])
    assert one != proof.whole([("Inbox", inbox), ("Sent", proof.manifest("Sent", [_entry("r", b"3")]))])
    # One that is gone, and another one of its name.
    assert len({one, proof.whole([("Inbox", inbox), sent, sent]), proof.whole([sent, sent])}) == 3


def test_passing_failures_are_told_when_they_do_not_pass() -> None:
    row, told = Staged("a", 1, Work.COPY), []
    for _ in range(4):
        row, tell = retry.after_failure(row, "busy", quiet=True, now=1000.0)
        told.append((tell, row.reason, row.not_before - 1000))
    assert told == [(False, "", 0), (False, "", 0), (True, "busy", 120), (False, "busy", 240)]


def test_a_server_that_is_away_for_weeks_is_asked_every_five_minutes() -> None:
    assert [retry.rest(failures) for failures in (0, 1, 2, 7, 8, 1024, 100_000)] == [2, 4, 8, 256, 300, 300, 300]
    assert [retry.pause(attempts) for attempts in (0, 1, 2, 10, 2000)] == [0, 30, 60, 15360, 21600]
