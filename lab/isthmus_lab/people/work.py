"""What people do with their mailbox: one function for each thing, and a day that draws them by chance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from random import Random

import aiohttp
from lxml import etree

from isthmus_lab.ews import NS, Client, EwsError, T, item_id
from isthmus_lab.people.journal import Journal
from isthmus_lab.people.staff import House, Worker
from isthmus_lab.population.files import draw_file
from isthmus_lab.population.text import Writer

_AT_WORK = "at-work"
"""Part of every Message-ID that is written here, so that nobody deletes what a test will look for."""
_FIELDS = ("item:Subject", "message:InternetMessageId", "message:IsRead", "message:From")
CATEGORIES = ("Waiting for an answer", "Projekt", "À relire")


@dataclass(frozen=True)
class Desk:
    """A person at work in their mailbox."""

    worker: Worker
    house: House
    client: Client
    colleagues: list[Worker]
    random: Random
    journal: Journal

    @property
    def writer(self) -> Writer:
        return Writer.start(self.random, self.worker.language)

    def note(self, action: str, what: str) -> None:
        self.journal.write(action, mailbox=self.worker.address, organisation=self.house.name, what=what)


Action = Callable[[Desk], Awaitable[None]]


async def write(desk: Desk) -> None:
    """Send a new message to some people of both organisations."""
    random, writer = desk.random, desk.writer
    to = random.sample(desk.colleagues, min(len(desk.colleagues), random.choice((1, 1, 2, 3))))
    await _send(desk, to, writer.subject(), writer, reply_to=None)


async def answer(desk: Desk) -> None:
    """Answer one of the newest messages, if its sender works here."""
    known = {each.address: each for each in desk.colleagues}
    for item in await desk.client.find("inbox", _FIELDS, limit=10):
        sender = item.findtext("t:From/t:Mailbox/t:EmailAddress", "", NS).lower()
        if sender in known:
            writer = desk.writer
            subject = item.findtext("t:Subject", "", NS)
            if not subject.startswith(writer.vocabulary.reply):
                subject = writer.vocabulary.reply + subject
            message_id = item.findtext("t:InternetMessageId", "", NS)
            await _send(desk, [known[sender]], subject, writer, reply_to=message_id)
            return


async def _send(desk: Desk, to: list[Worker], subject: str, writer: Writer, reply_to: str | None) -> None:
    random = desk.random
    domain = desk.worker.address.partition("@")[2]
    message = EmailMessage()
    message["From"] = f'"{desk.worker.name}" <{desk.worker.address}>'
    message["To"] = ", ".join(f'"{each.name}" <{each.address}>' for each in to)
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{random.getrandbits(96):024x}@{_AT_WORK}.{domain}>"
    if reply_to:
        message["In-Reply-To"] = reply_to
        message["References"] = reply_to
    paragraphs = writer.paragraphs(reply=reply_to is not None)
    message.set_content("\n\n".join([*paragraphs, writer.closing(), desk.worker.name]))
    if random.random() < 0.6:
        message.add_alternative("".join(f"<p>{escape(each)}</p>" for each in paragraphs), subtype="html")
    if random.random() < 0.2:
        file = draw_file(random, writer)
        kind, _, subtype = file.mime_type.partition("/")
        message.add_attachment(file.content, maintype=kind, subtype=subtype, filename=file.name)
    line = {
        "message_id": message["Message-ID"],
        "from": desk.worker.address,
        "to": [each.address for each in to],
        "subject": subject,
        "organisation": desk.house.name,
    }
    try:
        await desk.client.send(message.as_bytes())
    except aiohttp.ClientConnectorError:  # nothing reached the server
        raise
    except (aiohttp.ClientError, TimeoutError):
        desk.journal.write("unsure", **line)
        raise
    desk.journal.write("sent", **line)


async def read(desk: Desk) -> None:
    """Mark the newest unread message as read."""
    for item in await desk.client.find("inbox", _FIELDS, limit=30):
        if item.findtext("t:IsRead", "", NS) == "false":
            await desk.client.update(item_id(item), "Message", {"message:IsRead": T.IsRead("true")})
            desk.note("read", item.findtext("t:Subject", "", NS))
            return


async def file(desk: Desk) -> None:
    """Move a message from the inbox into a folder of one's own."""
    items = await desk.client.find("inbox", _FIELDS, limit=40)
    own = [each for each in await desk.client.folders() if each.kind == "IPF.Note" and each.total]
    standard = {(await desk.client.folder(role)).id for role in ("inbox", "sentitems", "drafts", "deleteditems")}
    places = [each for each in own if each.id not in standard]
    if not items or not places:
        return
    item, place = desk.random.choice(items), desk.random.choice(places)
    await desk.client.move([item_id(item)], place.id)
    desk.note("filed", f"{item.findtext('t:Subject', '', NS)} -> {place.name}")


async def edit(desk: Desk) -> None:
    """Put a category on a message, or change the subject of a task."""
    role, kind = desk.random.choice((("inbox", "Message"), ("sentitems", "Message"), ("tasks", "Task")))
    items = await desk.client.find(role, ("item:Subject",), limit=40)
    if not items:
        return
    item = desk.random.choice(items)
    subject = item.findtext("t:Subject", "", NS)
    if kind == "Task":
        changes: dict[str, etree._Element] = {"item:Subject": T.Subject(f"{subject} (!)"[:250])}
    else:
        changes = {"item:Categories": T.Categories(T.String(desk.random.choice(CATEGORIES)))}
    element = etree.QName(item).localname if kind == "Message" else kind
    await desk.client.update(item_id(item), element, changes)
    desk.note("edited", subject)


async def delete(desk: Desk) -> None:
    """Delete an old message: mostly into Deleted Items, sometimes for good."""
    items = await desk.client.find("inbox", _FIELDS, limit=60)
    old = [each for each in items if f"@{_AT_WORK}." not in each.findtext("t:InternetMessageId", "", NS)]
    if old:
        item = desk.random.choice(old)
        how = desk.random.choice(("MoveToDeletedItems", "MoveToDeletedItems", "SoftDelete", "HardDelete"))
        await desk.client.delete([item_id(item)], how)
        desk.note("deleted", f"{item.findtext('t:Subject', '', NS)} ({how})")


async def book(desk: Desk) -> None:
    """Put an appointment into one's own calendar."""
    random, writer = desk.random, desk.writer
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = now + timedelta(days=random.randint(1, 60), hours=random.randint(-4, 4))
    subject = writer.subject()
    item = T.CalendarItem(
        T.Subject(subject),
        T.Body(writer.paragraph(1), BodyType="Text"),
        T.Start(f"{start:%Y-%m-%dT%H:%M:%SZ}"),
        T.End(f"{start + timedelta(minutes=random.choice((30, 60, 90))):%Y-%m-%dT%H:%M:%SZ}"),
        T.LegacyFreeBusyStatus("Busy"),
        T.Location(random.choice(("Aquarium", "Room 2.14", "Zürich"))),
    )
    await desk.client.create("calendar", item)
    desk.note("booked", subject)


ACTIONS: tuple[tuple[Action, int], ...] = (
    (write, 34),
    (answer, 14),
    (read, 20),
    (file, 9),
    (edit, 8),
    (delete, 5),
    (book, 10),
)


async def do_something(desk: Desk) -> None:
    """One thing, drawn by chance. What the server refuses is in the journal; a lost connection raises."""
    action = desk.random.choices([each for each, _ in ACTIONS], [weight for _, weight in ACTIONS])[0]
    try:
        await action(desk)
    except EwsError as error:
        # An item that somebody else moved or deleted meanwhile, a server that is busy: people shrug and go on.
        desk.note("refused", f"{action.__name__}: {error}")
