"""What every EWS operation is: a request's body and the meaning of its answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from ..body import Piece
from ..soap import Element, Large, check

T = TypeVar("T")

SMALL_BYTES = 64 * 1024
"""Of items; a new mail is as small as a page of a listing."""


class Operation(ABC, Generic[T]):
    """One request. `writes` tells whether it changes anything: then a lost answer leaves it in doubt. `content`:
    whether it carries so much of items that small requests would feel it.
    """

    name: ClassVar[str]
    writes: ClassVar[bool] = False

    @property
    def content(self) -> bool:
        return False

    @abstractmethod
    def body(self, newer: bool, /) -> str:
        """The operation's element, prefixes m and t declared outside; `newer`: for Exchange 2013 and later."""

    def pieces(self, newer: bool, /) -> Sequence[Piece]:
        """The body, in pieces where it is large."""
        return (self.body(newer),)

    @abstractmethod
    def answer(self, messages: Sequence[Element], /) -> T:
        """The answer's meaning. Raises EwsError when a request that asks one thing failed, ValueError when the answer
        makes no sense.
        """

    def answer_with(self, messages: Sequence[Element], large: Large, /) -> T:  # noqa: ARG002 - few have any
        """`answer` for an answer whose large texts are not in its messages."""
        return self.answer(messages)


def only(messages: Sequence[Element]) -> Element:
    """The message of a request that asks one thing. Raises EwsError when it failed."""
    if len(messages) != 1:
        raise ValueError(f"one thing was asked, {len(messages)} were answered")
    error = check(messages[0])
    if error is not None:
        raise error
    return messages[0]


def check_progress(*, last: bool, further: bool) -> None:
    """Raises ValueError where more is to come, and asking for that would bring the same once more, and so for ever."""
    if not (last or further):
        raise ValueError("there is more, and no way to it is told")
