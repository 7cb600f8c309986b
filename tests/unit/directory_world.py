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
    handed_over,
    unaddressed,
)
from isthmus_sync.directory.attributes import BACK_LINKS
from isthmus_sync.directory.echoes import consequential, leads_on

from tests.unit.directory_values import FACTS, guid, project

_NOBODY = Link(b"", "")


class World:
    """`objects` by side and name. `run` does what dirsync does, and says how many writes it took. `silent` are the
    pairs of the last run whose echoes dirsync would not look at, with those that were merged into them."""

    def __init__(self, the_project: Project | None = None, facts: ExchangeFacts = FACTS) -> None:
        self.project = the_project or project()
        self.facts = facts
        self.objects: dict[Side, dict[bytes, DirectoryObject]] = {side: {} for side in Side}
        self.pairs: dict[bytes, Pair] = {}
        self.clock = 0
        self.last: Comparison | None = None
        self.silent: dict[bytes, tuple[bytes, ...]] = {}

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
        del self.objects[side][obj.guid]
        for other in list(self.objects[side].values()):
            links = {n: tuple(link for link in ls if link.guid != obj.guid) for n, ls in other.links.items()}
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

    def run(self) -> int:
        """Compare, create, change; returns the number of writes."""
        sources, targets = ([self._with_back_links(side, o) for o in self.objects[side].values()] for side in Side)
        found = compare(sources, targets, list(self.pairs.values()), self.project, self.facts)
        self.last, around, writes = found, found.around, 0
        decisions = []
        for decision in found.decisions:
            if decision.creation is not None:
                new = guid(f"new/{decision.pair.id.hex()}")
                attributes = {name.lower(): values for name, values in decision.creation.attributes.items()}
                attributes["objectclass"] = (b"top", decision.creation.object_class.encode())
                obj = _with_database(DirectoryObject(new, decision.creation.dn, attributes))
                self.put(Side.TARGET, obj)
                around.target.put(obj)
                around.target.drop(decision.pair.id)
                around.twins.put(replace(decision.pair, target_guid=new))
                writes += 1
        for decision in found.decisions:
            pair = around.twins.by_id(decision.pair.id) or decision.pair
            decisions.append(decide(pair, decision.source, around.target.get(pair.target_guid), around))
        feeding = consequential(self.project)
        self.silent = {}
        for decision in decisions:
            written = {side: [c.attribute for c in decision.modifications[side]] for side in Side}
            open_ended = decision.held or decision.problems or any(leads_on(written[s], s, feeding) for s in Side)
            if any(written.values()) and not open_ended:
                self.silent[decision.pair.id] = decision.pair.merged
            objects: Mapping[Side, DirectoryObject | None] = {
                Side.SOURCE: decision.source,
                Side.TARGET: decision.target,
            }
            for side in Side:
                obj_now = objects[side]
                if decision.modifications[side] and obj_now is not None:
                    self.put(side, _with_database(applied(obj_now, decision.modifications[side])))
                    writes += 1
            writes += self._merge(decision)
            self.pairs[decision.pair.id] = replace(decision.pair, agreed=decision.agreed)
        # Where a contact was named its heir is now: not what a decision about the group left.
        handed = {holder.guid for d in decisions for contact in d.merges for holder, _ in handed_over(contact, _NOBODY)}
        for pair in self.pairs.values():
            if pair.target_guid in handed:
                self.silent.pop(pair.id, None)
        return writes

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
                self.put(Side.TARGET, applied(self.objects[Side.TARGET][holder.guid], [change]))
                writes += 1
            if self.project.directory.contacts == "delete":
                self.delete(Side.TARGET, contact)
            else:
                now = self.objects[Side.TARGET][contact.guid]
                self.put(Side.TARGET, applied(now, unaddressed(now)))
            writes += 1
        return writes

    def settle(self) -> None:
        """Run until there is nothing to do; it must not take more than a few rounds."""
        self.silent = {}  # whatever happened since the last run is looked at
        for _ in range(4):
            silent, self.silent = self.silent, {}
            writes = self.run()
            assert self.last is not None
            # One that somebody was merged into just now is looked at for that.
            late = [d for d in self.last.decisions if silent.get(d.pair.id) == d.pair.merged and not d.idle]
            assert not late, f"an echo that had to be looked at: {late[0].modifications}"
            if writes == 0:
                return
        raise AssertionError(f"still writing: {[d.modifications for d in self.last.decisions] if self.last else ''}")


def _with_database(obj: DirectoryObject) -> DirectoryObject:
    """homeMDB as a forest gives it back: as a link."""
    if not obj.raw("homeMDB"):
        return obj
    links = {**obj.links, "homemdb": tuple(Link(guid("DB1"), value.decode()) for value in obj.raw("homeMDB"))}
    return replace(obj, attributes={n: v for n, v in obj.attributes.items() if n != "homemdb"}, links=links)
