"""Threads of mail: letters that answer each other, quote what they answer, and carry files and pictures.

A letter is written once; every participant's mailbox gets a copy of its own (`copies.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from random import Random

from isthmus_lab.mapi.bag import filetime
from isthmus_lab.population.files import File, draw_file, picture
from isthmus_lab.population.parties import Party
from isthmus_lab.population.text import Writer

LONGEST_QUOTE = 40_000


@dataclass(frozen=True)
class Letter:
    """One message, as its writer sent it."""

    sender: Party
    to: tuple[Party, ...]
    cc: tuple[Party, ...]
    prefix: str
    """ "RE: ", "AW: ", "TR : "; empty for the first letter."""
    topic: str
    sent: datetime
    message_id: str
    references: tuple[str, ...]
    """Message-IDs of the thread so far, the answered one last."""
    conversation_index: bytes
    text: str
    html: str | None
    files: tuple[File, ...]
    pictures: tuple[tuple[str, File], ...]
    """Content-ID and file of what the HTML shows inline."""
    importance: int
    language: str

    @property
    def subject(self) -> str:
        return self.prefix + self.topic

    @property
    def headers(self) -> str:
        """The internet headers that PidTagTransportMessageHeaders keeps."""
        lines = [
            f"Received: from mail.{_domain(self.sender)} by mail.{_domain(self.to[0])} with ESMTPS; "
            f"{format_datetime(self.sent)}",
            f"From: {self.sender.name} <{self.sender.address}>",
            f"To: {', '.join(f'{each.name} <{each.address}>' for each in self.to)}",
            f"Subject: {self.subject}",
            f"Date: {format_datetime(self.sent)}",
            f"Message-ID: {self.message_id}",
        ]
        if self.references:
            lines += [f"In-Reply-To: {self.references[-1]}", f"References: {' '.join(self.references)}"]
        return "\r\n".join(lines) + "\r\n\r\n"


def write_thread(random: Random, people: Sequence[Party], start: datetime, end: datetime) -> list[Letter]:
    """A thread among some of `people`: the first of them begins it. No letter is later than `end`."""
    starter = people[0]
    writer = Writer.start(random, starter.language)
    topic = writer.subject()
    everybody = list(people)
    header = b"\x01" + filetime(start).to_bytes(8, "big")[1:6] + random.randbytes(16)
    letters = [_letter(random, writer, starter, everybody, "", topic, start, (), header, None)]
    moment = start
    for _ in range(min(9, int(random.expovariate(0.5)))):
        moment += timedelta(minutes=random.choice((3, 12, 40, 90, 300, 1300, 2900, 7200)) * random.uniform(0.4, 1.6))
        if moment > end:
            break
        last = letters[-1]
        answering = random.choice([each for each in everybody if each != last.sender])
        writer = Writer(random, _common_language(answering, last), writer.project)
        index = last.conversation_index + random.randbytes(5)
        references = (*last.references, last.message_id)
        letters.append(
            _letter(
                random, writer, answering, everybody, writer.vocabulary.reply, topic, moment, references, index, last
            )
        )
    return letters


def _common_language(answering: Party, last: Letter) -> str:
    """People answer in the language they were written in, if it is theirs, and else in English."""
    return last.language if last.language in (answering.language, "en") else "en"


def _letter(
    random: Random,
    writer: Writer,
    sender: Party,
    everybody: Sequence[Party],
    prefix: str,
    topic: str,
    sent: datetime,
    references: tuple[str, ...],
    index: bytes,
    answered: Letter | None,
) -> Letter:
    others = [each for each in everybody if each != sender]
    # The answered person first; the rest are partly addressed, partly copied.
    if answered is not None and answered.sender in others:
        others.remove(answered.sender)
        others.insert(0, answered.sender)
    split = random.randint(1, len(others))
    to, cc = tuple(others[:split]), tuple(others[split:])
    name = to[0].name.split()[0].rstrip(",") if len(to) == 1 else ""
    greeting = writer.greeting(name).replace(" ,", ",").strip() if random.random() < 0.9 else ""
    matter = writer.paragraphs(reply=answered is not None)
    closing = f"{writer.closing()}\n{sender.name}"
    quoted_plainly = random.random() < 0.2
    quote = _quote(writer, answered, internet_style=quoted_plainly) if answered is not None else ""
    text = "\n\n".join(part for part in (greeting, *matter, closing, quote) if part).replace("\n", "\r\n")
    files: tuple[File, ...] = ()
    pictures: tuple[tuple[str, File], ...] = ()
    if random.random() < 0.16:
        files = tuple(draw_file(random, writer) for _ in range(random.choice((1, 1, 1, 2, 3))))
    html = None
    if not quoted_plainly:
        if random.random() < 0.12:
            name = f"image{random.randint(1, 20):03}.png"
            pictures = ((f"{name}@{random.getrandbits(64):016X}", File(name, "image/png", picture(random, 64, 24))),)
        html = _html(greeting, matter, closing, [cid for cid, _ in pictures], writer, answered)
    return Letter(
        sender=sender,
        to=to,
        cc=cc,
        prefix=prefix,
        topic=topic,
        sent=sent,
        message_id=f"<{random.getrandbits(96):024x}@{_domain(sender)}>",
        references=references,
        conversation_index=index,
        text=text,
        html=html,
        files=files,
        pictures=pictures,
        importance=random.choices((1, 2, 0), (92, 6, 2))[0],
        language=writer.language,
    )


def _quote_header(writer: Writer, answered: Letter) -> str:
    return writer.vocabulary.quote_header.format(
        sender=answered.sender.name,
        date=f"{answered.sent:%d.%m.%Y %H:%M}",
        to="; ".join(each.name for each in answered.to),
        subject=answered.subject,
    )


def _quote(writer: Writer, answered: Letter, *, internet_style: bool) -> str:
    text = answered.text[:LONGEST_QUOTE].replace("\r\n", "\n")
    if not internet_style:
        return f"{'_' * 32}\n{_quote_header(writer, answered)}\n\n{text}"
    lines = "\n".join(f"> {line}" for line in text.split("\n"))
    return f"{answered.sender.name} <{answered.sender.address}>, {answered.sent:%Y-%m-%d %H:%M}:\n{lines}"


def _html(
    greeting: str, matter: Sequence[str], closing: str, shown: Sequence[str], writer: Writer, answered: Letter | None
) -> str:
    paragraphs = [part for part in (greeting, *matter) if part]
    body = "".join(f"<p class=MsoNormal>{escape(each)}</p>\r\n" for each in paragraphs)
    body += "".join(f'<p class=MsoNormal><img width=64 height=24 src="cid:{cid}"></p>\r\n' for cid in shown)
    body += f"<p class=MsoNormal>{escape(closing).replace(chr(10), '<br>')}</p>\r\n"
    if answered is not None:
        header = escape(_quote_header(writer, answered)).replace("\n", "<br>\r\n")
        # What was answered is quoted as text: its own pictures are not ours to show.
        quoted = escape(answered.text[:LONGEST_QUOTE]).replace("\r\n", "<br>\r\n")
        body += (
            "<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
            f"<p class=MsoNormal><b>{header}</b></p></div>\r\n<div>{quoted}</div>\r\n"
        )
    return (
        '<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8">\r\n'
        "<style>p.MsoNormal {margin:0cm;font-size:11.0pt;font-family:Calibri,sans-serif}</style></head>\r\n"
        f'<body lang={writer.language.upper()} link="#0563C1">\r\n{body}</body></html>\r\n'
    )


def _domain(party: Party) -> str:
    return party.address.partition("@")[2]
