"""Conditions as they are written in the server's settings, in a plan file and on the control page."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

CONTROL_PATH: Final = "/lab/conditions"
"""The page by which they are replaced while the server runs."""
Share = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Section):
    """One thing that goes wrong, and for whom. Patterns are those of file names (``Sync*``, ``*@alpha.test``)."""

    name: str = Field(default="", description="by which it is counted and logged; without one the fault and its place")
    fault: Literal[
        "reset",  # the connection is reset
        "drop-tls",  # the connection ends without a word of TLS
        "no-answer",  # the connection stays open and nothing comes for `seconds`, then it is reset
        "slow",  # the answer comes `seconds` later
        "status",  # an answer of HTTP with `status`
        "error",  # a SOAP fault with `code`
        "busy",  # ErrorServerBusy in its `shape`, with `back_off_ms`
        "malformed",  # the answer's XML is broken in its middle
        "truncated",  # the answer's XML ends in its middle
        "short-page",  # a page of SyncFolderItems or FindItem has `most` entries, and says that there are more
        "expired-state",  # a sync state is refused
        "item-error",  # chosen items are answered with `code`, always the same ones
        "folder-error",  # whatever is asked of one of the `folders` is answered with `code`
        "store-error",  # whatever is in one of the `stores` is answered with `code`
        "duplicate-delivery",  # a message comes into the mailbox twice
    ]
    when: Literal["before", "after"] = Field(default="before", description="before or after the request has its effect")
    operations: tuple[str, ...] = Field(default=("*",), description="request elements")
    mailboxes: tuple[str, ...] = Field(default=("*",), description="addresses of those as whom the requests act")
    subjects: tuple[str, ...] = Field(default=("*",), description="item-error: subjects of items that exist")
    larger_than: int = Field(default=0, description="item-error: bytes of items that exist or are uploaded")
    folders: tuple[str, ...] = Field(default=("*",), description="folder-error: names of folders")
    stores: tuple[Literal["mailbox", "archive"], ...] = Field(
        default=("mailbox", "archive"), description="store-error: of those as whom the requests act"
    )
    probability: Share = 1.0
    skip: int = Field(default=0, ge=0, description="how many that fit are left alone first")
    times: int | None = Field(default=None, ge=0, description="how often at most")
    seconds: float = Field(default=1.0, ge=0)
    status: int = Field(default=503, ge=400, le=599)
    retry_after: int | None = Field(default=None, ge=0, description="status: seconds in Retry-After")
    code: str = "ErrorItemCorrupt"
    shape: Literal["fault", "message", "unavailable"] = "fault"
    back_off_ms: int | None = Field(default=1000, ge=0)
    most: int = Field(default=1, ge=1)


class FaultPlan(_Section):
    """Rules in the order in which they are asked. The same seed gives the same decisions in the same order."""

    seed: int = 1
    rules: tuple[Rule, ...] = ()

    @field_validator("rules")
    @classmethod
    def _named(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        named = tuple(
            rule if rule.name else rule.model_copy(update={"name": f"{rule.fault}-{place}"})
            for place, rule in enumerate(rules, start=1)
        )
        if len({rule.name for rule in named}) < len(named):
            raise ValueError("two rules have the same name")
        return named


class Delay(_Section):
    """How long things take beside what they really take; nobody's thread or processor is held for it.

    The keys of ``call_ms`` and ``item_ms`` are request elements, or ``*`` for all others.
    """

    round_trip_ms: Milliseconds = Field(default=0, description="the way there and back, half of it each")
    call_ms: dict[str, Milliseconds] = Field(default_factory=dict, description="a server's time for a request")
    item_ms: dict[str, Milliseconds] = Field(default_factory=dict, description="and for each item of it")


class Throttling(_Section):
    """A throttling policy: the Ews… parameters of Set-ThrottlingPolicy. None is unlimited."""

    max_concurrency: int | None = Field(default=None, description="requests at the same time")
    sync_calls: int | None = Field(default=None, description="Sync… requests at the same time")
    hanging_connections: int | None = Field(default=None, description="open GetStreamingEvents")
    max_subscriptions: int | None = Field(default=None, description="subscriptions of a mailbox")
    max_burst_ms: Milliseconds | None = Field(default=None, description="server time that may be used at once")
    recharge_ms: Milliseconds = Field(default=900_000, gt=0, description="server time that comes back in an hour")
    cutoff_ms: Milliseconds = Field(default=3_000_000, description="debt at which requests are refused")
    lockout_ms: Milliseconds = Field(default=300_000, description="for how long they are")
    shape: Literal["fault", "message", "unavailable"] = Field(default="fault", description="of ErrorServerBusy")


class Limits(_Section):
    """What a request may take."""

    batch_seconds: float = Field(default=60.0, gt=0, description="after that the rest of a batch is left undone")
    minute_seconds: float = Field(default=60.0, gt=0, description="a minute of the times that subscriptions have")
    sync_state_changes: int | None = Field(
        default=None, ge=0, description="changes of the mailbox after which a sync state has expired"
    )


# GlobalThrottlingPolicy as Setup writes it. What Exchange 2010 limits by percentages of time has no budget here.
_LATER: Final = Throttling(
    max_concurrency=27,
    sync_calls=5,
    hanging_connections=10,
    max_subscriptions=5000,
    max_burst_ms=300_000,
)
POLICIES: Final = {
    "Exchange2010": Throttling(max_concurrency=10, max_subscriptions=20),
    "Exchange2010_SP2": Throttling(max_concurrency=10, max_subscriptions=20),
    "Exchange2013": _LATER.model_copy(update={"hanging_connections": 3, "sync_calls": None}),
    "Exchange2016": _LATER,
    "Exchange2019": _LATER,
    "ExchangeSE": _LATER,
}
"""What is in force after an installation, by the server's version."""


class Conditions(_Section):
    """Everything; a section that is not there changes nothing."""

    faults: FaultPlan = FaultPlan()
    delay: Delay = Delay()
    throttling: Throttling = Throttling()
    limits: Limits = Limits()
