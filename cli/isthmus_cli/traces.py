"""What was found of a mail on both sides, put together: where it is, and why.

The ledger says which item is the copy of which. Of what it knows no more, because the one or the other was deleted,
both servers say what they have: an item keeps its search key wherever it goes, into the recoverable items too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from isthmus_exchange.operations import Hit

from .output import until

Row = dict[str, Any]
"""Of what the mailbox service answers, whose shapes ``isthmus_mailbox.answering`` gives."""

MAIN = "msgfolderroot"
ARCHIVE = "archivemsgfolderroot"
TREES = {
    MAIN: "",
    ARCHIVE: "Archive",
    "recoverableitemsdeletions": "Recoverable Items",
    "recoverableitemspurges": "Recoverable Items, Purges",
    "archiverecoverableitemsdeletions": "Archive, Recoverable Items",
    "archiverecoverableitemspurges": "Archive, Recoverable Items, Purges",
}
"""Where a mail may be: what people call a tree, by the role of its top."""
_WORDS = {"copy": "to be copied", "read_flag": "the read flag is to be set", "delete": "to be deleted on the target"}
_WAYS = {
    "stream": "",
    "refused": ", by its properties, for its stream was refused",
    "no_streams": ", by its properties, for a server has no streams",
}


class Place(NamedTuple):
    """An item that a server has, the path of its folder, and the role of the top of its tree."""

    hit: Hit
    folder: str
    tree: str = MAIN

    @property
    def deleted(self) -> bool:
        """Its people have deleted it; it can be recovered, by them or by an administrator."""
        return "recoverable" in self.tree

    @property
    def when_deleted(self) -> str:
        """With a blank before it; empty where the server does not tell."""
        return f" {moment(self.hit.deleted)}" if self.hit.deleted else ""


@dataclass(frozen=True)
class Trace:
    """One mail. A folder is empty where the side does not have it; `well`: nothing is left to be done."""

    subject: str
    item_class: str
    received: str
    size: int
    search_key: str
    source_folder: str
    target_folder: str
    why: str
    well: bool
    source_id: str = ""
    target_id: str = ""


def moment(text: str) -> str:
    """A time in ISO 8601 for people; nothing of none."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if text else ""


def no_pass(mailbox: Row | None, problem: str = "") -> str:
    """Why the next pass over a mailbox is not made of its own accord in a moment, in words; empty when it is.

    `problem`: why passes fail, as the portal knows it.
    """
    if mailbox is None:
        return "no pass is made: the mailbox service has not heard of this mailbox"
    if mailbox["unwanted"]:
        return f"no pass is made: {mailbox['unwanted']}"
    if mailbox["deletions"] is None:
        return "no pass is made: no project in force has its collection"
    if mailbox["paused"]:
        return "no pass is made before 'isthmus mailbox resume', for the mailbox is paused"
    if mailbox["switched"] and not mailbox["orders"]:
        return "no pass is made after the switch, unless somebody orders one ('isthmus mailbox retry')"
    if mailbox["closed"]:
        opens = datetime.fromisoformat(mailbox["opens"]) if mailbox["opens"] else None
        return f"no pass is made now, {mailbox['closed']}, {until(opens)}"
    if mailbox["failures"]:
        return f"passes fail: {problem or 'see isthmus mailbox show'}; the next one is tried {moment(mailbox['due'])}"
    return ""


def explain(here: list[Place], there: list[Place], known: Row, mailbox: Row | None, problem: str = "") -> list[Trace]:
    """What was found on the source and on the target as one list of mails. `known`: what the ledger knows of these
    items; `mailbox`: what it knows of the mailbox; `problem`: why passes fail.
    """
    return _Tracing(known, mailbox, problem).traces(here, there)


def nowhere(mailbox: Row | None) -> str:
    """What is to be said of a mail that is on neither side."""
    words = "Neither side has such a mail in a visible folder, in an archive, or where it could be recovered."
    if mailbox and mailbox["deletions"] == "mirror":
        words += " What people delete for good on the source is deleted for good on the target (deletions: mirror)."
    return words


class _Tracing:
    """What is known of a mailbox, to explain what was found in it."""

    def __init__(self, known: Row, mailbox: Row | None, problem: str) -> None:
        self._by_source: dict[str, Row] = {each["source_id"]: each for each in known["known"]}
        self._by_target: dict[str, Row] = {each["target_id"]: each for each in known["known"]}
        self._staged: dict[str, Row] = {each["source_id"]: each for each in known["staged"]}
        self._resent = {(each["folder"], each["search_key"]) for each in known["resent"]}
        self._switched = bool(mailbox and mailbox["switched"])
        self._deletions: str = (mailbox and mailbox["deletions"]) or "mirror"
        self._policy = (
            "nothing is deleted there after the switch" if self._switched else f"deletions: {self._deletions}"
        )
        self._mailbox = mailbox
        self._no_pass = no_pass(mailbox, problem)
        # Where those are that both sides have, as far as the source's is not deleted, by search key.
        self._told: dict[bytes, list[Place]] = defaultdict(list)

    def traces(self, here: list[Place], there: list[Place]) -> list[Trace]:
        copies = {place.hit.id: place for place in there}
        pairs: list[tuple[Place, Place | None]] = []
        for place in here:
            row = self._by_source.get(place.hit.id)
            pairs.append((place, copies.pop(row["target_id"], None) if row else None))
        rest = list(copies.values())
        # Those that nobody has deleted have the first choice, and of what the ledger does not know that which is there.
        for number, (place, copy) in sorted(enumerate(pairs), key=lambda each: each[1][0].deleted):
            if copy is None and (copy := self._counterpart(place, rest)):
                rest.remove(copy)
                pairs[number] = place, copy
        found = []
        for place, copy in pairs:
            if copy and not copy.deleted:
                self._told[place.hit.search_key].append(copy)
            found.append(_trace(place, copy, *self._of_source(place, copy)))
        return found + [_trace(None, place, *self._of_target(place)) for place in rest]

    def _counterpart(self, place: Place, rest: list[Place]) -> Place | None:
        """Of these of the target, the one that must be this item's: the ledger's row of the one, or of the other, is of
        before it was moved or deleted.
        """
        same = [each for each in rest if each.hit.search_key and each.hit.search_key == place.hit.search_key]
        if place.hit.id in self._by_source:  # its copy is another item now, which the ledger does not know
            same = [each for each in same if each.hit.id not in self._by_target]
        return min(same, key=lambda each: (each.deleted, each.hit.id not in self._by_target), default=None)

    # --- the source has it ------------------------------------------------------------------------------------------

    def _of_source(self, place: Place, copy: Place | None) -> tuple[str, bool]:
        row, work = self._by_source.get(place.hit.id), self._staged.get(place.hit.id)
        if work is not None:
            return self._of_work(row, copy, work)
        if row is not None:
            return self._of_copied(row, place, copy)
        if place.deleted:
            return self._of_deleted(place, copy)
        if why := self._not_followed(place):
            return why, True
        if copy is not None and (former := self._by_target.get(copy.hit.id)):
            return f"{_copied(former)}; moved on the source since: {self._next('moves the copy')}", False
        if copy is not None:
            return f"not listed yet, and the target has it already: {self._next('takes that for its copy')}", False
        return f"not listed yet: {self._next('finds it')}", False

    def _of_work(self, row: Row | None, copy: Place | None, work: Row) -> tuple[str, bool]:
        waits = f"; {self._no_pass}" if self._no_pass else ""
        if work["in_doubt"]:
            there = "the target has it, which the next pass sees" if copy and not row else "the target is looked at"
            return f"a request to {work['in_doubt']} it got no answer; {there} before it is repeated{waits}", False
        if work["work"] == "left_out":
            return f"left out by the filter: {work['reason']}", True
        if work["reason"]:
            return f"set aside after {work['attempts']} attempts: {work['reason']}{waits}", False
        words = _WORDS[work["work"]]
        return (f"{_copied(row)}; changed since, {words}" if row else words) + waits, False

    def _of_copied(self, row: Row, place: Place, copy: Place | None) -> tuple[str, bool]:
        when = _copied(row)
        deleted = f"deleted on the source{place.when_deleted}; " if place.deleted else ""
        if copy and copy.hit.id == row["target_id"]:
            too = "its copy can be recovered on the target, too; " if deleted else ""
            return f"{deleted}{too}{when}", True
        stays = (
            "it stays as its owner has it, for they are switched" if self._switched else "the next proof brings it back"
        )
        if copy is None:
            what = "the target has it no more, where it can be recovered neither: removed there by somebody"
        elif copy.deleted:
            what = f"removed on the target by somebody{copy.when_deleted}, where it can be recovered"
        else:
            what = "moved on the target by somebody"
        return f"{deleted}{when}; {what}; {stays}", self._switched

    def _of_deleted(self, place: Place, copy: Place | None) -> tuple[str, bool]:
        """It is among the source's recoverable items, and the ledger knows nothing of it there."""
        deleted = f"deleted on the source{place.when_deleted}"
        if copy is None:
            if not self._followed(place) or self._switched:
                gone = "" if self._deletions == "keep" else f", and a copy was removed for good ({self._policy})"
                return f"{deleted}; what can be recovered is not brought from there{gone}", True
            return f"{deleted}; not listed there yet: {self._next('finds it')}", False
        if copy.deleted:
            by = f" ({self._policy})" if self._removed_by_us(copy) else " by its people"
            return f"{deleted}; removed from the target{copy.when_deleted}{by}, where it can be recovered", True
        if self._deletions == "keep":
            return f"{deleted}; kept on the target ({self._policy})", True
        if self._followed(place):
            return f"{deleted}: {self._next('moves the copy to where it can be recovered')}", False
        return f"{deleted}: {self._next(self._removes(copy))}", False

    # --- only the target has it -------------------------------------------------------------------------------------

    def _of_target(self, place: Place) -> tuple[str, bool]:
        row = self._by_target.get(place.hit.id)
        if row is not None:
            return self._of_left(place, row)
        others = self._told[place.hit.search_key] if place.hit.search_key else []
        if place.deleted:
            return self._of_removed(place, others)
        beside = any(other.hit.folder == place.hit.folder for other in others)
        if (place.hit.folder, place.hit.search_key.hex()) in self._resent and (beside or self._deletions == "mirror"):
            late = "there twice" if beside else "the source has it no more"
            heals = "nothing is put right after the switch" if self._switched else "the next proof deletes this one"
            return (
                f"{late}: Isthmus sent it again when the first time got no answer, and that came late; {heals}",
                False,
            )
        if beside and self._deletions == "keep":
            return f"of the target's own now, beside the copy ({self._policy})", True
        if beside:
            return "there twice: somebody else brought or copied it, so it is not Isthmus's to delete", False
        if others:
            return f"of the target's own: a copy that somebody made of what is in {others[0].folder}", True
        if self._deletions == "keep":
            return f"the source does not have it: of the target's own, or kept ({self._policy})", True
        return "of the target's own: Isthmus did not bring it", True

    def _of_left(self, place: Place, row: Row) -> tuple[str, bool]:
        """Brought by Isthmus, and not found on the source."""
        when, work = f"brought by Isthmus, {_copied(row)}", self._staged.get(row["source_id"])
        waits = f"; {self._no_pass}" if self._no_pass else ""
        if work is not None and work["work"] == "delete":
            will = "it stays here" if self._deletions == "keep" else "it will be deleted here"
            return f"{when}; the source has deleted it, and {will} ({self._policy}){waits}", False
        if self._switched:
            return f"{when}; the source has it no more: {self._policy}", True
        if not place.hit.search_key:
            return f"{when}; the source has it changed, or no more: {self._next('tells')}", False
        return f"{when}; deleted on the source since, for good: {self._next(self._removes(place))}", False

    def _of_removed(self, place: Place, others: list[Place]) -> tuple[str, bool]:
        """The ledger knows nothing of it, and it is among the target's recoverable items."""
        removed = f"removed from the target{place.when_deleted}, where it can be recovered"
        if others:
            return f"{removed}: one more than the one in {others[0].folder}", True
        if self._removed_by_us(place):
            return f"{removed}: the source has deleted it for good ({self._policy}), or people here did", True
        return f"{removed}: by its people, for Isthmus would not leave it there ({self._policy})", True

    # --- words ------------------------------------------------------------------------------------------------------

    def _next(self, does: str) -> str:
        return self._no_pass or f"the next pass {does}"

    def _removes(self, copy: Place) -> str:
        """What a pass does with the copy of what is gone from the source."""
        if self._deletions == "keep" or (self._deletions == "recoverable" and copy.deleted):
            return f"lets the copy be the target's own ({self._policy})"
        how = "so that it can be recovered" if self._deletions == "recoverable" else "for good"
        return f"deletes the copy, {how} ({self._policy})"

    def _removed_by_us(self, copy: Place) -> bool:
        """Whether passes delete so that an item comes to be there; its people may have, all the same."""
        if self._deletions == "mirror":  # for good, of which some servers keep what is purged
            return copy.tree.endswith("purges")
        return self._deletions == "recoverable"

    def _followed(self, place: Place) -> bool:
        """Whether passes bring what is in this tree; what is not known yet is wanted."""
        if self._mailbox is None:
            return True
        trees = self._mailbox["wanted_trees"] if self._mailbox["trees"] is None else self._mailbox["trees"]
        return place.tree in trees and place.tree in self._mailbox["wanted_trees"]

    def _not_followed(self, place: Place) -> str:
        """Why an archive is not brought."""
        if place.tree != ARCHIVE or self._mailbox is None or self._mailbox["unwanted"]:
            return ""
        if ARCHIVE not in self._mailbox["wanted_trees"] and self._mailbox["deletions"] is not None:
            return "archives are not brought (surroundings: archive: false)"
        if self._mailbox["archive_rests"]:
            return f"the archive is left out for now: {self._mailbox['archive_rests']}"
        return "" if self._followed(place) else "the archive is not brought, for the target has none"


def _copied(row: Row) -> str:
    return (f"copied {moment(row['agreed_at'])}" if row["agreed_at"] else "copied") + _WAYS[row["way"]]


def _trace(here: Place | None, there: Place | None, why: str, well: bool) -> Trace:
    either = here or there
    assert either is not None
    hit = either.hit
    return Trace(
        hit.subject,
        hit.item_class,
        hit.received,
        hit.size,
        hit.search_key.hex(),
        here.folder if here else "",
        there.folder if there else "",
        why,
        well,
        here.hit.id if here else "",
        there.hit.id if there else "",
    )
