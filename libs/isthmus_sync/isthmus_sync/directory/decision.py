"""What one pair needs: the modifications of both objects, or the creation of the target's.

Everything the synchroniser does to a forest is decided here, from values; the plan shows these decisions and the
service carries them out. Deciding again after they were carried out gives nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from isthmus_sync.directory.addresses import ProxyAddress, in_domain, primary_smtp, smtp_addresses
from isthmus_sync.directory.attributes import (
    SINGLE_LINKS,
    linked_attributes,
    owner_of,
    plain_attributes,
    rule_of,
    spelled,
)
from isthmus_sync.directory.creation import Creation, enabled, free_alias, naming, object_class
from isthmus_sync.directory.difference import Modification, applied, difference
from isthmus_sync.directory.joining import merged_objects
from isthmus_sync.directory.linking import NOTHING_LINKED, Linking, link_value, link_values
from isthmus_sync.directory.merging import goes_to, rivals, stand_ins, with_addresses
from isthmus_sync.directory.objects import DirectoryObject, Kind, Side, Values
from isthmus_sync.directory.pairs import NO_VALUES, Agreed, Pair, Twins, fingerprint
from isthmus_sync.directory.proxying import NAME as PROXY_ADDRESSES
from isthmus_sync.directory.proxying import merge_addresses
from isthmus_sync.directory.recipients import ExchangeFacts, gets_mailbox, is_linked, logged_on_to, recipient_attributes
from isthmus_sync.directory.redirection import carried, redirection
from isthmus_sync.directory.settling import settle
from isthmus_sync.directory.transforming import transformed

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.index import Index


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a decision may look at beside the two objects. `facts` are those of the target's Exchange."""

    project: Project
    source: Index
    target: Index
    twins: Twins
    facts: ExchangeFacts

    def index(self, side: Side) -> Index:
        return self.source if side is Side.SOURCE else self.target

    def name_of(self, side: Side, guid: bytes) -> str:
        obj = self.index(side).get(guid)
        return obj.dn if obj else ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a pair needs. `target` is None when it is created; its modifications are then part of `creation`, and links
    wait for the next decision, when the object exists. `agreed` holds once everything was written. `held` are links to
    objects that do not exist in the other forest yet. `redirected`: both objects then carry the mail redirection.
    `merges` are contacts of the target whose place its object takes, once it is there and as it shall be; `merged` are
    other objects of the source for which the target's object stands, too. `contested`: something could not be done
    because of what another object holds; it is to be decided again once that gave way."""

    pair: Pair
    source: DirectoryObject
    target: DirectoryObject | None
    creation: Creation | None
    modifications: Mapping[Side, tuple[Modification, ...]]
    agreed: Agreed
    held: tuple[str, ...]
    problems: tuple[str, ...]
    redirected: bool
    gets_mailbox: bool
    merges: tuple[DirectoryObject, ...] = ()
    merged: tuple[DirectoryObject, ...] = ()
    contested: bool = False

    @property
    def kind(self) -> Kind:
        return self.source.kind

    @property
    def idle(self) -> bool:
        """Whether nothing is to be written."""
        return self.creation is None and not self.merges and not any(self.modifications.values())

    @property
    def overwrites(self) -> bool:
        """Whether a value that somebody else set is lost. Redirection does not count: a switch asked for it."""
        return bool(self.merges) or any(
            change.overwrites and change.attribute not in ("targetAddress", "proxyAddresses")
            for changes in self.modifications.values()
            for change in changes
        )

    @property
    def frees_address(self) -> bool:
        """Whether an object gives up an address, which then another one may have."""
        return bool(self.merges) or any(
            change.removed and change.attribute in ("mail", "proxyAddresses")
            for changes in self.modifications.values()
            for change in changes
        )


def decide(pair: Pair, source: DirectoryObject, target: DirectoryObject | None, around: Surroundings) -> Decision:
    """Decide for one pair. `target` is None when the object is to be created."""
    project = around.project
    problems: list[str] = []
    new_names: dict[str, Values] = {}
    current = target
    if current is None:
        dn, new_names = naming(source, around.target, project)
        # The object as it would be, empty: the rest of the decision is the same for new and existing objects.
        current = DirectoryObject(pair.id, dn, {name.lower(): values for name, values in new_names.items()})
    objects = {Side.SOURCE: source, Side.TARGET: current}
    wanted: dict[Side, dict[str, Values]] = {Side.SOURCE: {}, Side.TARGET: {}}
    values_agreed: dict[str, tuple[str, str]] = {}
    sets_agreed: dict[str, frozenset[str]] = {}

    offered: dict[str, Values] = {}
    copied, rules = spelled(plain_attributes(source.kind, project)), project.directory.rules
    for attribute, name in copied:
        here, there = source.attributes.get(name, ()), current.attributes.get(name, ())
        if not (here or there or name in rules):
            continue  # most attributes of most objects
        rule = rule_of(attribute, project)
        values = {Side.SOURCE: here, Side.TARGET: there}
        giver = Side.TARGET if rule.owner == "target" else Side.SOURCE
        if rule.transforms:
            values[giver] = offered[attribute] = transformed(rule, attribute, objects[giver])
        side = settle(
            rule.owner,
            values[Side.SOURCE],
            values[Side.TARGET],
            _agreed_before(pair, attribute, source, current),
            _newer(source, current, attribute),
        )
        if side is giver or (side is not None and not rule.transforms):
            wanted[side.other][attribute] = values[side]

    merges = stand_ins(source, around.target, around.twins, project)
    contested = _contested(merges, pair, source, around)
    merges = tuple(contact for contact in merges if contact.guid not in contested)
    own = frozenset((pair.id, source.guid, current.guid, *(contact.guid for contact in merges)))
    held_back = _hold_back_mail(objects, wanted, own, around)
    problems += [*contested.values(), *held_back]
    merged = merged_objects(pair, around.source)
    problems += [
        f"{obj.dn} is merged into {current.dn}, but has a mailbox of its own: what is in it is not copied, and mail "
        f"that {project.source.name} delivers to it stays there; move it to {source.dn} and disable the mailbox"
        for obj in merged
        if obj.has_mailbox
    ]
    target_alias = current.text("mailNickname") or free_alias(source, around.target, own)
    mailbox = gets_mailbox(source, current, around.facts)
    linked = is_linked(source, current, project)
    archives = project.target.create.archives if project.target.create else "none"
    if not project.mailbox.surroundings.archive:
        archives = "none"
    wanted[Side.TARGET] |= recipient_attributes(
        pair, source, current, around.facts, target_alias, linked=linked, archives=archives
    )
    if mailbox and not linked and logged_on_to(current) and is_linked(source, DirectoryObject(b"", ""), project):
        problems.append(f"{current.dn} is enabled, so it gets a mailbox of its own; disable it first to have it linked")
    mail_goes = redirection(source, current, pair.active, target_alias, project)
    if mail_goes and pair.active is Side.TARGET and not (current.has_mailbox or mailbox):
        problems.append(f"the target is the active side, but {current.dn} has no mailbox: mail stays in the source")
        mail_goes = redirection(source, current, Side.SOURCE, target_alias, project)
    if mail_goes:
        for side in Side:
            wanted[side]["targetAddress"] = mail_goes.target_address[side]
    elif source.kind is not Kind.GROUP:
        _settle_forwarding(pair, objects, wanted, project)

    legacy = {
        Side.SOURCE: source.text("legacyExchangeDN"),
        Side.TARGET: _text(wanted[Side.TARGET].get("legacyExchangeDN")) or current.text("legacyExchangeDN"),
    }
    primary = {side: _text(wanted[side].get("mail")) or primary_smtp(objects[side]) for side in Side}
    addresses = merge_addresses(
        {Side.SOURCE: source, Side.TARGET: with_addresses(current, merges)},
        legacy,
        {side: primary[side] or primary[side.other] for side in Side},
        mail_goes.address if mail_goes else {},
        pair.agreed.sets.get(PROXY_ADDRESSES, frozenset()),
        {side: around.index(side) for side in Side},
        own,
        project,
        merged,
    )
    for side in Side:
        wanted[side]["proxyAddresses"] = addresses.wanted[side]
    sets_agreed[PROXY_ADDRESSES] = addresses.agreed
    problems += addresses.problems

    linking = links_of(pair, source, target, around)
    if target is not None and (manager := linking.get("manager")) and not (manager.held or manager.wanted[Side.TARGET]):
        inherited = next((contact.linked("manager") for contact in merges if contact.linked("manager")), ())
        linking["manager"] = replace(manager, wanted={**manager.wanted, Side.TARGET: inherited})
    modifications = {
        side: difference(objects[side], wanted[side], {name: link.wanted[side] for name, link in linking.items()})
        for side in Side
    }
    for name, link in linking.items():
        kept = pair.agreed.sets.get(name.lower()) if link.agreed is None else link.agreed
        if kept is not None:
            sets_agreed[name.lower()] = kept
    after = {side: applied(objects[side], modifications[side]) for side in Side}
    ours, theirs = after[Side.SOURCE].attributes, after[Side.TARGET].attributes
    for attribute, name in (*copied, ("targetAddress", "targetaddress")):
        here, there = ours.get(name, ()), theirs.get(name, ())
        if not (here or there or attribute in offered):
            values_agreed[name] = NO_VALUES
            continue
        if attribute in offered:
            # What was made of the owner's values, not those themselves: it is what a later decision compares with.
            made = offered[attribute]
            here, there = (here, made) if rule_of(attribute, project).owner == "target" else (made, there)
        one = fingerprint(here)
        values_agreed[name] = (one, one if here == there else fingerprint(there))
    if held_back:
        # Nothing is agreed on that: it is still to come.
        values_agreed.pop("mail", None)
        values_agreed |= {name: before for name, before in pair.agreed.values.items() if name == "mail"}
    creation = None
    if target is None:
        first = {change.attribute: change.added for change in modifications[Side.TARGET]}
        creation = Creation(
            current.dn,
            object_class(source.kind),
            new_names | {name: tuple(v for v in vs if isinstance(v, bytes)) for name, vs in first.items()},
            enabled(source, project),
        )
        modifications[Side.TARGET] = ()
    return Decision(
        pair,
        source,
        target,
        creation,
        modifications,
        Agreed(values_agreed, sets_agreed),
        tuple(text for link in linking.values() for text in link.held),
        tuple(problems),
        mail_goes is not None and all(carried(after[side], side, mail_goes) for side in Side),
        mailbox,
        merges,
        merged,
        bool(contested or held_back or addresses.problems),
    )


def links_of(
    pair: Pair, source: DirectoryObject, target: DirectoryObject | None, around: Surroundings
) -> dict[str, Linking]:
    """Every linked attribute of the pair; of a target that does not exist yet, only what waits for it."""
    found: dict[str, Linking] = {}
    for attribute in linked_attributes(source.kind, around.project):
        if target is None:
            if links := source.linked(attribute):
                held = tuple(f"{attribute} {link.dn}" for link in links if around.twins.by_guid(Side.SOURCE, link.guid))
                found[attribute] = Linking({Side.SOURCE: links, Side.TARGET: ()}, None, held)
            continue
        if not (source.linked(attribute) or target.linked(attribute) or pair.agreed.sets.get(attribute.lower())):
            found[attribute] = NOTHING_LINKED  # most links of most objects
            continue
        objects = {Side.SOURCE: source, Side.TARGET: target}
        owner = owner_of(attribute, around.project)
        if attribute in SINGLE_LINKS:
            newer = _newer(source, target, attribute)
            found[attribute] = link_value(attribute, objects, pair, owner, around.twins, around.name_of, newer)
        else:
            found[attribute] = link_values(attribute, objects, pair, owner, around.twins, around.name_of)
    return found


def _contested(
    contacts: Iterable[DirectoryObject], pair: Pair, source: DirectoryObject, around: Surroundings
) -> dict[bytes, str]:
    """Contacts that stand for others of the source, too, by GUID, and what to do about it: nobody can tell whose place
    they have."""
    found: dict[bytes, str] = {}
    for contact in contacts:
        if others := rivals(contact, pair, around.source, around.twins):
            names = ", ".join(obj.dn for obj in others)
            found[contact.guid] = (
                f"{contact.dn} is not merged: its mail goes to {goes_to(contact)}, which {source.dn} and {names} both "
                "have; take it from all but one"
            )
    return found


def _hold_back_mail(
    objects: Mapping[Side, DirectoryObject],
    wanted: Mapping[Side, dict[str, Values]],
    own: frozenset[bytes],
    around: Surroundings,
) -> list[str]:
    """Keep back a mail attribute that another object has as an address: both would be undeliverable. Returns why.

    What was there before goes if the other side knows it no more, so that two who swap addresses get past each other.
    """
    problems: list[str] = []
    for side in Side:
        address = _text(wanted[side].get("mail"))
        if not address or (holder := around.index(side).taken("address", address, own)) is None:
            continue
        before = objects[side].text("mail").casefold()
        del wanted[side]["mail"]
        if before not in {known.casefold() for known in smtp_addresses(objects[side.other])}:
            wanted[side]["mail"] = ()
        name = (around.project.source if side is Side.SOURCE else around.project.target).name
        problems.append(f"mail cannot be {address} in {name}: {holder.dn} has it; remove it there or here")
    return problems


def _settle_forwarding(
    pair: Pair,
    objects: Mapping[Side, DirectoryObject],
    wanted: Mapping[Side, dict[str, Values]],
    project: Project,
) -> None:
    """targetAddress of what has no mailbox on the source: where a contact or mail user really lives."""
    source, target = objects[Side.SOURCE], objects[Side.TARGET]
    held = ProxyAddress.parse(source.text("targetAddress")).address
    if any(in_domain(held, template) for template in (project.source.redirection, project.target.redirection)):
        return  # what is left of a redirection whose mailbox is gone says nothing about the target
    agreed = pair.agreed.values.get("targetaddress")
    side = settle("source", source.raw("targetAddress"), target.raw("targetAddress"), agreed, lambda: Side.SOURCE)
    if side is not None:
        wanted[side.other]["targetAddress"] = objects[side].raw("targetAddress")


def _agreed_before(
    pair: Pair, attribute: str, source: DirectoryObject, target: DirectoryObject
) -> tuple[str, str] | None:
    agreed = pair.agreed.values.get(attribute.lower())
    if agreed is None and attribute == "mail" and source.raw("mail") and target.raw("mail"):
        # Two people's worth of history: each organisation goes on sending from the address it knows. Only a later
        # change is carried over.
        return fingerprint(source.raw("mail")), fingerprint(target.raw("mail"))
    return agreed


def _newer(source: DirectoryObject, target: DirectoryObject, attribute: str) -> Callable[[], Side]:
    """The side on which an attribute was written last; the source when nobody can tell."""
    name = attribute.lower()
    return lambda: Side.TARGET if target.changed.get(name, 0) > source.changed.get(name, 0) else Side.SOURCE


def _text(values: Values | None) -> str:
    return values[0].decode("utf-8", "replace") if values else ""
