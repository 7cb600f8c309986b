"""Fields of tasks ([MS-OXWSTASK])."""

from __future__ import annotations

from typing import Final

from isthmus_lab.mapi import tags

from .errors import EwsError
from .fields import Draft, Field, View, computed, parsed, simple, strings
from .names import Element
from .values import BOOLEAN, DOUBLE, INTEGER, TEXT, TIME, choice

STATUS: Final = choice({0: "NotStarted", 1: "InProgress", 2: "Completed", 3: "WaitingOnOthers", 4: "Deferred"})
_COMPLETED: Final = 2


def _set_status(draft: Draft, node: Element) -> None:
    _status(draft, parsed(STATUS, node))


def _status(draft: Draft, status: int) -> None:
    """Status, completion and percentage go together ([MS-OXOTASK] 2.2.2.2.2)."""
    was = draft.bag.get(tags.PidLidTaskStatus)
    draft.set(tags.PidLidTaskStatus, status)
    draft.set(tags.PidLidTaskComplete, status == _COMPLETED)
    if status == _COMPLETED:
        draft.set(tags.PidLidPercentComplete, 1.0)
        if tags.PidLidTaskDateCompleted not in draft.bag:
            draft.set(tags.PidLidTaskDateCompleted, draft.now())
    elif was == _COMPLETED:
        draft.set(tags.PidLidTaskDateCompleted, None)


def _percent(view: View) -> str:
    return DOUBLE.show((view.value(tags.PidLidPercentComplete) or 0.0) * 100)


def _set_percent(draft: Draft, node: Element) -> None:
    share = parsed(DOUBLE, node) / 100
    if not 0 <= share <= 1:
        raise EwsError("ErrorInvalidPercentCompleteValue", "PercentComplete is from 0 to 100.")
    status = draft.bag.get(tags.PidLidTaskStatus, 0)
    if share >= 1:
        _status(draft, _COMPLETED)
    elif status == _COMPLETED or (status == 0 and share > 0):
        _status(draft, 1 if share > 0 else 0)
    draft.set(tags.PidLidPercentComplete, share)


def _complete(draft: Draft, node: Element) -> None:
    draft.set(tags.PidLidTaskDateCompleted, parsed(TIME, node))
    _status(draft, _COMPLETED)


def _both(task: tags.NamedProperty, common: tags.NamedProperty, uri: str) -> Field:
    def store(draft: Draft, node: Element) -> None:
        value = parsed(TIME, node)
        draft.set(task, value)
        draft.set(common, value)

    def clear(draft: Draft) -> None:
        draft.set(task, None)
        draft.set(common, None)

    shown = simple(uri, task, TIME)
    return Field(uri, shown.element, shown.build, store, clear, task, TIME)


FIELDS: Final = (
    simple("task:ActualWork", tags.PidLidTaskActualEffort, INTEGER),
    simple("task:BillingInformation", tags.PidLidBilling, TEXT),
    simple("task:ChangeCount", tags.PidLidTaskVersion, INTEGER, read_only=True),
    strings("task:Companies", tags.PidLidCompanies),
    Field(
        "task:CompleteDate",
        "CompleteDate",
        simple("task:CompleteDate", tags.PidLidTaskDateCompleted, TIME).build,
        _complete,
        lambda draft: _status(draft, 0),
        tags.PidLidTaskDateCompleted,
        TIME,
    ),
    strings("task:Contacts", tags.PidLidContacts),
    _both(tags.PidLidTaskDueDate, tags.PidLidCommonEnd, "task:DueDate"),
    simple("task:IsComplete", tags.PidLidTaskComplete, BOOLEAN, default=False, read_only=True),
    simple("task:IsRecurring", tags.PidLidTaskFRecurring, BOOLEAN, default=False, read_only=True),
    simple("task:IsTeamTask", tags.PidLidTeamTask, BOOLEAN, default=False, read_only=True),
    simple("task:Mileage", tags.PidLidMileage, TEXT),
    simple("task:Owner", tags.PidLidTaskOwner, TEXT, read_only=True),
    Field("task:PercentComplete", "PercentComplete", _percent, _set_percent, None, tags.PidLidPercentComplete, DOUBLE),
    _both(tags.PidLidTaskStartDate, tags.PidLidCommonStart, "task:StartDate"),
    Field(
        "task:Status",
        "Status",
        simple("task:Status", tags.PidLidTaskStatus, STATUS, default=0).build,
        _set_status,
        None,
        tags.PidLidTaskStatus,
        STATUS,
    ),
    computed(
        "task:StatusDescription",
        lambda view: STATUS.show(view.value(tags.PidLidTaskStatus) or 0),
    ),
    simple("task:TotalWork", tags.PidLidTaskEstimatedEffort, INTEGER),
)
