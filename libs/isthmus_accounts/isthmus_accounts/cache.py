"""Every pair in memory, found by any of its names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_accounts.errors import AmbiguousIdentity, UnknownIdentity
from isthmus_accounts.names import Name, asked, names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isthmus.accounts.v1.accounts_pb2 import Identity, Pair


class Cache:
    """Pairs and the index of their names. Knows nothing of the network, nor of how old it is."""

    def __init__(self) -> None:
        self._pairs: dict[bytes, Pair] = {}
        self._holders: dict[tuple[int, bytes], frozenset[tuple[int, bytes]]] = {}

    def __len__(self) -> int:
        return len(self._pairs)

    def pairs(self) -> Iterable[Pair]:
        """Every pair that is not removed."""
        return self._pairs.values()

    def put(self, pair: Pair) -> bool:
        """Take a pair as it is now; an older revision than the one held changes nothing and gives False."""
        held = self._pairs.get(pair.id)
        if held is not None:
            if held.revision >= pair.revision:
                return False
            for name in names(held):
                self._drop(name, held.id)
        if pair.removed:
            self._pairs.pop(pair.id, None)
        else:
            self._pairs[pair.id] = pair
            for name in names(pair):
                key = (name.kind, name.value)
                self._holders[key] = self._holders.get(key, frozenset()) | {(name.side, pair.id)}
        return True

    def resolve(self, identity: Identity) -> Pair:
        """The pair with this name. Raises UnknownIdentity or AmbiguousIdentity."""
        name = asked(identity)
        holders = self._holders.get((name.kind, name.value), frozenset()) if name else frozenset()
        found = {pair_id for side, pair_id in holders if not name or not name.side or side in (0, name.side)}
        if len(found) > 1:
            raise AmbiguousIdentity(identity)
        if not found:
            raise UnknownIdentity(identity)
        return self._pairs[found.pop()]

    def _drop(self, name: Name, pair_id: bytes) -> None:
        key = (name.kind, name.value)
        left = self._holders.get(key, frozenset()) - {(name.side, pair_id)}
        if left:
            self._holders[key] = left
        else:
            self._holders.pop(key, None)
