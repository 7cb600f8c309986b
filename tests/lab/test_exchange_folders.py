"""exchangelib, unmodified, on the lab's Exchange: the folder tree and its synchronisation."""

from __future__ import annotations

from exchangelib.folders import Folder

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office


def test_distinguished_folders_are_there(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    assert account.inbox.name == "Inbox"
    assert account.inbox.total_count == 0
    assert account.calendar.folder_class == "IPF.Appointment"
    assert account.trash.absolute.endswith("Deleted Items")


def test_a_folder_is_made_renamed_moved_and_deleted(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("bernd"))
    made = Folder(parent=account.inbox, name="Projekte & Pläne").save()
    assert made.name in [each.name for each in account.inbox.children]
    made.name = "Projekte"
    made.save()
    made.move(to_folder=account.msg_folder_root)
    account.root.clear_cache()
    assert "Projekte" in [each.name for each in account.msg_folder_root.children]
    made.delete()
    account.root.clear_cache()
    assert "Projekte" not in [each.name for each in account.msg_folder_root.children]


def test_the_hierarchy_is_synchronised(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("clara"))
    root = account.msg_folder_root
    first = list(root.sync_hierarchy())
    assert "Inbox" in [folder.name for _, folder in first]
    made = Folder(parent=account.inbox, name="Später").save()
    changes = list(root.sync_hierarchy())
    assert [(kind, folder.name) for kind, folder in changes if folder.id == made.id] == [("create", "Später")]
    gone = made.id
    made.delete()
    assert ("delete", gone) in [(kind, folder.id) for kind, folder in root.sync_hierarchy()]
    assert list(root.sync_hierarchy()) == []
