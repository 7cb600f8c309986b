"""User configurations: dictionaries, XML and bytes that clients keep in a folder; exchangelib, unmodified."""

from __future__ import annotations

import pytest
from exchangelib import Account, EWSDateTime, EWSTimeZone
from exchangelib.errors import ErrorItemNotFound, ErrorItemSave
from exchangelib.items import ASSOCIATED

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office

CATEGORIES = b'<categories default="Rot" xmlns="CategoryList.xsd"><category name="Rot" color="0"/></categories>'


@pytest.fixture
def account(exchanges: Exchanges, office: Office) -> Account:
    return account_of(exchanges.alpha, office.alpha("anna"))


def test_a_dictionary_keeps_its_types(account: Account) -> None:
    values = {
        "text": "Grüße & <mehr>",
        "yes": True,
        "no": False,
        "number": -5,
        "moment": EWSDateTime(2026, 3, 2, 9, 0, tzinfo=EWSTimeZone("UTC")),
        "several": ("eins", "zwei-drei"),
    }
    account.calendar.create_user_configuration("Calendar", dictionary=values)
    found = account.calendar.get_user_configuration("Calendar")
    assert found.dictionary == values
    assert (found.xml_data, found.binary_data) == (None, None)


def test_parts_are_set_and_kept(account: Account) -> None:
    account.inbox.create_user_configuration("MyApp.Settings", xml_data=CATEGORIES, binary_data=b"\0\1\2")
    account.inbox.update_user_configuration("MyApp.Settings", binary_data=b"new")
    found = account.inbox.get_user_configuration("MyApp.Settings")
    assert (found.xml_data, found.binary_data) == (CATEGORIES, b"new")
    only = account.inbox.get_user_configuration("MyApp.Settings", properties="XmlData")
    assert (only.xml_data, only.binary_data, only.id) == (CATEGORIES, None, None)
    with pytest.raises(ErrorItemSave):
        account.inbox.create_user_configuration("MyApp.Settings", binary_data=b"again")
    account.inbox.delete_user_configuration("MyApp.Settings")
    for ask in (account.inbox.get_user_configuration, account.inbox.delete_user_configuration):
        with pytest.raises(ErrorItemNotFound):
            ask("MyApp.Settings")


def test_it_moves_with_the_associated_items(account: Account, exchanges: Exchanges, office: Office) -> None:
    """What a migration does with a list of categories."""
    account.calendar.create_user_configuration("CategoryList", xml_data=CATEGORIES)
    (item,) = account.calendar.all().depth(ASSOCIATED).only("subject")
    assert item.subject == "IPM.Configuration.CategoryList"
    (content,) = account.export([item])
    target = account_of(exchanges.beta, office.beta("anna"))
    target.upload([(target.calendar, (None, True, content))])
    assert target.calendar.get_user_configuration("CategoryList").xml_data == CATEGORIES
