"""Internet mail turned into a bag and back, after [MS-OXCMAIL].

Reading never fails: headers and parts are taken apart with the email package's tolerant rules, and what cannot be
decoded is kept as well as can be.
"""

import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime

from isthmus_lab.mapi import addresses, attachments, calendaring, conversation, tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties, filetime
from isthmus_lab.mapi.mime_writing import mime_from_bag
from isthmus_lab.mapi.text import crlf, decode_bytes, header_text, text_from_html, utf8_html

__all__ = ["bag_from_mime", "mime_from_bag"]

_MAX_DEPTH = 20  # messages within messages; what lies deeper stays a file


def bag_from_mime(data: bytes) -> Bag:
    """The message as a bag; never fails: what cannot be decoded is kept as well as can be.

    Sets class (IPM.Note, IPM.Schedule.Meeting.Request …), subject and its prefix, sender and represented sender,
    recipients, dates (delivery: the topmost Received header's), Message-ID, In-Reply-To, References, conversation topic
    and index, bodies (PidTagBody, and PidTagHtml in UTF-8 with PidTagInternetCodepage 65001), transport headers,
    attachments (those that the HTML shows hidden, with PidTagAttachContentId), embedded messages. Not set: search key,
    message flags, creation and modification time; the store does.
    """
    message = message_from_bytes(data)
    bag = _bag(message, 0)
    head, body = _split(data)
    bag[tags.PidTagTransportMessageHeaders] = crlf(decode_bytes(head))
    _keep_signed(message, body, bag)
    return bag


@dataclass
class _Content:
    """What was found on the way through the parts."""

    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    calendar: Message | None = None
    attached: list[Attachment] = field(default_factory=list)


def _bag(message: Message, depth: int) -> Bag:
    bag = Bag({tags.PidTagMessageClass: "IPM.Note", **_envelope(message)})
    bag.recipients = [
        addresses.recipient(who, kind)
        for kind, name in ((1, "to"), (2, "cc"), (3, "bcc"))
        for who in addresses.parse(_raw(message, name))
    ]
    for key, kind in ((tags.PidTagDisplayTo, 1), (tags.PidTagDisplayCc, 2), (tags.PidTagDisplayBcc, 3)):
        bag[key] = "; ".join(
            each[tags.PidTagDisplayName] for each in bag.recipients if each[tags.PidTagRecipientType] == kind
        )
    content = _Content()
    _walk(message, content, depth, alternative=False, related=False)
    _bodies(bag, content)
    bag.attachments = content.attached
    _class(message, bag)
    if content.calendar is not None and not calendaring.apply(content.calendar, bag):
        bag.attachments.append(attachments.from_part(content.calendar))
    for number, attachment in enumerate(bag.attachments):
        attachment.properties[tags.PidTagAttachNumber] = number
    return bag


# Headers


def _raw(message: Message, name: str) -> list[str]:
    return [str(value) for key, value in message.raw_items() if key.lower() == name]


def _text(message: Message, name: str) -> str:
    return next((header_text(value) for value in _raw(message, name)), "")


def _ids(message: Message, name: str) -> list[str]:
    return re.findall(r"<[^<>\s]+>", _text(message, name))


def _date(value: str) -> int:
    """A date header as a FILETIME, 0 when nobody can read it."""
    try:
        return filetime(parsedate_to_datetime(value))
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0


def _envelope(message: Message) -> Properties:
    """The properties that come from headers."""
    subject = _text(message, "subject")
    prefix, normalized = conversation.split_subject(subject)
    sent = _date(_text(message, "date"))
    received = next((_date(value.rpartition(";")[2].strip()) for value in _raw(message, "received")), 0) or sent
    message_id, references = _text(message, "message-id"), _text(message, "references")
    parents = _ids(message, "references") or _ids(message, "in-reply-to")
    topic = _text(message, "thread-topic") or normalized
    found: Properties = {
        tags.PidTagSubject: subject,
        tags.PidTagSubjectPrefix: prefix,
        tags.PidTagNormalizedSubject: normalized,
        tags.PidTagConversationTopic: topic,
        tags.PidTagConversationIndex: conversation.index(_text(message, "thread-index"), parents, message_id, sent),
        tags.PidTagImportance: _importance(message),
        tags.PidTagPriority: _importance(message) - 1,
        tags.PidTagSensitivity: _SENSITIVITY.get(_text(message, "sensitivity").lower(), 0),
    }
    for key, text in (
        (tags.PidTagInternetMessageId, message_id),
        (tags.PidTagInReplyToId, _text(message, "in-reply-to")),
        (tags.PidTagInternetReferences, references),
        (tags.PidTagListHelp, _text(message, "list-help")),
        (tags.PidTagListSubscribe, _text(message, "list-subscribe")),
        (tags.PidTagListUnsubscribe, _text(message, "list-unsubscribe")),
    ):
        if text:
            found[key] = text
    for key, time in ((tags.PidTagClientSubmitTime, sent), (tags.PidTagMessageDeliveryTime, received)):
        if time:
            found[key] = time
    if keywords := [word.strip() for word in _text(message, "keywords").split(",") if word.strip()]:
        found[tags.PidNameKeywords] = keywords
    if _raw(message, "disposition-notification-to"):
        found[tags.PidTagReadReceiptRequested] = True
    if _raw(message, "return-receipt-to"):
        found[tags.PidTagOriginatorDeliveryReportRequested] = True
    authors, senders = addresses.parse(_raw(message, "from")), addresses.parse(_raw(message, "sender"))
    if authors or senders:
        found |= addresses.represented_sender((authors or senders)[0])
        found |= addresses.sender((senders or authors)[0])
    if replies := addresses.parse(_raw(message, "reply-to")):
        found |= addresses.reply_to(replies)
    return found


_SENSITIVITY = {"personal": 1, "private": 2, "company-confidential": 3}
_IMPORTANCE = {"low": 0, "non-urgent": 0, "normal": 1, "high": 2, "urgent": 2}


def _importance(message: Message) -> int:
    """PidTagImportance from Importance, X-Priority (1 highest, 5 lowest) or Priority."""
    importance = _IMPORTANCE.get(_text(message, "importance").lower())
    if importance is None and (digit := re.match(r"[1-5]", _text(message, "x-priority"))):
        importance = {"1": 2, "2": 2, "3": 1, "4": 0, "5": 0}[digit.group()]
    return _IMPORTANCE.get(_text(message, "priority").lower(), 1) if importance is None else importance


# Parts


def _walk(part: Message, content: _Content, depth: int, *, alternative: bool, related: bool) -> None:
    kind = part.get_content_type()
    children = part.get_payload() if part.is_multipart() else None
    messages = [child for child in children if isinstance(child, Message)] if isinstance(children, list) else []
    if kind == "message/rfc822" and messages and depth < _MAX_DEPTH:
        content.attached.append(attachments.embedded(part, _embedded_bag(messages[0], depth + 1)))
    elif part.get_content_maintype() == "multipart" and messages:
        if kind == "multipart/signed":
            messages = messages[:1]  # the signature is of the whole: see _keep_signed
        for position, child in enumerate(messages):
            beside = kind == "multipart/related" and position > 0
            _walk(child, content, depth, alternative=alternative or kind == "multipart/alternative", related=beside)
    elif kind == "text/calendar" and content.calendar is None and not _is_file(part):
        content.calendar = part
    elif kind in ("text/plain", "text/html") and not related and not _is_file(part):
        _add_text(part, kind, content, alternative)
    else:
        content.attached.append(attachments.from_part(part, related=related))


def _embedded_bag(message: Message, depth: int) -> Bag:
    bag = _bag(message, depth)
    bag[tags.PidTagTransportMessageHeaders] = "".join(
        f"{name}: {header_text(str(value))}\r\n" for name, value in message.raw_items()
    )
    return bag


def _is_file(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or attachments.filename(part) != ""


def _add_text(part: Message, kind: str, content: _Content, alternative: bool) -> None:
    """A text is the body, or goes on with it (a mailing list's footer); of the other kind it is a file."""
    raw = attachments.payload(part)
    text = decode_bytes(raw, attachments.parameter(part, "charset"))
    mine, others = (content.plain, content.html) if kind == "text/plain" else (content.html, content.plain)
    if alternative or mine or not others:
        mine.append(text)
    elif raw.strip():
        content.attached.append(attachments.from_part(part))


def _bodies(bag: Bag, content: _Content) -> None:
    bag[tags.PidTagInternetCodepage] = 65001
    if content.html:
        html = "".join(content.html)
        bag[tags.PidTagHtml] = utf8_html(html)
        bag[tags.PidTagNativeBody] = 3
        bag[tags.PidTagBody] = crlf("".join(content.plain)) if content.plain else text_from_html(html)
        attachments.hide_shown(content.attached, html)
    else:
        bag[tags.PidTagNativeBody] = 1
        bag[tags.PidTagBody] = crlf("\r\n".join(content.plain))


# Classes


def _class(message: Message, bag: Bag) -> None:
    """The message class, where the kind of content decides it: [MS-OXCMAIL] 2.2.3.2.6, [MS-OXOSMIME] 2.1.1."""
    kind = message.get_content_type()
    if kind == "multipart/signed":
        bag[tags.PidTagMessageClass] = "IPM.Note.SMIME.MultipartSigned"
    elif kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        bag[tags.PidTagMessageClass] = "IPM.Note.SMIME"
    elif kind == "multipart/report":
        reported = attachments.parameter(message, "report-type").lower()
        if reported == "disposition-notification":
            bag[tags.PidTagMessageClass] = "REPORT.IPM.Note.IPNRN"
        elif reported == "delivery-status":
            status = b"\n".join(
                each.properties.get(tags.PidTagAttachDataBinary, b"")
                for each in bag.attachments
                if each.properties.get(tags.PidTagAttachMimeTag) == "message/delivery-status"
            )
            action = re.search(rb"(?im)^action:\s*(\w+)", status)
            delivered = action is not None and action.group(1).lower() in (b"delivered", b"relayed", b"expanded")
            bag[tags.PidTagMessageClass] = "REPORT.IPM.Note.DR" if delivered else "REPORT.IPM.Note.NDR"


def _split(data: bytes) -> tuple[bytes, bytes]:
    """The header block and the body, as they are."""
    blank = re.search(rb"\r?\n\r?\n", data)
    return (data[: blank.start()] + b"\r\n", data[blank.end() :]) if blank else (data, b"")


def _keep_signed(message: Message, body: bytes, bag: Bag) -> None:
    """A signed message keeps its signed bytes, whole, as the one attachment, [MS-OXOSMIME] 2.1.3.1."""
    if message.get_content_type() == "multipart/signed":
        content_type = _raw(message, "content-type")[0]
        entity = f"Content-Type: {content_type}\r\n\r\n".encode("ascii", "surrogateescape") + body
        bag.attachments = [attachments.signed(entity)]
