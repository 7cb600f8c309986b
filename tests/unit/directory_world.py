"""Two forests as dictionaries, with a synchroniser that carries decisions out on them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from isthmus_project import Project
from isthmus_sync.directory import (
    Comparison,
    Decision,
    DirectoryObject,
    ExchangeFacts,
    Kind,
    Link,
    Pair,
    Side,
    applied,
    compare,
    decide,
    decide_and_note,
    handed_over,
    in_order,
    once_made,
    unaddressed,
    with_links,
)
from isthmus_sync.directory.attributes import BACK_LINKS
from isthmus_sync.directory.cut_short import agreed_after
from isthmus_sync.directory.echoes import consequential, leads_on

from tests.unit.directory_values import FACTS, guid, project

_NOBODY = Link(b"", "")


class _Died(Exception):  # noqa: N818
    """dirsync is not there any more."""


_MOST_ROUNDS = 5


class World:
    """`objects` by side and name. `run` does what dirsync does, and says how many writes it took. `silent` are the
    pairs of the last run whose echoes dirsync would not look at; `anew`: somebody was merged into a pair. `refused` are
    attributes that a forest does not let be written, as it spells them."""

    def __init__(self, the_project: Project | None = None, facts: ExchangeFacts = FACTS) -> None:
        self.project = the_project or project()
        self.facts = facts
        self.objects: dict[Side, dict[bytes, DirectoryObject]] = {side: {} for side in Side}
        self.pairs: dict[bytes, Pair] = {}
        self.clock = 0
        self.last: Comparison | None = None
        self.silent: set[bytes] = set()
        self.anew = False
        self.buried: dict[Side, dict[bytes, DirectoryObject]] = {side: {} for side in Side}
        self.refused: set[tuple[Side, str]] = set()
        self._writes_left: int | None = None
        self._remembered = True
        self._begun: dict[bytes, Decision] = {}

    def put(self, side: Side, *objects: DirectoryObject) -> None:
        for obj in objects:
            self.objects[side][obj.guid] = obj

    def write(self, side: Side, obj: DirectoryObject, attribute: str, values: tuple[bytes, ...]) -> None:
        """Somebody sets an attribute; the forest's clock says when."""
        self.clock += 1
        name = attribute.lower()
        changed = {**obj.changed, name: self.clock}
        self.put(side, replace(obj, attributes={**obj.attributes, name: values}, changed=changed))

    def link(self, side: Side, obj: DirectoryObject, attribute: str, links: tuple[Link, ...]) -> None:
        self.clock += 1
        changed = {**obj.changed, attribute.lower(): self.clock}
        self.put(side, replace(obj, links={**obj.links, attribute.lower(): links}, changed=changed))

    def delete(self, side: Side, obj: DirectoryObject) -> None:
        """The object goes, and with it every link to it."""
        self.buried[side][obj.guid] = self.objects[side].pop(obj.guid)
        for other in list(self.objects[side].values()):
            links = {n: tuple(link for link in ls if link.guid != obj.guid) for n, ls in other.links.items()}
            self.put(side, replace(other, links=links))

    def reanimate(self, side: Side, guid: bytes) -> None:
        """A deleted object comes back as it was; links to what is gone by now are not there."""
        obj = self.buried[side].pop(guid)
        here = self.objects[side]
        links = {n: tuple(link for link in ls if link.guid in here or n == "homemdb") for n, ls in obj.links.items()}
        self.put(side, replace(obj, links=links))

    def rename(self, side: Side, obj: DirectoryObject, dn: str) -> None:
        """The object has another name, or another place, and so has every link to it."""
        self.put(side, replace(obj, dn=dn))
        for other in list(self.objects[side].values()):
            links = {
                n: tuple(Link(link.guid, dn) if link.guid == obj.guid else link for link in ls)
                for n, ls in other.links.items()
            }
            self.put(side, replace(other, links=links))

    def twin(self, obj: DirectoryObject) -> DirectoryObject:
        """The target's object for one of the source."""
        [pair] = [pair for pair in self.pairs.values() if pair.source_guid == obj.guid]
        return self.objects[Side.TARGET][pair.target_guid or b""]

    def source(self, name: str) -> DirectoryObject:
        return self.objects[Side.SOURCE][guid(f"alpha/{name}")]

    def switch(self, obj: DirectoryObject, side: Side) -> None:
        [pair] = [pair for pair in self.pairs.values() if pair.source_guid == obj.guid]
        self.pairs[pair.id] = replace(pair, active=side)

    def crash(self, after: int, *, remembered: bool = True) -> None:
        """dirsync runs and dies, or a forest goes away, after so many writes, and before what came after them; whether
        what came of the last one is `remembered`."""
        self._writes_left, self._remembered = after, remembered
        try:
            self.run()
        except _Died:
            pass
        finally:
            self._writes_left = None

    def _written(self) -> int:
        """One more write; raises when there is nobody any more who could make it."""
        if self._writes_left is not None:
            if self._writes_left == 0:
                raise _Died
            self._writes_left -= 1
        return 1

    def run(self) -> int:
        """Compare, create, change; returns the number of writes."""
        self._see_what_was_begun()
        sources, targets = ([self._with_back_links(side, o) for o in self.objects[side].values()] for side in Side)
        merged = {pair.id: pair.merged for pair in self.pairs.values()}
        found = compare(sources, targets, list(self.pairs.values()), self.project, self.facts)
        self.anew = any(pair.merged != merged.get(pair.id, ()) for pair in found.around.twins)
        self.last, around, writes = found, found.around, 0
        decisions = []
        to_make = {d.pair.id: d for d in found.decisions if d.creation is not None}
        new = in_order([*((d.pair, d.source) for d in to_make.values()), *found.undecided], around)
        found.undecided.clear()
        for pair, source in new:
            if pair.id not in to_make:
                to_make[pair.id] = decide_and_note(pair, source, around)
                found.decisions.append(to_make[pair.id])
                assert not to_make[pair.id].overwrites, "the guard had to see it"
            decision = to_make[pair.id]
            writes += self._written()
            creation, made = with_links(decision, around), guid(f"new/{decision.pair.id.hex()}")
            attributes = {name.lower(): values for name, values in creation.attributes.items()}
            attributes["objectclass"] = (b"top", creation.object_class.encode())
            if creation.object_class == "user" and made[0] & 1:
                attributes.setdefault("countrycode", (b"0",))  # domain controllers add some more
            links = {name.lower(): named for name, named in creation.links.items()}
            obj = _with_database(DirectoryObject(made, creation.dn, attributes, links))
            self.put(Side.TARGET, obj)
            around.target.put(obj)
            around.target.drop(decision.pair.id)
            around.twins.put(replace(decision.pair, target_guid=made))
        for decision in found.decisions:
            pair = around.twins.by_id(decision.pair.id) or decision.pair
            now = around.target.get(pair.target_guid)
            decided = decide(pair, decision.source, now, around)
            if decision.creation is not None and now is not None:
                assert once_made(decision, pair, now, around) == decided
            decisions.append(decided)
        feeding = consequential(self.project)
        self.silent = set()
        self._begun = {decision.pair.id: decision for decision in decisions}
        for decision in decisions:
            written = {side: [c.attribute for c in decision.modifications[side]] for side in Side}
            open_ended = decision.held or decision.problems or any(leads_on(written[s], s, feeding) for s in Side)
            if any(written.values()) and not open_ended:
                self.silent.add(decision.pair.id)
            objects: Mapping[Side, DirectoryObject | None] = {
                Side.SOURCE: decision.source,
                Side.TARGET: decision.target,
            }
            refused: set[str] = set()
            for side in (decision.pair.active, decision.pair.active.other):
                obj_now = objects[side]
                changes = [c for c in decision.modifications[side] if (side, c.attribute) not in self.refused]
                refused |= {c.attribute.lower() for c in decision.modifications[side] if c not in changes}
                if changes and obj_now is not None:
                    writes += self._written()
                    self.put(side, _with_database(applied(obj_now, changes)))
            if "proxyaddresses" not in refused:
                writes += self._merge(decision)
            if refused:
                self.silent.discard(decision.pair.id)
            if self._writes_left == 0 and not self._remembered:
                raise _Died
            agreed = decision.agreed.but_for(refused, decision.pair.agreed)
            self.pairs[decision.pair.id] = replace(decision.pair, agreed=agreed)
            del self._begun[decision.pair.id]
        # Where a contact was named its heir is now: not what a decision about the group left.
        handed = {holder.guid for d in decisions for contact in d.merges for holder, _ in handed_over(contact, _NOBODY)}
        for pair in self.pairs.values():
            if pair.target_guid in handed:
                self.silent.discard(pair.id)
        return writes

    def _see_what_was_begun(self) -> None:
        """What both sides agree on after the last run died."""
        begun, self._begun = self._begun, {}
        for decision in begun.values():
            pair = self.pairs.get(decision.pair.id)
            if pair is not None and not decision.idle:
                changes = [(side, change) for side in Side for change in decision.modifications[side]]
                now = {side: self.objects[side].get(pair.guid(side) or b"") for side in Side}
                agreed = agreed_after(decision.agreed, pair.agreed, changes, now)
                self.pairs[pair.id] = replace(pair, agreed=agreed)

    def _with_back_links(self, side: Side, obj: DirectoryObject) -> DirectoryObject:
        """Who names a contact, as a forest says it."""
        if obj.kind is not Kind.CONTACT:
            return obj
        links = dict(obj.links)
        for back, forward in BACK_LINKS.items():
            holders = [o for o in self.objects[side].values() if obj.guid in {li.guid for li in o.linked(forward)}]
            links[back.lower()] = tuple(Link(holder.guid, holder.dn) for holder in holders)
        return replace(obj, links=links)

    def _merge(self, decision: Decision) -> int:
        """Contacts merged into the decision's target, as dirsync does it."""
        writes, target = 0, decision.target
        assert target is not None
        for contact in decision.merges:
            for holder, change in handed_over(contact, Link(target.guid, target.dn)):
                writes += self._written()
                self.put(Side.TARGET, applied(self.objects[Side.TARGET][holder.guid], [change]))
            writes += self._written()
            if self.project.directory.contacts == "delete":
                self.delete(Side.TARGET, contact)
            else:
                now = self.objects[Side.TARGET][contact.guid]
                self.put(Side.TARGET, applied(now, unaddressed(now)))
        return writes

    def settle(self) -> None:
        """Run until there is nothing to do; it must not take more than a few rounds: one for each link of a chain of
        rules that feed each other, across both sides, and a last one in which nothing happens."""
        self.silent = set()  # whatever happened since the last run is looked at
        for _ in range(_MOST_ROUNDS):
            silent, self.silent = self.silent, set()
            writes = self.run()
            assert self.last is not None
            # When somebody was merged into a pair everything is compared anew, echoes or not.
            late = [d for d in self.last.decisions if d.pair.id in silent and not d.idle and not self.anew]
            assert not late, f"an echo that had to be looked at: {late[0].modifications}"
            if writes == 0:
                return
        raise AssertionError(f"still writing: {[d.modifications for d in self.last.decisions] if self.last else ''}")


def _with_database(obj: DirectoryObject) -> DirectoryObject:
    """Databases as a forest gives them back: as links."""
    links = {
        name: tuple(Link(guid("DB1"), value.decode()) for value in obj.raw(name))
        for name in ("homemdb", "msexcharchivedatabaselink")
        if obj.raw(name)
    }
    if not links:
        return obj
    plain = {name: values for name, values in obj.attributes.items() if name not in links}
    return replace(obj, attributes=plain, links={**obj.links, **links})
