"""Fills the mailboxes of an organisation before its server starts: mail in folders, calendars, and all the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, filetime
from isthmus_lab.mapi.mime import bag_from_mime
from isthmus_lab.organisation import Organisation
from isthmus_lab.population import things
from isthmus_lab.population.calendar import draw_appointment
from isthmus_lab.population.copies import Written
from isthmus_lab.population.letters import write_thread
from isthmus_lab.population.oddities import draw_oddity
from isthmus_lab.population.parties import Party, insider, outsider
from isthmus_lab.population.people import Person, Population
from isthmus_lab.population.seeds import seeded
from isthmus_lab.population.text import Writer
from isthmus_lab.population.words import PROJECTS
from isthmus_lab.store import Store

MAIL_SHARE = 0.82
"""The part of all items that is mail; the rest is calendars, contacts, tasks and so on."""
_THREADS_AT_ONCE = 400
_FOLDERS = {
    "en": (("Projects",), ("Archive", "2022", "Customers"), ("Archive", "2023"), ("Personal",),
           ("Suppliers", "Quotes & orders")),
    "de": (("Projekte",), ("Ablage", "2022", "Kunden"), ("Ablage", "2023"), ("Privat",), ("Lieferanten", "Angebote")),
    "fr": (("Projets",), ("Archives", "2022", "Clients"), ("Archives", "2023"), ("Personnel",),
           ("Fournisseurs", "Devis")),
}  # fmt: skip


@dataclass
class Pile:
    """What is to be written into one mailbox: bags by folder. A folder is a role and the names below it."""

    items: dict[tuple[str, tuple[str, ...]], list[Bag]] = field(default_factory=dict)
    hidden: dict[tuple[str, tuple[str, ...]], list[Bag]] = field(default_factory=dict)

    def add(self, bag: Bag, role: str, *names: str) -> None:
        self.items.setdefault((role, names), []).append(bag)

    def hide(self, bag: Bag, role: str) -> None:
        self.hidden.setdefault((role, ()), []).append(bag)


@dataclass(frozen=True)
class Owner:
    """Somebody whose mailbox is filled: the person, the person as a party, and where they file mail."""

    person: Person
    party: Party
    weight: float
    """How much mail they get, compared with others: some get ten times as much."""
    folders: tuple[tuple[str, ...], ...]

    @property
    def locale(self) -> str:
        return self.person.language if self.person.language in _FOLDERS else "en"

    @classmethod
    def of(cls, organisation: Organisation, person: Person, seed: int) -> Owner:
        random = seeded("owner", seed, organisation.name, person.alias)
        known = _FOLDERS.get(person.language, _FOLDERS["en"])
        folders = [each for each in known if random.random() < 0.75] or [known[0]]
        projects = [(*known[0], project) for project in random.sample(PROJECTS, random.randint(1, 4))]
        return cls(person, insider(organisation, person), random.paretovariate(1.6), (*folders, *projects))


def fill(
    store: Store,
    population: Population,
    items: int,
    seed: int,
    today: date,
) -> int:
    """Write about `items` items (at least that many) into the mailboxes of a population; returns how many.

    `today` is the last day on which anything was received.
    """
    written = 0
    for portion in piles(population, items, seed, today):
        for owner, pile in portion:
            written += _write(store, owner, pile)
    return written


def piles(population: Population, items: int, seed: int, today: date) -> Iterator[list[tuple[Owner, Pile]]]:
    """About `items` items for the mailboxes of a population, in portions that fit into memory."""
    owners = [
        Owner.of(population.organisation, person, seed) for person in population.people if not person.also_in_alpha
    ]
    other = max(0, round(items * (1 - MAIL_SHARE) / len(owners)))
    belongings = [(owner, _belongings(population, owner, owners, other, seed, today)) for owner in owners]
    mail_wanted = items - sum(len(bags) for _, pile in belongings for bags in pile.items.values())
    yield belongings
    random = seeded("mail", seed, population.organisation.name)
    while mail_wanted > 0:
        portion = {owner.person.alias: (owner, Pile()) for owner in owners}
        for _ in range(_THREADS_AT_ONCE):
            mail_wanted -= _thread(random, population, owners, portion, today)
            if mail_wanted <= 0:
                break
        yield list(portion.values())


def _write(store: Store, owner: Owner, pile: Pile) -> int:
    mailbox = store.mailbox(owner.person.mailbox, locale=owner.locale)
    count = 0
    with mailbox.transaction():
        for content, associated in ((pile.items, False), (pile.hidden, True)):
            for (role, names), bags in content.items():
                top = mailbox.folders.role(role)
                folder = mailbox.folders.path(top.id, list(names)) if names else top
                for bag in bags:
                    mailbox.items.add(folder.id, bag, associated=associated)
                count += 0 if associated else len(bags)
    return count


# --- mail -----------------------------------------------------------------------------------------------------------


def _thread(
    random: Random, population: Population, owners: list[Owner], piles: dict[str, tuple[Owner, Pile]], today: date
) -> int:
    """One thread, and a copy of each of its letters for everybody it names; returns the number of copies."""
    size = random.choice((2, 2, 2, 3, 3, 4, 5, 8))
    chosen = {owner.person.alias: owner for owner in random.choices(owners, [o.weight for o in owners], k=size)}
    readers = {owner.party: owner for owner in chosen.values()}
    people = list(readers)
    if population.outsiders and (len(people) < 2 or random.random() < 0.25):
        people.append(outsider(random.choice(population.outsiders)))
    if len(people) < 2:
        return 0
    random.shuffle(people)
    end = datetime.combine(today, time(8), UTC)
    # Much of it is recent, some of it is years old; people work by day.
    start = end - timedelta(days=min(random.expovariate(1 / 150), 2500), hours=random.uniform(0, 9))
    count = 0
    for letter in write_thread(random, people, start, end):
        written = Written.of(letter)
        age = end - letter.sent
        if letter.sender in readers:
            count += 1
            pile = piles[readers[letter.sender].person.alias][1]
            pile.add(written.sent_copy(random), "sentitems")
        for party in (*letter.to, *letter.cc):
            if party in readers:
                owner, pile = piles[readers[party].person.alias]
                bag = written.received_copy(random, party, read=random.random() < (0.45 if age.days < 5 else 0.97))
                pile.add(bag, *_place(random, owner, age))
                count += 1
    return count


def _place(random: Random, owner: Owner, age: timedelta) -> tuple[str, ...]:
    """Where a received message lies by now."""
    chance = random.random()
    if chance < 0.04:
        return ("deleteditems",)
    if age.days < 30 or chance < 0.4:
        return ("inbox",)
    folder = random.choice(owner.folders)
    # Half of the people's own folders are below the inbox, half beside it.
    return ("inbox", *folder) if len(folder[0]) % 2 else ("msgfolderroot", *folder)


# --- everything else ------------------------------------------------------------------------------------------------


def _belongings(population: Population, owner: Owner, owners: list[Owner], count: int, seed: int, today: date) -> Pile:
    """Calendar, contacts, tasks, notes, drafts, junk and hidden items of one person: about `count` items."""
    random = seeded("belongings", seed, population.organisation.name, owner.person.alias)
    pile = Pile()
    now = datetime.combine(today, time(7), UTC)

    def earlier() -> datetime:
        return now - timedelta(days=random.uniform(0, 900))

    def writer() -> Writer:
        return Writer.start(random, owner.party.language)

    colleagues = [each.party for each in owners if each is not owner]
    for _ in range(round(count * 0.4)):
        others = random.sample(colleagues, min(len(colleagues), random.choice((0, 0, 1, 3, 6))))
        organiser = random.choice(others) if others and random.random() < 0.5 else owner.party
        attendees = [each for each in (*others, owner.party) if each != organiser] if others else []
        appointment = draw_appointment(random, organiser, attendees, today)
        pile.add(appointment.bag(random, owner.party), "calendar")
        if organiser != owner.party and random.random() < 0.3:
            pile.add(appointment.request(random, owner.party), "inbox")
    for _ in range(round(count * 0.22)):
        if population.outsiders:
            pile.add(things.contact(random, random.choice(population.outsiders), earlier()), "contacts")
    pile.add(things.personal_list(random, random.sample(colleagues, min(5, len(colleagues))), earlier()), "contacts")
    for _ in range(round(count * 0.12)):
        pile.add(things.task(random, owner.party, writer(), earlier()), "tasks")
    for _ in range(round(count * 0.06)):
        pile.add(things.note(random, writer(), earlier()), "notes")
    for _ in range(round(count * 0.04)):
        pile.add(things.journal_entry(random, writer(), earlier()), "journal")
    for number in range(max(2, round(count * 0.12))):
        moment = earlier()
        bag = _arrived(draw_oddity(random, owner.party.address, moment), moment, random)
        pile.add(bag, "inbox")
        if number == 0:
            # Filed as a copy, the original left behind: two items with one search key, as Outlook makes them.
            pile.add(bag, "msgfolderroot", *owner.folders[0])
    for _ in range(round(count * 0.03)):
        moment = earlier()
        pile.add(_arrived(draw_oddity(random, owner.party.address, moment), moment, random), "junkemail")
    pile.add(_draft(random, owner, colleagues, now), "drafts")
    for role in ("inbox", "calendar", "contacts"):
        pile.hide(things.view_settings(random, earlier()), role)
    pile.hide(things.category_list(random, earlier()), "calendar")
    for name in random.sample(list(things.RULES), random.randint(0, 3)):
        pile.hide(things.rule(random, name, earlier()), "inbox")
    return pile


def _arrived(message: bytes, moment: datetime, random: Random) -> Bag:
    bag = bag_from_mime(message)
    bag.set(
        {
            tags.PidTagMessageDeliveryTime: filetime(moment),
            tags.PidTagCreationTime: filetime(moment),
            tags.PidTagLastModificationTime: filetime(moment),
            tags.PidTagMessageFlags: random.choice((0, tags.MSGFLAG_READ)),
            tags.PidTagSearchKey: random.randbytes(16),
        }
    )
    return bag


def _draft(random: Random, owner: Owner, colleagues: list[Party], now: datetime) -> Bag:
    """A letter that was begun and not sent; it forwards another one as an attachment."""
    to = colleagues[:1] or [owner.party]
    letters = write_thread(random, [owner.party, *to], now - timedelta(days=3), now)
    bag = Written.of(letters[0]).sent_copy(random)
    bag[tags.PidTagMessageFlags] = tags.MSGFLAG_READ | tags.MSGFLAG_UNSENT
    for never in (tags.PidTagClientSubmitTime, tags.PidTagInternetMessageId, tags.PidTagMessageDeliveryTime):
        bag.properties.pop(never, None)
    return things.forwarded_as_attachment(bag, Written.of(letters[-1]).sent_copy(random))
