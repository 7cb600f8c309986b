"""Sentences, subjects and letters of people at work, drawn from a vocabulary."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from isthmus_lab.population.words import PROJECTS, VOCABULARIES, Vocabulary

_SLOTS = string.Formatter()


@dataclass(frozen=True)
class Writer:
    """Somebody who writes in one language about one project."""

    random: Random
    language: str
    project: str

    @classmethod
    def start(cls, random: Random, language: str) -> Writer:
        return cls(random, language, random.choice(PROJECTS))

    @property
    def vocabulary(self) -> Vocabulary:
        return VOCABULARIES[self.language]

    def subject(self) -> str:
        subject = self._filled(self.random.choice(self.vocabulary.subjects), "")
        return subject[0].upper() + subject[1:]

    def line(self, templates: Sequence[str]) -> str:
        """One of these templates, filled."""
        return self._filled(self.random.choice(templates), "")

    def paragraph(self, sentences: int) -> str:
        """So many different sentences, as far as the vocabulary goes."""
        known = self.vocabulary.sentences
        chosen = self.random.sample(known, min(sentences, len(known)))
        space = "" if self.language == "ja" else " "
        return space.join(self._filled(each, "") for each in chosen)

    def paragraphs(self, *, reply: bool) -> list[str]:
        """The matter of a letter: mostly short, sometimes long."""
        found = [
            self.paragraph(self.random.choice((1, 1, 2, 2, 3, 4)))
            for _ in range(self.random.choice((1, 1, 1, 2, 2, 3, 5)))
        ]
        if reply:
            found[0] = f"{self._filled(self.random.choice(self.vocabulary.answers), '')} {found[0]}"
        return found

    def greeting(self, name: str) -> str:
        return self._filled(self.random.choice(self.vocabulary.greetings), name)

    def closing(self) -> str:
        return self._filled(self.random.choice(self.vocabulary.closings), "")

    def _filled(self, template: str, name: str) -> str:
        parts = []
        for literal, slot, _, _ in _SLOTS.parse(template):
            parts.append(literal)
            if slot is not None:
                parts.append(self._slot(slot, name))
        return "".join(parts)

    def _slot(self, slot: str, name: str) -> str:
        random = self.random
        match slot:
            case "name":
                return name
            case "project":
                return self.project
            case "n":
                return str(random.randint(1000, 99999))
            case "small":
                return str(random.randint(2, 48))
            case "amount":
                return f"{random.randint(2, 900)}{random.choice((',', '.', ' '))}{random.randint(100, 999)} €"
            case "percent":
                return f"{random.randint(5, 98)} %"
        drawn = random.choice(self.vocabulary.slots[slot.lower()])
        return drawn[0].upper() + drawn[1:] if slot[0].isupper() else drawn
