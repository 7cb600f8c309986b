"""What a project says about one attribute: who owns it, and how its values are made for the other side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from string import Formatter
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from .attributes import DECIDED_ELSEWHERE, LINKED_ATTRIBUTES
from .strict import Strict

AttributeOwner = Literal["source", "target", "newest"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class Replacement(Strict):
    """One replacement by a regular expression, in every value and as often as it occurs."""

    pattern: str = Field(description="regular expression, as Python's re module has them")
    to: str = Field(description=r"what takes its place; \1 is the first group")

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        try:
            re.compile(self.pattern).sub(self.to, "")
        except (re.error, IndexError) as error:
            raise ValueError(f"{self.pattern!r} to {self.to!r} is not a replacement: {error}; mend it") from error
        return self


class AttributeRule(Strict):
    """One attribute. A transformed value goes one way only, from its owner to the other side: nobody can say what the
    original of a changed transformed value would be."""

    owner: AttributeOwner = Field(default="source", description="whose value counts: source, target or newest")
    exclude: bool = Field(default=False, description="left alone on both sides")
    constant: str | None = Field(default=None, min_length=1, description="this value for everybody")
    template: str | None = Field(default=None, description='made of other attributes, such as "{sn}, {givenName}"')
    replace: list[Replacement] = Field(default=[], description="replacements, one after the other")

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.exclude and (self.transforms or self.owner != "source"):
            raise ValueError("an attribute that is excluded has no owner and no transformation; remove one of the two")
        if self.constant is not None and (self.template is not None or self.replace):
            raise ValueError("a constant needs no template and no replacement; keep one of them")
        if self.transforms and self.owner == "newest":
            raise ValueError("a transformed value cannot go back to where it came from; set owner to source or target")
        return self

    @field_validator("template")
    @classmethod
    def _fields(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                fields = [field for field in Formatter().parse(value) if field[1] is not None]
            except ValueError as error:
                raise ValueError(f"{value!r} is not a template: {error}; a brace itself is written twice") from error
            wrong = [
                name for _, name, form, conversion in fields if form or conversion or not _NAME.fullmatch(name or "")
            ]
            if wrong or not fields:
                raise ValueError(f'{value!r} is not a template: attributes in braces are expected, such as "{{sn}}"')
            links = [name for _, name, _, _ in fields if (name or "").lower() in LINKED_ATTRIBUTES]
            if links:
                raise ValueError(f"{', '.join(map(str, links))} names other objects, and cannot be part of a template")
        return value

    @cached_property
    def transforms(self) -> bool:
        """Whether the other side gets something else than the owner's values."""
        return self.constant is not None or self.template is not None or bool(self.replace)

    def inputs(self, attribute: str) -> tuple[str, ...]:
        """The owner's attributes that the value is made of; `attribute` is the rule's own."""
        if self.constant is not None:
            return ()
        return tuple(name for _, name in parsed(self.template) if name) if self.template is not None else (attribute,)


def parsed(template: str) -> Iterator[tuple[str, str]]:
    """The parts of a template: each a text and the attribute after it, empty for none."""
    for text, name, _, _ in Formatter().parse(template):
        yield text, name or ""


def as_rule(value: object) -> object:
    """A rule in its short form, a single word, as a mapping."""
    if value == "exclude":
        return {"exclude": True}
    return {"owner": value} if isinstance(value, str) else value


def check_rules(rules: Mapping[str, AttributeRule]) -> None:
    """Raises ValueError for rules that make no sense together."""
    for name, rule in rules.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of an attribute")
        if (rule.transforms or rule.exclude) and name.lower() in DECIDED_ELSEWHERE | {"mail"}:
            raise ValueError(f"{name} follows from the pair itself and can only have an owner")
        if rule.transforms and name.lower() in LINKED_ATTRIBUTES:
            raise ValueError(
                f"{name} names other objects: it is translated through the map, and can only have an owner"
            )
    names = [name.lower() for name in rules]
    twice = sorted({name for name in rules if names.count(name.lower()) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} is the same attribute; keep one line for it")
    if circle := contradiction(rules):
        raise ValueError(circle)


_Node: TypeAlias = "tuple[str, str]"
"""An attribute, in lower case, on one side."""


def contradiction(rules: Mapping[str, AttributeRule]) -> str | None:
    """Why these rules would never come to rest: a value that is made of itself by way of the other side.

    Values flow from owners to the other side, both ways for "newest". Round a circle of plain copies everything
    becomes equal; round one with a transformation every turn makes a new value.
    """
    flows: dict[_Node, set[_Node]] = {}
    transforming: list[tuple[str, _Node, _Node]] = []
    by_name = {name.lower(): rule for name, rule in rules.items()}
    inputs = {used.lower() for name, rule in rules.items() for used in rule.inputs(name)}
    for name in by_name.keys() | inputs:
        rule = by_name.get(name, AttributeRule())
        for giver, taker in (("source", "target"), ("target", "source")):
            if rule.exclude or rule.owner not in (giver, "newest"):
                continue
            for used in rule.inputs(name):
                start, end = (giver, used.lower()), (taker, name)
                flows.setdefault(start, set()).add(end)
                if rule.transforms:
                    transforming.append((name, end, start))
    for name, start, end in transforming:
        if via := _way(flows, start, end):
            others = sorted({node[1] for node in via} - {name})
            through = f" by way of {', '.join(others)}" if others else ""
            return f"{name} is made of itself{through}, and would change for ever; give one of them the other owner"
    return None


def _way(flows: Mapping[_Node, set[_Node]], start: _Node, end: _Node) -> list[_Node]:
    """The nodes from start to end; empty when there is no way."""
    came_from: dict[_Node, Any] = {start: None}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node == end:
            way = [node]
            while came_from[way[-1]] is not None:
                way.append(came_from[way[-1]])
            return way
        for following in flows.get(node, ()):
            if following not in came_from:
                came_from[following] = node
                waiting.append(following)
    return []
