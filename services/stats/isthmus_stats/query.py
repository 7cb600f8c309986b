"""What somebody asked to see of the mailboxes: filter, order and page, as they stand in the address of the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .record import LEFT, STATUSES, STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .record import Mailbox

PAGE = 50
LARGEST_PAGE = 1000


def _step(mailbox: Mailbox) -> int:
    switch = mailbox.switch
    return STEPS.index(switch.step) if switch is not None and switch.step in STEPS else 0


_KEYS: dict[str, Callable[[Mailbox], Any]] = {
    "status": lambda mailbox: (*STATUSES, LEFT).index(mailbox.status),
    "progress": lambda mailbox: mailbox.percent,
    "items": lambda mailbox: mailbox.items_total,
    "aside": lambda mailbox: mailbox.items_set_aside,
    "pass": lambda mailbox: mailbox.number_of_pass,
    "side": lambda mailbox: mailbox.active_side,
    "switch": _step,
    "changed": lambda mailbox: mailbox.at,
}
_LARGEST_FIRST = ("progress", "items", "aside", "pass", "switch", "changed")


@dataclass(frozen=True)
class Query:
    """``status`` is one of STATUSES, LEFT, "attention", or empty for all in collections. ``page`` counts from 1."""

    text: str = ""
    status: str = ""
    collection: str = ""
    order: str = "name"
    reverse: bool = False
    page: int = 1
    size: int = PAGE

    def url(self, **changes: Any) -> str:
        """The query string of this query with ``changes``; any change but of the page goes to the first page."""
        after = replace(self, **({"page": 1} | changes))
        parts = {
            "q": after.text,
            "status": after.status,
            "collection": after.collection,
            "sort": "" if after.order == "name" else after.order,
            "dir": "desc" if after.reverse else "",
            "page": str(after.page) if after.page > 1 else "",
            "size": str(after.size) if after.size != PAGE else "",
        }
        return "?" + urlencode({name: value for name, value in parts.items() if value})

    def sorted_by(self, order: str) -> str:
        """The query string behind a column's heading: that order, or the other way round when it is in use already."""
        reverse = not self.reverse if order == self.order else order in _LARGEST_FIRST
        return self.url(order=order, reverse=reverse)


def parse(parameters: Mapping[str, str]) -> Query:
    """The query in an address. Whatever makes no sense there is left out: a link never leads to an error."""
    status = parameters.get("status", "")
    order = parameters.get("sort", "name")
    return Query(
        text=parameters.get("q", "").strip()[:200],
        status=status if status in (*STATUSES, LEFT, "attention") else "",
        collection=parameters.get("collection", "")[:200],
        order=order if order in _KEYS else "name",
        reverse=parameters.get("dir") == "desc",
        page=_number(parameters.get("page", ""), 1, 1_000_000),
        size=_number(parameters.get("size", ""), PAGE, LARGEST_PAGE),
    )


def _number(text: str, default: int, largest: int) -> int:
    return min(int(text), largest) if text.isascii() and text.isdigit() and 0 < len(text) < 8 and int(text) else default


@dataclass(frozen=True)
class Page:
    """A page of mailboxes. ``total`` counts all that match; ``first`` and ``last`` number the shown ones from 1."""

    query: Query
    total: int
    mailboxes: list[Mailbox]

    @property
    def first(self) -> int:
        return (self.query.page - 1) * self.query.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        return max(0, self.first + len(self.mailboxes) - 1)

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.query.size))


def answer(query: Query, mailboxes: Iterable[Mailbox]) -> Page:
    """The page that was asked for; the last one when there are not so many."""
    words = query.text.casefold().split()
    left = query.status == LEFT
    among = [mailbox for mailbox in mailboxes if (mailbox.left if left else mailbox.shown)]
    found = [mailbox for mailbox in among if _matches(query, words, mailbox)]
    found.sort(key=lambda mailbox: (mailbox.name.casefold(), mailbox.id))
    if query.order == "name":
        found = found[::-1] if query.reverse else found
    else:
        found.sort(key=_KEYS[query.order], reverse=query.reverse)
    pages = max(1, -(-len(found) // query.size))
    query = replace(query, page=min(query.page, pages))
    start = (query.page - 1) * query.size
    return Page(query, len(found), found[start : start + query.size])


def _matches(query: Query, words: list[str], mailbox: Mailbox) -> bool:
    if query.collection and mailbox.collection != query.collection:
        return False
    if query.status == "attention":
        if not mailbox.needs_attention:
            return False
    elif query.status and mailbox.status != query.status:
        return False
    if not words:
        return True
    where = f"{mailbox.name} {mailbox.source_address} {mailbox.target_address}".casefold()
    return all(word in where for word in words)
