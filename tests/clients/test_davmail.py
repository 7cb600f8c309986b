"""DavMail, unmodified, on the lab's Exchange: mail by IMAP and SMTP, calendars by CalDAV, contacts by CardDAV, LDAP."""

from __future__ import annotations

import base64
import imaplib
import os
import smtplib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.error import HTTPError
from xml.etree import ElementTree

import ldap3
import pytest
from exchangelib import EWSDateTime, EWSTimeZone
from isthmus_cli.runner.ports import free_ports

from tests.clients.conftest import Staff
from tests.plugins.clients import account_of
from tests.plugins.exchange import Person
from tests.processes import Process, wait_until

_JAR = "/usr/share/davmail/davmail.jar"
_SERVICES = ("imap", "smtp", "caldav", "ldap", "pop")


@dataclass(frozen=True)
class Gateway:
    """DavMail's ports on 127.0.0.1 by protocol."""

    ports: dict[str, int]

    def imap(self, person: Person) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=60)
        client.login(person.principal, person.password)
        return client

    def send(self, person: Person, message: EmailMessage) -> None:
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"], timeout=60) as client:
            client.login(person.principal, person.password)
            client.send_message(message)

    def dav(self, person: Person, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
        """A WebDAV request below the person's home: the status and what came."""
        credentials = base64.b64encode(f"{person.principal}:{person.password}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['caldav']}/users/{person.smtp}/{path}",
            body.encode(),
            {"Authorization": f"Basic {credentials}", "Content-Type": "text/xml; charset=utf-8"} | headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def gateway(staff: Staff, java_trust: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("davmail")
    ports = dict(zip(_SERVICES, free_ports(len(_SERVICES)), strict=True))
    settings = folder / "davmail.properties"
    lines = {
        "server": "true",
        "mode": "EWS",
        "url": staff.exchange.ews,
        "bindAddress": "127.0.0.1",
        "disableUpdateCheck": "true",
        "caldavPastDelay": "0",
        "logFilePath": str(folder / "davmail.log"),
    } | {f"{name}Port": str(port) for name, port in ports.items()}
    settings.write_text("".join(f"davmail.{name}={value}\n" for name, value in lines.items()))
    java = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.awt.headless=true", *java_trust)
    process = Process((*java, "-jar", _JAR, "-server", str(settings)), folder / "output", folder=folder)
    process.start()

    def listens() -> bool:
        assert process.alive(), process.tail()
        try:
            imaplib.IMAP4("127.0.0.1", ports["imap"]).shutdown()
        except OSError:
            return False
        return True

    try:
        wait_until(listens, "DavMail answers")
        yield Gateway(ports)
    finally:
        process.kill()


def message(sender: Person, receiver: Person, subject: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender.smtp, receiver.smtp, subject
    made.set_content("Schöne Grüße\n")
    made.add_attachment(os.urandom(50_000), maintype="application", subtype="octet-stream", filename="noise.bin")
    return made


def uids(client: imaplib.IMAP4, *criteria: str) -> list[bytes]:
    status, found = client.uid("SEARCH", *criteria)
    assert status == "OK"
    listed: bytes = found[0]
    return listed.split()


def arrived(client: imaplib.IMAP4, subject: str, folder: str = "INBOX") -> bytes:
    """The UID of the only message of that subject, once it is there."""

    def there() -> bool:
        assert client.select(folder)[0] == "OK"
        return bool(uids(client, "SUBJECT", f'"{subject}"'))

    wait_until(there, f"{subject} in {folder}")
    (uid,) = uids(client, "SUBJECT", f'"{subject}"')
    return uid


def fetched(client: imaplib.IMAP4, uid: bytes, what: str) -> bytes:
    status, parts = client.uid("FETCH", uid.decode(), what)
    assert status == "OK"
    return b"".join(part for each in parts for part in (each if isinstance(each, tuple) else (each,)) if part)


def test_mail_goes_out_by_smtp_and_is_read_by_imap(staff: Staff, gateway: Gateway) -> None:
    ada, ben = staff.people["ada"], staff.people["ben"]
    sent = message(ada, ben, "Grüße by SMTP")
    gateway.send(ada, sent)
    client = gateway.imap(ben)
    uid = arrived(client, "by SMTP")
    status, parts = client.uid("FETCH", uid.decode(), "(BODY.PEEK[])")
    assert status == "OK" and isinstance(parts[0], tuple)
    got = message_from_bytes(parts[0][1], policy=policy.default)
    assert got["Subject"] == "Grüße by SMTP"
    assert got["From"].addresses[0].addr_spec == ada.smtp
    body, attachment = got.get_body(), next(got.iter_attachments())
    assert body is not None and body.get_content().strip() == "Schöne Grüße"
    assert attachment.get_filename() == "noise.bin"
    assert attachment.get_content() == next(sent.iter_attachments()).get_content()
    assert b"\\Seen" not in fetched(client, uid, "(FLAGS)")
    own = gateway.imap(ada)
    arrived(own, "by SMTP", "Sent")


def test_folders_flags_moves_and_deletions_by_imap(staff: Staff, gateway: Gateway) -> None:
    ada = staff.people["ada"]
    client = gateway.imap(ada)
    status, listed = client.list()
    names = b"\n".join(each for each in listed if isinstance(each, bytes))
    assert status == "OK"
    for special in (b"\\Trash", b"\\Drafts", b"\\Sent", b"\\Junk"):
        assert special in names
    assert client.create("Projekt")[0] == "OK"
    raw = message(ada, ada, "Appended").as_bytes(policy=policy.SMTP)
    assert client.append("Projekt", r"(\Seen)", None, raw)[0] == "OK"
    uid = arrived(client, "Appended", "Projekt")
    assert b"\\Seen" in fetched(client, uid, "(FLAGS)")
    assert client.uid("STORE", uid.decode(), "-FLAGS", r"(\Seen)")[0] == "OK"
    assert client.uid("STORE", uid.decode(), "+FLAGS", r"(\Flagged \Answered)")[0] == "OK"
    flags = fetched(client, uid, "(FLAGS)")
    assert b"\\Flagged" in flags and b"\\Answered" in flags and b"\\Seen" not in flags
    assert uids(client, "UNSEEN") == [uid]
    assert client.uid("COPY", uid.decode(), "INBOX")[0] == "OK"
    assert client.uid("MOVE", uid.decode(), "Drafts")[0] == "OK"
    client.select("Projekt")
    assert uids(client, "ALL") == []
    inbox = arrived(client, "Appended", "INBOX")
    assert client.uid("STORE", inbox.decode(), "+FLAGS", r"(\Deleted)")[0] == "OK"
    client.expunge()
    client.select("INBOX")
    assert uids(client, "SUBJECT", '"Appended"') == []
    arrived(client, "Appended", "Drafts")
    assert client.rename("Projekt", "Projekt 2")[0] == "OK"
    assert client.delete('"Projekt 2"')[0] == "OK"
    client.logout()


def test_contacts_by_carddav(staff: Staff, gateway: Gateway) -> None:
    ada = staff.people["ada"]
    card = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:card-1\r\nFN:Eva Öz\r\nN:Öz;Eva;;;\r\nORG:Firma\r\n"
        "EMAIL;TYPE=work:eva@elsewhere.test\r\nTEL;TYPE=cell:+49 1\r\n"
        "ADR;TYPE=work:;;Weg 1;Köln;;5;Germany\r\nEND:VCARD\r\n"
    )
    assert gateway.dav(ada, "PUT", "contacts/card-1.vcf", card)[0] == 201
    status, text = gateway.dav(
        ada, "PROPFIND", "contacts/", '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>', Depth="1"
    )
    assert status == 207
    tags = {
        each.findtext("{DAV:}href", ""): each.findtext(".//{DAV:}getetag", "")
        for each in ElementTree.fromstring(text).iter("{DAV:}response")
    }
    ((href, etag),) = [each for each in tags.items() if each[0].endswith(".vcf")]
    status, read = gateway.dav(ada, "GET", "contacts/" + href.rpartition("/")[2])
    assert status == 200
    for line in ("FN:Eva Öz", "N:Öz;Eva", "ORG:Firma", "eva@elsewhere.test", "+49 1", "Köln"):
        assert line in read, read
    changed = card.replace("Firma", "Werk")
    assert gateway.dav(ada, "PUT", "contacts/card-1.vcf", changed, **{"If-Match": '"another"'})[0] == 412
    assert gateway.dav(ada, "PUT", "contacts/card-1.vcf", changed, **{"If-Match": etag})[0] == 200
    assert "ORG:Werk" in gateway.dav(ada, "GET", "contacts/card-1.vcf")[1]
    assert gateway.dav(ada, "DELETE", "contacts/card-1.vcf")[0] == 200
    assert gateway.dav(ada, "GET", "contacts/card-1.vcf")[0] == 404


def test_people_by_ldap(staff: Staff, gateway: Gateway) -> None:
    ada, ben = staff.people["ada"], staff.people["ben"]
    server = ldap3.Server("127.0.0.1", gateway.ports["ldap"], get_info=ldap3.NONE)
    with ldap3.Connection(server, ada.principal, ada.password, auto_bind=True) as connection:
        connection.search("ou=people", f"(cn={ben.name[:8]}*)", attributes=["cn", "mail"])
        (found,) = connection.entries
    assert (found.cn.value, found.mail.value) == (ben.name, ben.smtp)


QUERY = (
    '<C:calendar-query xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:"><D:prop><D:getetag/><C:calendar-data/>'
    '</D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/></C:comp-filter></C:filter>'
    "</C:calendar-query>"
)


def event(uid: str, subject: str, start: str, *more: str) -> str:
    lines = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN", "BEGIN:VEVENT", f"UID:{uid}")
    times = ("DTSTAMP:20300101T000000Z", f"DTSTART:{start}", "DURATION:PT1H", f"SUMMARY:{subject}")
    return "\r\n".join((*lines, *times, *more, "END:VEVENT", "END:VCALENDAR", ""))


def events(gateway: Gateway, person: Person) -> dict[str, tuple[str, str]]:
    """Path and iCalendar text of what is in a person's calendar, by subject."""
    status, text = gateway.dav(person, "REPORT", "calendar/", QUERY, Depth="1")
    assert status == 207, text
    found = {}
    for response in ElementTree.fromstring(text).iter("{DAV:}response"):
        data = response.findtext(".//{urn:ietf:params:xml:ns:caldav}calendar-data", "")
        name = response.findtext("{DAV:}href", "").rpartition("/")[2]
        found[data.partition("SUMMARY:")[2].splitlines()[0]] = (f"calendar/{name}", data)
    return found


def test_appointments_by_caldav(staff: Staff, gateway: Gateway) -> None:
    person = staff.hire("cal")
    account = account_of(staff.exchange, person)
    made = event("one@tests", "Zahnarzt", "20310303T090000Z", "LOCATION:Hafen 1", "DESCRIPTION:Mitbringen")
    assert gateway.dav(person, "PUT", "calendar/one.ics", made)[0] == 201
    (item,) = account.calendar.all()
    assert (item.subject, item.location) == ("Zahnarzt", "Hafen 1")
    assert (item.start.isoformat(), item.end.isoformat()) == ("2031-03-03T09:00:00+00:00", "2031-03-03T10:00:00+00:00")
    assert "Mitbringen" in item.text_body
    path, text = events(gateway, person)["Zahnarzt"]
    assert "UID:one@tests" in text and "LOCATION:Hafen 1" in text
    item.subject = "Zahnärztin"
    item.save(update_fields=["subject"], send_meeting_invitations="SendToNone")
    assert list(events(gateway, person)) == ["Zahnärztin"]
    assert gateway.dav(person, "DELETE", path)[0] == 200
    assert events(gateway, person) == {} and account.calendar.all().count() == 0


def test_series_by_caldav(staff: Staff, gateway: Gateway) -> None:
    person = staff.hire("series")
    account = account_of(staff.exchange, person)
    made = event(
        "many@tests", "Weekly", "20310505T080000Z", "RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO", "EXDATE:20310519T080000Z"
    )
    assert gateway.dav(person, "PUT", "calendar/many.ics", made)[0] == 201
    (item,) = account.calendar.all()
    assert item.type == "RecurringMaster" and item.recurrence.boundary.number == 4
    begin = EWSDateTime(2031, 5, 1, tzinfo=EWSTimeZone("UTC"))
    days = [each.start.day for each in account.calendar.view(begin, begin + timedelta(days=60))]
    assert days == [5, 12, 26]
    ((_, text),) = events(gateway, person).values()
    assert "RRULE:" in text and "EXDATE" in text


def test_a_meeting_by_caldav(staff: Staff, gateway: Gateway) -> None:
    ada, ben = staff.people["ada"], staff.people["ben"]
    attendee = f"ATTENDEE;PARTSTAT=NEEDS-ACTION;ROLE=REQ-PARTICIPANT;RSVP=TRUE:mailto:{ben.smtp}"
    made = event("meeting@tests", "Planning by CalDAV", "20310901T130000Z", f"ORGANIZER:mailto:{ada.smtp}", attendee)
    assert gateway.dav(ada, "PUT", "calendar/meeting.ics", made)[0] == 201
    theirs = account_of(staff.exchange, ben)
    wait_until(lambda: theirs.inbox.filter(subject="Planning by CalDAV").exists(), "ben is invited")
    wait_until(lambda: "Planning by CalDAV" in events(gateway, ben), "it is in ben's calendar")
    path, text = events(gateway, ben)["Planning by CalDAV"]
    accepted = text.replace("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED")
    assert accepted != text
    assert gateway.dav(ben, "PUT", path, accepted)[0] in (200, 201)
    own = account_of(staff.exchange, ada)

    def answered() -> bool:
        (item,) = own.calendar.filter(subject="Planning by CalDAV")
        return [each.response_type for each in item.required_attendees] == ["Accept"]

    wait_until(answered, "ada's calendar knows that ben comes")


ZONED = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//tests//EN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:zoned@tests
DTSTAMP:20300101T000000Z
DTSTART;TZID=Europe/Berlin:{day}T{hour:02}0000
DTEND;TZID=Europe/Berlin:{day}T{end:02}0000
SUMMARY:{subject}
CLASS:PRIVATE
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:x
TRIGGER:-PT30M
END:VALARM
END:VEVENT
END:VCALENDAR
"""


def test_changes_by_caldav_keep_zone_and_reminder(staff: Staff, gateway: Gateway) -> None:
    person = staff.hire("zoned")
    account = account_of(staff.exchange, person)
    made = ZONED.format(day="20300506", hour=8, end=9, subject="Termin").replace("\n", "\r\n")
    assert gateway.dav(person, "PUT", "calendar/zoned.ics", made)[0] == 201
    path, text = events(gateway, person)["Termin"]
    assert ":20300506T080000" in text and "TRIGGER:-PT30M" in text and "CLASS:PRIVATE" in text
    # DavMail changes field by field, times without an offset and the zone beside them.
    changed = ZONED.format(day="20300507", hour=9, end=10, subject="Verlegt").replace("\n", "\r\n")
    assert gateway.dav(person, "PUT", path, changed)[0] == 200
    assert ":20300507T090000" in events(gateway, person)["Verlegt"][1]
    (item,) = account.calendar.all()
    assert (item.subject, item.start.isoformat()) == ("Verlegt", "2030-05-07T07:00:00+00:00")
    assert (item.sensitivity, item.reminder_minutes_before_start) == ("Private", 30)
