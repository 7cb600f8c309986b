"""Internet mail as bags: what people send, what programs send, and what nobody should have sent."""

import base64
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_lab.mapi import addresses, fasttransfer, tags
from isthmus_lab.mapi.bag import Bag, from_filetime
from isthmus_lab.mapi.globalid import of_uid, uid_of
from isthmus_lab.mapi.mime import bag_from_mime, mime_from_bag
from isthmus_lab.mapi.text import decode_bytes, text_from_html

# No limits of time: a busy machine makes no test fail.
calmly = settings(max_examples=60)

PLAIN = b"""Received: from a by b; Tue, 5 Mar 2024 10:00:07 +0100
From: =?iso-8859-1?Q?J=FCrgen?= Stra=?utf-8?B?w58=?=e <juergen@alpha.example>
To: Robin <robin@beta.example>, "Winter, Alex" <alex@beta.example>
Cc: sam@beta.example
Subject: RE: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_?= =?utf-8?Q?K=C3=B6ln?=
Date: Tue, 5 Mar 2024 10:00:00 +0100
Message-ID: <2@alpha.example>
In-Reply-To: <1@beta.example>
References: <0@alpha.example> <1@beta.example>
Importance: High
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Sch=F6ne Gr=FC=DFe
"""


def lf(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


def test_a_plain_reply() -> None:
    bag = bag_from_mime(lf(PLAIN))
    assert bag[tags.PidTagSubject] == "RE: Grüße aus Köln"
    assert bag[tags.PidTagSubjectPrefix] == "RE: "
    assert bag[tags.PidTagConversationTopic] == "Grüße aus Köln"
    assert bag[tags.PidTagBody] == "Schöne Grüße\r\n"
    assert bag[tags.PidTagSentRepresentingSmtpAddress] == "juergen@alpha.example"
    assert bag[tags.PidTagSenderEmailAddress] == "juergen@alpha.example"
    assert bag[tags.PidTagInReplyToId] == "<1@beta.example>"
    assert bag[tags.PidTagInternetReferences] == "<0@alpha.example> <1@beta.example>"
    assert bag[tags.PidTagImportance] == 2
    assert from_filetime(bag[tags.PidTagClientSubmitTime]).isoformat() == "2024-03-05T09:00:00+00:00"
    assert from_filetime(bag[tags.PidTagMessageDeliveryTime]).isoformat() == "2024-03-05T09:00:07+00:00"
    assert bag[tags.PidTagDisplayTo] == "Robin; Winter, Alex"
    assert [(r[tags.PidTagRecipientType], r[tags.PidTagSmtpAddress]) for r in bag.recipients] == [
        (1, "robin@beta.example"),
        (1, "alex@beta.example"),
        (2, "sam@beta.example"),
    ]
    assert bag[tags.PidTagTransportMessageHeaders].startswith("Received: from a by b;")
    assert len(bag[tags.PidTagConversationIndex]) == 22 + 2 * 5
    assert fasttransfer.decode(fasttransfer.encode(bag)) == bag


def test_messages_of_a_thread_share_the_conversation() -> None:
    first = bag_from_mime(b"Subject: A\nMessage-ID: <0@alpha.example>\nDate: Tue, 5 Mar 2024 09:00:00 +0100\n\nx")
    reply = bag_from_mime(lf(PLAIN))
    assert first[tags.PidTagConversationIndex][6:22] == reply[tags.PidTagConversationIndex][6:22]


def rich() -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "Alex <alex@alpha.example>"
    message["To"] = "Robin <robin@beta.example>"
    message["Bcc"] = "Kim <kim@beta.example>"
    message["Subject"] = "Bild"
    message.set_content("Siehe Bild\n")
    message.add_alternative(
        '<html><head><meta charset="iso-8859-1"></head><body>Siehe <img src="cid:a@b"></body></html>', "html"
    )
    html = list(message.iter_parts())[1]
    assert isinstance(html, EmailMessage)
    html.add_related(b"\x89PNG", "image", "png", cid="<a@b>", filename="bild.png")
    message.add_attachment("ä;b".encode("cp1252"), "text", "csv", filename="Übersicht für März.csv")
    inner = EmailMessage(policy=policy.SMTP)
    inner["Subject"] = "Innen"
    inner.set_content("innerer Text")
    message.add_attachment(inner)
    return message


def test_bodies_pictures_files_and_messages_inside() -> None:
    bag = bag_from_mime(rich().as_bytes())
    assert bag[tags.PidTagBody] == "Siehe Bild\r\n"
    assert b'charset="utf-8"' in bag[tags.PidTagHtml]
    picture, sheet, letter = bag.attachments
    assert picture.properties[tags.PidTagAttachContentId] == "a@b"
    assert picture.properties[tags.PidTagAttachmentHidden] is True
    assert picture.properties[tags.PidTagAttachDataBinary] == b"\x89PNG"
    assert sheet.properties[tags.PidTagAttachLongFilename] == "Übersicht für März.csv"
    assert sheet.properties[tags.PidTagAttachExtension] == ".csv"
    assert letter.embedded is not None
    assert letter.embedded[tags.PidTagSubject] == "Innen"
    assert letter.embedded[tags.PidTagBody].startswith("innerer Text")
    assert [a.properties[tags.PidTagAttachNumber] for a in bag.attachments] == [0, 1, 2]


def same(one: Bag, other: Bag) -> None:
    """Equal in all that a reader sees; headers may be written another way."""
    for key in one.properties.keys() - {tags.PidTagTransportMessageHeaders, tags.PidTagMessageDeliveryTime}:
        assert other.get(key) == one[key], hex(key) if isinstance(key, int) else key
    assert other.recipients == one.recipients
    assert len(other.attachments) == len(one.attachments)
    for mine, theirs in zip(one.attachments, other.attachments, strict=True):
        assert theirs.properties == mine.properties
        assert (mine.embedded is None) == (theirs.embedded is None)
        if mine.embedded and theirs.embedded:
            same(mine.embedded, theirs.embedded)


@pytest.mark.parametrize("source", [lf(PLAIN), rich().as_bytes()])
def test_there_and_back(source: bytes) -> None:
    bag = bag_from_mime(source)
    bag[tags.PidTagMessageFlags] = tags.MSGFLAG_UNSENT  # a draft names its Bcc recipients
    written = mime_from_bag(bag)
    assert b"\n" not in written.replace(b"\r\n", b"")
    assert all(len(line) < 998 for line in written.split(b"\r\n"))
    again = bag_from_mime(written)
    del bag.properties[tags.PidTagMessageFlags]
    same(bag, again)


def test_bcc_recipients_of_a_sent_message_are_not_told() -> None:
    assert b"kim@beta.example" not in mime_from_bag(bag_from_mime(rich().as_bytes()))


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode("cp1252"), "us-ascii", "Grüße"),
        ("Grüße".encode("cp1252"), "utf-8", "Grüße"),
        ("10 €".encode("cp1252"), "iso-8859-1", "10 €"),
        ("你好".encode("gb18030"), "gb2312", "你好"),
        ("안녕".encode("cp949"), "ks_c_5601-1987", "안녕"),
        ("Grüße".encode(), "x-unknown", "Grüße"),
        ("Grüße".encode(), "no such\0set", "Grüße"),
        (b"\x81\x8d", None, "\x81\x8d"),
        ("Grüße".encode("utf-16"), "utf-16", "Grüße"),
    ],
)
def test_character_sets_that_lie(raw: bytes, charset: str | None, text: str) -> None:
    assert decode_bytes(raw, charset) == text


def test_raw_8_bit_headers_are_read() -> None:
    bag = bag_from_mime("Subject: Grüße\nFrom: Jürgen <j@a.example>\n\nx".encode())
    assert bag[tags.PidTagSubject] == "Grüße"
    assert bag[tags.PidTagSenderName] == "Jürgen"
    assert bag_from_mime("Subject: Grüße\n\nx".encode("cp1252"))[tags.PidTagSubject] == "Grüße"


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\0\xff\xfe",
        b"no headers at all",
        b"Subject: =?utf-8?B?not base64!?=\nDate: yesterday\nMessage-ID: <\n\n",
        b"From: <<<@@>>>,,;\nTo: undisclosed-recipients:;\nCc: =?x?y?z?=\n\n",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nno end",
        b"Content-Type: multipart/mixed\n\nno boundary",
        b"Content-Type: multipart/signed; boundary=x\n\nnothing signed",
        b"Content-Type: message/rfc822\n\n",
        b"Content-Type: text/plain; charset*=utf-8'x'%ff%00\n\nx",
        b'Content-Type: text/html; charset="\n\n<p>x',
        b"Content-Transfer-Encoding: base64\n\n!!!!=a",
        b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\nnonsense\nend",
        b"Content-Type: message/delivery-status\n\nAction failed\n\n",
        b"Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:never\n",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x--",
        b"Thread-Index: !!!\nReferences: <\xff>\n\n",
    ],
)
def test_nothing_is_too_broken(broken: bytes) -> None:
    bag = bag_from_mime(broken)
    fasttransfer.encode(bag)
    bag_from_mime(mime_from_bag(bag))


@calmly
@given(st.data())
def test_damaged_mail_is_still_read(data: st.DataObject) -> None:
    source = bytearray(data.draw(st.sampled_from([lf(PLAIN), rich().as_bytes()])))
    for _ in range(4):
        at = data.draw(st.integers(0, len(source) - 1))
        source[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    bag = bag_from_mime(bytes(source))
    fasttransfer.encode(bag)
    bag_from_mime(mime_from_bag(bag))


def test_signed_mail_keeps_every_signed_byte() -> None:
    entity = (
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=s\r\n\r\n'
        b"--s\r\nContent-Type: text/plain\r\n\r\nFrom here on  \r\n\tsigned\r\n--s\r\n"
        b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--s--\r\n"
    )
    bag = bag_from_mime(b"Subject: S\r\nFrom: a@b.example\r\nMIME-Version: 1.0\r\n" + entity)
    assert bag[tags.PidTagMessageClass] == "IPM.Note.SMIME.MultipartSigned"
    assert bag[tags.PidTagBody].startswith("From here on")
    assert mime_from_bag(bag).endswith(entity)
    assert bag_from_mime(mime_from_bag(bag)).attachments == bag.attachments


def test_encrypted_mail() -> None:
    source = b"Subject: E\r\nContent-Type: application/pkcs7-mime; name=smime.p7m\r\n"
    source += b"Content-Transfer-Encoding: base64\r\n\r\n"
    bag = bag_from_mime(source + base64.b64encode(b"secret"))
    assert bag[tags.PidTagMessageClass] == "IPM.Note.SMIME"
    again = message_from_bytes(mime_from_bag(bag))
    assert again.get_content_type() == "application/pkcs7-mime"
    assert again.get_payload(decode=True) == b"secret"


def test_non_delivery_report() -> None:
    bag = bag_from_mime(
        lf(
            b"Subject: Undeliverable\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n"
            b"--r\n\nIt could not be delivered.\n--r\nContent-Type: message/delivery-status\n\n"
            b"Reporting-MTA: dns; a.example\n\nFinal-Recipient: rfc822; x@a.example\nAction: failed\nStatus: 5.1.1\n"
            b"--r\nContent-Type: message/rfc822\n\nSubject: Was\n\nthis\n--r--\n"
        )
    )
    assert bag[tags.PidTagMessageClass] == "REPORT.IPM.Note.NDR"
    assert bag[tags.PidTagBody] == "It could not be delivered."
    details, original = bag.attachments
    assert b"Status: 5.1.1" in details.properties[tags.PidTagAttachDataBinary]
    assert original.embedded is not None and original.embedded[tags.PidTagSubject] == "Was"
    assert bag_from_mime(mime_from_bag(bag))[tags.PidTagMessageClass] == "REPORT.IPM.Note.NDR"


REQUEST = """From: Alex <alex@alpha.example>
To: Robin <robin@beta.example>
Subject: Planung
Content-Type: multipart/alternative; boundary=m

--m
Content-Type: text/plain; charset=utf-8

Bis dann
--m
Content-Type: text/calendar; method=REQUEST; charset=utf-8

BEGIN:VCALENDAR
PRODID:-//x//EN
VERSION:2.0
METHOD:REQUEST
BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:abc-123
SUMMARY:Planung
DTSTART;TZID=W. Europe Standard Time:20240610T100000
DTEND;TZID=W. Europe Standard Time:20240610T113000
DTSTAMP:20240601T080000Z
LOCATION:Raum Köln
ORGANIZER;CN=Alex:mailto:alex@alpha.example
ATTENDEE;CN=Robin;ROLE=REQ-PARTICIPANT:mailto:robin@beta.example
ATTENDEE;CN=Kim;ROLE=OPT-PARTICIPANT:mailto:kim@beta.example
END:VEVENT
END:VCALENDAR
--m--
"""


def test_a_meeting_request() -> None:
    bag = bag_from_mime(lf(REQUEST.encode()))
    assert bag[tags.PidTagMessageClass] == "IPM.Schedule.Meeting.Request"
    assert from_filetime(bag[tags.PidLidAppointmentStartWhole]).isoformat() == "2024-06-10T08:00:00+00:00"
    assert bag[tags.PidLidAppointmentDuration] == 90
    assert bag[tags.PidLidLocation] == "Raum Köln"
    assert uid_of(bag[tags.PidLidGlobalObjectId]) == "abc-123"
    assert [r[tags.PidTagSmtpAddress] for r in bag.recipients] == ["robin@beta.example", "kim@beta.example"]
    assert bag.attachments == []
    again = bag_from_mime(mime_from_bag(bag))
    for key in (
        tags.PidTagMessageClass,
        tags.PidLidAppointmentStartWhole,
        tags.PidLidAppointmentEndWhole,
        tags.PidLidLocation,
        tags.PidLidGlobalObjectId,
    ):
        assert again[key] == bag[key]


def test_a_rule_that_no_series_can_follow_keeps_its_calendar_file() -> None:
    source = REQUEST.replace("SUMMARY:", "RRULE:FREQ=YEARLY;BYYEARDAY=100\nSUMMARY:")
    bag = bag_from_mime(lf(source.encode()))
    assert bag[tags.PidTagMessageClass] == "IPM.Note"
    assert bag.attachments[0].properties[tags.PidTagAttachLongFilename] == "meeting.ics"


def test_global_object_ids() -> None:
    ours = "040000008200E00074C5B7101A82E00800000000" + "00" * 12 + "10000000" + "AB" * 16
    assert uid_of(of_uid(ours)) == ours
    assert uid_of(of_uid("Grüße@x")) == "Grüße@x"


def test_reply_addresses_come_back() -> None:
    bag = bag_from_mime(b"From: a@a.example\nReply-To: B <b@a.example>, c@a.example\n\nx")
    assert addresses.reply_to_of(bag.properties) == [("B", "b@a.example"), ("c@a.example", "c@a.example")]
    written: Message = message_from_bytes(mime_from_bag(bag))
    assert [a.address for a in addresses.parse(written.get_all("Reply-To", []))] == ["b@a.example", "c@a.example"]


def test_html_as_text() -> None:
    html = "<style>x</style><p>Hallo &amp; gut</p><table><tr><td>1</td><td>2</td></tr></table><ul><li>a<li>b</ul>"
    assert text_from_html(html).split() == ["Hallo", "&", "gut", "1", "2", "a", "b"]


def test_long_and_foreign_headers_stay_whole() -> None:
    bag = Bag(
        {
            tags.PidTagSubject: "Ä" * 200 + " Ende",
            tags.PidTagInternetMessageId: "<" + "x" * 300 + "@a.example>",
            tags.PidTagInternetReferences: " ".join(f"<{n}{'r' * 60}@a.example>" for n in range(40)),
            tags.PidTagTransportMessageHeaders: "X-Probe: 42\r\nSubject: old\r\n",
        }
    )
    again = bag_from_mime(mime_from_bag(bag))
    for key in (tags.PidTagSubject, tags.PidTagInternetMessageId, tags.PidTagInternetReferences):
        assert again[key] == bag[key]
    assert "X-Probe: 42" in again[tags.PidTagTransportMessageHeaders]
    assert "Subject: old" not in again[tags.PidTagTransportMessageHeaders]


def test_a_value_cannot_smuggle_headers_in() -> None:
    bag = Bag({tags.PidTagSubject: "a\r\nBcc: evil@a.example", tags.PidTagInternetMessageId: "<1>\r\nX-Evil: 1"})
    written = message_from_bytes(mime_from_bag(bag))
    assert written["Bcc"] is None and written["X-Evil"] is None
