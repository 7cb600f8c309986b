"""Forests of everything that is awkward, made by a seed, and what must become of each object.

The test loads hundreds of them; awkward_run.py, as a command, any number.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from isthmus_lab.forests import Change, Entry
from isthmus_lab.forests.objects import Attributes, escape_rdn

_SCRIPTS = (
    "abcdefghijklmnopqrstuvwxyz", "ÆæØøÅåŁłÝýĞğİıŞşßẞÐðÞþ", "ДмитрийЖЩЪыэюяЁёЇїЄє", "ΑαΒβΓγΔδΣσςΩω",
    "山田太郎鈴木一朗東京都中国語한국어가나다", "محمدعليفاطمةשלוםעברית", "🙂🎉👩\u200d💻𝔘𝔫𝔦𐍈",
    "e\u0301o\u0308n\u0303a\u030ai\u0323\u0307", "\u200b\u200f\u202e\u00a0\u3000\ufeff",
)  # fmt: skip
_SPECIAL = "\",+;<>\\=#/*()&|!~%$@[]{}'`^?:.-_ "
_PORTION = 40
"""Objects that belong together are made in portions, so that any number has some of every kind."""


class Fate(Enum):
    """What becomes of an object of the source."""

    CARRIED = "it has a counterpart"
    TROUBLED = "it has a counterpart, and something that could not be done is told"
    REFUSED = "a person must decide"
    LEFT_OUT = "it takes no part"


@dataclass
class Awkward:
    """What is loaded into both forests: objects first, then what names other objects. `fates` are by the distinguished
    name in the source, `members` the groups with those of their members that are carried."""

    source: list[Entry] = field(default_factory=list)
    target: list[Entry] = field(default_factory=list)
    links: list[Change] = field(default_factory=list)
    fates: dict[str, Fate] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)

    def of(self, *fates: Fate) -> set[str]:
        return {dn for dn, fate in self.fates.items() if fate in fates}


def objects(seed: int, count: int, units: tuple[str, str], base: str, domain: str, tag: str) -> Awkward:
    """About `count` objects of the source. `units` are where they go in source and target, `base` the source's, `tag`
    is what their names begin with, `domain` that of their addresses."""
    return _Maker(random.Random(seed), units, base, domain, tag).make(count)


class _Maker:
    def __init__(self, dice: random.Random, units: tuple[str, str], base: str, domain: str, tag: str) -> None:
        self._dice, self._base, self._domain, self._tag = dice, base, domain, tag
        self._here, self._there = units
        self._made = Awkward()
        self._number = 0
        self._people: list[str] = []
        self._groups: list[str] = []

    def make(self, count: int) -> Awkward:
        kinds: tuple[Callable[[], None], ...] = (
            self._somebody, self._somebody, self._somebody, self._bare, self._odd_addresses, self._odd_values,
            self._disabled, self._duplicates, self._both_could_be, self._another_kind, self._no_mail,
            self._system_mailbox, self._group, self._group, self._contact,
        )  # fmt: skip
        while len(self._made.fates) < count:
            for kind in kinds:
                kind()
            if len(self._people) + len(self._groups) >= _PORTION or len(self._made.fates) >= count:
                self._tie()
        return self._made

    # --- names ------------------------------------------------------------------------------------------------------

    def _name(self) -> str:
        """A common name of at most 64 characters as the directory counts them (UTF-16), for ever different."""
        dice = self._dice
        script = dice.choice(_SCRIPTS)
        text = "".join(dice.choice(script + _SPECIAL * (dice.random() < 0.5)) for _ in range(dice.randint(1, 40)))
        if dice.random() < 0.1:
            text = f"#{text}"
        if dice.random() < 0.1:
            text = f" {text} "
        if dice.random() < 0.1:
            text = f"{text}\\"
        ending = f" {self._tag}{self._number}"
        while len((text + ending).encode("utf-16-le")) > 126:
            text = text[:-1]
        return text + ending

    def _add(
        self,
        fate: Fate,
        object_class: str = "user",
        mail: str | None = None,
        before: str = "",
        **attributes: Sequence[str | bytes],
    ) -> str:
        """An object of the source; with a mail address of its own unless one is given, empty for none. `before`: what
        its name begins with."""
        self._number += 1
        alias = f"{self._tag}{self._number}"
        mail = f"{alias}@{self._domain}" if mail is None else mail
        name = before + self._name()
        values: dict[str, Sequence[str | bytes]] = {"objectClass": [object_class]}
        if mail:
            values |= {"mail": [mail], "proxyAddresses": [f"SMTP:{mail}"]}
        if object_class != "contact":
            values["sAMAccountName"] = [alias]
        if object_class in ("user", "inetOrgPerson"):
            values |= {"userAccountControl": ["514"], "displayName": [name]}
        values |= attributes
        dn = f"CN={escape_rdn(name)},{self._here}"
        self._made.source.append(Entry(dn, {key: value for key, value in values.items() if value}))
        self._made.fates[dn] = fate
        return dn

    def _add_there(self, object_class: str, mail: str, **attributes: Sequence[str]) -> None:
        self._number += 1
        alias = f"{self._tag}{self._number}"
        values: Attributes = {
            "objectClass": [object_class], "mail": [mail], "proxyAddresses": [f"SMTP:{mail}"],
            **({"sAMAccountName": [alias]} if object_class != "contact" else {}), **attributes,
        }  # fmt: skip
        self._made.target.append(Entry(f"CN={alias},{self._there}", values))

    # --- kinds ------------------------------------------------------------------------------------------------------

    def _somebody(self) -> None:
        given, family = self._name()[:30], self._name()[:30]
        kind = self._dice.choice(["user", "user", "inetOrgPerson"])
        dn = self._add(Fate.CARRIED, kind, givenName=[given], sn=[family], mailNickname=[f"{self._tag}n{self._number}"])
        self._people.append(dn)

    def _bare(self) -> None:
        """An address and nothing else."""
        kind = self._dice.choice(["user", "contact", "group"])
        dn = self._add(Fate.CARRIED, kind, proxyAddresses=[], displayName=[])
        if kind == "group":
            self._made.members[dn] = set()
        else:
            self._people.append(dn)

    def _odd_addresses(self) -> None:
        own = f"{self._tag}o{self._number}@{self._domain}"
        odd = [
            f"X400:c=de;a= ;p=x;s={self._number};", f"sip:{own}", f"notes:Odd/{self._number}@ORG",
            f"no-type-{self._number}", f"EUM:{self._number};phone-context=x", f"smtp:UPPER.{own.upper()}",
            f"x500:/o=Old Org/cn=näme {self._number}", f'smtp:"quoted {self._number}"@{self._domain}',
            f"smtp:{'l' * 60}{own}", f"SMTP:second.{own}", f"smtp:bücher{self._number}@{self._domain}",
        ]  # fmt: skip
        some = self._dice.sample(odd, self._dice.randint(1, 6))
        if self._dice.random() < 0.3:
            self._add(Fate.CARRIED, mail="", proxyAddresses=[f"smtp:only.secondary.{own}", *some])
        else:
            self._add(Fate.CARRIED, mail=own, proxyAddresses=[f"SMTP:{own}", *some])

    def _odd_values(self) -> None:
        dice = self._dice
        values: dict[str, Sequence[str | bytes]] = {
            "description": ["line one\r\nline two\ttab " + self._name()],
            "title": ["<b>&amp;</b> {brace} %s $1 \\1 " + self._name()],
            "telephoneNumber": ["+49 (0) 30 / 1234-5 ext. " + str(self._number)],
            "extensionAttribute1": ["x" * dice.randint(1, 1024)],
            "thumbnailPhoto": [bytes(dice.randrange(256) for _ in range(dice.randint(1, 200)))],
            "info": ["' OR 1=1; -- \x7f" + self._name()],
            "department": [self._name()],
            "l": [self._name()],
        }
        some = {name: values[name] for name in dice.sample(sorted(values), 4)}
        self._people.append(self._add(Fate.CARRIED, "user", None, "", **some))

    def _disabled(self) -> None:
        """Disabled people, and shared mailboxes, which are disabled by their nature."""
        control = self._dice.choice(["514", "66050", "546"])
        self._people.append(self._add(Fate.CARRIED, userAccountControl=[control]))

    def _duplicates(self) -> None:
        """Several objects with one mail address: of those that nobody matches, the first gets it."""
        twice = f"{self._tag}d{self._number}@{self._domain}"
        number = self._dice.randint(2, 3)
        if self._dice.random() < 0.5:
            self._add_there("user", twice)
            for _ in range(number):
                self._add(Fate.REFUSED, mail=twice)
        else:
            self._add(Fate.CARRIED, mail=twice, before="1")
            for place in range(1, number):
                self._add(Fate.TROUBLED, mail=twice, before=f"{place + 1}")

    def _both_could_be(self) -> None:
        one, two = (f"{self._tag}b{self._number}.{part}@{self._domain}" for part in (1, 2))
        self._add_there("user", one)
        self._add_there("user", two)
        mail = f"{self._tag}b{self._number}@{self._domain}"
        self._add(Fate.REFUSED, mail=mail, proxyAddresses=[f"SMTP:{mail}", f"smtp:{one}", f"smtp:{two}"])

    def _another_kind(self) -> None:
        mail = f"{self._tag}k{self._number}@{self._domain}"
        self._add_there("contact", mail)
        self._add(Fate.REFUSED, mail=mail)

    def _no_mail(self) -> None:
        self._add(Fate.LEFT_OUT, self._dice.choice(["user", "contact", "group"]), mail="")

    def _system_mailbox(self) -> None:
        self._add(Fate.LEFT_OUT, msExchRecipientTypeDetails=[str(self._dice.choice([0x4000, 0x20000000, 0x800000]))])

    def _contact(self) -> None:
        goes_to = f"{self._tag}c{self._number}@elsewhere.test"
        self._people.append(self._add(Fate.CARRIED, "contact", targetAddress=[f"SMTP:{goes_to}"]))

    def _group(self) -> None:
        kind = self._dice.choice(["2", "4", "8", "-2147483646", "-2147483644", "-2147483640"])
        dn = self._add(Fate.CARRIED, "group", groupType=[kind], displayName=[self._name()])
        self._made.members[dn] = set()
        self._groups.append(dn)

    # --- links ------------------------------------------------------------------------------------------------------

    def _tie(self) -> None:
        """Members and managers among those made last: nested, in circles, in themselves, and strangers."""
        dice, people, groups = self._dice, self._people, self._groups
        stranger = [dn for dn, fate in self._made.fates.items() if fate in (Fate.LEFT_OUT, Fate.REFUSED)][-3:]
        types = {entry.dn: entry.attributes.get("groupType", ["8"])[0] for entry in self._made.source}
        # Only groups whose types allow any member of any kind are put into each other: the forest refuses the others.
        anything = [dn for dn in groups if types[dn] in ("8", "-2147483640")]
        for group in groups:
            members = dice.sample(people, min(len(people), dice.choice([0, 1, 3, 12])))
            extra: list[str] = []
            if group in anything:
                members.append(anything[(anything.index(group) + 1) % len(anything)])  # a circle, or itself
            if dice.random() < 0.3:
                extra += stranger
            if types[group] in ("4", "-2147483644"):
                sid = dice.choice(["S-1-5-4", "S-1-5-9", "S-1-5-11", "S-1-5-17"])  # those that every domain has
                extra.append(f"CN={sid},CN=ForeignSecurityPrincipals,{self._base}")
            members = list(dict.fromkeys(dn for dn in members if dn != group or dice.random() < 0.5))
            self._made.members[group] = set(members)
            if members or extra:
                self._made.links.append(Change(group, {"member": [*members, *extra]}))
        for place, dn in enumerate(people):
            if dice.random() < 0.3:
                self._made.links.append(Change(dn, {"manager": [people[(place * 7 + 1) % len(people)]]}))
        people.clear()
        groups.clear()
