"""What the portal knows of one mailbox, and how each event changes it. Pure: a record and a message in, a record out.

Events may come twice, and those of different topics in any order. Every fold therefore takes what is newer than what it
has and ignores the rest, so that a repeat changes nothing. Moments are microseconds since 1970, as in the events.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from isthmus.accounts.v1 import accounts_pb2
    from isthmus.events.v1 import mailbox_pb2, switch_pb2

STATES = ("", "waiting", "first pass", "in step", "pass", "switched", "blocked", "paused")
"""Words for isthmus.events.v1.MailboxState, by number."""
STEPS = ("", "proof", "active side", "redirection", "last pass", "probe", "done", "refused")
"""Words for isthmus.events.v1.SwitchStep, by number."""
SIDES = ("", "source", "target")
KINDS = ("", "user", "group", "contact", "room", "equipment")

STATUSES = ("waiting", "copying", "updating", "in step", "switching", "switched", "blocked", "paused")
"""What people are shown: the mailbox's own state, the running switch and the active side in one word."""
LEFT = "in no collection"
"""What is shown of those that were looked after once, and are in no total any more."""


@dataclass(frozen=True, slots=True)
class Switch:
    """How the newest switch of this mailbox stands, or stood at one moment of its history."""

    request: str
    side: str
    step: str
    problem: str
    waiting_for: str
    waiting_since: int
    requested_by: str
    at: int

    @property
    def running(self) -> bool:
        return self.step not in ("", "done", "refused")


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that a switch would not bring along: so many of a kind, what becomes of it, the first ones by name."""

    kind: str
    count: int
    bytes: int
    words: str
    examples: tuple[str, ...]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, "examples": tuple(value["examples"])})


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox. Sizes are bytes, counts are items, ``id`` is the pair's id in hexadecimal."""

    id: str
    name: str = ""
    source_address: str = ""
    target_address: str = ""
    collection: str = ""
    kind: str = ""
    active_side: str = ""
    revision: int = 0
    # False for groups, contacts, and people without a mailbox, who are never shown.
    has_mailbox: bool = False
    removed: bool = False
    state: str = ""
    number_of_pass: int = 0
    folders: int = 0
    items_total: int = 0
    items_done: int = 0
    items_set_aside: int = 0
    items_left_out: int = 0
    kept_aside: int = 0
    bytes_done: int = 0
    problem: str = ""
    at: int = 0
    switch: Switch | None = None
    # What a switch would not bring along, and when that was said.
    not_brought: tuple[Loss, ...] = ()
    not_brought_at: int = 0

    @property
    def shown(self) -> bool:
        return not self.removed and bool(self.collection) and (self.has_mailbox or self.at > 0)

    @property
    def left(self) -> bool:
        """Whether it was looked after once, and no collection names it any more."""
        return not self.removed and not self.collection and self.at > 0

    @property
    def switched(self) -> bool:
        """Whether the person works on the target for good, even if the mailbox is paused or blocked there."""
        running = self.switch is not None and self.switch.running
        return not running and (self.active_side == "target" or self.state == "switched")

    @property
    def status(self) -> str:
        """One of STATUSES, or LEFT."""
        if self.left:
            return LEFT
        if self.switch is not None and self.switch.running:
            return "switching"
        if self.state in ("blocked", "paused"):
            return self.state
        if self.switched:
            return "switched"
        return {"first pass": "copying", "pass": "updating", "in step": "in step"}.get(self.state, "waiting")

    @property
    def trouble(self) -> str:
        """What somebody should look at, in words; empty when all is well."""
        if self.switch is not None and self.switch.problem:
            return self.switch.problem
        return self.problem

    @property
    def needs_attention(self) -> bool:
        return bool(self.trouble) or self.items_set_aside > 0 or self.state == "blocked"

    @property
    def percent(self) -> float:
        """0 to 100; 100 only when nothing is left to do. Items set aside are not done."""
        if not self.items_total:
            return 100.0 if self.counted else 0.0
        if self.items_done >= self.items_total:
            return 100.0
        return min(99.9, int(1000 * self.items_done / self.items_total) / 10)

    @property
    def items_left(self) -> int:
        return max(0, self.items_total - self.items_done - self.items_set_aside)

    @property
    def counted(self) -> bool:
        """Whether the source has said yet how much there is."""
        return self.items_total > 0 or self.switched or self.status == "in step"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        switch, losses = value.get("switch"), value.get("not_brought", ())
        given = {"switch": Switch(**switch) if switch else None, "not_brought": tuple(map(Loss.from_json, losses))}
        return cls(**{**value, **given})


def with_pair(mailbox: Mailbox, pair: accounts_pb2.Pair) -> Mailbox:
    if pair.revision and pair.revision < mailbox.revision:
        return mailbox
    source, target = pair.source, pair.target
    return replace(
        mailbox,
        name=source.display_name or target.display_name or mailbox.name,
        source_address=source.primary_smtp_address or mailbox.source_address,
        target_address=target.primary_smtp_address or mailbox.target_address,
        collection=pair.collection,
        kind=_word(KINDS, pair.kind),
        active_side=_word(SIDES, pair.active_side),
        revision=pair.revision,
        has_mailbox=bool(source.mailbox_guid) and pair.kind not in (2, 3),
        removed=pair.removed,
    )


def with_progress(mailbox: Mailbox, progress: mailbox_pb2.MailboxProgress) -> Mailbox:
    if progress.at < mailbox.at:
        return mailbox
    return replace(
        mailbox,
        name=progress.display_name or mailbox.name,
        source_address=progress.source_address or mailbox.source_address,
        target_address=progress.target_address or mailbox.target_address,
        # The account map says who is in which; a pass may end after that.
        collection=mailbox.collection if mailbox.revision else progress.collection,
        state=_word(STATES, progress.state),
        number_of_pass=getattr(progress, "pass"),
        folders=progress.folders,
        items_total=progress.items_total,
        items_done=progress.items_done,
        items_set_aside=progress.items_set_aside,
        items_left_out=progress.items_left_out,
        kept_aside=progress.kept_aside,
        bytes_done=progress.bytes_done,
        problem=progress.problem,
        at=progress.at,
    )


def with_not_brought(mailbox: Mailbox, said: mailbox_pb2.NotBrought) -> Mailbox:
    if said.at < mailbox.not_brought_at:
        return mailbox
    losses = tuple(Loss(one.kind, one.count, one.bytes, one.words, tuple(one.examples)) for one in said.losses)
    return replace(mailbox, not_brought=losses, not_brought_at=said.at)


def switch_of(progress: switch_pb2.SwitchProgress) -> Switch:
    return Switch(
        request=progress.request_id.hex(),
        side=_word(SIDES, progress.side),
        step=_word(STEPS, progress.step),
        problem=progress.problem,
        waiting_for=progress.waiting_for,
        waiting_since=progress.waiting_since,
        requested_by=progress.requested_by,
        at=progress.at,
    )


def with_switch(mailbox: Mailbox, switch: Switch) -> Mailbox:
    if mailbox.switch is not None and switch.at < mailbox.switch.at:
        return mailbox
    return replace(mailbox, switch=switch)


def _word(words: tuple[str, ...], number: int) -> str:
    """A value of a newer contract than ours has no word; it is shown as unknown rather than wrong."""
    return words[number] if 0 <= number < len(words) else f"unknown ({number})"


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did; counts are items, ``equal`` is None when it was not asked to prove."""

    number: int
    added: int
    updated: int
    moved: int
    deleted: int
    read_flags: int
    set_aside: int
    bytes: int
    round_trips: int
    started_at: int
    finished_at: int
    equal: bool | None
    differences: list[str]

    @property
    def changes(self) -> int:
        return self.added + self.updated + self.moved + self.deleted + self.read_flags


@dataclass(frozen=True, slots=True)
class SetAside:
    folder: str
    item_id: str
    item_class: str
    size: int
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Setting:
    """A right, a rule or a setting that is kept aside: where, whom it is about, what it is, and why."""

    kind: str
    place: str
    who: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sample:
    """How far the mailbox was at a moment."""

    at: int
    items_done: int
    items_total: int
    bytes_done: int


MOST_PASSES = 100
MOST_SET_ASIDE = 500
MOST_SETTINGS = 500
MOST_STEPS = 100
MOST_SAMPLES = 240
_SAMPLE_EVERY = 5_000_000


@dataclass(frozen=True, slots=True)
class Journal:
    """What a mailbox went through, oldest first; bounded, so that a table row stays small."""

    passes: list[Pass] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    steps: list[Switch] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    settings_aside: list[Setting] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_row(self) -> list[list[list[Any]]]:
        """As it is kept in its table: without the names of the fields, which would be most of it."""
        return [
            [[getattr(one, name) for name in one.__slots__] for one in part]
            for part in (self.passes, self.set_aside, self.steps, self.samples, self.settings_aside)
        ]

    @classmethod
    def from_row(cls, row: list[list[list[Any]]]) -> Self:
        passes, set_aside, steps, samples, *later = row
        return cls(
            [Pass(*one) for one in passes],
            [SetAside(*one) for one in set_aside],
            [Switch(*one) for one in steps],
            [Sample(*one) for one in samples],
            [Setting(*one) for one in (later[0] if later else ())],
        )


def with_pass(journal: Journal, done: mailbox_pb2.PassCompleted) -> Journal:
    number = getattr(done, "pass")
    if any(one.number == number and one.finished_at == done.finished_at for one in journal.passes):
        return journal
    one = Pass(
        number=number,
        added=done.added,
        updated=done.updated,
        moved=done.moved,
        deleted=done.deleted,
        read_flags=done.read_flags,
        set_aside=done.set_aside,
        bytes=done.bytes,
        round_trips=done.round_trips,
        started_at=done.started_at,
        finished_at=done.finished_at,
        equal=done.proof.equal if done.HasField("proof") else None,
        differences=list(done.proof.differences),
    )
    return replace(journal, passes=_without_idle_ones([*journal.passes, one]))


def _without_idle_ones(passes: list[Pass]) -> list[Pass]:
    """The newest passes. An idle one is dropped for a newer idle one: a mailbox in step makes thousands."""
    if len(passes) > 1 and _idle(passes[-1]) and _idle(passes[-2]):
        passes = [*passes[:-2], passes[-1]]
    return passes[-MOST_PASSES:]


def _idle(one: Pass) -> bool:
    return one.changes == 0 and one.set_aside == 0 and one.equal is None


def with_set_aside(journal: Journal, item: mailbox_pb2.ItemSetAside, at: int) -> Journal:
    """The item's newest reason replaces its older one."""
    one = SetAside(item.folder, item.item_id, item.item_class, item.size, item.reason, at)
    others = [other for other in journal.set_aside if other.item_id != one.item_id]
    return replace(journal, set_aside=[*others, one][-MOST_SET_ASIDE:])


def with_setting(journal: Journal, said: mailbox_pb2.KeptAside) -> Journal:
    """A setting's newest reason replaces its older one; one that is settled is kept aside no more."""
    one = Setting(said.kind, said.place, said.who, said.what, said.reason)
    others = [other for other in journal.settings_aside if replace(other, reason=one.reason) != one]
    return replace(journal, settings_aside=(others if said.settled else [*others, one])[-MOST_SETTINGS:])


def with_step(journal: Journal, switch: Switch) -> Journal:
    if any(one.at == switch.at and one.request == switch.request for one in journal.steps):
        return journal
    return replace(journal, steps=sorted([*journal.steps, switch], key=lambda one: one.at)[-MOST_STEPS:])


def with_sample(journal: Journal, mailbox: Mailbox) -> Journal:
    """Remembers how far the mailbox was, every few seconds. When there are too many, every other one goes."""
    sample = Sample(mailbox.at, mailbox.items_done, mailbox.items_total, mailbox.bytes_done)
    samples = journal.samples
    if samples and (sample.at <= samples[-1].at or replace(sample, at=samples[-1].at) == samples[-1]):
        return journal
    if len(samples) > 1 and sample.at - samples[-2].at < _SAMPLE_EVERY:
        # The newest one is always there, so that the curve ends where the mailbox is.
        return replace(journal, samples=[*samples[:-1], sample])
    if len(samples) >= MOST_SAMPLES:
        samples = [*samples[:-1:2], samples[-1]]
    return replace(journal, samples=[*samples, sample])
