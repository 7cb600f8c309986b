"""What happens to items that are deleted or archived, and to junk mail; exchangelib, unmodified."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from exchangelib import UTC, Account, CalendarItem, EWSDateTime, EWSTimeZone, ExtendedProperty, Message
from exchangelib.errors import (
    ErrorDeleteDistinguishedFolder,
    ErrorFolderNotFound,
    TransportError,
)
from exchangelib.folders import BaseFolder, Folder
from exchangelib.items import HARD_DELETE, MOVE_TO_DELETED_ITEMS, SOFT_DELETE

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office
from tests.waiting import until


def put(folder: BaseFolder, *subjects: str) -> list[Any]:
    return [Message(account=folder.account, folder=folder, subject=each).save() for each in subjects]


def subjects(folder: BaseFolder) -> list[str]:
    return sorted(folder.all().values_list("subject", flat=True))


class DeletedOn(ExtendedProperty):  # type: ignore[misc]
    """PidTagDeletedOn."""

    property_tag = 0x668F
    property_type = "SystemTime"


@pytest.fixture
def deleted_on() -> Iterator[None]:
    """A field of that name."""
    Message.register("deleted_on", DeletedOn)
    yield
    Message.deregister("deleted_on")


@pytest.mark.usefixtures("deleted_on")
def test_items_are_deleted_in_three_ways(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    began = EWSDateTime.now(UTC).replace(microsecond=0)  # servers write whole seconds
    for item, how in zip(
        put(account.inbox, "moved", "soft", "hard"), (MOVE_TO_DELETED_ITEMS, SOFT_DELETE, HARD_DELETE), strict=True
    ):
        account.bulk_delete([item], delete_type=how)
    assert subjects(account.inbox) == []
    assert subjects(account.trash) == ["moved"]
    assert subjects(account.recoverable_items_deletions) == ["soft"]
    # Since when, PidTagDeletedOn says; it is of the place, and none of what is in the item.
    (there,) = account.recoverable_items_deletions.all().only("deleted_on")
    assert began <= there.deleted_on <= EWSDateTime.now(UTC)
    assert [each.deleted_on for each in account.trash.all().only("deleted_on")] == [None]
    # From Deleted Items the next stop is the dumpster, from there nowhere.
    account.bulk_delete(list(account.trash.all()), delete_type=MOVE_TO_DELETED_ITEMS)
    assert subjects(account.recoverable_items_deletions) == ["moved", "soft"]
    (soft,) = [each for each in account.recoverable_items_deletions.all() if each.subject == "soft"]
    soft.move(account.inbox)
    assert subjects(account.inbox) == ["soft"]
    assert [each.deleted_on for each in account.inbox.all().only("deleted_on")] == [None]
    account.bulk_delete(list(account.recoverable_items_deletions.all()), delete_type=SOFT_DELETE)
    assert subjects(account.recoverable_items_deletions) == []


def test_folders_are_emptied_and_deleted_in_three_ways(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    for how in (MOVE_TO_DELETED_ITEMS, SOFT_DELETE, HARD_DELETE):
        folder = Folder(parent=account.inbox, name=how).save()
        below = Folder(parent=folder, name="Below").save()
        put(folder, f"{how} in")
        put(below, f"{how} below")
        folder.empty(delete_type=how, delete_sub_folders=False)
        assert subjects(below) == [f"{how} below"]
        put(folder, f"{how} again")
        folder.delete(delete_type=how)
    assert subjects(account.trash) == ["MoveToDeletedItems in"]
    assert subjects(account.recoverable_items_deletions) == ["SoftDelete again", "SoftDelete below", "SoftDelete in"]
    account.root.clear_cache()
    (moved,) = account.trash.children
    assert (moved.name, subjects(moved)) == (MOVE_TO_DELETED_ITEMS, ["MoveToDeletedItems again"])
    account.trash.empty(delete_type=SOFT_DELETE, delete_sub_folders=True)
    assert len(subjects(account.recoverable_items_deletions)) == 6
    with pytest.raises(ErrorDeleteDistinguishedFolder):
        account.recoverable_items_purges.delete()


def test_the_dumpster_is_not_among_the_folders_of_mail(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    seen = {folder.name for _, folder in account.msg_folder_root.sync_hierarchy()}
    assert "Inbox" in seen
    assert not {"Recoverable Items", "Deletions", "Purges", "Versions"} & seen
    below = {each.name for each in account.recoverable_items_root.children}
    assert below == {"Deletions", "Purges", "Versions"}


@pytest.fixture
def archived(exchanges: Exchanges, office: Office) -> Account:
    """Somebody with an archive."""
    return account_of(exchanges.alpha, office.alpha("anna", msExchArchiveGUID=uuid.uuid4().bytes_le))


def test_an_archive_is_a_mailbox_beside_the_mailbox(archived: Account) -> None:
    folder = Folder(parent=archived.archive_msg_folder_root, name="2019").save()
    put(folder, "old")
    assert subjects(folder) == ["old"]
    assert "2019" in {each.name for each in archived.archive_msg_folder_root.children}
    assert "2019" not in {each.name for each in archived.msg_folder_root.walk()}
    (item,) = folder.all()
    item.soft_delete()
    assert subjects(archived.archive_recoverable_items_deletions) == ["old"]
    assert subjects(archived.recoverable_items_deletions) == []


def test_items_move_to_the_archive_and_back(archived: Account) -> None:
    (item,) = put(archived.inbox, "Hin und her")
    item.move(archived.archive_inbox)
    assert (subjects(archived.inbox), subjects(archived.archive_inbox)) == ([], ["Hin und her"])
    (item,) = archived.archive_inbox.all()
    item.copy(archived.inbox)
    assert (subjects(archived.inbox), subjects(archived.archive_inbox)) == (["Hin und her"], ["Hin und her"])


def test_archiving_keeps_the_folder(archived: Account) -> None:
    project = Folder(parent=archived.inbox, name="Project").save()
    part = Folder(parent=project, name="Part").save()
    items = put(part, "one", "two")
    assert all(result is True or result for result in archived.bulk_archive(items, to_folder=part))
    assert subjects(part) == []
    there = archived.archive_inbox / "Project" / "Part"
    assert subjects(there) == ["one", "two"]
    day = EWSDateTime(2030, 5, 6, 8, 0, tzinfo=EWSTimeZone("Europe/Berlin"))
    event = CalendarItem(account=archived, folder=archived.calendar, subject="x", start=day, end=day).save()
    with pytest.raises(TransportError, match="ErrorCannotArchiveCalendarContactTaskFolderException"):
        archived.bulk_archive([event], to_folder=archived.calendar)


def test_without_an_archive_there_is_none(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    with pytest.raises(ErrorFolderNotFound):
        _ = account.archive_root
    with pytest.raises(TransportError, match="ErrorArchiveMailboxNotEnabled"):
        account.bulk_archive(put(account.inbox, "x"), to_folder=account.inbox)


def test_junk_is_moved_and_its_sender_blocked(exchanges: Exchanges, office: Office) -> None:
    account, sender = (account_of(exchanges.alpha, office.alpha(each)) for each in ("anna", "bert"))

    def arrive(subject: str) -> None:
        Message(account=sender, subject=subject, to_recipients=[account.primary_smtp_address]).send()

    arrive("first")
    until(lambda: subjects(account.inbox) == ["first"])
    (item,) = account.inbox.all()
    item.mark_as_junk(is_junk=True, move_item=True)
    assert (subjects(account.inbox), subjects(account.junk)) == ([], ["first"])
    arrive("second")
    until(lambda: subjects(account.junk) == ["first", "second"])
    for item in account.junk.all():
        item.mark_as_junk(is_junk=False, move_item=True)
    arrive("third")
    until(lambda: subjects(account.inbox) == ["first", "second", "third"])
    assert account.rules == []
