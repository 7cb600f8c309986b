"""Large contents of the store: beside the database, in step with it, and what becomes of their place."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import Compare, Delete, Exists, Mailbox, Store, StoreError

GUID = UUID("3f0a8a0e-6a0e-4b8e-8a11-0d9f2a0c1a11")
LARGE = 40_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()


@pytest.fixture
def mailbox(store: Store) -> Mailbox:
    return store.mailbox(GUID)


@pytest.fixture
def inbox(mailbox: Mailbox) -> bytes:
    return mailbox.folders.role("inbox").id


def message(letter: str, size: int = LARGE) -> Bag:
    return Bag({tags.PidTagSubject: letter, tags.PidTagHtml: letter.encode() * size})


def body(mailbox: Mailbox, item: bytes) -> bytes:
    return bytes(mailbox.items.get(item).bag[tags.PidTagHtml])


def file(folder: Path) -> Path:
    return folder / f"{GUID}.contents"


def taken(folder: Path) -> int:
    """Bytes that the file takes from the disk."""
    return file(folder).stat().st_blocks * 512


def test_small_and_large_contents_are_kept_alike(tmp_path: Path) -> None:
    store = Store(tmp_path)
    mailbox = store.mailbox(GUID)
    inbox, drafts = (mailbox.folders.role(role).id for role in ("inbox", "drafts"))
    small, large = (mailbox.items.add(inbox, message(letter, size)) for letter, size in (("s", 100), ("l", LARGE)))
    grown = mailbox.items.update(small.id, {tags.PidTagHtml: b"g" * LARGE})
    (copied,) = mailbox.items.copy([large.id], drafts)
    shrunk = mailbox.items.update(large.id, {tags.PidTagHtml: b"h"})
    (moved,) = mailbox.items.move([copied.id], inbox)
    store.close()
    store = Store(tmp_path)
    mailbox = store.mailbox(GUID, create=False)
    kept = [(grown, b"g" * LARGE), (shrunk, b"h"), (moved, b"l" * LARGE)]
    assert [body(mailbox, row.id) for row, _ in kept] == [content for _, content in kept]
    assert mailbox.size == sum(len(mailbox.items.content(row.id)) for row, _ in kept)
    store.close()


def test_large_contents_are_searched(mailbox: Mailbox, inbox: bytes) -> None:
    a, b = (mailbox.items.add(inbox, message(letter)) for letter in "ab")
    assert mailbox.items.find(inbox, Exists(tags.PidTagHtml)).total == 2
    assert [row.id for row in mailbox.items.find(inbox, Compare(tags.PidTagHtml, "=", b"b" * LARGE)).rows] == [b.id]
    assert [row.id for row in mailbox.items.find(inbox, sort=[(tags.PidTagHtml, True)]).rows] == [b.id, a.id]
    assert [row.id for row in mailbox.items.holding(inbox, b"a" * 100)] == [a.id]


def test_a_read_flag_changes_a_large_content_in_nothing_else(mailbox: Mailbox, inbox: bytes) -> None:
    row = mailbox.items.add(inbox, message("a"))
    before = mailbox.items.get(row.id).bag
    mailbox.items.set_read([row.id], True)
    after = mailbox.items.get(row.id).bag
    assert after[tags.PidTagMessageFlags] == before[tags.PidTagMessageFlags] | tags.MSGFLAG_READ
    assert after.properties | {tags.PidTagMessageFlags: 0} == before.properties | {tags.PidTagMessageFlags: 0}


def test_what_is_undone_leaves_the_others_alone(mailbox: Mailbox, inbox: bytes) -> None:
    first = mailbox.items.add(inbox, message("a"))
    with mailbox.transaction():
        second = mailbox.items.add(inbox, message("b"))
        with pytest.raises(ZeroDivisionError), mailbox.transaction():
            mailbox.items.add(inbox, message("c"))
            mailbox.items.delete([first.id], Delete.HARD)
            raise ZeroDivisionError
        third = mailbox.items.add(inbox, message("d"))
    with pytest.raises(ZeroDivisionError), mailbox.transaction():
        mailbox.items.update(second.id, {tags.PidTagHtml: b"e" * LARGE})
        raise ZeroDivisionError
    fourth = mailbox.items.add(inbox, message("f"))
    assert [body(mailbox, row.id)[:1] for row in (first, second, third, fourth)] == [b"a", b"b", b"d", b"f"]
    assert mailbox.folders.get(inbox).total == 4


def test_the_place_of_deleted_contents_is_given_back(tmp_path: Path, mailbox: Mailbox, inbox: bytes) -> None:
    rows = [mailbox.items.add(inbox, message(letter)) for letter in "abcdefgh"]
    before = taken(tmp_path / "store")
    mailbox.items.delete([row.id for row in rows[:4]], Delete.HARD)
    mailbox.items.update(rows[4].id, {tags.PidTagHtml: b"small"})
    assert taken(tmp_path / "store") <= before * 3 // 8
    assert [body(mailbox, row.id)[:1] for row in rows[5:]] == [b"f", b"g", b"h"]


def test_a_death_between_content_and_commit_leaves_nothing(tmp_path: Path) -> None:
    """The files are copied at the moment at which a process would die."""
    store = Store(tmp_path / "store")
    mailbox = store.mailbox(GUID)
    inbox = mailbox.folders.role("inbox").id
    kept, gone = mailbox.items.add(inbox, message("a")), mailbox.items.add(inbox, message("b"))
    length = file(tmp_path / "store").stat().st_size
    with mailbox.transaction():
        mailbox.items.delete([gone.id], Delete.HARD)
        added = mailbox.items.add(inbox, message("c"))
        assert body(mailbox, added.id)[:1] == b"c"  # now it is in the file
        shutil.copytree(tmp_path / "store", tmp_path / "copy")
    assert file(tmp_path / "copy").stat().st_size > length
    store.close()
    store = Store(tmp_path / "copy")
    mailbox = store.mailbox(GUID, create=False)
    assert file(tmp_path / "copy").stat().st_size == length
    assert [body(mailbox, row.id)[:1] for row in (kept, gone)] == [b"a", b"b"]
    later = mailbox.items.add(inbox, message("d"))
    assert [body(mailbox, row.id)[:1] for row in (kept, gone, later)] == [b"a", b"b", b"d"]
    store.close()


def test_what_is_not_in_the_file_yet_is_taken_back_as_what_is(store: Store, mailbox: Mailbox, inbox: bytes) -> None:
    rows = []
    with mailbox.transaction():
        for letter, read in (("a", False), ("b", True), ("c", False)):
            rows.append(mailbox.items.add(inbox, message(letter)))
            with pytest.raises(ZeroDivisionError), mailbox.transaction():
                gone = mailbox.items.add(inbox, message("x", LARGE * 2))
                if read:
                    assert body(mailbox, gone.id)[:1] == b"x"
                raise ZeroDivisionError
        assert [body(mailbox, row.id)[:1] for row in rows[:1]] == [b"a"]
        rows.append(mailbox.items.add(inbox, message("d")))
    assert [body(mailbox, row.id) for row in rows] == [letter * LARGE for letter in (b"a", b"b", b"c", b"d")]


def test_a_transaction_of_many_contents_is_written_in_parts(store: Store, mailbox: Mailbox, inbox: bytes) -> None:
    with mailbox.transaction():
        rows = [mailbox.items.add(inbox, message(str(number % 10))) for number in range(1200)]
    assert all(body(mailbox, row.id) == b"%d" % (at % 10) * LARGE for at, row in enumerate(rows) if at % 97 == 0)


def test_a_death_between_commit_and_giving_back_is_made_good(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = store.mailbox(GUID)
    inbox = mailbox.folders.role("inbox").id
    gone, kept = mailbox.items.add(inbox, message("a")), mailbox.items.add(inbox, message("b"))
    before = taken(tmp_path / "store")
    with monkeypatch.context() as dying:
        dying.setattr(mailbox.contents, "committed", lambda: None)
        mailbox.items.delete([gone.id], Delete.HARD)
    assert taken(tmp_path / "store") == before
    store.close()
    again = Store(tmp_path / "store")
    assert body(again.mailbox(GUID), kept.id)[:1] == b"b"
    assert taken(tmp_path / "store") <= before // 2
    again.close()


def test_a_copy_without_the_large_contents_is_refused(tmp_path: Path, store: Store) -> None:
    mailbox = store.mailbox(GUID)
    mailbox.items.add(mailbox.folders.role("inbox").id, message("a"))
    store.close()
    file(tmp_path / "store").unlink()
    again = Store(tmp_path / "store")
    with pytest.raises(StoreError, match=r"\.contents has 0 of \d+ bytes.*restore both"):
        again.mailbox(GUID)
    again.close()
