"""Requests that get less than they ask for: shorter pages, sync states that are no longer known.

The request is changed and then answered as any other, so the answer is right for what it says it is.
"""

from __future__ import annotations

from typing import Final

from ..ews.names import child, m
from ..ews.soap import Request
from .faults import Faults

_PAGED: Final = ("SyncFolderItems", "FindItem")
_SYNC: Final = ("SyncFolderItems", "SyncFolderHierarchy")
_UNKNOWN_STATE: Final = "RXhwaXJlZA=="


def shorten(faults: Faults, request: Request, mailbox: str) -> None:
    """Changes the request as the plan's rules say."""
    name = request.operation
    if name in _PAGED:
        for rule in faults.of_kind("short-page"):
            if faults.strikes(rule, name, mailbox):
                _limit(request, rule.most)
    state = child(request.element, "SyncState")
    if name in _SYNC and state is not None and state.text:
        for rule in faults.of_kind("expired-state"):
            if faults.strikes(rule, name, mailbox):
                state.text = _UNKNOWN_STATE


def _limit(request: Request, most: int) -> None:
    if request.operation == "SyncFolderItems":
        limit = child(request.element, "MaxChangesReturned")
        if limit is not None and limit.text:
            limit.text = str(min(int(limit.text), most))
        return
    for name in ("IndexedPageItemView", "FractionalPageItemView"):
        view = child(request.element, name)
        if view is not None:
            view.set("MaxEntriesReturned", str(min(int(view.get("MaxEntriesReturned", most)), most)))
            return
    shape = child(request.element, "ItemShape")
    if shape is not None and child(request.element, "CalendarView") is None:
        shape.addnext(m("IndexedPageItemView", MaxEntriesReturned=str(most), Offset="0", BasePoint="Beginning"))
