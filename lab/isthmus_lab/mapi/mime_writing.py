"""A bag as an internet message, [MS-OXCMAIL] 2.1."""

import base64
import re
from email import encoders, message_from_bytes
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from email.utils import format_datetime

from isthmus_lab.mapi import addresses, calendaring, exceptions, tags
from isthmus_lab.mapi.bag import Attachment, Bag, from_filetime
from isthmus_lab.mapi.text import decode_bytes

_POLICY = compat32.clone(linesep="\r\n", max_line_length=78, mangle_from_=False)
_UTF8 = Charset("utf-8")
_UTF8.body_encoding = QP
# Headers that are written from properties or by the parts themselves; others are taken from the transport headers.
_OWN = {"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references"}
_OWN |= {
    "mime-version",
    "importance",
    "priority",
    "x-priority",
    "sensitivity",
    "thread-topic",
    "thread-index",
    "keywords",
}
_OWN |= {"disposition-notification-to", "return-receipt-to"}


def mime_from_bag(bag: Bag) -> bytes:
    """The bag as an internet message with CRLF line ends; Bcc recipients are named only on a draft."""
    signed = _signed(bag)
    root = _content(bag) if signed is None else Message()
    content_headers = root.items()
    for name in list(root.keys()):
        del root[name]
    _headers(bag, root)
    if signed is not None:  # the entity was signed byte by byte
        return root.as_bytes(policy=_POLICY).rstrip(b"\r\n") + b"\r\n" + signed
    for name, value in content_headers:
        if name.lower() != "mime-version":
            root[name] = value
    return root.as_bytes(policy=_POLICY)


# Headers


def _headers(bag: Bag, root: Message) -> None:
    for name, value in _transport_headers(bag):
        root[name] = value
    author, sender = addresses.represented_sender_of(bag.properties), addresses.sender_of(bag.properties)
    author = author or sender
    if author:
        root["From"] = addresses.header(author)
    if sender and author and sender.address.lower() != author.address.lower():
        root["Sender"] = addresses.header(sender)
    draft = bag.get(tags.PidTagMessageFlags, 0) & tags.MSGFLAG_UNSENT
    for name, kind in (("To", 1), ("Cc", 2), ("Bcc", 3)):
        whos = addresses.recipients_of(bag.recipients, kind)
        if whos and (kind != tags.RECIPIENT_BCC or draft):
            root[name] = ",\r\n\t".join(addresses.header(who) for who in whos)
    if replies := addresses.reply_to_of(bag.properties):
        root["Reply-To"] = ",\r\n\t".join(addresses.header(who) for who in replies)
    _set(root, "Subject", bag.get(tags.PidTagSubject, ""))
    _set(root, "Thread-Topic", bag.get(tags.PidTagConversationTopic, ""))
    if index := bag.get(tags.PidTagConversationIndex):
        root["Thread-Index"] = base64.b64encode(index).decode("ascii")
    if sent := bag.get(tags.PidTagClientSubmitTime) or bag.get(tags.PidTagMessageDeliveryTime):
        root["Date"] = format_datetime(from_filetime(sent))
    for name, key in (
        ("Message-ID", tags.PidTagInternetMessageId),
        ("In-Reply-To", tags.PidTagInReplyToId),
        ("References", tags.PidTagInternetReferences),
    ):
        # Ids are not folded: a break inside one would make it another.
        if ids := bag.get(key):
            root[name] = "\r\n\t".join(_plain(ids).split())
    importance = bag.get(tags.PidTagImportance, 1)
    if importance != 1:
        root["Importance"] = "high" if importance > 1 else "low"
    if sensitivity := {1: "Personal", 2: "Private", 3: "Company-Confidential"}.get(bag.get(tags.PidTagSensitivity, 0)):
        root["Sensitivity"] = sensitivity
    if keywords := bag.get(tags.PidNameKeywords):
        _set(root, "Keywords", ", ".join(keywords))
    if bag.get(tags.PidTagReadReceiptRequested) and author:
        root["Disposition-Notification-To"] = addresses.header(author)
    root["MIME-Version"] = "1.0"


def _transport_headers(bag: Bag) -> list[tuple[str, str]]:
    """The headers the message came with, but for those of its content and those written anew."""
    raw = bag.get(tags.PidTagTransportMessageHeaders, "")
    came = message_from_bytes(raw.encode("utf-8", "replace") + b"\r\n")
    return [
        (name, _plain(str(value)) if str(value).isascii() else _encoded(name, str(value)))
        for name, value in came.raw_items()
        if name.lower() not in _OWN and not name.lower().startswith("content-")
    ]


def _set(root: Message, name: str, value: str) -> None:
    if value:
        root[name] = _encoded(name, value)


def _encoded(name: str, value: str) -> str:
    """The value on folded lines, as encoded words where it is not ASCII."""
    if not value.isascii():
        value = decode_bytes(value.encode("utf-8", "surrogateescape"))
    return Header(_one_line(value), "utf-8" if not value.isascii() else None, header_name=name).encode(linesep="\r\n")


def _plain(value: str) -> str:
    """A value as it is, with no line that a reader could take for another header."""
    return re.sub(r"\r?\n(?![ \t])|\r(?!\n)|\0", " ", value).encode("ascii", "replace").decode("ascii")


def _one_line(value: str) -> str:
    return re.sub(r"[\r\n\0]+", " ", value)


# Content


def _content(bag: Bag) -> Message:
    """The bodies and the attachments as one entity."""
    shown = [each for each in bag.attachments if _is_shown(each)]
    # Exceptions of a series are in its calendar part.
    files = [each for each in bag.attachments if not _is_shown(each) and not exceptions.is_exception(each)]
    body = _body(bag)
    if shown:
        body = _multipart("related", [body, *map(_part, shown)])
    if not files:
        return body
    message_class = str(bag.get(tags.PidTagMessageClass, ""))
    mixed = _multipart("report" if message_class.startswith("REPORT.") else "mixed", [body, *map(_part, files)])
    if message_class.startswith("REPORT."):
        about_reading = message_class.endswith("RN")  # IPNRN read, IPNNRN not read
        mixed.set_param("report-type", "disposition-notification" if about_reading else "delivery-status")
    return mixed


def _signed(bag: Bag) -> bytes | None:
    """The kept entity of a signed or encrypted message, with its headers of content, [MS-OXOSMIME] 2.1.3."""
    if not str(bag.get(tags.PidTagMessageClass, "")).upper().startswith("IPM.NOTE.SMIME") or len(bag.attachments) != 1:
        return None
    attachment = bag.attachments[0].properties
    data = attachment.get(tags.PidTagAttachDataBinary, b"")
    if attachment.get(tags.PidTagAttachMimeTag) == "multipart/signed":
        return bytes(data)
    part = _file("application/pkcs7-mime", data, attachment.get(tags.PidTagAttachLongFilename, "smime.p7m"))
    del part["MIME-Version"]
    return part.as_bytes(policy=_POLICY)


def _body(bag: Bag) -> Message:
    parts: list[Message] = []
    html = html_of(bag)
    plain = bag.get(tags.PidTagBody)
    if plain is not None or html is None:
        parts.append(_text_part("plain", plain or ""))
    if html is not None:
        parts.append(_text_part("html", html))
    if (calendar := calendaring.calendar_of(bag)) is not None:
        method, text = calendar
        part = _text_part("calendar", text)
        part.set_param("method", method)
        parts.append(part)
    return _multipart("alternative", parts) if len(parts) > 1 else parts[0]


def html_of(bag: Bag) -> str | None:
    """The HTML body, whichever property holds it."""
    raw = bag.get(tags.PidTagHtml)
    if raw is None:
        html = bag.get(tags.PidTagBodyHtml)
        return None if html is None else str(html)
    codepage = bag.get(tags.PidTagInternetCodepage, 65001)
    return decode_bytes(raw, "utf-8" if codepage == 65001 else f"cp{codepage}")


def _text_part(subtype: str, text: str) -> Message:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    part = MIMENonMultipart("text", subtype)
    if text.isascii() and all(len(line) < 900 for line in text.split("\n")):
        part.set_payload(text, "us-ascii")
    else:
        part.set_payload(text.encode("utf-8", "replace").decode("utf-8"), _UTF8)
    return part


def _multipart(subtype: str, parts: list[Message]) -> Message:
    return MIMEMultipart(subtype, None, parts)


def _is_shown(attachment: Attachment) -> bool:
    get = attachment.properties.get
    return bool(get(tags.PidTagAttachContentId) and get(tags.PidTagAttachFlags, 0) & tags.ATTACH_MHTML_REFERENCE)


def _part(attachment: Attachment) -> Message:
    get = attachment.properties.get
    name = get(tags.PidTagAttachLongFilename) or get(tags.PidTagAttachFilename) or "attachment"
    part: Message
    if attachment.embedded is not None:
        part = MIMEBase("message", "rfc822")
        part.set_payload([message_from_bytes(mime_from_bag(attachment.embedded))])
        _disposition(part, "attachment", name)
        return part
    data = get(tags.PidTagAttachDataBinary)
    if data is None:
        data = get(tags.PidTagAttachDataObject, b"")
    part = _file(get(tags.PidTagAttachMimeTag) or "application/octet-stream", data, name)
    del part["Content-Disposition"]
    disposition = get(tags.PidTagAttachContentDisposition)
    if disposition not in ("inline", "attachment"):
        disposition = "inline" if _is_shown(attachment) else "attachment"
    _disposition(part, disposition, name)
    if content_id := get(tags.PidTagAttachContentId):
        part["Content-ID"] = f"<{_plain(content_id)}>"
    if location := get(tags.PidTagAttachContentLocation):
        part["Content-Location"] = _plain(location)
    return part


def _file(kind: str, data: bytes, name: str) -> Message:
    main, _, sub = kind.partition("/")
    reported = kind == "message/delivery-status"
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind) or (main in ("multipart", "message") and not reported):
        main, sub = "application", "octet-stream"
    part = MIMENonMultipart(main, sub)
    if reported:
        part.set_payload([message_from_bytes(block) for block in re.split(rb"\r?\n\r?\n", data.strip())])
    else:
        part.set_payload(data)
        encoders.encode_base64(part)
    part.set_param("name", _one_line(name) if name.isascii() else _encoded("Content-Type", name))
    _disposition(part, "attachment", name)
    return part


def _disposition(part: Message, kind: str, name: str) -> None:
    name = _one_line(name)
    part.add_header("Content-Disposition", kind, filename=name if name.isascii() else ("utf-8", "", name))
