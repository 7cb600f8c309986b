"""Pages of FindItem and FindFolder ([MS-OXWSSRCH] 2.2.4: IndexedPage…View, FractionalPage…View)."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import EwsError
from .names import Element, child


@dataclass(frozen=True)
class Window:
    """A part of a list: ``most`` entries from an offset or a fraction, counted from the beginning or the end."""

    most: int | None = None
    offset: int = 0
    from_end: bool = False
    fraction: tuple[int, int] | None = None

    @classmethod
    def parse(cls, request: Element, indexed: str, fractional: str) -> Window:
        """Reads whichever of the two views the request has; without one everything is wanted."""
        view = child(request, indexed)
        if view is not None:
            offset = int(view.get("Offset", "0"))
            if offset < 0:
                raise EwsError("ErrorInvalidIndexedPagingParameters", "Offset must not be negative.")
            return cls(_most(view), offset, view.get("BasePoint") == "End")
        view = child(request, fractional)
        if view is not None:
            numerator, denominator = int(view.get("Numerator", "0")), int(view.get("Denominator", "1"))
            if not 0 <= numerator <= denominator or denominator < 1:
                raise EwsError("ErrorInvalidFractionalPagingParameters", "The fraction must be between 0 and 1.")
            return cls(_most(view), fraction=(numerator, denominator))
        return cls()

    @property
    def counts_from_start(self) -> bool:
        """Whether the window can be told without knowing how long the list is."""
        return not self.from_end and self.fraction is None

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
    return None if written is None else int(written)
