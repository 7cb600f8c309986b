"""Migrations: which are still to be applied, and when the schema is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from isthmus_service import MigrationError
from isthmus_service.migrations import Migration, pending, read

FIRST = Migration("mailbox", 1, "0001_first.sql", "CREATE TABLE a ()")
SECOND = Migration("mailbox", 2, "0002_second.sql", "CREATE TABLE b ()")
OUTBOX = Migration("events", 1, "0001_outbox.sql", "CREATE TABLE outbox ()")


def applied(*migrations: Migration) -> dict[tuple[str, int], tuple[str, bytes]]:
    return {(m.origin, m.number): (m.name, m.digest) for m in migrations}


def test_only_what_is_missing_is_pending() -> None:
    assert pending([OUTBOX, FIRST, SECOND], {}) == [OUTBOX, FIRST, SECOND]
    assert pending([OUTBOX, FIRST, SECOND], applied(OUTBOX, FIRST)) == [SECOND]
    assert pending([OUTBOX, FIRST, SECOND], applied(OUTBOX, FIRST, SECOND)) == []


def test_a_changed_old_migration_is_refused() -> None:
    changed = Migration("mailbox", 1, "0001_first.sql", "CREATE TABLE a (id int)")
    with pytest.raises(MigrationError, match=r"0001_first\.sql of mailbox was changed after .* Take the change back"):
        pending([changed, SECOND], applied(FIRST))


def test_a_database_of_a_newer_version_is_refused() -> None:
    with pytest.raises(MigrationError, match=r"0002_second\.sql of mailbox, which this version does not know"):
        pending([FIRST], applied(FIRST, SECOND))


def test_a_migration_put_before_an_applied_one_is_refused() -> None:
    with pytest.raises(MigrationError, match=r"0001_first\.sql .*already applied number 0002"):
        pending([FIRST, SECOND], applied(SECOND))


def test_files_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("0010_last.sql", "0002_second.sql", "notes.txt", "0001_first.sql"):
        (tmp_path / name).write_text(name)
    assert [migration.name for migration in read("x", tmp_path)] == [
        "0001_first.sql",
        "0002_second.sql",
        "0010_last.sql",
    ]
    (tmp_path / "0002_again.sql").write_text("")
    with pytest.raises(MigrationError, match="have the same number"):
        read("x", tmp_path)
