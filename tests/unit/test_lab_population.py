"""The generators of the lab: the same for the same seed, and as awkward as real people and their mail."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections import Counter
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_lab.exchange.ews import search_folders
from isthmus_lab.forests.objects import Change, Entry, as_json, escape_rdn
from isthmus_lab.mapi import exceptions, occurrences, tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.mapi.fasttransfer import decode, encode
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_lab.population import things
from isthmus_lab.population.calendar import draw_appointment
from isthmus_lab.population.copies import Written
from isthmus_lab.population.files import archive, docx, draw_file, pdf, picture
from isthmus_lab.population.letters import write_thread
from isthmus_lab.population.mailboxes import fill
from isthmus_lab.population.names import CULTURES, ascii_name
from isthmus_lab.population.oddities import draw_oddity
from isthmus_lab.population.parties import Party, insider, outsider
from isthmus_lab.population.people import Population, populate
from isthmus_lab.population.recipients import recipients
from isthmus_lab.population.seeds import seeded
from isthmus_lab.population.series import Moved, Series
from isthmus_lab.population.surroundings import surround
from isthmus_lab.population.text import Writer
from isthmus_lab.population.words import VOCABULARIES
from isthmus_lab.store import Store
from ldap3.utils.dn import parse_dn

TODAY = date(2024, 5, 2)
NOW = datetime(2024, 5, 2, 8, tzinfo=UTC)


def _steps(population: Population) -> list[Entry | Change]:
    return list(recipients(population, {person.address: "secret" for person in population.people}))


# --- people ---------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_people() -> None:
    assert populate(ALPHA, 60, 3) == populate(ALPHA, 60, 3)
    assert populate(ALPHA, 60, 3) != populate(ALPHA, 60, 4)


def test_everybody_has_names_of_their_own() -> None:
    population = populate(ALPHA, 1500, 1)
    everybody = [*population.people, *population.rooms]
    for attribute in ("alias", "account", "address", "display_name", "mailbox"):
        assert len({getattr(each, attribute) for each in everybody}) == len(everybody), attribute
    assert all(len(each.account) <= 20 and each.account.isascii() for each in everybody)
    assert any(not each.display_name.isascii() for each in everybody)


@pytest.mark.parametrize("size", [10, 25, 300])
def test_managers_and_members_are_people_of_the_organisation(size: int) -> None:
    population = populate(ALPHA, size, 2)
    known = {each.alias for each in population.people}
    assert [each.alias for each in population.people if each.manager is None] == [population.people[0].alias]
    assert all(each.manager in known for each in population.people if each.manager)
    groups = {each.alias for each in population.groups}
    rooms = {each.alias for each in population.rooms}
    assert all(set(each.members) <= known | groups for each in population.groups if not each.room_list)
    assert [set(each.members) for each in population.groups if each.room_list] == [rooms]
    assert any(set(each.members) & groups for each in population.groups), "groups in groups"


def test_beta_knows_some_people_of_alpha_by_their_address() -> None:
    alpha = populate(ALPHA, 25, 1)
    beta = populate(BETA, 8, 1, known=alpha.people[2::7])
    arrived = [each for each in beta.people if each.also_in_alpha]
    assert {each.address for each in arrived} == {each.address for each in alpha.people[2::7]}
    assert not {each.mailbox for each in arrived} & {each.mailbox for each in alpha.people}
    entries = {
        step.attributes["mail"][0]: step
        for step in _steps(beta)
        if isinstance(step, Entry) and "mail" in step.attributes
    }
    for person in arrived:
        assert entries[person.address].attributes["targetAddress"] == [f"SMTP:{person.address}"]


def test_objects_come_before_what_refers_to_them() -> None:
    there = {ALPHA.people_ou, ALPHA.rooms_ou, ALPHA.contacts_ou, ALPHA.groups_ou}
    for step in _steps(populate(ALPHA, 80, 5)):
        if isinstance(step, Entry):
            assert step.dn.partition(",")[2] in there or any(step.dn.endswith(f",{place}") for place in there)
            assert step.dn not in there
            there.add(step.dn)
        else:
            assert step.dn in there
            assert {value for values in step.attributes.values() for value in values} <= there
    as_json(_steps(populate(ALPHA, 80, 5)))


def test_every_name_can_be_written_in_an_address() -> None:
    for culture in CULTURES:
        for name in (*culture.given, *culture.surnames):
            assert ascii_name(name), name
            assert ascii_name(name).isascii()


@given(
    st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1).filter(
        lambda text: text.strip() == text
    )
)
def test_an_escaped_name_is_one_part_of_a_distinguished_name(name: str) -> None:
    parts = parse_dn(f"CN={escape_rdn(name)},DC=test")
    assert len(parts) == 2


# --- what they write ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", VOCABULARIES)
def test_every_sentence_of_a_language_can_be_filled(language: str) -> None:
    vocabulary = VOCABULARIES[language]
    writer = Writer.start(seeded(language), language)
    for templates in (vocabulary.subjects, vocabulary.sentences, vocabulary.answers, vocabulary.closings):
        for template in templates:
            assert "{" not in writer.line([template])
    assert writer.greeting("Zoë")
    assert writer.subject()
    assert writer.paragraphs(reply=True)


def test_files_are_what_they_say() -> None:
    image = picture(seeded("picture"))
    assert image.startswith(b"\x89PNG")
    at = image.index(b"IDAT")
    (length,) = struct.unpack(">I", image[at - 4 : at])
    assert len(zlib.decompress(image[at + 4 : at + 4 + length])) == 32 * (48 * 3 + 1)
    with zipfile.ZipFile(io.BytesIO(docx(["Grüße", "<&>"]))) as package:
        assert package.testzip() is None
        assert "Grüße" in package.read("word/document.xml").decode()
    document = pdf(["Ein (kurzer) Brief"])
    start = int(document.rsplit(b"startxref\n", 1)[1].split()[0])
    assert document[start : start + 4] == b"xref"
    assert archive({"a": b"1"}) == archive({"a": b"1"})
    assert draw_file(seeded(1), Writer.start(seeded(2), "de")) == draw_file(seeded(1), Writer.start(seeded(2), "de"))


def _everybody() -> list[Party]:
    population = populate(ALPHA, 12, 1)
    return [*(insider(ALPHA, each) for each in population.people), outsider(population.outsiders[0])]


def test_a_thread_answers_itself() -> None:
    people = _everybody()
    long_threads = 0
    for seed in range(60):
        letters = write_thread(seeded("thread", seed), people[: 2 + seed % 5], datetime(2024, 1, 8, 9, tzinfo=UTC), NOW)
        for earlier, later in pairwise(letters):
            assert later.references[-1] == earlier.message_id
            assert later.sender != earlier.sender
            assert later.sent > earlier.sent
            assert later.topic == earlier.topic
            assert len(later.conversation_index) == len(earlier.conversation_index) + 5
            assert later.conversation_index.startswith(earlier.conversation_index)
            assert earlier.sender.name in later.text
        assert letters[-1].sent <= NOW
        long_threads += len(letters) > 2
    assert long_threads > 10


def _bags() -> list[Bag]:
    """One or more of everything that a mailbox is filled with."""
    people = _everybody()
    found: list[Bag] = []
    for seed in range(40):
        random = seeded("bags", seed)
        writer = Writer.start(random, random.choice(list(VOCABULARIES)))
        for letter in write_thread(random, people[:4], datetime(2023, 11, 3, 9, tzinfo=UTC), NOW):
            written = Written.of(letter)
            found.append(written.sent_copy(random))
            found += [written.received_copy(random, reader, read=True) for reader in letter.to]
        appointment = draw_appointment(random, people[0], people[1:3] if seed % 2 else [], TODAY)
        found.append(appointment.bag(random, people[0]))
        if appointment.attendees:
            found.append(appointment.request(random, people[1]))
        found.append(things.contact(random, populate(ALPHA, 12, 1).outsiders[0], NOW))
        found.append(things.personal_list(random, people[:3], NOW))
        found.append(things.task(random, people[0], writer, NOW))
        found.append(things.note(random, writer, NOW))
        found.append(things.journal_entry(random, writer, NOW))
        found.append(things.forwarded_as_attachment(things.note(random, writer, NOW), found[0]))
        found += [
            things.category_list(random, NOW),
            things.view_settings(random, NOW),
            things.rule(random, "Newsletter für später", NOW),
        ]
    return found


def test_everything_survives_the_stream_that_migrations_carry() -> None:
    bags = _bags()
    for bag in bags:
        assert decode(encode(bag)) == bag
    keys = [bag[tags.PidTagSearchKey] for bag in bags]
    assert len(set(keys)) == len(keys)
    assert [encode(bag) for bag in bags] == [encode(bag) for bag in _bags()], "the same on every run"


def test_oddities_are_awkward_and_repeatable() -> None:
    kinds = [draw_oddity(seeded("odd", seed), "anna@alpha.test", NOW) for seed in range(60)]
    assert kinds == [draw_oddity(seeded("odd", seed), "anna@alpha.test", NOW) for seed in range(60)]
    together = b"".join(kinds)
    for sign in (b"ISO-2022-JP", b"koi8-r", b"x-unknown", b"\xf6", b"filename*0*", b"message/rfc822", b"From: <>"):
        assert sign in together, sign


def _contents(folder: Path) -> dict[str, Counter[bytes]]:
    """Every mailbox filled in a store of its own: its items' streams by the path of their folder."""
    population = populate(ALPHA, 12, 4)
    store = Store(folder)
    assert 300 <= fill(store, population, 300, 4, TODAY) <= 330
    found: dict[str, Counter[bytes]] = {}
    for person in population.people:
        mailbox = store.mailbox(person.mailbox)
        for each in mailbox.folders.children(mailbox.folders.role("msgfolderroot").id, deep=True):
            for hidden in (False, True):
                rows = mailbox.items.find(each.id, associated=hidden).rows
                key = f"{person.alias}/{each.name}/{hidden}"
                found.setdefault(key, Counter()).update(mailbox.items.content(row.id) for row in rows)
    store.close()
    return found


def test_mailboxes_are_filled_the_same_way_on_every_run(tmp_path: Path) -> None:
    first, second = _contents(tmp_path / "first"), _contents(tmp_path / "second")
    assert first == second
    assert sum(content.total() for key, content in first.items() if key.endswith("/True")) > 3 * 12, "hidden items"
    streams = [stream for key, content in first.items() if key.endswith("/False") for stream in content.elements()]
    assert 300 <= len(streams) <= 330
    copied = Counter(decode(stream)[tags.PidTagSearchKey] for stream in streams)
    assert max(copied.values()) == 2, "everybody filed a copy of a message, with the search key of the original"


# --- series ---------------------------------------------------------------------------------------------------------


def test_a_weekly_series_takes_place_on_its_days() -> None:
    series = Series(date(2024, 2, 28), time(9), 30, "week", 2, 5, weekdays=(0, 2))
    assert series.dates() == [
        date(2024, 2, 28),
        date(2024, 3, 11),
        date(2024, 3, 13),
        date(2024, 3, 25),
        date(2024, 3, 27),
    ]


def test_exceptions_are_where_the_series_says() -> None:
    """Written as the server itself writes them when somebody moves an occurrence."""
    owner = _everybody()[0]
    seen = 0
    for number in range(200):
        bag = draw_appointment(seeded("series", number), owner, (), TODAY).bag(seeded("bag", number), owner)
        for attachment in filter(exceptions.is_exception, bag.attachments):
            own = attachment.embedded
            assert own is not None
            original = own[tags.PidLidExceptionReplaceTime]
            found = occurrences.at(bag.get, original)
            assert found is not None and found.changed
            assert (found.start, found.end) == (
                own[tags.PidLidAppointmentStartWhole],
                own[tags.PidLidAppointmentEndWhole],
            )
            before = dict(attachment.properties)
            exceptions.change(bag, original, {})
            assert attachment.properties | before == attachment.properties
            seen += 1
    assert seen > 5


def test_a_monthly_series_crosses_the_year() -> None:
    series = Series(date(2023, 11, 28), time(9), 30, "month", 2, 3)
    assert series.dates() == [date(2023, 11, 28), date(2024, 1, 28), date(2024, 3, 28)]


def test_the_recurrence_blob_says_what_the_series_is() -> None:
    """Read back by the layout of [MS-OXOCAL] 2.2.1.44.5."""
    first = date(2024, 1, 3)
    moved = Moved(date(2024, 1, 17), datetime(2024, 1, 18, 11), "Früher")
    series = Series(first, time(10, 30), 45, "week", 1, 10, (2,), deleted=(date(2024, 1, 10),), moved=(moved,))
    blob = series.blob()
    reader, writer, frequency, pattern, calendar, _, period, sliding = struct.unpack_from("<HHHHHIII", blob)
    assert (reader, writer, frequency, pattern, calendar, period, sliding) == (0x3004, 0x3004, 0x200B, 1, 0, 1, 0)
    days, end, count, first_day = struct.unpack_from("<IIII", blob, 22)
    assert (days, end, count, first_day) == (0x08, 0x2022, 10, 1)
    gone = struct.unpack_from("<III", blob, 38)
    day = (first - date(1601, 1, 1)).days * 1440
    assert gone == (2, day + 7 * 1440, day + 14 * 1440)
    assert struct.unpack_from("<II", blob, 50) == (1, day + 15 * 1440)
    start, last = struct.unpack_from("<II", blob, 58)
    assert (start, last) == (day, day + 63 * 1440)
    assert struct.unpack_from("<IIIIH", blob, 66) == (0x3006, 0x3009, 630, 675, 1)
    assert "Früher".encode("utf-16-le") in blob
    assert blob.endswith(bytes(4))


def test_people_have_a_search_folder_and_a_view_of_their_inbox(tmp_path: Path) -> None:
    population = populate(ALPHA, 3, 4)
    store = Store(tmp_path)
    fill(store, population, 90, 4, TODAY)
    surround(store, population, 4)
    found = 0
    for person in population.people:
        mailbox = store.mailbox(person.mailbox)
        inbox = mailbox.folders.role("inbox")
        (unread,) = mailbox.folders.children(mailbox.folders.role("searchfolders").id)
        below = [inbox, *mailbox.folders.children(inbox.id, deep=True)]
        shown = search_folders.counted(mailbox, unread).total
        assert shown == sum(each.unread for each in below)
        found += shown
        view = mailbox.items.row(inbox.properties[tags.PidTagDefaultViewEntryId])
        assert (view.associated, view.folder_id) == (True, inbox.id)
    assert found > 0
    store.close()
