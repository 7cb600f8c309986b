"""exchangelib, unmodified, on the lab's Exchange: synchronisation, export and upload."""

from __future__ import annotations

import pytest
from exchangelib import Account, FileAttachment, Folder, Message
from exchangelib.errors import (
    ErrorCorruptData,
    ErrorInvalidSyncStateData,
    ErrorItemNotFound,
    ErrorSyncFolderNotFound,
)

from tests.plugins.clients import account_of, impersonated
from tests.plugins.conditions import ask
from tests.plugins.exchange import Exchanges, Office


def test_every_kind_of_change_is_told_once(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    folder = account.drafts
    first, second = (Message(account=account, folder=folder, subject=name).save() for name in ("One", "Two"))
    assert [kind for kind, _ in folder.sync_items()] == ["create", "create"]
    first.subject = "One again"
    first.save(update_fields=["subject"])
    second.is_read = True
    second.save(update_fields=["is_read"])
    changes = {item[0].id if isinstance(item, tuple) else item.id: kind for kind, item in folder.sync_items()}
    assert changes == {first.id: "update", second.id: "read_flag_change"}
    gone = first.id
    first.delete()
    assert [(kind, item.id) for kind, item in folder.sync_items()] == [("delete", gone)]
    assert list(folder.sync_items()) == []


def test_many_changes_come_in_pages(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("bert"))
    account.bulk_create(account.drafts, [Message(account=account, subject=str(number)) for number in range(120)])
    told = list(account.drafts.sync_items(max_changes_returned=50, only_fields=["subject"]))
    assert sorted(int(item.subject) for _, item in told) == list(range(120))


@pytest.mark.parametrize("shape", ["IdOnly", "Default"])
def test_what_a_client_ignores_is_not_told(exchanges: Exchanges, office: Office, shape: str) -> None:
    anna = office.alpha("emil")
    account = account_of(exchanges.alpha, anna)
    one, two = (Message(account=account, folder=account.drafts, subject=name).save() for name in ("One", "Two"))
    answer = ask(
        exchanges.alpha,
        anna,
        f"<m:SyncFolderItems><m:ItemShape><t:BaseShape>{shape}</t:BaseShape></m:ItemShape>"
        '<m:SyncFolderId><t:DistinguishedFolderId Id="drafts"/></m:SyncFolderId>'
        f'<m:Ignore><t:ItemId Id="{one.id}"/></m:Ignore><m:MaxChangesReturned>10</m:MaxChangesReturned>'
        "</m:SyncFolderItems>",
    )
    assert answer.ids() == [two.id]


def test_a_foreign_sync_state_is_refused(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("cora"))
    for state in ("bm9uc2Vuc2U=", "%%%"):
        with pytest.raises(ErrorInvalidSyncStateData):
            list(account.drafts.sync_items(sync_state=state))


def test_a_folder_that_is_gone_is_not_synchronised(exchanges: Exchanges, office: Office) -> None:
    cora = office.alpha("cora")
    made = Folder(parent=account_of(exchanges.alpha, cora).inbox, name="Soon gone").save()
    folder = account_of(exchanges.alpha, cora).inbox / made.name
    assert list(folder.sync_items()) == list(folder.sync_hierarchy()) == []
    made.delete()
    with pytest.raises(ErrorSyncFolderNotFound):
        list(folder.sync_items())
    with pytest.raises(ErrorSyncFolderNotFound):
        list(folder.sync_hierarchy())


def test_an_item_survives_the_way_to_another_organisation(exchanges: Exchanges, office: Office) -> None:
    source, target = account_of(exchanges.alpha, office.alpha("dirk")), office.beta("dirk")
    message = Message(account=source, folder=source.drafts, subject="Grüße", body="text", categories=["Blue"])
    message.attach(FileAttachment(name="a.bin", content=bytes(range(256)) * 400))
    message.save()
    (exported,) = source.export([message])
    there = impersonated(exchanges.beta, target)
    ((created, change_key),) = there.upload([(there.inbox, exported)])
    (again,) = there.export([(created, change_key)])
    assert again == exported
    copy = there.inbox.get(id=created)
    assert (copy.subject, copy.body, copy.categories) == ("Grüße", "text", ["Blue"])
    assert copy.attachments[0].content == bytes(range(256)) * 400
    assert copy.is_draft


def test_results_are_per_item(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("ella"))
    message = Message(account=account, folder=account.drafts, subject="Good").save()
    (good,) = account.export([message])
    results = account.upload([(account.inbox, good), (account.inbox, "bm9uc2Vuc2U="), (account.inbox, good)])
    assert isinstance(results[1], ErrorCorruptData)
    assert account.inbox.all().count() == 2
    gone = (message.id, message.changekey)
    message.delete()
    exported = account.export([results[0], gone])
    assert exported[0] == good
    assert isinstance(exported[1], ErrorItemNotFound)


def test_an_upload_updates_in_place(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("fred"))
    one = Message(account=account, folder=account.drafts, subject="One").save()
    two = Message(account=account, folder=account.drafts, subject="Two").save()
    (exported,) = account.export([two])
    ((updated, _),) = account.upload([(account.drafts, ((one.id, one.changekey), False, exported))])
    assert updated == one.id
    assert account.drafts.get(id=one.id).subject == "Two"
    kept: Account = account
    assert kept.drafts.all().count() == 2
