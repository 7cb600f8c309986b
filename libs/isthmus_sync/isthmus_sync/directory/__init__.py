"""Decisions of directory synchronisation, as functions of values. Nothing here reads or writes a forest."""

from isthmus_sync.directory.attributes import attributes_to_read, newest_owned
from isthmus_sync.directory.comparison import Comparison, compare, decide_and_note, has_counterpart, remember
from isthmus_sync.directory.decision import Decision, Surroundings, decide
from isthmus_sync.directory.deletions import follows
from isthmus_sync.directory.difference import Modification, applied, difference
from isthmus_sync.directory.guard import Measure, Weight, objection, weigh, weighs_nothing
from isthmus_sync.directory.index import Index
from isthmus_sync.directory.inheriting import heirs
from isthmus_sync.directory.joining import join, together
from isthmus_sync.directory.making import New, in_order, once_made, with_links
from isthmus_sync.directory.matching import Match, Matching, Refused, match
from isthmus_sync.directory.merging import handed_over, succeeded, unaddressed
from isthmus_sync.directory.objects import DirectoryObject, Kind, Link, Side
from isthmus_sync.directory.pairs import Agreed, Pair, Twins, pair_id
from isthmus_sync.directory.recipients import ExchangeFacts
from isthmus_sync.directory.scope import collection_of, left_out, strangers

__all__ = [
    "Agreed",
    "Comparison",
    "Decision",
    "DirectoryObject",
    "ExchangeFacts",
    "Index",
    "Kind",
    "Link",
    "Match",
    "Matching",
    "Measure",
    "Modification",
    "New",
    "Pair",
    "Refused",
    "Side",
    "Surroundings",
    "Twins",
    "Weight",
    "applied",
    "attributes_to_read",
    "collection_of",
    "compare",
    "decide",
    "decide_and_note",
    "difference",
    "follows",
    "handed_over",
    "has_counterpart",
    "heirs",
    "in_order",
    "join",
    "left_out",
    "match",
    "newest_owned",
    "objection",
    "once_made",
    "pair_id",
    "remember",
    "strangers",
    "succeeded",
    "together",
    "unaddressed",
    "weigh",
    "weighs_nothing",
    "with_links",
]
