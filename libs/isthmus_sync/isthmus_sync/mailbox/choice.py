"""Which items of a mailbox are left out by the filters of its collection.

Filters decide about what is not on the to side yet. What is there stays in step, whatever they say: an item that was
copied is not deleted because a filter became stricter, because it grew old, or because its owner moved it into a folder
that is left out. Associated items are the settings of folders; no filter concerns them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from isthmus_exchange.values import Traits
from isthmus_project.filters import Conditions, Filter, byte_count, moment

from isthmus_sync.mailbox import hierarchy
from isthmus_sync.mailbox.model import ROOT, FolderRow, Staged, Work


class Place(NamedTuple):
    """By what a folder may be called, in lower case: its role, its path as hierarchy.joined has it, its path from a
    role on ("inbox/travel").
    """

    names: frozenset[str]
    # Those of the folders that it lies in.
    above: frozenset[str]


NOWHERE = Place(frozenset(), frozenset())


def places(rows: Iterable[FolderRow]) -> dict[int, Place]:
    """The place of each folder, by number."""
    by_number = {row.number: row for row in rows}
    chains = {number: _chain(by_number, row) for number, row in by_number.items()}
    names = {number: _names(chain) for number, chain in chains.items()}
    return {
        number: Place(names[number], frozenset().union(*(names[row.number] for row in chain[:-1])))
        for number, chain in chains.items()
    }


def _chain(by_number: Mapping[int, FolderRow], row: FolderRow) -> list[FolderRow]:
    """From the top of the tree to the folder."""
    chain = [row]
    # A tree that is being changed may have a circle in it for a moment.
    while row.parent is not None and row.parent in by_number and len(chain) <= len(by_number):
        row = by_number[row.parent]
        chain.append(row)
    return chain[::-1]


def _names(chain: Sequence[FolderRow]) -> frozenset[str]:
    path = [row.name.casefold() for row in chain]
    found = {hierarchy.joined([row.role.casefold(), *path[at + 1 :]]) for at, row in enumerate(chain) if row.role}
    if chain[0].parent is not None:  # its tree is not known, or not yet
        return frozenset({*found, hierarchy.joined(path)})
    top, *below = path
    return frozenset({*found, hierarchy.joined(below, "" if chain[0].number == ROOT else top)} - {"/"})


def left_out(filters: Sequence[Filter], traits: Traits, size: int, place: Place, now: float) -> str:
    """The words of the filter that leaves an item out; empty when it is copied. `now`: seconds since 1970."""
    for rule in filters:
        if _fits(rule.conditions, traits, size, place, now):
            return rule.words if rule.exclude is not None else ""
    return ""


def of_staged(filters: Sequence[Filter], row: Staged, place: Place, now: float) -> Staged:
    """The staged creation as the filters have it: to be copied, or left out with the reason."""
    if not filters or row.associated:
        reason = ""
    elif row.traits is None:
        return row
    else:
        reason = left_out(filters, row.traits, row.size, place, now)
    if reason:
        return replace(row, work=Work.LEFT_OUT, reason=reason, attempts=0, not_before=0.0)
    return replace(row, work=Work.COPY, reason="", sequence=0) if row.work is Work.LEFT_OUT else row


def version(filters: Sequence[Filter], rows: Iterable[FolderRow], now: float) -> str:
    """Changes when what was decided is to be decided again: with the filters, with the day when one is of an age in
    days, with the folder tree when one names folders. Begins with the `fingerprint`; empty without filters.
    """
    if not filters:
        return ""
    seen = []
    if any(rule.conditions.relative for rule in filters):
        seen.append(f"day {now // 86400:.0f}")
    if any(rule.conditions.folders for rule in filters):
        tree = sorted((row.number, row.parent or 0, row.name, row.role) for row in rows if not row.gone)
        seen.append(_digest(repr(tree)))
    return " ".join([fingerprint(filters), *seen])


def fingerprint(filters: Sequence[Filter]) -> str:
    """The same for the same filters, without a space; empty without filters."""
    return _digest("\n".join(rule.model_dump_json(exclude_defaults=True) for rule in filters)) if filters else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _fits(wanted: Conditions, traits: Traits, size: int, place: Place, now: float) -> bool:
    return (
        _of_class(wanted.fitting_classes, traits.item_class)
        and (wanted.larger_than is None or size > byte_count(wanted.larger_than))
        and (wanted.smaller_than is None or size < byte_count(wanted.smaller_than))
        and (not wanted.folders or _in_folder(wanted, place))
        and (not wanted.categories or _in_category(wanted.categories, traits.categories))
        and _of_age(wanted, traits, now)
    )


def _of_class(patterns: Sequence[str], item_class: str) -> bool:
    return not patterns or any(_matches(pattern.casefold(), item_class.casefold()) for pattern in patterns)


def _matches(pattern: str, name: str) -> bool:
    bare = pattern.strip("*")
    match pattern.startswith("*"), pattern.endswith("*"):
        case True, True:
            return bare in name
        case True, False:
            return name.endswith(bare)
        case False, True:
            return name.startswith(bare)
        case _:
            return name == bare


def _in_folder(wanted: Conditions, place: Place) -> bool:
    names = place.names | place.above if wanted.subfolders else place.names
    return any(folder.casefold() in names for folder in wanted.folders)


def _in_category(wanted: Sequence[str], categories: Sequence[str]) -> bool:
    return bool({name.casefold() for name in wanted} & {name.casefold() for name in categories})


def _of_age(wanted: Conditions, traits: Traits, now: float) -> bool:
    if wanted.older_than is None and wanted.newer_than is None:
        return True
    at = _time(traits, wanted.date)
    if at is None:  # an item without any time is of no age
        return False
    today = datetime.fromtimestamp(now, UTC)
    return (wanted.older_than is None or at < moment(wanted.older_than, today)) and (
        wanted.newer_than is None or at >= moment(wanted.newer_than, today)
    )


def _time(traits: Traits, which: str) -> datetime | None:
    """The wanted time, or the next best that the item has."""
    times = {"received": traits.received, "created": traits.created, "modified": traits.modified}
    for text in (times[which], traits.created, traits.modified):
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            continue
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None
