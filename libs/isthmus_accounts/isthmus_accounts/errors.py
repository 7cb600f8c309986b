"""What can go wrong when somebody is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_accounts.names import spoken

if TYPE_CHECKING:
    from isthmus.accounts.v1.accounts_pb2 import Identity


class AccountMapError(Exception):
    """The account map gave no pair."""


class UnknownIdentity(AccountMapError):  # noqa: N818
    """No pair has this name."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(f"nobody has {spoken(identity)}")


class AmbiguousIdentity(AccountMapError):  # noqa: N818
    """More than one pair has this name."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(f"more than one pair has {spoken(identity)}: ask with a side, or by another name")


class AccountMapUnavailable(AccountMapError):  # noqa: N818
    """The account map did not answer in time; nothing is known."""
