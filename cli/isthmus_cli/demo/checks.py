"""What the demo claims, each claim checked from outside: by exchangelib, by the account map, by mail that is sent.

A check returns a Finding and never raises for what it finds; what it could not look at is not all right either.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar

from isthmus_accounts import AccountMap, Identity

from ..endpoints import Endpoints
from .witness import OWN_MAIL, Content, Organisation, content, send, subjects

Result = TypeVar("Result")

_THREADS = 4
_ARRIVAL_SECONDS = 60.0
_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """The result of a check: a sentence with its figures, and, when it is not all right, what is wrong."""

    claim: str
    figures: str
    problems: list[str]

    @property
    def right(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Person:
    """A person of the demo: the same address on both sides, and where their mailbox is now."""

    name: str
    source_address: str
    target_address: str
    switched: bool


async def everybody_is_matched(endpoints: Endpoints, addresses: Sequence[str]) -> Finding:
    """Every person of the source has a counterpart in the target."""
    async with AccountMap(endpoints.accountmap, security=endpoints.security) as accounts:
        batch = await accounts.resolve_batch([Identity(smtp_address=address) for address in addresses])
    problems = []
    for address, pair in zip(addresses, batch.pairs, strict=True):
        if pair is None:
            problems.append(f"{address} is unknown to the account map")
        elif not pair.target.object_guid:
            problems.append(f"{address} has no counterpart in the target")
        elif not pair.target.mailbox_guid:
            problems.append(f"{address} has a counterpart without a mailbox")
    return Finding("Everybody has a counterpart in the target", f"{len(addresses)} people", problems)


def everything_is_there_once(
    source: Organisation, target: Organisation, people: Sequence[Person], journal: Sequence[dict[str, Any]] = ()
) -> list[Finding]:
    """Every item of every folder of every mailbox is in the target once, and so is what people sent meanwhile.

    Who is not switched has the same items in the same folders on both sides. Who is switched works in the target: items
    may be in other folders there by now, and new ones came; what the source holds must be there once all the same,
    but for what its owner deleted there since. ``journal`` is what the people at work wrote down: what they deleted,
    and what they sent; a message whose sending they are not sure of is left out.
    """
    deleted = {
        (entry["mailbox"].lower(), entry["what"].rpartition(" (")[0])
        for entry in journal
        if entry["action"] == "deleted" and entry["organisation"] == target.name
    }
    sent: dict[str, set[str]] = {}
    for entry in journal:
        if entry["action"] == "sent":
            for recipient in entry["to"]:
                sent.setdefault(recipient.lower(), set()).add(entry["message_id"])

    # In processes of their own: reading answers keeps exchangelib busy far longer than waiting for them does.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        looked = list(pool.map(_Looker(source, target, deleted, sent), people))
    items, folders = sum(each.items for each in looked), sum(each.folders for each in looked)
    mails, recipients = sum(each.mails for each in looked), sum(each.mails > 0 for each in looked)
    return [
        Finding(
            "Nothing that people sent meanwhile was lost or doubled",
            f"{mails} mails to {recipients} people",
            [problem for each in looked for problem in each.mail_problems],
        ),
        Finding(
            "Every item of every folder is in the target exactly once",
            f"{items:,} items in {folders:,} folders of {len(people)} mailboxes".replace(",", " "),
            [problem for each in looked for problem in each.problems],
        ),
    ]


@dataclass(frozen=True)
class _Looker:
    """Looks at both mailboxes of a person. ``deleted``: whose owner deleted what in the target; ``sent``: what was sent
    to whom."""

    source: Organisation
    target: Organisation
    deleted: set[tuple[str, str]]
    sent: dict[str, set[str]]

    def __call__(self, person: Person) -> _Looked:
        before = content(self.source.mailbox(person.source_address))
        after = content(self.target.mailbox(person.target_address))
        if person.switched:
            addresses = {person.source_address.lower(), person.target_address.lower()}
            problems = _kept(before, after, {subject for address, subject in self.deleted if address in addresses})
        else:
            problems = _equal(before, after)
        expected = self.sent.get(person.source_address.lower(), set())
        mails = _arrived(after if person.switched else before)
        return _Looked(
            items=before.total(),
            folders=len({entry.folder for entry in before}),
            mails=len(expected),
            problems=[f"{person.name}: {problem}" for problem in problems],
            mail_problems=[
                f"{person.name}: {mail} is there {mails[mail]} times" for mail in expected if mails[mail] != 1
            ],
        )


class _Looked(NamedTuple):
    """What a person's mailboxes hold on both sides, and what is wrong with it."""

    items: int
    folders: int
    mails: int
    problems: list[str]
    mail_problems: list[str]


def _equal(before: Content, after: Content) -> list[str]:
    problems = [f"{entry.folder}: {entry.subject!r} is missing" for entry in (before - after)]
    problems += [f"{entry.folder}: {entry.subject!r} is there and should not be" for entry in (after - before)]
    return problems


def _kept(before: Content, after: Content, deleted: set[str]) -> list[str]:
    there = _by_key(after)
    subjects_of = {entry.search_key: entry.subject for entry in before}
    return [
        f"{subjects_of[key]!r} is there {there[key]} times instead of {count}"
        for key, count in _by_key(before).items()
        if there[key] > count or (there[key] < count and subjects_of[key] not in deleted)
    ]


def _by_key(found: Content) -> Counter[bytes]:
    keys: Counter[bytes] = Counter()
    for entry, count in found.items():
        keys[entry.search_key] += count
    return keys


def _arrived(found: Content) -> Counter[str]:
    """The Message-IDs of what a mailbox received; what its owner sent is in folders of its own."""
    mails: Counter[str] = Counter()
    for entry, count in found.items():
        if entry.message_id and entry.folder not in OWN_MAIL:
            mails[entry.message_id] += count
    return mails


def mail_reaches_everybody(
    source: Organisation,
    target: Organisation,
    senders: Sequence[tuple[Organisation, dict[str, Any]]],
    people: Sequence[Person],
) -> Finding:
    """A mail from each organisation to each person arrives where their mailbox is now, once, and nowhere else."""
    token = f"Where does mail go? {secrets.token_hex(6)}"
    wanted = []
    for organisation, sender in senders:
        account = organisation.own_mailbox(sender["address"], sender["user"], sender["password"])
        subject = f"{token} from {organisation.name}"
        wanted.append(subject)
        send(account, [person.source_address for person in people], subject)
    deadline = time.monotonic() + _ARRIVAL_SECONDS

    def look(person: Person) -> list[str]:
        here = target.mailbox(person.target_address) if person.switched else source.mailbox(person.source_address)
        there = source.mailbox(person.source_address) if person.switched else target.mailbox(person.target_address)
        arrived = subjects(here, token)
        while set(arrived) != set(wanted) and time.monotonic() < deadline:
            time.sleep(0.5)
            arrived = subjects(here, token)
        problems = [f"{subject!r} arrived {arrived[subject]} times" for subject in wanted if arrived[subject] != 1]
        # A mailbox that is not switched is copied within seconds, so its mail is in the target too, as a copy.
        stray = subjects(there, token) if person.switched else Counter()
        problems += [f"{subject!r} arrived in the mailbox that is not in use" for subject in stray]
        return [f"{person.name}: {problem}" for problem in problems]

    problems = [problem for found in _for_each(people, look) for problem in found]
    switched = sum(person.switched for person in people)
    figures = f"{len(wanted)} mails each to {switched} switched and {len(people) - switched} other people"
    return Finding("Mail from both organisations reaches everybody where they are now", figures, problems)


def _for_each(people: Sequence[Person], look: Callable[[Person], Result]) -> list[Result]:
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(look, people))


def shown(problems: Sequence[str]) -> list[str]:
    """The first few problems, and how many more there are."""
    more = len(problems) - _SHOWN
    return [*problems[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
