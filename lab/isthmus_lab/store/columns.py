"""What of an item's bag is kept in columns, and which property answers from which column."""

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store.model import Row

# The columns of table item that make a Row, in the order of the SELECT, after number, change, folder, associated.
VALUES = (
    "item_class, subject, sender, sender_address, display_to, display_cc, received, sent, created, modified, size, "
    "message_flags, importance, sensitivity, flag_status, search_key, message_id, in_reply_to, conversation_index, "
    'conversation_topic, start, "end", clip_end, categories, file_as, due, deleted, has_attachments, recurring'
)
VALUE_COUNT = VALUES.count(",") + 1

# Properties that a column answers: for sorting and restrictions.
COLUMNS: dict[PropertyKey, str] = {
    tags.PidTagMessageClass: "item_class",
    tags.PidTagSubject: "subject",
    tags.PidTagSentRepresentingName: "sender",
    tags.PidTagSentRepresentingSmtpAddress: "sender_address",
    tags.PidTagDisplayTo: "display_to",
    tags.PidTagDisplayCc: "display_cc",
    tags.PidTagMessageDeliveryTime: "received",
    tags.PidTagClientSubmitTime: "sent",
    tags.PidTagCreationTime: "created",
    tags.PidTagLastModificationTime: "modified",
    tags.PidTagInternetArticleNumber: "item.number",
    tags.PidTagParentEntryId: "entry_id_of_folder(folder)",
    tags.PidTagMessageSize: "size",
    tags.PidTagMessageSizeExtended: "size",
    tags.PidTagMessageFlags: "message_flags",
    tags.PidTagRead: "(message_flags & 1)",
    tags.PidTagImportance: "importance",
    tags.PidTagSensitivity: "sensitivity",
    tags.PidTagFlagStatus: "flag_status",
    tags.PidTagHasAttachments: "has_attachments",
    tags.PidTagAssociated: "associated",
    tags.PidTagSearchKey: "search_key",
    tags.PidTagInternetMessageId: "message_id",
    tags.PidTagInReplyToId: "in_reply_to",
    tags.PidTagConversationIndex: "conversation_index",
    tags.PidTagConversationTopic: "conversation_topic",
    tags.PidLidAppointmentStartWhole: "start",
    tags.PidLidAppointmentEndWhole: '"end"',
    tags.PidLidClipEnd: "clip_end",
    tags.PidLidRecurring: "recurring",
    tags.PidLidFileUnder: "file_as",
    tags.PidLidTaskDueDate: "due",
    tags.PidTagDeletedOn: "deleted",
}

# What the server alone knows; never kept in the content of an item that is saved property by property.
COMPUTED: frozenset[PropertyKey] = frozenset(
    {
        tags.PidTagEntryId,
        tags.PidTagParentEntryId,
        tags.PidTagRecordKey,
        tags.PidTagSourceKey,
        tags.PidTagParentSourceKey,
        tags.PidTagChangeKey,
        tags.PidTagInternetArticleNumber,
        tags.PidTagDeletedOn,
        tags.PidTagMessageSize,
        tags.PidTagMessageSizeExtended,
        tags.PidTagHasAttachments,
        tags.PidTagRead,
        tags.PidTagAssociated,
        tags.PidTagAccess,
        tags.PidTagAccessLevel,
        tags.PidTagObjectType,
    }
)


def computed(row: Row) -> Properties:
    """The properties of an item that the server alone knows, [MS-OXCPRPT] 2.2.1, [MS-OXCMSG] 2.2.1."""
    return {
        tags.PidTagEntryId: row.id,
        tags.PidTagRecordKey: row.id,
        tags.PidTagParentEntryId: row.folder_id,
        tags.PidTagSourceKey: row.id[46:68],
        tags.PidTagParentSourceKey: row.id[22:44],
        tags.PidTagChangeKey: row.change_key,
        tags.PidTagInternetArticleNumber: row.number & 0x7FFFFFFF,  # what IMAP takes for the UID
        tags.PidTagMessageSize: min(row.size, 2**31 - 1),
        tags.PidTagMessageSizeExtended: row.size,
        tags.PidTagHasAttachments: row.has_attachments,
        tags.PidTagRead: row.is_read,
        tags.PidTagAssociated: row.associated,
        tags.PidTagAccess: 0x3F,  # everything: the owner
        tags.PidTagAccessLevel: 1,
        tags.PidTagObjectType: 5,  # a message
    }


# What `values` looks at, in the message and in its attachments.
DESCRIBING: frozenset[PropertyKey] = frozenset(
    {
        *(COLUMNS.keys() - COMPUTED),
        tags.PidTagSenderName,
        tags.PidTagSenderAddressType,
        tags.PidTagSenderEmailAddress,
        tags.PidTagSenderSmtpAddress,
        tags.PidTagSentRepresentingAddressType,
        tags.PidTagSentRepresentingEmailAddress,
        tags.PidLidCommonStart,
        tags.PidLidCommonEnd,
        tags.PidNameKeywords,
        tags.PidLidTaskFRecurring,
        tags.PidTagAttachContentId,
        tags.PidTagAttachFlags,
        tags.PidTagAttachmentHidden,
    }
)


def values(bag: Bag, size: int) -> tuple[object, ...]:
    """The columns of VALUES for a bag whose content has `size` bytes."""
    get = bag.properties.get
    start = get(tags.PidLidAppointmentStartWhole) or get(tags.PidLidCommonStart, 0)
    end = get(tags.PidLidAppointmentEndWhole) or get(tags.PidLidCommonEnd, 0)
    return (
        _text(get(tags.PidTagMessageClass, "IPM.Note")),
        _text(get(tags.PidTagSubject, "")),
        _text(get(tags.PidTagSentRepresentingName) or get(tags.PidTagSenderName, "")),
        _text(_sender_address(bag.properties)),
        _text(get(tags.PidTagDisplayTo, "")),
        _text(get(tags.PidTagDisplayCc, "")),
        _time(get(tags.PidTagMessageDeliveryTime, 0)),
        _time(get(tags.PidTagClientSubmitTime, 0)),
        _time(get(tags.PidTagCreationTime, 0)),
        _time(get(tags.PidTagLastModificationTime, 0)),
        size,
        get(tags.PidTagMessageFlags, 0),
        get(tags.PidTagImportance, 1),
        get(tags.PidTagSensitivity, 0),
        get(tags.PidTagFlagStatus, 0),
        get(tags.PidTagSearchKey, b""),
        _text(get(tags.PidTagInternetMessageId, "")),
        _text(get(tags.PidTagInReplyToId, "")),
        get(tags.PidTagConversationIndex, b""),
        _text(get(tags.PidTagConversationTopic, "")),
        _time(start),
        _time(end),
        _time(max(get(tags.PidLidClipEnd, 0), end)),
        _text("\n".join(get(tags.PidNameKeywords, ()))),
        _text(get(tags.PidLidFileUnder, "")),
        _time(get(tags.PidLidTaskDueDate, 0)),
        0,  # no item comes as a deleted one
        any(is_visible(attachment) for attachment in bag.attachments),
        bool(get(tags.PidLidRecurring, False) or get(tags.PidLidTaskFRecurring, False)),
    )


def is_visible(attachment: Attachment) -> bool:
    """A person sees it as an attachment: neither hidden nor part of the HTML body, [MS-OXCMSG] 2.2.1.2."""
    get = attachment.properties.get
    inline = get(tags.PidTagAttachContentId) and get(tags.PidTagAttachFlags, 0) & tags.ATTACH_MHTML_REFERENCE
    return not inline and not get(tags.PidTagAttachmentHidden, False)


def _sender_address(properties: Properties) -> str:
    for kind, smtp, address in (
        (
            tags.PidTagSentRepresentingAddressType,
            tags.PidTagSentRepresentingSmtpAddress,
            tags.PidTagSentRepresentingEmailAddress,
        ),
        (tags.PidTagSenderAddressType, tags.PidTagSenderSmtpAddress, tags.PidTagSenderEmailAddress),
    ):
        if found := properties.get(smtp):
            return str(found)
        if properties.get(kind, "SMTP") == "SMTP" and (found := properties.get(address)):
            return str(found)
    return ""


def _text(text: str) -> str:
    """Text that a database takes: half a surrogate pair becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _time(ticks: int) -> int:
    """A FILETIME that fits a database integer; "never" (0x7FFF… and beyond) becomes the greatest one."""
    return min(ticks, 2**63 - 1)
