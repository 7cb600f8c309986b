"""Single decisions of mailbox synchronisation; test_sync_mailbox_passes.py tries them all together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from isthmus_exchange.values import Folder, Item
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


def _item(identity: str, key: bytes, *, is_read: bool = False) -> Item:
    return Item(identity, "", key, 1, False, is_read, "")


def test_sides_are_compared_as_multisets() -> None:
    ours = [_item("a", b"1"), _item("b", b"1"), _item("c", b"2")]
    different, flags = proof.compare(ours, [_item("x", b"1"), _item("y", b"2", is_read=True), _item("z", b"3")])
    assert [(each.missing, each.surplus) for each in different] == [(1, 0), (0, 1)]
    assert [item.id for item in flags] == ["c"]


def test_a_manifest_does_not_depend_on_the_order() -> None:
    one, other = proof.Manifest(), proof.Manifest()
    one.add("Inbox", [_item("a", b"1"), _item("b", b"2")])
    one.add("Sent", [])
    other.add("Sent", [])
    other.add("Inbox", [_item("q", b"2"), _item("p", b"1")])
    assert one.digest == other.digest
    other.add("Sent", [_item("r", b"3")])
    assert one.digest != other.digest


def test_passing_failures_are_told_when_they_do_not_pass() -> None:
    row, told = Staged("a", 1, Work.COPY), []
    for _ in range(4):
        row, tell = retry.after_failure(row, "busy", quiet=True, now=1000.0)
        told.append((tell, row.reason, row.not_before - 1000))
    assert told == [(False, "", 0), (False, "", 0), (True, "busy", 120), (False, "busy", 240)]
