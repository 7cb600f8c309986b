"""exchangelib, unmodified: folders and their permissions, queries over items, synchronisation."""

from __future__ import annotations

from datetime import timedelta

import pytest
from exchangelib import EWSDateTime, EWSTimeZone, Folder, Message, Q
from exchangelib.errors import ErrorFolderExists, ErrorInvalidSyncStateData
from exchangelib.folders import Calendar, Contacts, Messages, Tasks
from exchangelib.queryset import DoesNotExist, MultipleObjectsReturned

from tests.clients.conftest import Staff
from tests.plugins.clients import account_of

UTC = EWSTimeZone("UTC")


def test_the_tree_is_walked(staff: Staff) -> None:
    account = account_of(staff.exchange, staff.people["ada"])
    names = [each.name for each in account.root.walk()]
    assert {"Top of Information Store", "Inbox", "Calendar", "Deleted Items", "Sent Items"} <= set(names)
    assert account.inbox.absolute.endswith("/Top of Information Store/Inbox")
    assert account.inbox.parent == account.msg_folder_root
    assert isinstance(account.root / "Top of Information Store" / "Calendar", Calendar)
    assert [each.name for each in account.msg_folder_root.glob("Sent*")] == ["Sent Items"]
    assert "Inbox" in account.root.tree()
    for distinguished in (
        account.calendar,
        account.contacts,
        account.tasks,
        account.drafts,
        account.junk,
        account.trash,
    ):
        assert distinguished.is_distinguished and not distinguished.is_deletable
    assert (account.calendar.folder_class, account.tasks.folder_class) == ("IPF.Appointment", "IPF.Task")


def test_folders_are_made_moved_emptied_and_deleted(staff: Staff) -> None:
    account = account_of(staff.exchange, staff.people["ada"])
    outer = Messages(parent=account.inbox, name="Outer").save()
    kinds = [(Calendar, "CalendarFolder"), (Contacts, "ContactsFolder"), (Tasks, "TasksFolder"), (Messages, "Folder")]
    for kind, name in kinds:
        kind(parent=outer, name=name).save()
    outer.root.clear_cache()
    assert [(type(each), each.name) for each in sorted(outer.children, key=lambda each: each.name)] == sorted(
        ((kind, name) for kind, name in kinds), key=lambda each: each[1]
    )
    with pytest.raises(ErrorFolderExists):
        Messages(parent=outer, name="folder").save()
    inner = outer / "Folder"
    inner.name = "Renamed"
    inner.save(update_fields=["name"])
    inner.refresh()
    assert inner.name == "Renamed"
    inner.bulk_create([Message(subject="a"), Message(subject="b", is_read=True)])
    inner.refresh()
    assert (inner.total_count, inner.unread_count, inner.child_folder_count) == (2, 1, 0)
    inner.move(to_folder=account.inbox)
    assert (account.inbox / "Renamed").total_count == 2
    inner.empty(delete_type="HardDelete")
    inner.refresh()
    assert inner.total_count == 0
    inner.delete()
    outer.wipe()
    outer.delete(delete_type="SoftDelete")
    account.root.clear_cache()
    assert not {"Outer", "Renamed"} & {each.name for each in account.inbox.children}


@pytest.fixture(scope="module")
def library(staff: Staff) -> Folder:
    """Twelve messages, one for each month of 2031, about three things."""
    account = account_of(staff.exchange, staff.hire("lib"))
    folder = Messages(parent=account.inbox, name="Library").save()
    folder.bulk_create(
        [
            Message(
                subject=f"{month:02} {('Ähre', 'beet', 'Cäsium')[month % 3]}",
                body=f"text of month {month}",
                importance="High" if month > 9 else "Normal",
                categories=["even"] if month % 2 == 0 else ["odd", "strange"],
                to_recipients=[f"m{month}@elsewhere.test"],
                is_read=month <= 4,
            )
            for month in range(1, 13)
        ]
    )
    return folder


def test_queries(library: Folder) -> None:
    every = library.all()
    assert every.count() == 12 and len(list(every)) == 12
    assert library.filter(subject__icontains="ähre").count() == 4
    assert library.filter(subject__contains="eet").count() == 4
    assert library.filter(subject__exact="01 beet").count() == 1
    assert library.filter(subject__in=["01 beet", "04 beet", "none"]).count() == 2
    assert library.exclude(subject__startswith="1").count() == 9
    assert library.filter(Q(importance="High") | Q(subject="01 beet")).count() == 4
    assert library.filter(~Q(importance="High") & Q(is_read=False)).count() == 5
    assert library.filter(categories__contains=["strange"]).count() == 6
    assert library.filter(categories__exists=True).count() == 12
    assert library.filter(subject__range=("05", "08")).count() == 3
    assert library.filter(subject__gt="05", subject__lte="08 z").count() == 4
    now = EWSDateTime.now(UTC)
    assert library.filter(datetime_created__range=(now - timedelta(hours=1), now)).count() == 12
    assert library.filter(datetime_created__gt=now).count() == 0
    assert library.filter("subject:beet").count() == 4
    assert library.filter(size__gt=10).exists() and library.none().count() == 0
    with pytest.raises(DoesNotExist):
        library.get(subject="nothing")
    with pytest.raises(MultipleObjectsReturned):
        library.get(subject__contains="beet")


def test_orders_and_shapes(library: Folder) -> None:
    backwards = list(library.all().order_by("-subject").values_list("subject", flat=True))
    assert [each[:2] for each in backwards] == [f"{month:02}" for month in range(12, 0, -1)]
    by_two = library.all().order_by("importance", "-subject").values("importance", "subject")
    rows = [(each["importance"], each["subject"][:2]) for each in by_two]
    normal = [("Normal", f"{month:02}") for month in range(9, 0, -1)]
    assert rows == normal + [("High", each) for each in ("12", "11", "10")]
    page = library.all().order_by("subject").only("subject", "size")
    page.page_size = 5
    assert [each.subject[:2] for each in page[3:8]] == ["04", "05", "06", "07", "08"]
    assert page[0].subject.startswith("01") and page[0].size and page[0].body is None
    ids = list(library.filter(subject__contains="beet").values_list("id", "changekey"))
    texts = [each.text_body for each in library.account.fetch(ids)]
    assert len(texts) == 4 and all(each.startswith("text of month") for each in texts)


def test_changes_are_followed(staff: Staff) -> None:
    account = account_of(staff.exchange, staff.people["ben"])
    folder = Messages(parent=account.inbox, name="Followed").save()
    made = folder.bulk_create([Message(subject=f"item {each}") for each in range(4)])
    assert sorted(change for change, _ in folder.sync_items()) == ["create"] * 4
    assert list(folder.sync_items()) == []
    first, second, third, _ = list(account.fetch(made))
    first.subject = "changed"
    first.save(update_fields=["subject"])
    second.is_read = not second.is_read
    second.save(update_fields=["is_read"])
    third.delete()
    changes = dict(folder.sync_items())
    assert set(changes) == {"update", "read_flag_change", "delete"}
    assert changes["update"].subject == "changed"
    assert changes["read_flag_change"][0].id == second.id
    assert changes["delete"].id == made[2].id
    folder.item_sync_state = "bm9uc2Vuc2U="
    with pytest.raises(ErrorInvalidSyncStateData):
        list(folder.sync_items())


def test_the_hierarchy_is_followed(staff: Staff) -> None:
    account = account_of(staff.exchange, staff.people["ben"])
    list(account.inbox.sync_hierarchy())
    folder = Messages(parent=account.inbox, name="Watched").save()
    assert [(change, each.name) for change, each in account.inbox.sync_hierarchy()] == [("create", "Watched")]
    folder.name = "Watched 2"
    folder.save(update_fields=["name"])
    assert [(change, each.name) for change, each in account.inbox.sync_hierarchy()] == [("update", "Watched 2")]
    folder.delete()
    assert [change for change, _ in account.inbox.sync_hierarchy()] == ["delete"]
