"""Names of people from many places, so that every table, header and distinguished name meets real letters."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Culture:
    """Given names and surnames that go together, and the language these people write in."""

    language: str
    given: tuple[str, ...]
    surnames: tuple[str, ...]


CULTURES = (
    Culture(
        "en",
        ("Alice", "Benjamin", "Charlotte", "Daniel", "Eleanor", "Frederick", "Grace", "Harriet", "Isaac", "Joanna",
         "Kieran", "Lydia", "Malcolm", "Niamh", "Oliver", "Priya", "Rosalind", "Samuel", "Tamsin", "Winifred"),
        ("Ashworth", "Barnett", "Caldwell", "Donovan", "Ellery", "Fairweather", "Greenhalgh", "Holloway", "Kapoor",
         "Lockhart", "MacAllister", "Northcott", "O'Brien", "Pemberton", "Rutherford", "Smith-Jones", "Whitaker"),
    ),
    Culture(
        "de",
        ("Anneliese", "Bärbel", "Christoph", "Dietmar", "Friederike", "Günther", "Heike", "Jörg", "Käthe", "Lukas",
         "Mechthild", "Rüdiger", "Sören", "Ulrike", "Wolfgang"),
        ("Bäumer", "Dünnebier", "Eichhorn", "Großmann", "Hülsmann", "Jäger", "Köhler", "Lübbers", "Müller-Lüdenscheidt",
         "Neumann", "Öztürk", "Schäfer", "Tröger", "von der Heide", "Weiß"),
    ),
    Culture(
        "fr",
        ("Agnès", "Benoît", "Cécile", "Didier", "Élodie", "François", "Gaëlle", "Hélène", "Jérôme", "Loïc", "Maëlys",
         "Noémie", "René", "Thérèse", "Zoé"),
        ("Bélanger", "Chevalier", "D'Aubigné", "Delacroix", "Étienne", "Fontaine", "Girard", "Lefèvre", "Mallet",
         "Noël", "Pêcheur", "Rousseau", "Thévenin"),
    ),
    Culture(
        "es",
        ("Álvaro", "Begoña", "César", "Dolores", "Íñigo", "Joaquín", "Lucía", "María José", "Nuria", "Óscar", "Ramón",
         "Sofía", "Ximena"),
        ("Álvarez", "Castañeda", "de la Peña", "Echeverría", "Fernández Muñoz", "Ibáñez", "Ordóñez", "Quiñones",
         "Rubio", "Zúñiga"),
    ),
    Culture(
        "en",
        ("Åsa", "Bjørn", "Ewa", "Gergő", "Hánga", "Łukasz", "Małgorzata", "Ólafur", "Petra", "Šárka", "Tomáš",
         "Vojtěch", "Zoë", "Þóra", "Čeněk"),
        ("Ångström", "Dvořáková", "Grzegorzewski", "Halldórsdóttir", "Kovács", "Nyström", "Őri", "Świątek", "Škvor",
         "Tørnquist", "Żółkiewski", "Đorđević"),
    ),
    Culture(
        "en",
        ("Aylin", "Emre", "Gülşen", "İbrahim", "Linh", "Ngọc", "Nguyễn Văn", "Özlem", "Thảo", "Yiğit"),
        ("Çelik", "Đặng", "Işık", "Lê", "Phạm", "Şahin", "Trần", "Vũ", "Yılmaz"),
    ),
    Culture(
        "ru",
        ("Алексей", "Галина", "Дмитрий", "Елена", "Юлия", "Фёдор"),
        ("Белова", "Журавлёв", "Кузнецов", "Соколова", "Чернышёв", "Щербакова"),
    ),
    Culture("el", ("Αθηνά", "Γεώργιος", "Ελένη", "Νίκος"), ("Βασιλείου", "Οικονόμου", "Παπαδάκη", "Στεφανίδης")),
    Culture("ja", ("健太", "美咲", "直樹", "由美子"), ("佐藤", "高橋", "渡辺", "小林")),
)  # fmt: skip
# Most people of these organisations come from the first four; every tenth or so does not.
WEIGHTS = (30, 25, 12, 8, 10, 6, 4, 2, 2)

# What Unicode cannot take apart into a letter and an accent.
_LETTERS = """
ß=ss ø=o ł=l đ=d þ=th ı=i æ=ae
а=a б=b в=v г=g д=d е=e ж=zh з=z и=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh ц=ts ч=ch ш=sh щ=shch ы=y э=e
ю=yu я=ya ь= ъ=
α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o
佐=sa 藤=to 高=taka 橋=hashi 渡=wata 辺=nabe 小=ko 林=bayashi 健=ken 太=ta 美=mi 咲=saki 直=nao 樹=ki 由=yu 子=ko
"""
_ROMAN = {letter: roman for letter, _, roman in (pair.partition("=") for pair in _LETTERS.split())}


def ascii_name(name: str) -> str:
    """Lower-case ASCII letters, digits, dots and hyphens that a name can be written with in an address."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).lower()
    roman = "".join(_ROMAN.get(c, c) for c in plain)
    kept = (c if c.isascii() and (c.isalnum() or c in ".-") else "-" if c.isspace() else "" for c in roman)
    return re.sub("-+", "-", "".join(kept)).strip("-.")


def draw_name(random: Random) -> tuple[str, str, str]:
    """(given name, surname, language)."""
    culture = random.choices(CULTURES, WEIGHTS)[0]
    return random.choice(culture.given), random.choice(culture.surnames), culture.language
