"""Chance that is the same everywhere: every part of a population draws from a generator named after it."""

from __future__ import annotations

from random import Random


def seeded(*name: object) -> Random:
    """A generator for this name; the same name gives the same numbers on every machine."""
    return Random("/".join(map(str, name)))  # noqa: S311 - it must be repeatable, and guards nothing
