"""Who works in an organisation: people in departments with managers, groups in groups, rooms, outside contacts.

The same seed gives the same people, whatever the machine. Nothing here knows about directories or mailboxes.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from isthmus_lab.organisation import Organisation
from isthmus_lab.population.names import ascii_name, draw_name
from isthmus_lab.population.seeds import seeded

DEPARTMENTS = {
    "Management": ("Managing Director", ("Assistant to the Board", "Chief of Staff")),
    "Sales": ("Head of Sales", ("Account Manager", "Sales Representative", "Key Account Manager", "Tender Specialist")),
    "Engineering": ("Head of Engineering", ("Mechanical Engineer", "Developer", "Test Engineer", "Draughtsman")),
    "Finance": ("Head of Finance", ("Accountant", "Controller", "Payroll Clerk")),
    "Human Resources": ("Head of Human Resources", ("Recruiter", "Training Coordinator")),
    "Purchasing & Logistics": ("Head of Purchasing", ("Buyer", "Dispatcher", "Warehouse Planner")),
    "Customer Service": ("Head of Customer Service", ("Service Technician", "Support Agent", "Complaints Officer")),
    "Legal": ("General Counsel", ("Lawyer", "Paralegal")),
}  # fmt: skip
OFFICES = ("Bergen", "Córdoba", "Dresden", "Leeds", "Liège", "Łódź", "Malmö", "Porto", "Thessaloniki", "Zürich")
ROOM_NAMES = ("Aquarium", "Bibliothek", "Café Noir", "Drawing Office", "Ηλιος", "Nordlys", "Pavilion", "Quayside")
SUPPLIERS = (
    ("Harbour & Sons Freight", "harbour-freight.example"), ("Cartiera Bianchi", "bianchi.example"),
    ("Nordwind Energie", "nordwind.example"), ("Piątek Tools", "piatek.example"),
    ("Meridian Travel", "meridian.example"), ("Okafor Consulting", "okafor.example"),
    ("Tanaka Precision", "tanaka.example"), ("Vogt Labortechnik", "vogt.example"),
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Somebody, or a room, with a mailbox."""

    alias: str
    account: str
    """sAMAccountName: at most 20 characters."""
    given: str
    surname: str
    display_name: str
    language: str
    department: str
    title: str
    office: str
    phone: str
    principal: str
    """userPrincipalName: what they log on with."""
    address: str
    """Primary SMTP address."""
    mailbox: uuid.UUID
    manager: str | None = None
    """Alias of the manager, who is another person of the organisation."""
    room_capacity: int = 0
    also_in_alpha: bool = False
    """In beta: somebody of alpha whom an earlier project already gave a mailbox here (the same address)."""

    @property
    def is_room(self) -> bool:
        return self.room_capacity > 0

    @property
    def archive(self) -> uuid.UUID | None:
        """The archive that one in four has, where they work."""
        if self.is_room or self.also_in_alpha or seeded("in-place archive", self.mailbox).random() > 0.25:
            return None
        return uuid.uuid5(self.mailbox, "archive")


@dataclass(frozen=True)
class Group:
    """A distribution or security group, or a room list; members are aliases of people, groups and rooms."""

    alias: str
    display_name: str
    address: str
    members: tuple[str, ...]
    security: bool = False
    room_list: bool = False


@dataclass(frozen=True)
class Outsider:
    """Somebody of another company, whom the address list knows as a contact."""

    alias: str
    given: str
    surname: str
    display_name: str
    company: str
    address: str
    language: str


@dataclass(frozen=True)
class Population:
    """Everybody of one organisation."""

    organisation: Organisation
    people: tuple[Person, ...]
    rooms: tuple[Person, ...]
    groups: tuple[Group, ...]
    outsiders: tuple[Outsider, ...]


def delegates(population: Population) -> dict[str, tuple[Person, ...]]:
    """Who acts for a manager: somebody of the department, by the manager's alias. Not every manager has somebody."""
    found = {}
    for manager in sorted({person.manager for person in population.people if person.manager}):
        staff = [person for person in population.people if person.manager == manager and not person.also_in_alpha]
        random = seeded("delegates", population.organisation.name, manager)
        if staff and random.random() < 0.7:
            found[manager] = tuple(random.sample(staff, min(len(staff), random.choice((1, 1, 2)))))
    return found


def populate(organisation: Organisation, size: int, seed: int, known: Sequence[Person] = ()) -> Population:
    """`size` people with everything that belongs to them.

    `known` are people of the other organisation who have an account and a mailbox here already.
    """
    random = seeded("people", seed, organisation.name)
    taken: set[str] = {"administrator", "guest", "krbtgt", "postmaster"}
    departments = list(DEPARTMENTS)[: max(2, min(len(DEPARTMENTS), size // 4 + 1))]
    people: list[Person] = []
    for number in range(size):
        department = departments[number % len(departments)]
        people.append(_person(organisation, random, taken, department, first=number < len(departments), number=number))
    people = _with_managers(people, departments)
    people += [_arrived(organisation, person, random, taken) for person in known]
    rooms = tuple(
        _room(organisation, random, taken, name) for name in ROOM_NAMES[: max(1, min(len(ROOM_NAMES), size // 8))]
    )
    outsiders = tuple(_outsider(random, taken, number) for number in range(max(3, size // 5)))
    groups = (*_groups(organisation, people, departments), _room_list(organisation, rooms))
    return Population(organisation, tuple(people), rooms, groups, outsiders)


def _free(taken: set[str], name: str, longest: int = 64, *, spaced: bool = False) -> str:
    """The name, cut and then numbered until nobody else has it; from now on it is taken."""
    free, number = name[:longest].rstrip(".-"), 1
    while free.lower() in taken:
        number += 1
        end = f" {number}" if spaced else str(number)
        free = f"{name[: longest - len(end)].rstrip('.-')}{end}"
    taken.add(free.lower())
    return free


def _names(taken: set[str], given: str, surname: str) -> tuple[str, str]:
    """(alias, account): given.surname, in full, and within the 20 characters of sAMAccountName."""
    alias = _free(taken, f"{ascii_name(given)}.{ascii_name(surname)}")
    return alias, alias if len(alias) <= 20 else _free(taken, alias, longest=20)


def _person(
    organisation: Organisation, random: Random, taken: set[str], department: str, *, first: bool, number: int
) -> Person:
    given, surname, language = draw_name(random)
    alias, account = _names(taken, given, surname)
    head, others = DEPARTMENTS[department]
    # Some organisations turned the order of names round at some time; its traces stay in the address list.
    display = f"{surname}, {given}" if random.random() < 0.12 else f"{given} {surname}"
    if display.lower() in taken:
        display = f"{display} ({department})"
    return Person(
        alias=alias,
        account=account,
        given=given,
        surname=surname,
        display_name=_free(taken, display, spaced=True),
        language=language,
        department=department,
        title=head if first else random.choice(others),
        office=random.choice(OFFICES),
        phone=f"+49 30 5550 {1000 + number}",
        principal=f"{alias}@{organisation.mail_domain}",
        address=f"{alias}@{organisation.mail_domain}",
        mailbox=uuid.UUID(int=random.getrandbits(128), version=4),
    )


def _with_managers(people: list[Person], departments: Sequence[str]) -> list[Person]:
    """Heads of departments report to the managing director, everybody else to the head of the department."""
    heads = {person.department: person.alias for person in reversed(people[: len(departments)])}
    director = people[0].alias
    return [
        replace(person, manager=heads[person.department] if person.alias != heads[person.department] else director)
        if person.alias != director
        else person
        for person in people
    ]


def _arrived(organisation: Organisation, person: Person, random: Random, taken: set[str]) -> Person:
    """The account here of somebody who works in the other organisation: same address, other mailbox, no manager yet."""
    alias, account = _names(taken, person.given, person.surname)
    return replace(
        person,
        alias=alias,
        account=account,
        principal=f"{alias}@{organisation.mail_domain}",
        mailbox=uuid.UUID(int=random.getrandbits(128), version=4),
        manager=None,
        also_in_alpha=True,
    )


def _room(organisation: Organisation, random: Random, taken: set[str], name: str) -> Person:
    alias, account = _names(taken, "room", name)
    return Person(
        alias=alias,
        account=account,
        given="",
        surname="",
        display_name=f"Room {name}",
        language="en",
        department="",
        title="",
        office=random.choice(OFFICES),
        phone="",
        principal=f"{alias}@{organisation.mail_domain}",
        address=f"{alias}@{organisation.mail_domain}",
        mailbox=uuid.UUID(int=random.getrandbits(128), version=4),
        room_capacity=random.choice((4, 6, 8, 12, 20, 40)),
    )


def _outsider(random: Random, taken: set[str], number: int) -> Outsider:
    given, surname, language = draw_name(random)
    company, domain = SUPPLIERS[number % len(SUPPLIERS)]
    alias, _ = _names(taken, given, surname)
    display = _free(taken, f"{given} {surname} ({company})", spaced=True)
    return Outsider(alias, given, surname, display, company, f"{alias}@{domain}", language)


def _room_list(organisation: Organisation, rooms: Sequence[Person]) -> Group:
    alias = f"rooms-{organisation.name}"
    address = f"{alias}@{organisation.mail_domain}"
    members = tuple(room.alias for room in rooms)
    return Group(alias, f"Rooms at {organisation.title}", address, members, room_list=True)


def _groups(organisation: Organisation, people: Sequence[Person], departments: Sequence[str]) -> tuple[Group, ...]:
    """A group a department, one of all managers, and one of everybody that holds the others."""
    own = [person for person in people if not person.also_in_alpha]

    def group(alias: str, name: str, members: Sequence[str], *, security: bool = False) -> Group:
        return Group(alias, name, f"{alias}@{organisation.mail_domain}", tuple(members), security)

    by_department = [
        group(f"dl-{ascii_name(name)}", name, [person.alias for person in own if person.department == name])
        for name in departments
    ]
    managed = {person.manager for person in own}
    managers = group("dl-managers", "Managers", [p.alias for p in own if p.alias in managed], security=True)
    projects = group("dl-project-heron", "Project Heron", [managers.alias, *[p.alias for p in own[1::5]]])
    everybody = group(
        f"all-{organisation.name}", f"Everybody at {organisation.title}", [each.alias for each in by_department]
    )
    return (*by_department, managers, projects, everybody)
