"""Whose a message is: people of the organisation as senders and recipients of items."""

from __future__ import annotations

import email.utils
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.mapi.tags import PropertyKey

from ..directory import Recipient

_ROLES: Final[tuple[tuple[PropertyKey, tuple[PropertyKey, PropertyKey]], ...]] = (
    (tags.PidTagDisplayName, (tags.PidTagSentRepresentingName, tags.PidTagSenderName)),
    (tags.PidTagAddressType, (tags.PidTagSentRepresentingAddressType, tags.PidTagSenderAddressType)),
    (tags.PidTagEmailAddress, (tags.PidTagSentRepresentingEmailAddress, tags.PidTagSenderEmailAddress)),
    (tags.PidTagSmtpAddress, (tags.PidTagSentRepresentingSmtpAddress, tags.PidTagSenderSmtpAddress)),
)


def recipient_properties(recipient: Recipient) -> Properties:
    """A recipient of the own organisation as Outlook addresses it: by legacyExchangeDN, SMTP address beside."""
    properties: Properties = {tags.PidTagDisplayName: recipient.name, tags.PidTagObjectType: 6}
    if recipient.legacy_dn:
        properties |= {tags.PidTagAddressType: "EX", tags.PidTagEmailAddress: recipient.legacy_dn}
    else:
        properties |= {tags.PidTagAddressType: "SMTP", tags.PidTagEmailAddress: recipient.smtp or ""}
    if recipient.smtp:
        properties[tags.PidTagSmtpAddress] = recipient.smtp
    properties[tags.PidTagDisplayType] = 1 if recipient.is_group else 0
    return properties


def represented(who: Recipient) -> Properties:
    """In whose name an item is."""
    own = recipient_properties(who)
    return {keys[0]: own[source] for source, keys in _ROLES if source in own}


def authored(bag: Bag, who: Recipient, host_name: str, now: int, on_behalf_of: Recipient | None = None) -> Properties:
    """What a message has once somebody has sent it: sender, times, flags, and a Message-ID of its own."""
    own = recipient_properties(who)
    found: Properties = {key: own[source] for source, keys in _ROLES if source in own for key in keys}
    found |= represented(on_behalf_of or who)
    flags = bag.get(tags.PidTagMessageFlags, 0) & tags.MSGFLAG_HASATTACH
    found |= {
        tags.PidTagClientSubmitTime: now,
        tags.PidTagMessageDeliveryTime: now,
        tags.PidTagMessageFlags: flags | tags.MSGFLAG_READ | tags.MSGFLAG_FROMME,
    }
    if not bag.get(tags.PidTagInternetMessageId):
        found[tags.PidTagInternetMessageId] = email.utils.make_msgid(domain=host_name)
    return found


def addressees(bag: Bag) -> list[str]:
    """The addresses to which a message goes."""
    found = (each.get(tags.PidTagSmtpAddress) or each.get(tags.PidTagEmailAddress) for each in bag.recipients)
    return [str(each) for each in found if each]
