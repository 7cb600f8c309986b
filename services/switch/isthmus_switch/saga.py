"""The switch of one person as a pure function: what is known, what was just seen, and from these what comes next.

``next_action(saga, seen, now)`` is the whole of it. It reads no clock, no database and no network; the loop around it
(``run.py``) stores the saga it returns, in one transaction with the events it wants said, and carries out the saga's
task. Any process may die between any two lines: the task is still written down, and every task may be done twice.

    PROOF         look up the pair; order a pass with proof until a certificate says that both sides are equal
    ACTIVE_SIDE   the account map makes the new side the active one
    REDIRECTION   directory synchronisation says that both forests redirect mail there
    LAST_PASS     order passes until nothing of the source is missing on the target
    PROBE         a mail through each organisation arrives on the new side, and nowhere else; if not at once, other mail
                  went to the source as well meanwhile, and another pass brings it
    DONE, REFUSED

An undo (``side`` is SOURCE) asks for no proof and begins at ACTIVE_SIDE. Once the active side has changed, mail goes to
the new side, so from there on a switch is never refused: it waits, says for what and since when, and can be undone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from uuid import UUID, uuid5

from . import words


class Side(IntEnum):
    """The values of isthmus.accounts.v1.Side."""

    SOURCE = 1
    TARGET = 2

    @property
    def other(self) -> Side:
        return Side.TARGET if self is Side.SOURCE else Side.SOURCE


class Step(IntEnum):
    """The values of isthmus.events.v1.SwitchStep."""

    PROOF = 1
    ACTIVE_SIDE = 2
    REDIRECTION = 3
    LAST_PASS = 4
    PROBE = 5
    DONE = 6
    REFUSED = 7


class Task(Enum):
    """What the saga does or waits for within its step."""

    LOOK_UP = "look up the pair"
    AWAIT_ANSWER = "await the answer to the order"
    PAUSE = "pause before the next pass"
    FLIP = "make the side active"
    AWAIT_REDIRECTION = "await redirection"
    SEND_PROBE = "send the probe mails"
    FIND_PROBE = "find the probe mails"
    CLEAR_PROBE = "delete the probe mails"
    NOTHING = "nothing"

    @property
    def is_effect(self) -> bool:
        """True for what is done to the outside when ``due`` has come; the others wait for an event or the clock."""
        return self in (Task.LOOK_UP, Task.FLIP, Task.SEND_PROBE, Task.FIND_PROBE, Task.CLEAR_PROBE)


PROOF_ROUNDS = 8
"""Passes with proof before a switch is refused: people are at work, so the first ones may see a difference."""
CERTIFICATE_AGE = timedelta(minutes=15)
"""A certificate of an older comparison says too little about now; another pass is ordered."""
PASS_PATIENCE = timedelta(minutes=2)
"""After this long without the answer to an order, the problem says so."""
ORDER_AGAIN = timedelta(minutes=10)
"""After this long, the same order is given once more, in case the first was lost with a worker."""
REDIRECTION_PATIENCE = timedelta(minutes=1)
PROBE_PATIENCE = timedelta(seconds=90)
"""How long a probe mail may take before another one is sent."""
LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True)
class Saga:
    """One switch. ``due`` is when the loop looks at it again though no event came; None when only an event can help."""

    pair_id: bytes
    request_id: bytes
    side: Side
    requested_by: str
    step: Step
    task: Task
    # Attempts at this step, 1 for the first.
    round: int
    # Attempts at this task that failed, since the last that did not.
    failures: int
    # When this step began, and when this task did.
    step_since: datetime
    task_since: datetime
    due: datetime | None
    problem: str
    # What stays to be said when all is done: an undo names what it could not bring back.
    note: str
    # The side that mail was last said to be redirected to; None before anything was said.
    redirected: Side | None
    # The organisations whose probe mails of this round have arrived.
    arrived: frozenset[Side]

    @property
    def finished(self) -> bool:
        return self.step in (Step.DONE, Step.REFUSED)

    @property
    def order_id(self) -> bytes:
        """The id of the pass ordered in this round: the same after a crash, another one in the next round."""
        return uuid5(UUID(bytes=self.request_id), f"{self.step.name} {self.round}").bytes

    @property
    def probe(self) -> str:
        """The words that begin the subject of this switch's probe mails, whatever their round."""
        return f"Isthmus probe {self.request_id.hex()}"

    @property
    def probe_of_round(self) -> str:
        """The words that begin the subject of this round's probe mails, and of no earlier round's."""
        return f"{self.probe} {self.round}"

    def probe_subject(self, via: Side) -> str:
        """The subject of the probe mail that goes through organisation ``via`` in this round. Unique."""
        return f"{self.probe_of_round} {via.name.lower()}"

    @property
    def waiting_for(self) -> str:
        return words.waiting_for(self.task.name, self.step is Step.PROOF)


@dataclass(frozen=True)
class LookedUp:
    """The account map's answer; ``obstacle`` says why this pair cannot be switched at all."""

    active: Side
    obstacle: str = ""


@dataclass(frozen=True)
class PassAnswered:
    """A pass was completed. ``proven`` is False when it came without a proof; the counts are items."""

    order_id: bytes
    proven: bool
    equal: bool = False
    missing: int = 0
    surplus: int = 0
    removed_on_target: int = 0
    set_aside: int = 0
    differences: tuple[str, ...] = ()
    # When the comparison was finished that a certificate is about which this switch believes; None without one, and
    # then ``doubt`` says what is wrong.
    certified_at: datetime | None = None
    doubt: str = ""
    # Items whose copies are not what their originals are, folders without a counterpart, and those that were not told.
    different: int = 0
    missing_folders: int = 0
    unread_folders: int = 0


@dataclass(frozen=True)
class Flipped:
    """The account map has made ``side`` the active one."""

    side: Side


@dataclass(frozen=True)
class Redirected:
    """Both forests redirect mail to ``side``."""

    side: Side


@dataclass(frozen=True)
class ProbeSent:
    """The probe mails of this round were handed over, one in each organisation."""


@dataclass(frozen=True)
class ProbeFound:
    """Where the probe mails of this round are, named by the organisation through which each was sent."""

    arrived: frozenset[Side]
    # Those that lie on the inactive side.
    astray: frozenset[Side]


@dataclass(frozen=True)
class ProbeCleared:
    """No probe mail of this switch is left in either mailbox."""


@dataclass(frozen=True)
class Failed:
    """The task could not be done; ``problem`` says why and what the operator can do."""

    problem: str


@dataclass(frozen=True)
class DueCame:
    """Nothing happened until ``due``. ``mailbox`` is what the mailbox last said of itself, in words; may be empty."""

    mailbox: str = ""


Seen = LookedUp | PassAnswered | Flipped | Redirected | ProbeSent | ProbeFound | ProbeCleared | Failed | DueCame


@dataclass(frozen=True)
class OrderPass:
    """Order PASS_AND_PROVE of the mailbox, with this id."""

    order_id: bytes


@dataclass(frozen=True)
class Say:
    """Publish SwitchProgress as the saga now stands."""


Action = OrderPass | Say


def begin(
    pair_id: bytes, request_id: bytes, side: Side, requested_by: str, redirected: Side | None, now: datetime
) -> tuple[Saga, list[Action]]:
    """A new saga. It replaces the pair's older one, whatever that was doing: every step looks before it acts."""
    undo = side is Side.SOURCE
    saga = Saga(
        pair_id=pair_id,
        request_id=request_id,
        side=side,
        requested_by=requested_by,
        step=Step.ACTIVE_SIDE if undo else Step.PROOF,
        task=Task.FLIP if undo else Task.LOOK_UP,
        round=1,
        failures=0,
        step_since=now,
        task_since=now,
        due=now,
        problem="",
        note="",
        redirected=redirected,
        arrived=frozenset(),
    )
    return saga, [Say()]


def next_action(saga: Saga, seen: Seen, now: datetime) -> tuple[Saga, list[Action]]:
    """The saga after ``seen``, and what is to be said. What does not concern the present task changes nothing."""
    after, actions = _decide(saga, seen, now)
    if _told(after) != _told(saga):
        actions = [*actions, Say()]
    return after, actions


def _told(saga: Saga) -> tuple[object, ...]:
    return (saga.step, saga.problem, saga.waiting_for, saga.task_since if saga.waiting_for else None)


def _decide(saga: Saga, seen: Seen, now: datetime) -> tuple[Saga, list[Action]]:
    match seen:
        case Redirected(side):
            saga = replace(saga, redirected=side)
            if saga.task is Task.AWAIT_REDIRECTION:
                return _redirection(saga, now)
        case LookedUp() if saga.task is Task.LOOK_UP:
            if seen.obstacle:
                return _finish(saga, Step.REFUSED, seen.obstacle, now)
            if seen.active is saga.side:
                return _enter(saga, Step.ACTIVE_SIDE, Task.FLIP, now), []
            return _order(saga, now)
        case PassAnswered() if saga.task is Task.AWAIT_ANSWER and seen.order_id == saga.order_id:
            return _proof(saga, seen, now) if saga.step is Step.PROOF else _last_pass(saga, seen, now)
        case Flipped(side) if saga.task is Task.FLIP and side is saga.side:
            return _redirection(_enter(saga, Step.REDIRECTION, Task.AWAIT_REDIRECTION, now), now)
        case ProbeSent() if saga.task is Task.SEND_PROBE:
            # The problem of an earlier probe stands until one arrives.
            return replace(_task(saga, Task.FIND_PROBE, now, due=now + _pause(0)), problem=saga.problem), []
        case ProbeFound() if saga.task is Task.FIND_PROBE:
            return _probe(saga, seen, now)
        case ProbeCleared() if saga.task is Task.CLEAR_PROBE:
            return _finish(saga, Step.DONE, saga.note, now)
        case Failed(problem) if saga.task.is_effect:
            failures = saga.failures + 1
            return replace(saga, failures=failures, problem=problem, due=now + _pause(failures)), []
        case DueCame() if saga.due is not None and saga.due <= now:
            return _overdue(saga, seen.mailbox, now)
        case _:
            pass
    return saga, []


def _proof(saga: Saga, answer: PassAnswered, now: datetime) -> tuple[Saga, list[Action]]:
    if answer.proven and answer.equal:
        if answer.certified_at is None:
            return _finish(saga, Step.REFUSED, words.uncertified(answer.doubt), now)
        if now - answer.certified_at <= CERTIFICATE_AGE:
            return _enter(saga, Step.ACTIVE_SIDE, Task.FLIP, now), []
    if saga.round >= PROOF_ROUNDS:
        return _finish(saga, Step.REFUSED, words.refused(saga.round, answer), now)
    return _task(saga, Task.PAUSE, now, due=now + _pause(saga.round)), []


def _last_pass(saga: Saga, answer: PassAnswered, now: datetime) -> tuple[Saga, list[Action]]:
    if saga.side is Side.SOURCE and answer.proven:
        # Nothing more to bring to the side that is being left; what is only there now is said, not hidden.
        return _enter(replace(saga, note=words.left_behind(answer)), Step.PROBE, Task.SEND_PROBE, now), []
    if answer.proven and answer.missing <= answer.removed_on_target and not answer.unread_folders:
        if saga.step is Step.PROBE:
            return _task(saga, Task.CLEAR_PROBE, now, due=now), []
        return _enter(saga, Step.PROBE, Task.SEND_PROBE, now), []
    problem = words.missing(answer) if saga.round >= PROOF_ROUNDS or not answer.proven else ""
    return replace(_task(saga, Task.PAUSE, now, due=now + _pause(saga.round)), problem=problem), []


def _redirection(saga: Saga, now: datetime) -> tuple[Saga, list[Action]]:
    if saga.redirected is not saga.side:
        return replace(saga, due=saga.task_since + REDIRECTION_PATIENCE), []
    return _order(_enter(saga, Step.LAST_PASS, Task.AWAIT_ANSWER, now), now)


def _probe(saga: Saga, found: ProbeFound, now: datetime) -> tuple[Saga, list[Action]]:
    arrived = saga.arrived | found.arrived
    # Passes go on from source to target. A probe astray in the source may have reached the target as a copy, so that
    # its arrival proves nothing; one that arrived in the source is soon on the target too, and that is no harm.
    astray = found.astray if saga.side is Side.TARGET else found.astray - arrived
    if astray:
        return _probe_again(saga, words.astray(saga.side.name, saga.side.other.name), now), []
    if arrived == frozenset(Side):
        saga = replace(saga, arrived=arrived)
        if saga.side is Side.TARGET and saga.round > 1:
            # Where earlier probes went, other mail went after the last pass, and nobody looks there any more.
            return _order(replace(saga, problem=""), now)
        return _task(saga, Task.CLEAR_PROBE, now, due=now), []
    if now - saga.task_since >= PROBE_PATIENCE:
        late = [via.name.lower() for via in Side if via not in arrived]
        return _probe_again(saga, words.not_arrived(late, saga.side.name, saga.task_since), now), []
    pause = min(_pause(0) + (now - saga.task_since) / 4, _pause(3))
    return replace(saga, arrived=arrived, failures=0, due=now + pause), []


def _probe_again(saga: Saga, problem: str, now: datetime) -> Saga:
    again = replace(saga, round=saga.round + 1, arrived=frozenset())
    return replace(_task(again, Task.SEND_PROBE, now, due=now + _pause(saga.round)), problem=problem)


def _overdue(saga: Saga, mailbox: str, now: datetime) -> tuple[Saga, list[Action]]:
    if saga.task is Task.PAUSE:
        return _order(replace(saga, round=saga.round + 1), now)
    if saga.task is Task.AWAIT_ANSWER:
        problem = words.no_answer(saga.task_since, mailbox)
        if now - saga.task_since >= ORDER_AGAIN:
            again, actions = _order(saga, now)
            return replace(again, problem=problem), actions
        return replace(saga, problem=problem, due=saga.task_since + ORDER_AGAIN), []
    if saga.task is Task.AWAIT_REDIRECTION:
        return replace(saga, problem=words.no_redirection(saga.side.name, saga.task_since), due=None), []
    return saga, []


def _order(saga: Saga, now: datetime) -> tuple[Saga, list[Action]]:
    waiting = replace(_task(saga, Task.AWAIT_ANSWER, now, due=now + PASS_PATIENCE), problem=saga.problem)
    return waiting, [OrderPass(waiting.order_id)]


def _enter(saga: Saga, step: Step, task: Task, now: datetime) -> Saga:
    return _task(replace(saga, step=step, round=1, step_since=now, arrived=frozenset()), task, now, due=now)


def _task(saga: Saga, task: Task, now: datetime, due: datetime | None) -> Saga:
    return replace(saga, task=task, task_since=now, due=due, failures=0, problem="")


def _finish(saga: Saga, step: Step, problem: str, now: datetime) -> tuple[Saga, list[Action]]:
    return replace(_enter(saga, step, Task.NOTHING, now), due=None, problem=problem), []


def _pause(tries: int) -> timedelta:
    """1 s, 2 s, 4 s … up to five minutes."""
    return min(timedelta(seconds=2 ** min(tries, 16)), LONGEST_PAUSE)
