"""The pages as HTML. What changes while one looks is a fragment: a named part that is rendered alone and sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import astuple
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from . import chart, words
from .record import LEFT, STATUSES, Journal
from .throughput import FINE

if TYPE_CHECKING:
    from .board import Board
    from .query import Query

STATIC = files("isthmus_stats") / "static"
_CURRENT_SECONDS_A_BAR = 3 * FINE

# In the order in which a mailbox goes through them, the finished ones first: how a bar of shares is read.
_IN_BAR = ("switched", "switching", "in step", "updating", "copying", "paused", "blocked", "waiting")

Fragments = dict[str, str]
"""HTML by the id of the element whose content it is."""


class Pages:
    def __init__(self, board: Board) -> None:
        self._board = board
        version = hashlib.sha256(
            b"".join(part.read_bytes() for part in sorted(STATIC.iterdir(), key=lambda part: part.name))
        ).hexdigest()[:12]
        self._jinja = Environment(
            loader=PackageLoader("isthmus_stats"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters |= {
            "number": words.number,
            "size": words.size,
            "percent": words.percent,
            "rate": words.rate,
            "span": words.span,
            "moment": words.moment,
            "ago": words.ago,
            "slug": slug,
        }
        self._jinja.globals |= {
            "moment_of": lambda seconds: words.moment(seconds * 1_000_000),
            "clock": lambda seconds: words.clock(seconds, board.clock()),
            "side": self._side,
            "statuses": STATUSES,
            "LEFT": LEFT,
            "version": version,
        }

    def overview(self, query: Query) -> str:
        return self._page(
            "overview.html", self.overview_fragments(query), query=query, live=f"/events{query.url(page=query.page)}"
        )

    def overview_fragments(self, query: Query) -> Fragments:
        summary = self._board.summary
        recent = summary.recent
        each = _CURRENT_SECONDS_A_BAR // FINE
        speeds = [sum(one[1] for one in recent[at : at + each]) for at in range(len(recent) % each, len(recent), each)]
        return {
            "totals": self._render(
                "totals.html",
                summary=summary,
                bar=self._bar(summary.totals.statuses),
                speeds=chart.bars(speeds, "Items copied in the last 30 minutes, in steps of 30 seconds"),
                fastest=max(speeds, default=0) / _CURRENT_SECONDS_A_BAR,
            ),
            "collections": self._render("collections.html", summary=summary, query=query, bar=self._bar),
            "statuses": self._render("statuses.html", totals=summary.totals, left=summary.left, query=query),
            "mailboxes": self._render("mailboxes.html", page=self._board.page(query)),
        }

    def mailbox(self, identity: str) -> str | None:
        """The page of one mailbox, None when there is none."""
        fragments = self.mailbox_fragments(identity)
        if fragments is None:
            return None
        name = self._board.mailboxes[identity].name
        return self._page("mailbox.html", fragments, name=name, live=f"/mailboxes/{identity}/events")

    def mailbox_fragments(self, identity: str) -> Fragments | None:
        mailbox = self._board.mailboxes.get(identity)
        if mailbox is None or not (mailbox.shown or mailbox.left):
            return None
        journal = self._board.journals.get(identity, Journal())
        points = [(one.at / 1e6, float(one.items_done), float(one.items_total)) for one in journal.samples]
        curve = chart.curve(points, f"Items of {mailbox.name} on the target over time") if len(points) > 1 else ""
        return {
            "standing": self._render("standing.html", mailbox=mailbox),
            "curve": self._render("curve.html", mailbox=mailbox, samples=journal.samples, curve=curve),
            "switches": self._render("switches.html", mailbox=mailbox, steps=journal.steps[::-1]),
            "farewell": self._render("farewell.html", mailbox=mailbox),
            "passes": self._render("passes.html", passes=journal.passes[::-1]),
            "settings": self._render(
                "settings.html", mailbox=mailbox, settings=sorted(journal.settings_aside, key=astuple)
            ),
            "aside": self._render("aside.html", mailbox=mailbox, items=journal.set_aside[::-1]),
        }

    def not_found(self) -> str:
        return self._page("missing.html", {}, live="")

    def _page(self, template: str, fragments: Fragments, **values: Any) -> str:
        return self._render(
            template, fragments=fragments, project=self._board.project, summary=self._board.summary, **values
        )

    def _render(self, template: str, **values: Any) -> str:
        return self._jinja.get_template(template).render(**values)

    def _bar(self, statuses: dict[str, int]) -> str:
        label = ", ".join(f"{statuses[status]} {status}" for status in _IN_BAR if statuses[status]) or "no mailboxes"
        return chart.shares([(slug(status), statuses[status]) for status in _IN_BAR], label)

    def _side(self, side: str) -> str:
        """The organisation's own name for a side, where the project is known."""
        project = self._board.project
        return {"source": project.source, "target": project.target}.get(side, side) if project else side


def slug(status: str) -> str:
    """A status as a class name."""
    return status.replace(" ", "-")


Render = Callable[[], Fragments | None]
"""What a live page asks for each time there is news."""
