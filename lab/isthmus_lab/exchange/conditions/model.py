"""Conditions as they are written in the server's settings, in a plan file and on the control page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
        "duplicate-delivery",  # a message comes into the mailbox twice
    ]
    when: Literal["before", "after"] = Field(default="before", description="before or after the request has its effect")
    operations: tuple[str, ...] = Field(default=("*",), description="request elements")
    mailboxes: tuple[str, ...] = Field(default=("*",), description="addresses of those as whom the requests act")
    subjects: tuple[str, ...] = Field(default=("*",), description="item-error: subjects of items that exist")
    larger_than: int = Field(default=0, description="item-error: bytes of items that exist or are uploaded")
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

    @model_validator(mode="after")
    def _named(self) -> FaultPlan:
        rules = tuple(
            rule if rule.name else rule.model_copy(update={"name": f"{rule.fault}-{place}"})
            for place, rule in enumerate(self.rules, start=1)
        )
        if len({rule.name for rule in rules}) < len(rules):
            raise ValueError("two rules have the same name")
        return self if rules == self.rules else self.model_copy(update={"rules": rules})


class Conditions(_Section):
    """Everything; a section that is not there changes nothing."""

    faults: FaultPlan = FaultPlan()
