"""Mail from the rest of the world as it really comes: old character sets, broken headers, damaged attachments.

Raw internet messages, to be read by the same code that reads mail from SMTP and from imported folders.
"""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from random import Random

from isthmus_lab.population.files import picture
from isthmus_lab.population.text import Writer


def draw_oddity(random: Random, address: str, moment: datetime) -> bytes:
    """One of them, addressed to `address`."""
    make = random.choice(_KINDS)
    return make(random, address, moment).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _head(random: Random, sender: str, address: str, moment: datetime, subject: str) -> bytes:
    """Headers in raw bytes; `sender` and `subject` may hold anything that is one byte a character."""
    lines = (
        f"From: {sender}\nTo: {address}\nSubject: {subject}\nDate: {format_datetime(moment)}\n"
        f"Message-ID: <{random.getrandbits(80):020x}@odd.example>\n"
    )
    return lines.encode("latin-1")


def _word(text: str, charset: str) -> str:
    """An encoded word (RFC 2047)."""
    return f"=?{charset}?B?{base64.b64encode(text.encode(charset)).decode()}?="


def _japanese(random: Random, address: str, moment: datetime) -> bytes:
    writer = Writer.start(random, "ja")
    head = _head(
        random,
        f"{_word('佐藤', 'iso-2022-jp')} <sato@tanaka.example>",
        address,
        moment,
        _word(writer.subject(), "iso-2022-jp"),
    )
    body = "\n".join(writer.paragraphs(reply=False)).encode("iso-2022-jp", "replace")
    return head + b"MIME-Version: 1.0\nContent-Type: text/plain; charset=ISO-2022-JP\n\n" + body


def _russian(random: Random, address: str, moment: datetime) -> bytes:
    writer = Writer.start(random, "ru")
    head = _head(
        random,
        f"{_word('Галина Соколова', 'koi8-r')} <gs@okafor.example>",
        address,
        moment,
        _word(writer.subject(), "koi8-r"),
    )
    body = base64.encodebytes("\n\n".join(writer.paragraphs(reply=True)).encode("koi8-r", "replace"))
    kind = b"MIME-Version: 1.0\nContent-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: base64\n\n"
    return head + kind + body


def _raw_eight_bit(random: Random, address: str, moment: datetime) -> bytes:
    """Letters of Windows-1252 in headers and body, nowhere declared."""
    writer = Writer.start(random, "de")
    head = _head(random, '"Köhler, Jörg" <koehler@vogt.example>', address, moment, "Größere Änderung für März")
    return head + b"\n" + "\n".join(writer.paragraphs(reply=False)).encode("cp1252", "replace")


def _unknown_charset(random: Random, address: str, moment: datetime) -> bytes:
    writer = Writer.start(random, "fr")
    head = _head(random, "facturation@bianchi.example", address, moment, "=?x-unknown?Q?Facture_n=B0_12?=")
    body = quopri.encodestring("\n".join(writer.paragraphs(reply=False)).encode("latin-1", "replace"))
    kind = b"MIME-Version: 1.0\nContent-Type: text/plain; charset=x-unknown\n"
    return head + kind + b"Content-Transfer-Encoding: quoted-printable\n\n" + body


def _broken_multipart(random: Random, address: str, moment: datetime) -> bytes:
    """The last boundary is missing and the attachment's base64 is cut in the middle."""
    head = _head(random, "scanner@harbour-freight.example", address, moment, "Scan from the 3rd floor")
    data = base64.encodebytes(picture(random))
    return (
        head + b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=_cut"\n\n--=_cut\n'
        b"Content-Type: text/plain\n\nPlease find your scan attached.\n--=_cut\n"
        b"Content-Type: image/png; name=scan.png\nContent-Transfer-Encoding: base64\n"
        b"Content-Disposition: attachment; filename=scan.png\n\n" + data[: len(data) // 2]
    )


def _no_date_no_subject(random: Random, address: str, moment: datetime) -> bytes:
    writer = Writer.start(random, "en")
    received = f"Received: from unknown by relay.example; {format_datetime(moment)}\n"
    head = f"{received}From: <>\nTo: undisclosed-recipients:;\nX-Original-To: {address}\n\n"
    return (head + writer.paragraph(2) + "\n").encode()


def _folded_file_name(random: Random, address: str, moment: datetime) -> bytes:
    """A file name in parts and in UTF-8 (RFC 2231), another one as an encoded word, which RFC 2047 forbids."""
    head = _head(
        random, "Anna <anna@nordwind.example>", address, moment, "=?UTF-8?Q?Pl=C3=A4ne_?= =?UTF-8?Q?f=C3=BCr_Mai?="
    )
    return (
        head + b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b1\n\n"
        b"--b1\nContent-Type: text/plain; charset=utf-8\n\nzwei Dateien\n"
        b"--b1\nContent-Type: text/csv\nContent-Disposition: attachment;\n filename*0*=UTF-8''Pl%C3%A4ne%20;\n"
        b" filename*1*=f%C3%BCr%20Mai.csv\n\na;b\n1;2\n"
        b'--b1\nContent-Type: text/csv; name="=?UTF-8?Q?=C3=9Cbersicht=2Ecsv?="\nContent-Disposition: attachment\n\n'
        b"c;d\n"
        b"--b1--\n"
    )


def _related(random: Random, address: str, moment: datetime) -> bytes:
    """HTML with a picture inside and a plain alternative."""
    writer = Writer.start(random, "en")
    text = writer.paragraph(3)
    data = base64.encodebytes(picture(random))
    head = _head(
        random,
        "Newsletter <news@meridian.example>",
        address,
        moment,
        writer.subject().encode("ascii", "replace").decode(),
    )
    return (
        head + b"List-Unsubscribe: <mailto:off@meridian.example>\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/alternative; boundary="outer"\n\n--outer\nContent-Type: text/plain; charset=utf-8\n\n'
        + text.encode()
        + b'\n--outer\nContent-Type: multipart/related; boundary="inner"\n\n--inner\n'
        b'Content-Type: text/html; charset=utf-8\n\n<html><body><img src="cid:logo@m"><p>'
        + text.encode()
        + b"</p></body></html>\n--inner\nContent-Type: image/png\nContent-ID: <logo@m>\n"
        b"Content-Transfer-Encoding: base64\nContent-Disposition: inline; filename=logo.png\n\n"
        + data
        + b"\n--inner--\n--outer--\n"
    )


def _message_in_message(random: Random, address: str, moment: datetime) -> bytes:
    """A returned mail with the original inside."""
    inner = _head(random, address, "gone@piatek.example", moment, "Anfrage") + b"\nSind Sie noch da?\n"
    head = _head(random, "Mail Delivery Subsystem <MAILER-DAEMON@piatek.example>", address, moment, "Undelivered mail")
    return (
        head + b'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="r"\n\n'
        b"--r\nContent-Type: text/plain\n\nThe address is unknown.\n"
        b"--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; piatek.example\n\n"
        b"Final-Recipient: rfc822; gone@piatek.example\nAction: failed\nStatus: 5.1.1\n\n"
        b"--r\nContent-Type: message/rfc822\n\n" + inner + b"--r--\n"
    )


_KINDS: tuple[Callable[[Random, str, datetime], bytes], ...] = (
    _japanese,
    _russian,
    _raw_eight_bit,
    _unknown_charset,
    _broken_multipart,
    _no_date_no_subject,
    _folded_file_name,
    _related,
    _message_in_message,
)
