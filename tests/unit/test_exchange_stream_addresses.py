"""The addresses in an item's stream."""

from __future__ import annotations

import base64
import textwrap

import pytest
from isthmus_exchange.stream_addresses import LOOKED_AT, ItemAddress, stream_addresses
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Attachment, Bag

ANNA, BERT = "/o=First/ou=Site/cn=Recipients/cn=Änna", "/O=FIRST/OU=SITE/CN=RECIPIENTS/CN=BERT"


def packed(bag: Bag) -> str:
    return base64.b64encode(fasttransfer.encode(bag)).decode()


def item() -> Bag:
    bag = Bag(
        {
            tags.PidTagSubject: f"About {BERT} and ceo@x.test",
            tags.PidTagSenderEmailAddress: ANNA,
            tags.PidTagSenderSmtpAddress: "anna@x.test",
            tags.PidTagSentRepresentingEmailAddress: "boss@x.test",
            tags.PidTagBody: "\x1f\x0c Text. " * 500,
        }
    )
    bag.recipients = [
        {tags.PidTagSmtpAddress: "one@x.test", tags.PidTagDisplayName: "One"},
        {tags.PidTagEmailAddress: BERT, tags.PidTagAddressType: "EX"},
        {tags.PidTagSmtpAddress: "two@x.test", tags.PidTagEmailAddress: "/o=First/cn=Recipients/cn=Two"},
        {tags.PidTagEmailAddress: "no address", tags.PidTagAddressType: "FAX"},
    ]
    return bag


FOUND = {
    ItemAddress("X500", ANNA, "anna@x.test"),
    ItemAddress("SMTP", "anna@x.test"),
    ItemAddress("SMTP", "boss@x.test"),
    ItemAddress("SMTP", "one@x.test"),
    ItemAddress("X500", BERT),
    ItemAddress("X500", "/o=First/cn=Recipients/cn=Two", "two@x.test"),
    ItemAddress("SMTP", "two@x.test"),
}


def test_senders_and_recipients_are_found_each_with_what_stands_beside() -> None:
    data = packed(item())
    assert stream_addresses(data) == FOUND
    assert stream_addresses(memoryview(data.encode())) == FOUND


def test_base64_in_lines_is_read_too() -> None:
    assert stream_addresses("\r\n".join(textwrap.wrap(packed(item()), 76))) == FOUND


def test_an_attached_message_names_people_and_a_file_does_not() -> None:
    bag, name = item(), fasttransfer.encode(Bag({tags.PidTagSenderEmailAddress: "/o=First/cn=File"}))
    file = Attachment({tags.PidTagAttachDataBinary: name})
    bag.attachments = [file]
    assert stream_addresses(packed(bag)) == FOUND
    message = Attachment({}, Bag({tags.PidTagSenderEmailAddress: "/o=First/cn=Attached"}))
    bag.attachments = [file, message]
    assert stream_addresses(packed(bag)) >= FOUND | {ItemAddress("X500", "/o=First/cn=Attached")}


@pytest.mark.parametrize("size", [0, 1, 2, 3, 11_000, 12_287, 12_288, 12_289, 50_000])
def test_messages_between_files_of_any_size_name_people(size: int) -> None:
    inner = Bag({tags.PidTagSenderEmailAddress: "/o=First/cn=Inner"})
    inner.recipients = [{tags.PidTagSmtpAddress: "deep@x.test"}]
    file = Attachment({tags.PidTagAttachDataBinary: bytes(size)})
    inner.attachments = [file, Attachment({}, Bag({tags.PidTagBody: "b" * size, tags.PidTagEmailAddress: BERT}))]
    bag = item()
    bag.attachments = [
        file,
        Attachment({}, inner),
        file,
        Attachment({}, Bag({tags.PidTagSenderSmtpAddress: "z@x.test"})),
    ]
    named = {
        ItemAddress("X500", "/o=First/cn=Inner"),
        ItemAddress("SMTP", "deep@x.test"),
        ItemAddress("SMTP", "z@x.test"),
    }
    assert stream_addresses(packed(bag)) == FOUND | named
    assert stream_addresses("\r\n".join(textwrap.wrap(packed(bag), 76))) == FOUND | named


def test_cards_name_their_addresses() -> None:
    card = Bag({tags.PidLidEmail1EmailAddress: BERT, tags.PidLidEmail1AddressType: "EX", tags.PidTagSubject: "Card"})
    assert stream_addresses(packed(card)) == {ItemAddress("X500", BERT)}


def test_what_lies_behind_the_first_megabyte_is_not_looked_at() -> None:
    bag = item()
    bag.attachments = [Attachment({tags.PidTagAttachDataBinary: bytes(range(256)) * 8000})]
    data = packed(bag)
    assert len(data) > 2 * LOOKED_AT
    assert stream_addresses(data) == FOUND


@pytest.mark.parametrize("data", ["", "!", "AAAA", base64.b64encode(b"\x1f\x00\x1f\x0c\xff\xff\xff\xff").decode()])
def test_what_is_no_stream_names_nobody(data: str) -> None:
    assert stream_addresses(data) == set()
