"""Names, lists, personas and forms of ids, by exchangelib and as plain requests."""

from __future__ import annotations

import itertools

import pytest
from exchangelib import Contact, Message
from exchangelib.errors import ErrorNameResolutionNoResults
from exchangelib.folders import Folder
from exchangelib.indexed_properties import EmailAddress
from exchangelib.items import DistributionList
from exchangelib.properties import AlternateId, DLMailbox, Mailbox, Member

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office
from tests.plugins.raw import ask, codes, found, texts

FORMATS = ("EwsLegacyId", "EwsId", "EntryId", "HexEntryId", "StoreId", "OwaId")


def group(exchanges: Exchanges, office: Office, name: str, members: list[str]) -> str:
    """A mail-enabled group in alpha; its address."""
    address = f"{name}@{exchanges.alpha.organisation.mail_domain}"
    with exchanges.alpha.forest.connect() as connection:
        connection.add(
            f"CN={name},{office.units.alpha}",
            ["group"],
            {"sAMAccountName": name, "displayName": name, "mail": address, "member": members,
             "proxyAddresses": [f"SMTP:{address}"], "mailNickname": name},
        )  # fmt: skip
    return address


def test_names_are_found_in_contacts_and_directory(exchanges: Exchanges, office: Office) -> None:
    anna, friend = office.alpha("anna"), office.alpha("zacharias")
    account = account_of(exchanges.alpha, anna)
    Contact(
        account=account,
        folder=account.contacts,
        given_name="Zénobie",
        surname="Zachmann",
        display_name="Zénobie Zachmann",
        company_name="Elsewhere",
        email_addresses=[EmailAddress(label="EmailAddress1", email="zenobie@elsewhere.test")],
    ).save()
    resolve = account.protocol.resolve_names

    def addresses(words: str, scope: str) -> list[str]:
        return [
            each.email_address
            for each in resolve([words], search_scope=scope, parent_folders=[account.contacts])
            if not isinstance(each, ErrorNameResolutionNoResults)
        ]

    assert addresses("zenobie", "Contacts") == ["zenobie@elsewhere.test"]
    assert addresses("zachm", "Contacts") == ["zenobie@elsewhere.test"]
    assert addresses("zenobie zach", "ContactsActiveDirectory") == ["zenobie@elsewhere.test"]
    assert addresses("zenobie", "ActiveDirectory") == []
    both = addresses("zach", "ContactsActiveDirectory")
    assert both[0] == "zenobie@elsewhere.test"
    assert friend.smtp in both[1:]
    assert addresses("zach", "ActiveDirectoryContacts")[-1] == "zenobie@elsewhere.test"
    assert addresses(friend.name, "ActiveDirectory") == [friend.smtp]
    assert addresses(f"{friend.name[-6:]} Zachar", "ActiveDirectory") == [friend.smtp]
    ((mailbox, contact),) = resolve(
        ["zenobie"], search_scope="Contacts", parent_folders=[account.contacts], return_full_contact_data=True
    )
    assert (mailbox.mailbox_type, contact.company_name) == ("Contact", "Elsewhere")
    assert account.contacts.get(id=mailbox.item_id.id).surname == "Zachmann"


def test_groups_are_expanded_one_level(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    inner = group(exchanges, office, f"inner-{anna.account}", [bert.dn])
    outer = group(
        exchanges, office, f"outer-{anna.account}", [anna.dn, f"CN=inner-{anna.account},{office.units.alpha}"]
    )
    protocol = account_of(exchanges.alpha, anna).protocol
    members = {each.email_address: each.mailbox_type for each in protocol.expand_dl(outer)}
    assert members == {anna.smtp: "Mailbox", inner: "PublicDL"}
    assert [each.email_address for each in protocol.expand_dl(inner)] == [bert.smtp]
    with pytest.raises(ErrorNameResolutionNoResults):
        list(protocol.expand_dl("nobody@alpha.test"))


def test_personal_lists_are_made_and_expanded(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    account = account_of(exchanges.alpha, anna)
    contact = Contact(
        account=account,
        folder=account.contacts,
        display_name="Cara",
        email_addresses=[EmailAddress(label="EmailAddress1", email="cara@elsewhere.test")],
    ).save()
    inner = DistributionList(
        account=account,
        folder=account.contacts,
        display_name="Inner",
        members=[Member(mailbox=Mailbox(name="Dan", email_address="dan@elsewhere.test"))],
    ).save()
    made = DistributionList(
        account=account,
        folder=account.contacts,
        display_name="Friends",
        members=[
            Member(mailbox=Mailbox(email_address=bert.smtp)),
            Member(mailbox=Mailbox(name="Out", email_address="out@elsewhere.test")),
            Member(mailbox=Mailbox(name="Cara", email_address="cara@elsewhere.test", item_id=contact._id)),
            Member(mailbox=Mailbox(name="Inner", mailbox_type="PrivateDL", item_id=inner._id)),
        ],
    ).save()
    read = account.contacts.get(id=made.id)
    assert read.display_name == "Friends"
    assert {each.mailbox.email_address for each in read.members} >= {bert.smtp, "out@elsewhere.test"}
    listed = list(account.protocol.expand_dl(DLMailbox(item_id=made._id)))
    assert [(each.email_address, each.mailbox_type) for each in listed] == [
        (bert.smtp, "Mailbox"),
        ("out@elsewhere.test", "OneOff"),
        ("cara@elsewhere.test", "Contact"),
        (None, "PrivateDL"),
    ]
    assert [each.email_address for each in account.protocol.expand_dl(DLMailbox(item_id=listed[3].item_id))] == [
        "dan@elsewhere.test"
    ]
    (resolved,) = account.protocol.resolve_names(["frie"], search_scope="Contacts", parent_folders=[account.contacts])
    assert (resolved.name, resolved.mailbox_type) == ("Friends", "PrivateDL")


FIND_PEOPLE = (
    "<m:FindPeople><m:PersonaShape><t:BaseShape>Default</t:BaseShape></m:PersonaShape>"
    '<m:IndexedPageItemView MaxEntriesReturned="{most}" Offset="{offset}" BasePoint="Beginning"/>'
    '<m:ParentFolderId><t:DistinguishedFolderId Id="{place}"/></m:ParentFolderId>{query}</m:FindPeople>'
)


def test_people_of_the_address_list_come_in_pages(exchanges: Exchanges, office: Office) -> None:
    people = [office.alpha(f"quirin{letter}", title=["Engineer"]) for letter in "abc"]
    hidden = office.alpha("quirind", msExchHideFromAddressLists="TRUE")
    query = "<m:QueryString>quirin</m:QueryString>"
    pages = [
        ask(exchanges.alpha, people[0], FIND_PEOPLE.format(most=2, offset=at, place="directory", query=query))
        for at in (0, 2)
    ]
    assert [texts(page, ".//m:TotalNumberOfPeopleInView") for page in pages] == [["3"], ["3"]]
    names = [name for page in pages for name in texts(page, ".//t:Persona/t:DisplayName")]
    assert names == sorted(each.name for each in people)
    assert hidden.name not in names
    persona = found(pages[0], ".//t:PersonaId")[0].get("Id")
    one = ask(exchanges.alpha, people[0], f'<m:GetPersona><m:PersonaId Id="{persona}"/></m:GetPersona>')
    assert texts(one, ".//t:Title") == ["Engineer"]
    assert texts(one, ".//t:EmailAddress/t:EmailAddress") == [people[0].smtp]
    by_address = f"<m:EmailAddress><t:EmailAddress>{people[1].smtp}</t:EmailAddress></m:EmailAddress>"
    assert texts(ask(exchanges.alpha, people[0], f"<m:GetPersona>{by_address}</m:GetPersona>"), ".//t:DisplayName") == [
        people[1].name
    ]
    everybody = FIND_PEOPLE.format(most=1, offset=0, place="directory", query="")
    assert int(texts(ask(exchanges.alpha, people[0], everybody), ".//m:TotalNumberOfPeopleInView")[0]) >= 3
    assert codes(ask(exchanges.alpha, people[0], '<m:GetPersona><m:PersonaId Id="%"/></m:GetPersona>')) == [
        "ErrorInvalidIdMalformed"
    ]


def test_own_contacts_are_people_too(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    for name in ("Berta", "Anton"):
        Contact(
            account=account,
            folder=account.contacts,
            display_name=name,
            email_addresses=[EmailAddress(label="EmailAddress1", email=f"{name.lower()}@elsewhere.test")],
        ).save()
    people = list(account.contacts.people().only("display_name", "email_addresses"))
    assert sorted(each.display_name for each in people) == ["Anton", "Berta"]
    assert {address.email_address for each in people for address in each.email_addresses} == {
        "anton@elsewhere.test",
        "berta@elsewhere.test",
    }


def test_ids_are_converted_between_all_forms(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account = account_of(exchanges.alpha, anna)
    message = Message(account=account, folder=account.drafts, subject="x").save()
    folder = Folder(parent=account.inbox, name="Below").save()
    for known in (message.id, folder.id):
        forms = {"EwsId": known}
        for form in FORMATS:
            (converted,) = account.protocol.convert_ids(
                [AlternateId(id=known, format="EwsId", mailbox=anna.smtp)], destination_format=form
            )
            assert converted.mailbox == anna.smtp
            forms[form] = converted.id
        assert len({value for form, value in forms.items() if form != "OwaId"}) == len(FORMATS) - 1
        assert bytes.fromhex(forms["HexEntryId"])[4:20] == anna.mailbox.bytes_le
        for one, other in itertools.product(FORMATS, FORMATS):
            (converted,) = account.protocol.convert_ids(
                [AlternateId(id=forms[one], format=one, mailbox=anna.smtp)], destination_format=other
            )
            assert converted.id == forms[other], (one, other)
    wrong = (
        '<m:ConvertId DestinationFormat="EwsId"><m:SourceIds><t:AlternateId Format="{}" Id="{}" Mailbox="{}"/>'
        "</m:SourceIds></m:ConvertId>"
    )
    for form, written, code in (
        ("HexEntryId", "00FF", "ErrorInvalidIdMalformed"),
        ("StoreId", "AAAA", "ErrorInvalidIdMalformed"),
        ("EwsLegacyId", "AAAA", "ErrorInvalidIdMalformedEwsLegacyIdFormat"),
    ):
        assert codes(ask(exchanges.alpha, anna, wrong.format(form, written, anna.smtp))) == [code]
