"""Client of the account map: who is this on the other side, and which side is active?

    async with AccountMap("127.0.0.1:7001") as accounts:
        pair = await accounts.resolve(Identity(smtp_address="anna@alpha.example"))
        await accounts.set_active_side(pair.id, SIDE_TARGET, "switch 3f1c")

Answers come from a cache that the account map's watch stream keeps right; whenever that stream is silent for more than
a second the client asks the account map itself, and says nothing rather than something old.
"""

from isthmus.accounts.v1.accounts_pb2 import (
    SIDE_SOURCE,
    SIDE_TARGET,
    SIDE_UNSPECIFIED,
    Account,
    Identity,
    Pair,
    Side,
)

from isthmus_accounts.cache import Cache
from isthmus_accounts.client import AccountMap, Batch
from isthmus_accounts.errors import AccountMapError, AccountMapUnavailable, AmbiguousIdentity, UnknownIdentity

__all__ = [
    "SIDE_SOURCE",
    "SIDE_TARGET",
    "SIDE_UNSPECIFIED",
    "Account",
    "AccountMap",
    "AccountMapError",
    "AccountMapUnavailable",
    "AmbiguousIdentity",
    "Batch",
    "Cache",
    "Identity",
    "Pair",
    "Side",
    "UnknownIdentity",
]
