"""Parts of a message as attachments, [MS-OXCMAIL] 2.2.3.4, and attachments as parts."""

import re
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import unquote

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag
from isthmus_lab.mapi.text import header_text


def parameter(part: Message, name: str, header: str = "content-type") -> str:
    """A header's parameter as text, "" when it is not there or cannot be read."""
    try:
        value = part.get_param(name, "", header)
        if isinstance(value, tuple):  # RFC 2231: charset, language, bytes as latin-1
            charset, _, raw = value
            return raw.encode("latin-1", "replace").decode(charset or "utf-8", "replace")
        return header_text(str(value or ""))
    except (ValueError, LookupError, TypeError, UnicodeError):
        return ""


def filename(part: Message) -> str:
    """The file name that a part has, without a path."""
    name = parameter(part, "filename", "content-disposition") or parameter(part, "name")
    return re.sub(r"[\x00-\x1f]", "", re.split(r"[/\\]", name)[-1]).strip()


def payload(part: Message) -> bytes:
    """A part's content, its transfer encoding undone; of a multipart, or where that is impossible, its source."""
    try:
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            return content
    except (ValueError, LookupError, AssertionError):
        pass
    try:
        if part.is_multipart():
            return b"\r\n".join(child.as_bytes() for child in part.get_payload() if isinstance(child, Message))
        return part.as_bytes()
    except (ValueError, LookupError, TypeError, UnicodeError, AttributeError):
        return str(part.get_payload()).encode("utf-8", "replace")


def from_part(part: Message, *, related: bool = False) -> Attachment:
    """A part as an attachment by value."""
    kind, data = part.get_content_type(), payload(part)
    name = filename(part) or _default_name(kind)
    attachment = Attachment(
        {
            tags.PidTagAttachMethod: tags.ATTACH_BY_VALUE,
            tags.PidTagRenderingPosition: -1,
            tags.PidTagAttachMimeTag: kind,
            tags.PidTagAttachDataBinary: data,
            tags.PidTagAttachSize: min(len(data), 2**31 - 1),
            **_names(name),
        }
    )
    _place(part, attachment, related)
    return attachment


def embedded(part: Message, bag: Bag) -> Attachment:
    """A message within a message."""
    attachment = Attachment(
        {
            tags.PidTagAttachMethod: tags.ATTACH_EMBEDDED,
            tags.PidTagRenderingPosition: -1,
            tags.PidTagAttachMimeTag: "message/rfc822",
            tags.PidTagDisplayName: bag.get(tags.PidTagSubject) or filename(part) or "Message",
            tags.PidTagAttachLongFilename: filename(part) or f"{bag.get(tags.PidTagSubject) or 'Message'}.eml",
        },
        bag,
    )
    _place(part, attachment, related=False)
    return attachment


def signed(entity: bytes) -> Attachment:
    """A whole signed entity."""
    return Attachment(
        {
            tags.PidTagAttachMethod: tags.ATTACH_BY_VALUE,
            tags.PidTagRenderingPosition: -1,
            tags.PidTagAttachMimeTag: "multipart/signed",
            tags.PidTagAttachDataBinary: entity,
            tags.PidTagAttachSize: len(entity),
            **_names("smime.p7m"),
        }
    )


def hide_shown(attached: list[Attachment], html: str) -> None:
    """What the HTML shows by its Content-ID or Content-Location is part of the body, no file in a list."""
    shown = {unquote(cid).lower() for cid in re.findall(r"cid:([^\"'\s>)]+)", html, re.IGNORECASE)}
    for attachment in attached:
        properties = attachment.properties
        content_id = str(properties.get(tags.PidTagAttachContentId, "")).lower()
        location = str(properties.get(tags.PidTagAttachContentLocation, ""))
        if content_id in shown or (location and location in html):
            properties[tags.PidTagAttachFlags] = tags.ATTACH_MHTML_REFERENCE
            properties[tags.PidTagAttachmentHidden] = True


def _place(part: Message, attachment: Attachment, related: bool) -> None:
    for key, name in (
        (tags.PidTagAttachContentId, "content-id"),
        (tags.PidTagAttachContentLocation, "content-location"),
    ):
        value = next((str(value) for header, value in part.raw_items() if header.lower() == name), "")
        if text := header_text(value).strip("<> \t"):
            attachment.properties[key] = text
    disposition = part.get_content_disposition() or ("inline" if related else "")
    if disposition:
        attachment.properties[tags.PidTagAttachContentDisposition] = disposition


def _default_name(kind: str) -> str:
    """The name of a part that has none, by what it is."""
    known = {
        "text/plain": "text.txt",
        "text/html": "text.html",
        "text/calendar": "meeting.ics",
        "message/delivery-status": "details.txt",
        "text/rfc822-headers": "headers.txt",
        "message/disposition-notification": "notification.txt",
        "image/jpeg": "image.jpg",
        "application/pkcs7-mime": "smime.p7m",
        "application/x-pkcs7-mime": "smime.p7m",
    }
    main, _, sub = kind.partition("/")
    return known.get(kind) or (f"image.{sub.split('+')[0]}" if main == "image" else "attachment.bin")


def _names(name: str) -> dict[tags.PropertyKey, str]:
    """Long name, 8.3 name and extension, [MS-OXCMSG] 2.2.2.10 to 2.2.2.12."""
    path = PurePosixPath(name)
    short = re.sub(r"[^A-Za-z0-9_-]", "_", path.stem)
    names: dict[tags.PropertyKey, str] = {
        tags.PidTagAttachLongFilename: name,
        tags.PidTagDisplayName: name,
        tags.PidTagAttachFilename: (short if len(short) <= 8 else f"{short[:6]}~1") + path.suffix[:4],
    }
    if path.suffix:
        names[tags.PidTagAttachExtension] = path.suffix
    return names
