"""Synchronisation: a client that applies the stream of any history has exactly what the mailbox has."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import (
    ChangeKind,
    Delete,
    Folder,
    InvalidSyncStateError,
    Mailbox,
    NotAllowedError,
    NotFoundError,
    Store,
    StoreError,
)

# No limits of time: a busy machine makes no test fail.
calmly = settings(max_examples=60)


@contextmanager
def new_mailbox() -> Iterator[Mailbox]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        try:
            yield store.mailbox(uuid4())
        finally:
            store.close()


class Client:
    """What a synchronising client keeps of a folder: subject and read flag of each item it was told of."""

    def __init__(self, mailbox: Mailbox, folder: bytes, normal: bool, associated: bool) -> None:
        self.mailbox, self.folder, self.normal, self.associated = mailbox, folder, normal, associated
        self.state = b""
        self.items: dict[bytes, tuple[str, bool]] = {}

    def sync(self, limit: int) -> bool:
        answer = self.mailbox.sync.items(
            self.folder, self.state, limit=limit, normal=self.normal, associated=self.associated
        )
        assert len(answer.changes) <= limit
        for change in answer.changes:
            if change.kind is ChangeKind.DELETE:
                assert change.row is None
                self.items.pop(change.id, None)
                continue
            assert change.row is not None
            if change.kind is ChangeKind.CREATE:
                assert change.id not in self.items, "told of as new twice"
                self.items[change.id] = (change.row.subject, change.row.is_read)
            elif change.kind is ChangeKind.UPDATE:
                assert change.id in self.items, "an update of what was never told"
                self.items[change.id] = (change.row.subject, change.row.is_read)
            else:
                self.items[change.id] = (self.items[change.id][0], change.is_read)
        self.state = answer.state
        return answer.last

    def check(self) -> None:
        """Syncs to the end and compares."""
        while not self.sync(3):
            pass
        rows = []
        for associated, wanted in ((False, self.normal), (True, self.associated)):
            if wanted:
                rows += self.mailbox.items.find(self.folder, associated=associated).rows
        assert self.items == {row.id: (row.subject, row.is_read) for row in rows}
        assert (
            self.mailbox.sync.items(self.folder, self.state, normal=self.normal, associated=self.associated).changes
            == []
        )


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "add", "add fai", "update", "read", "move", "copy", "delete", "upload over", "sync", "sync", "fail"]
        ),
        st.integers(0, 99),
        st.integers(1, 4),
    ),
    max_size=40,
)


@calmly
@given(steps)
def test_any_history_is_rebuilt_exactly(history: list[tuple[str, int, int]]) -> None:
    with new_mailbox() as mailbox:
        places = [mailbox.folders.role("inbox").id, mailbox.folders.role("drafts").id]
        clients = [
            Client(mailbox, places[0], True, False),
            Client(mailbox, places[0], True, True),
            Client(mailbox, places[0], False, True),
            Client(mailbox, places[1], True, False),
        ]
        items = mailbox.items
        for count, (what, which, size) in enumerate(history):
            present = [
                row for place in places for fai in (False, True) for row in items.find(place, associated=fai).rows
            ]
            row = present[which % len(present)] if present else None
            place = places[which % 2]
            if what == "sync":
                clients[which % len(clients)].sync(size)
            elif what in ("add", "add fai"):
                with mailbox.transaction():
                    for each in range(size):
                        items.add(place, Bag({tags.PidTagSubject: f"{count}.{each}"}), associated=what == "add fai")
            elif row is None:
                continue
            elif what == "update":
                items.update(row.id, {tags.PidTagSubject: f"{count}"})
            elif what == "read":
                items.set_read([row.id], not row.is_read)
            elif what == "move":
                items.move([row.id], place)
            elif what == "copy":
                items.copy([row.id], place)
            elif what == "delete":
                items.delete([row.id], list(Delete)[size % 3])
            elif what == "upload over":
                items.upload_over(row.id, items.content(present[size % len(present)].id))
            elif what == "fail":
                with pytest.raises(ZeroDivisionError), mailbox.transaction():
                    items.update(row.id, {tags.PidTagSubject: "never"})
                    items.delete([row.id], Delete.HARD)
                    raise ZeroDivisionError
        for client in clients:
            client.check()
        for folder in map(mailbox.folders.get, places):
            rows = items.find(folder.id).rows
            fai = items.find(folder.id, associated=True).rows
            assert folder.total == len(rows)
            assert folder.unread == sum(not row.is_read for row in rows)
            assert folder.associated == len(fai)
            assert folder.size == sum(row.size for row in rows + fai)


def test_new_items_come_newest_first_and_the_read_flag_alone() -> None:
    with new_mailbox() as mailbox:
        inbox = mailbox.folders.role("inbox").id
        rows = [mailbox.items.add(inbox, Bag({tags.PidTagSubject: str(n)})) for n in range(5)]
        first = mailbox.sync.items(inbox, b"", limit=2)
        assert [change.row.subject for change in first.changes if change.row] == ["4", "3"]
        assert not first.last
        rest = mailbox.sync.items(inbox, first.state, limit=512)
        assert [change.row.subject for change in rest.changes if change.row] == ["2", "1", "0"]
        assert rest.last
        mailbox.items.set_read([rows[0].id], True)
        (change,) = mailbox.sync.items(inbox, rest.state).changes
        assert change.kind is ChangeKind.READ_FLAG
        assert change.is_read
        assert change.row is not None and change.row.change_key != rows[0].change_key


def test_exactly_as_many_as_asked_for_is_the_end() -> None:
    with new_mailbox() as mailbox:
        inbox = mailbox.folders.role("inbox").id
        for _ in range(4):
            mailbox.items.add(inbox, Bag())
        assert mailbox.sync.items(inbox, b"", limit=4).last


@pytest.mark.parametrize("damage", ["cut", "flip", "text", "other folder", "other scope", "hierarchy"])
def test_a_foreign_state_is_refused(damage: str) -> None:
    with new_mailbox() as mailbox:
        inbox, top = mailbox.folders.role("inbox").id, mailbox.folders.role("msgfolderroot").id
        state = mailbox.sync.items(inbox, b"").state
        folder, associated = inbox, damage == "other scope"
        if damage == "cut":
            state = state[:-1]
        elif damage == "flip":
            state = state[:30] + bytes([state[30] ^ 1]) + state[31:]
        elif damage == "text":
            state = b"H4sIAAA="
        elif damage == "other folder":
            folder = mailbox.folders.role("drafts").id
        elif damage == "hierarchy":
            state = mailbox.sync.folders(top, b"").state
        with pytest.raises(InvalidSyncStateError):
            mailbox.sync.items(folder, state, associated=associated)
        if damage != "hierarchy":
            with pytest.raises(InvalidSyncStateError):
                mailbox.sync.folders(top, state)


folder_steps = st.lists(
    st.tuples(
        st.sampled_from(["create", "create", "rename", "move", "delete", "property", "copy", "sync"]),
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    max_size=30,
)


@calmly
@given(folder_steps)
def test_any_history_of_folders_is_rebuilt_exactly(history: list[tuple[str, int, int]]) -> None:
    with new_mailbox() as mailbox:
        folders, top = mailbox.folders, mailbox.folders.role("msgfolderroot").id
        outside = folders.role("recoverableitemsroot").id
        known: dict[bytes, Folder] = {}
        state = b""

        def sync() -> None:
            nonlocal state
            changes = mailbox.sync.folders(top, state)
            for folder in changes.created:
                assert folder.id not in known
                assert folder.parent_id == top or folder.parent_id in known, "a child before its parent"
                known[folder.id] = folder
            for folder in changes.updated:
                assert folder.id in known
                known[folder.id] = folder
            for folder_id in changes.deleted:
                del known[folder_id]
            state = changes.state

        for count, (what, one, two) in enumerate(history):
            own = [folder for folder in folders.children(folders.role("root").id, deep=True) if not folder.role]
            parents = [top, outside, *(folder.id for folder in own)]
            parent = parents[two % len(parents)]
            try:
                if what == "create":
                    folders.create(parent, f"Folder {two % 7}")
                elif what == "sync":
                    sync()
                elif not own:
                    continue
                elif what == "rename":
                    folders.update(own[one % len(own)].id, name=f"Folder {two % 7}")
                elif what == "property":
                    folders.update(own[one % len(own)].id, properties={tags.PidTagComment: str(count)})
                elif what == "move":
                    folders.move(own[one % len(own)].id, parent)
                elif what == "copy" and len(own) < 20:
                    folders.copy(own[one % len(own)].id, parent)
                elif what == "delete":
                    folders.delete(own[one % len(own)].id, list(Delete)[two % 3])
            except (StoreError, NotAllowedError, NotFoundError):
                continue
        sync()

        def described(found: Iterable[Folder]) -> set[tuple[object, ...]]:
            return {(each.id, each.change_key, each.parent_id, each.name, str(each.properties)) for each in found}

        assert described(known.values()) == described(folders.children(top, deep=True))
        assert mailbox.sync.folders(top, state)[:3] == ([], [], [])
