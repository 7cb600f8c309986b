"""Words in the texts of an item: what Exchange's content index answers for queries in words (AQS).

A word of a query is the beginning of a word in the text, a phrase in quotation marks is whole words one after the
other; neither looks at case or accents.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.mapi.text import decode_bytes, text_from_html

Place = Literal["subject", "body", "from", "to", "cc", "bcc", "participants", "attachment", "category", "anywhere"]
_WORD = re.compile(r"\w+")
_RECIPIENTS = {"to": (1,), "cc": (2,), "bcc": (3,), "participants": (1, 2, 3), "anywhere": (1, 2, 3)}
_SENDER = (
    tags.PidTagSentRepresentingName,
    tags.PidTagSentRepresentingSmtpAddress,
    tags.PidTagSentRepresentingEmailAddress,
    tags.PidTagSenderName,
    tags.PidTagSenderSmtpAddress,
    tags.PidTagSenderEmailAddress,
)
_PERSON = (tags.PidTagDisplayName, tags.PidTagSmtpAddress, tags.PidTagEmailAddress)
# What else "anywhere" means: contacts by their names and addresses, appointments by their place.
_ELSEWHERE = (
    tags.PidTagDisplayName,
    tags.PidTagCompanyName,
    tags.PidLidFileUnder,
    tags.PidLidEmail1EmailAddress,
    tags.PidLidLocation,
)


@dataclass(frozen=True, slots=True)
class Mentions:
    """An item whose texts of a kind have all the words, or the phrase."""

    place: Place
    text: str
    phrase: bool = False


def mentions(leaf: Mentions, bag: Bag) -> bool:
    """Whether the item does."""
    texts = list(_texts(bag, leaf.place))
    if leaf.phrase:
        return any(has_phrase(text, leaf.text) for text in texts)
    return all(any(has_word_beginning(text, word) for text in texts) for word in _WORD.findall(leaf.text))


def folded(text: str, *, case: bool = True, marks: bool = True) -> str:
    """The text for a comparison that ignores case, or nonspacing marks (accents), or both."""
    if marks and not text.isascii():
        decomposed = unicodedata.normalize("NFD", text)
        text = unicodedata.normalize("NFC", "".join(each for each in decomposed if not unicodedata.combining(each)))
    return text.casefold() if case else text


def has_word_beginning(text: str, word: str, *, case: bool = True, marks: bool = True) -> bool:
    """Whether a word of the text begins so."""
    wanted = folded(word, case=case, marks=marks)
    found = folded(text, case=case, marks=marks)
    return re.search(rf"\b{re.escape(wanted)}", found) is not None if wanted[:1].isalnum() else wanted in found


def has_phrase(text: str, phrase: str, *, case: bool = True, marks: bool = True) -> bool:
    """Whether the phrase's words stand in the text one after the other, each of them whole."""
    wanted = _WORD.findall(folded(phrase, case=case, marks=marks))
    found = _WORD.findall(folded(text, case=case, marks=marks))
    return any(found[at : at + len(wanted)] == wanted for at in range(len(found) - len(wanted) + 1))


def body_of(properties: Properties) -> str | None:
    """The body as plain text, which a store makes of HTML when it is asked for."""
    plain, html = properties.get(tags.PidTagBody), properties.get(tags.PidTagHtml)
    if plain is None and html is not None:
        return text_from_html(decode_bytes(html))
    return plain


def _texts(bag: Bag, place: Place) -> Iterator[str]:
    get, everything = bag.properties.get, place == "anywhere"
    if place == "subject" or everything:
        yield get(tags.PidTagSubject) or ""
    if place == "body" or everything:
        yield body_of(bag.properties) or ""
    if place in ("from", "participants") or everything:
        yield from (value for key in _SENDER if isinstance(value := get(key), str))
    for each in bag.recipients if place in _RECIPIENTS else ():
        if each.get(tags.PidTagRecipientType, 1) & 0x0F in _RECIPIENTS[place]:
            yield from (value for key in _PERSON if isinstance(value := each.get(key), str))
    if place == "attachment" or everything:
        for attachment in bag.attachments:
            names = attachment.properties
            yield str(names.get(tags.PidTagAttachLongFilename) or names.get(tags.PidTagAttachFilename) or "")
    if place == "category" or everything:
        yield from get(tags.PidNameKeywords) or ()
    if everything:
        yield from (value for key in _ELSEWHERE if isinstance(value := get(key), str))
