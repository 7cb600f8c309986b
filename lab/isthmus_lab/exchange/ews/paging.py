"""Pages of FindItem and FindFolder ([MS-OXWSSRCH] 2.2.4: IndexedPage…View, FractionalPage…View, SeekToCondition…)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from isthmus_lab.store import Page

from .errors import EwsError
from .names import Element, child


@dataclass(frozen=True)
class Window:
    """A part of a list: ``most`` entries from an offset or a fraction, counted from the beginning or the end.

    ``indexed`` is False without a view, when everything is wanted and an answer that is too long is an error.
    """

    most: int | None = None
    offset: int = 0
    from_end: bool = False
    fraction: tuple[int, int] | None = None
    indexed: bool = False
    condition: Element | None = None
    """The Restriction of the entry where the window begins, or from the end, of the one where it ends."""

    @classmethod
    def parse(cls, request: Element, kind: str) -> Window:
        """Reads whichever view of the kind (Item, Folder) the request has."""
        view = child(request, f"IndexedPage{kind}View")
        if view is not None:
            offset = int(view.get("Offset", "0"))
            if offset < 0:
                raise EwsError("ErrorInvalidIndexedPagingParameters", "Offset must not be negative.")
            return cls(_most(view), offset, view.get("BasePoint") == "End", indexed=True)
        view = child(request, f"FractionalPage{kind}View")
        if view is not None:
            numerator, denominator = int(view.get("Numerator", "0")), int(view.get("Denominator", "1"))
            if not 0 <= numerator <= denominator or denominator < 1:
                raise EwsError("ErrorInvalidFractionalPagingParameters", "The fraction must be between 0 and 1.")
            return cls(_most(view), fraction=(numerator, denominator), indexed=True)
        view = child(request, f"SeekToConditionPage{kind}View")
        if view is not None:
            condition = child(view, "Condition")
            return cls(_most(view), from_end=view.get("BasePoint") == "End", indexed=True, condition=condition)
        return cls()

    def at(self, place: int | None, total: int) -> Window:
        """The window of a condition, once it is known where the first (or last) entry is that meets it."""
        if place is None:
            return replace(self, offset=total, condition=None)
        return replace(self, offset=total - place - 1 if self.from_end else place, condition=None)

    def within(self, limit: int) -> Window:
        """The window cut to what a server gives at once."""
        return replace(self, most=limit if self.most is None else min(self.most, limit))

    def page(self, find: Callable[..., Page]) -> tuple[int, Page]:
        """Where the window begins, and the rows that ``find`` gives for it; it is asked once where that is enough."""
        if not self.from_end and self.fraction is None:
            found = find(offset=self.offset, limit=self.most)
            return min(self.offset, found.total), found
        start, end = self.of(find(limit=0).total)
        return start, find(offset=start, limit=end - start)

    def of(self, total: int) -> tuple[int, int]:
        """First and behind-last position in a list of that many."""
        if self.from_end:
            end = max(0, total - self.offset)
            return (0 if self.most is None else max(0, end - self.most)), end
        start = total * self.fraction[0] // self.fraction[1] if self.fraction else min(self.offset, total)
        return start, total if self.most is None else min(total, start + self.most)

    def attributes(self, start: int, end: int, total: int) -> dict[str, str]:
        """What a RootFolder says of the page."""
        last = start == 0 if self.from_end else end >= total
        shown = {"TotalItemsInView": str(total), "IncludesLastItemInRange": "true" if last else "false"}
        if self.fraction:
            return {"NumeratorOffset": str(end), "AbsoluteDenominator": str(total), **shown}
        return {"IndexedPagingOffset": str(total - start if self.from_end else end), **shown}


def _most(view: Element) -> int | None:
    written = view.get("MaxEntriesReturned")
    if written is not None and int(written) < 1:
        raise EwsError("ErrorInvalidPagingMaxRows", "MaxEntriesReturned must be greater than zero.")
    return None if written is None else int(written)
