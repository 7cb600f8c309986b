"""Delivery: an internet message becomes an item in somebody's Inbox."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.mapi.mime import bag_from_mime
from isthmus_lab.store import Compare, Mailbox, Store

from .. import delegates
from ..assistants import Assistants, Done
from ..directory import Directory, Recipient
from ..public_folders import PublicFolders
from ..rules import execution
from ..scheduling.states import MeetingType, is_request


def deliverer(
    store: Store,
    directory: Directory,
    assistants: Assistants,
    twice: Callable[[str], bool],
    submit: execution.Submit,
) -> Callable[[Recipient, bytes, uuid.UUID, bool], None]:
    """What transport calls to put a message into a mailbox.

    ``assistants`` do what the server does by itself with what comes, ``twice`` says whether a message comes once more
    by mistake, ``submit`` sends on what somebody's rules send on.
    """
    public_folders = PublicFolders(directory, store)

    def place(owner: Recipient) -> Mailbox:
        if owner.public_folder is not None:
            return public_folders.content(owner.public_folder)
        assert owner.mailbox is not None  # routing found one
        return store.mailbox(owner.mailbox)

    def deliver(owner: Recipient, content: bytes, key: uuid.UUID, look_first: bool) -> None:
        mailbox = place(owner)
        if look_first and mailbox.items.search(Compare(tags.PidTagSearchKey, "=", key.bytes), limit=1):
            return
        bag = bag_from_mime(content)
        _resolve(directory, bag)
        _received_by(bag, owner)
        if owner.public_folder is not None:  # it has neither rules nor a calendar of its own
            bag[tags.PidTagSearchKey] = key.bytes
            mailbox.items.add(owner.public_folder, bag, delivered=True)
            return
        address = execution.delegated_by(content)
        delegator = directory.by_address(address) if address else None
        if delegator is not None:
            _represent(bag, delegator)
        done = Done()
        for each in (key, uuid.uuid4()) if twice(owner.smtp or "") else (key,):
            bag[tags.PidTagSearchKey] = each.bytes
            message = execution.Delivered(owner, bag, content)
            applying = execution.applying(mailbox, message, out_of_office=assistants.is_away(mailbox))
            # Sent on before the message is saved: what a crash leaves undone is done again with the delivery, so
            # somebody may get it twice rather than nobody.
            execution.send_on(message, applying, submit)
            with mailbox.transaction():
                if each is key and delegator is None:
                    done = assistants.arrived(mailbox, owner, bag)
                    if is_request(bag) and delegates.owner_is_informed(mailbox, applying):
                        bag[tags.PidLidMeetingType] = int(MeetingType.PRINCIPAL_COPY)
                if done.role is None:
                    execution.put(mailbox, message, applying)
                else:
                    mailbox.items.add(mailbox.folders.role(done.role).id, bag, delivered=True)
                if each is key and done.answer is not None:
                    submit(done.answer.sender, done.answer.addresses, done.answer.content)

    return deliver


def _resolve(directory: Directory, bag: Bag) -> None:
    """People of the own organisation become X500 recipients, as everything that stays inside one is."""
    for each in bag.recipients:
        smtp = each.get(tags.PidTagSmtpAddress) or each.get(tags.PidTagEmailAddress)
        known = directory.by_address(smtp) if smtp else None
        if known is not None and known.legacy_dn and known.target_address is None:
            each[tags.PidTagAddressType] = "EX"
            each[tags.PidTagEmailAddress] = known.legacy_dn
            each[tags.PidTagSmtpAddress] = known.smtp or smtp
            each[tags.PidTagDisplayName] = known.name
    for kind, address, smtp_key, name in (
        (
            tags.PidTagSenderAddressType,
            tags.PidTagSenderEmailAddress,
            tags.PidTagSenderSmtpAddress,
            tags.PidTagSenderName,
        ),
        (
            tags.PidTagSentRepresentingAddressType,
            tags.PidTagSentRepresentingEmailAddress,
            tags.PidTagSentRepresentingSmtpAddress,
            tags.PidTagSentRepresentingName,
        ),
    ):
        smtp = bag.get(smtp_key) or bag.get(address)
        known = directory.by_address(smtp) if smtp else None
        if known is not None and known.legacy_dn and known.target_address is None:
            bag.set({kind: "EX", address: known.legacy_dn, smtp_key: known.smtp or smtp, name: known.name})


def _represent(bag: Bag, delegator: Recipient) -> None:
    """The message is for somebody else, whose delegate has it ([MS-OXODLGT] 3.1.4.3)."""
    bag.set(
        {
            tags.PidTagDelegatedByRule: True,
            tags.PidTagReceivedRepresentingName: delegator.name,
            tags.PidTagReceivedRepresentingAddressType: "EX" if delegator.legacy_dn else "SMTP",
            tags.PidTagReceivedRepresentingEmailAddress: delegator.legacy_dn or delegator.smtp,
            tags.PidTagReceivedRepresentingSmtpAddress: delegator.smtp,
        }
    )


def _received_by(bag: Bag, owner: Recipient) -> None:
    own = ("EX", owner.legacy_dn) if owner.legacy_dn else ("SMTP", owner.smtp)
    bag.set(
        {
            tags.PidTagReceivedByName: owner.name,
            tags.PidTagReceivedByAddressType: own[0],
            tags.PidTagReceivedByEmailAddress: own[1],
            tags.PidTagReceivedBySmtpAddress: owner.smtp,
            tags.PidTagReceivedRepresentingName: owner.name,
            tags.PidTagReceivedRepresentingAddressType: own[0],
            tags.PidTagReceivedRepresentingEmailAddress: own[1],
            tags.PidTagReceivedRepresentingSmtpAddress: owner.smtp,
        }
    )
