"""More believable content for mailboxes of a running lab, as entries to be imported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial

from isthmus_lab.importing.entry import Entry
from isthmus_lab.importing.upload import TITLES
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.population.mailboxes import Pile, piles
from isthmus_lab.population.people import Population


def more_entries(population: Population, items: int, seed: int, today: date) -> Iterator[tuple[str, list[Entry]]]:
    """About `items` further items for everybody together: address, and entries for that mailbox, again and again."""
    for portion in piles(population, items, seed, today):
        for owner, pile in portion:
            yield owner.person.address, list(_entries(pile))


def _entries(pile: Pile) -> Iterator[Entry]:
    for (role, names), bags in pile.items.items():
        folder = (TITLES[role], *names) if role in TITLES else names
        for bag in bags:
            yield Entry(
                folder, "IPF.Note", f"{'/'.join(folder)}: {bag.get(tags.PidTagSubject, '')}", partial(_itself, bag)
            )


def _itself(bag: Bag) -> Bag:
    return bag
