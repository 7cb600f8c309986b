"""Generated histories on both sides: whatever people do, both forests settle, say the same, and lose nobody."""

from __future__ import annotations

from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from isthmus_project import Project
from isthmus_sync.directory import DirectoryObject, Kind, Link, Side
from isthmus_sync.directory.merging import stands_for
from isthmus_sync.directory.objects import as_values

from tests.unit.directory_values import guid, mailbox, project, recipient
from tests.unit.directory_world import World

NAMES = [f"p{number}" for number in range(4)]
GROUPS = [f"g{number}" for number in range(2)]
people, groups = st.sampled_from(NAMES), st.sampled_from(GROUPS)
sides = st.sampled_from(list(Side))
texts = st.sampled_from(["", "a", "b", "c"])
RULES = {
    "title": "newest",
    "department": "target",
    "member": "newest",
    "manager": "newest",
    "info": {"template": "{title} {department}"},
}

# Whoever comes as p3 is merged into what was made for p2, unless p3 has got an object of their own before.
TOGETHER: dict[str, str | None] = {
    str(UUID(bytes_le=guid("alpha/p2"))): None,
    str(UUID(bytes_le=guid("alpha/p3"))): "p2@x.test",
}


class Histories(RuleBasedStateMachine):
    """People and groups are made, merged, changed, linked, switched and deleted on both sides; dirsync runs now and
    then."""

    def __init__(self) -> None:
        super().__init__()
        self.decided: dict[str, str | None] = {}
        self.world = World(self._project())

    def _project(self) -> Project:
        pairs = [{"source": source, "target": target} for source, target in (TOGETHER | self.decided).items()]
        return project(attributes=RULES, contacts="delete", pairs=pairs, scope=["OU=Staff,DC=alpha,DC=test"])

    def _object(self, side: Side, name: str):  # type: ignore[no-untyped-def]
        world = self.world
        source = world.objects[Side.SOURCE].get(guid(f"alpha/{name}"))
        if side is Side.SOURCE or source is None:
            return source
        pairs = {pair.source_guid: pair for pair in world.pairs.values()}
        pair = pairs.get(source.guid)
        return world.objects[Side.TARGET].get(pair.target_guid or b"") if pair else None

    @rule(name=people, title=texts)
    def hire(self, name: str, title: str) -> None:
        if self._object(Side.SOURCE, name) is None:
            self.world.put(Side.SOURCE, mailbox("alpha", name, title=title))

    @rule(name=people)
    def account_in_the_target(self, name: str) -> None:
        if guid(f"beta/{name}") not in self.world.objects[Side.TARGET]:
            twin = self._object(Side.TARGET, name)
            if twin is None:
                self.world.put(Side.TARGET, mailbox("beta", name, title="t"))

    @rule(name=people, group=groups)
    def contact_in_the_target(self, name: str, group: str) -> None:
        """Somebody of the source is made a contact of the target, perhaps beside an account there, and in a group."""
        if guid(f"beta/card {name}") not in self.world.objects[Side.TARGET]:
            smtp = f"SMTP:{name}@x.test"
            card = recipient(
                "beta", f"card {name}", "contact", mail=smtp[5:], proxyAddresses=[smtp], targetAddress=smtp
            )
            self.world.put(Side.TARGET, card)
            if (twin := self._object(Side.TARGET, group)) is not None:
                self.world.link(Side.TARGET, twin, "member", (*twin.linked("member"), Link(card.guid, card.dn)))

    @rule(name=groups, members=st.lists(st.sampled_from(NAMES + GROUPS), unique=True))
    def found(self, name: str, members: list[str]) -> None:
        if self._object(Side.SOURCE, name) is None:
            here = [m for m in members if self._object(Side.SOURCE, m) is not None]
            self.world.put(Side.SOURCE, recipient("alpha", name, "group", {"member": here}))

    @rule(side=sides, name=people, attribute=st.sampled_from(["title", "department", "displayName"]), value=texts)
    def edit(self, side: Side, name: str, attribute: str, value: str) -> None:
        if (obj := self._object(side, name)) is not None:
            self.world.write(side, obj, attribute, as_values(value) if value else ())

    @rule(side=sides, name=groups, member=st.sampled_from(NAMES + GROUPS))
    def join_or_leave(self, side: Side, name: str, member: str) -> None:
        group, who = self._object(side, name), self._object(side, member)
        if group is None or who is None:
            return
        links = [found for found in group.linked("member") if found.guid != who.guid]
        if len(links) == len(group.linked("member")):
            links.append(Link(who.guid, who.dn))
        self.world.link(side, group, "member", tuple(links))

    @rule(side=sides, name=people, boss=st.sampled_from([*NAMES, ""]))
    def report_to(self, side: Side, name: str, boss: str) -> None:
        obj, manager = self._object(side, name), self._object(side, boss) if boss else None
        if obj is not None:
            self.world.link(side, obj, "manager", (Link(manager.guid, manager.dn),) if manager else ())

    @rule(side=sides, name=people, extra=st.sampled_from(["x1", "x2"]))
    def address(self, side: Side, name: str, extra: str) -> None:
        if (obj := self._object(side, name)) is not None:
            address = f"smtp:{name}.{extra}@x.test".encode()
            values = tuple(value for value in obj.raw("proxyAddresses") if value != address)
            self.world.write(
                side,
                obj,
                "proxyAddresses",
                values if len(values) < len(obj.raw("proxyAddresses")) else (*values, address),
            )

    @rule(side=sides, one=people, other=people)
    def address_moves(self, side: Side, one: str, other: str) -> None:
        """Somebody gives another all addresses but the first one."""
        giver, taker = self._object(side, one), self._object(side, other)
        if giver is not None and taker is not None and giver.guid != taker.guid:
            moved = tuple(v for v in giver.raw("proxyAddresses") if v.startswith(b"smtp:") and b"redirect" not in v)
            kept = tuple(v for v in giver.raw("proxyAddresses") if v not in moved)
            new = tuple(v for v in moved if v not in taker.raw("proxyAddresses"))
            self.world.write(side, giver, "proxyAddresses", kept)
            self.world.write(side, taker, "proxyAddresses", (*taker.raw("proxyAddresses"), *new))

    @rule(side=sides, one=people, other=people)
    def swap_primary_addresses(self, side: Side, one: str, other: str) -> None:
        objects = self._object(side, one), self._object(side, other)
        if objects[0] is None or objects[1] is None or objects[0].guid == objects[1].guid:
            return
        primaries = [tuple(v for v in o.raw("proxyAddresses") if v.startswith(b"SMTP:")) for o in objects if o]
        mails = [o.raw("mail") for o in objects if o]
        for number, obj in enumerate(objects):
            others = tuple(v for v in obj.raw("proxyAddresses") if not v.startswith(b"SMTP:"))
            lower = tuple(v.lower() for v in primaries[1 - number])
            self.world.write(
                side, obj, "proxyAddresses", (*primaries[1 - number], *(v for v in others if v.lower() not in lower))
            )
            now = self._object_again(side, obj.guid)
            self.world.write(side, now, "mail", mails[1 - number])

    def _object_again(self, side: Side, obj_guid: bytes) -> DirectoryObject:
        return self.world.objects[side][obj_guid]

    @rule(side=sides, name=st.sampled_from(NAMES + GROUPS), unit=st.sampled_from(["Staff", "Old"]), new=st.booleans())
    def rename_or_move(self, side: Side, name: str, unit: str, new: bool) -> None:
        """Renamed, moved, or both; what is moved out of the scope takes no part until it comes back."""
        if (obj := self._object(side, name)) is not None:
            forest = "alpha" if side is Side.SOURCE else "beta"
            first = f"CN={name} the second" if new else obj.dn.partition(",")[0]
            dn = f"{first},OU={unit},DC={forest},DC=test"
            if all(other.dn != dn for other in self.world.objects[side].values()):
                self.world.rename(side, obj, dn)

    @rule(side=sides, which=st.integers(0, 20))
    def reanimate(self, side: Side, which: int) -> None:
        if buried := sorted(g for g in self.world.buried[side] if g not in self.world.objects[side]):
            self.world.reanimate(side, buried[which % len(buried)])

    @rule(name=people)
    def another_account_in_the_target(self, name: str) -> None:
        """Somebody else in the target has the address of this one: nobody can tell which of them is meant."""
        if guid(f"beta/other {name}") not in self.world.objects[Side.TARGET]:
            address = f"{name}@x.test"
            another = mailbox("beta", f"other {name}", mail=address, proxyAddresses=[f"SMTP:{address}"])
            self.world.put(Side.TARGET, another)

    @rule(which=st.integers(0, 20))
    def decide_by_hand(self, which: int) -> None:
        """A person says who is meant."""
        refused = [each for each in self.world.last.refused if each.candidates] if self.world.last else []
        if refused:
            chosen = refused[which % len(refused)]
            source, target = (UUID(bytes_le=g) for g in (chosen.source.guid, chosen.candidates[0].guid))
            self.decided[str(source)] = str(target)
            self.world.project = self._project()

    @rule(side=sides, attribute=st.sampled_from(["title", "proxyAddresses", "member", "targetAddress", "mail"]))
    def refuse(self, side: Side, attribute: str) -> None:
        """A forest lets an attribute be written no more, until the next time that everything is well."""
        self.world.refused.add((side, attribute))

    @rule()
    def synchronise_once(self) -> None:
        self.world.run()

    @rule(name=people, side=sides)
    def switch(self, name: str, side: Side) -> None:
        if (obj := self._object(Side.SOURCE, name)) is not None and self._object(Side.TARGET, name) is not None:
            self.world.switch(obj, side)

    @rule(side=sides, name=st.sampled_from(NAMES + GROUPS))
    def delete(self, side: Side, name: str) -> None:
        if (obj := self._object(side, name)) is not None:
            self.world.delete(side, obj)

    @rule()
    def crash_before_it_was_written_down(self) -> None:
        before = dict(self.world.pairs)
        self.world.run()
        # The forests have it, our records do not: agreed states are those of before, new pairs are forgotten.
        self.world.pairs = before

    @rule(after=st.integers(0, 6), remembered=st.booleans())
    def crash_in_the_middle(self, after: int, remembered: bool) -> None:
        """dirsync is killed, or a forest goes away, between two writes, or between a write and its being written
        down."""
        self.world.crash(after, remembered=remembered)

    @rule()
    def synchronise(self) -> None:
        self.world.refused.clear()
        self.world.settle()
        self.in_step()

    def in_step(self) -> None:
        world = self.world
        assert world.last is not None
        for decision in world.last.decisions:
            source, target = decision.source, decision.target
            assert target is not None
            assert source.raw("displayName") == target.raw("displayName") or not source.raw("displayName")
            assert source.raw("title") == target.raw("title")
            made = f"{source.text('title')} {source.text('department')}".strip()
            assert source.kind is Kind.GROUP or target.text("info") == made or not made
            for card in world.objects[Side.TARGET].values():
                told = any(card.dn in text for text in decision.problems)
                assert told or not stands_for(card, source), "a contact is merged unless two may claim it"
            if source.kind.is_account:
                sent_on = {
                    Side.SOURCE: bool(source.raw("targetAddress")),
                    Side.TARGET: bool(target.raw("targetAddress")),
                }
                assert sent_on == {decision.pair.active: False, decision.pair.active.other: True}
                assert decision.redirected
            smtp, smtp_of_target, of_merged = (
                {v.lower() for obj in objects for v in obj.texts("proxyAddresses") if v.lower().startswith("smtp")}
                - {v.lower() for obj in objects for v in obj.texts("proxyAddresses") if "redirect" in v}
                for objects in ((source,), (target,), decision.merged)
            )
            # What one of them has and the other has not, somebody else has there; and that is told of.
            for address in (smtp | of_merged) ^ smtp_of_target:
                assert any(address.removeprefix("smtp:") in problem for problem in decision.problems)

    @invariant()
    def nobody_has_two_counterparts(self) -> None:
        targets = [pair.target_guid for pair in self.world.pairs.values() if pair.target_guid]
        assert len(targets) == len(set(targets))


# Other histories each time, where hypothesis would repeat itself (CI), too.
Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=25, derandomize=False, database=None)
TestHistories = Histories.TestCase
