"""Property bags of any content, as Hypothesis draws them; and a plain letter."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties

OLD = 133_500_000_000_000_000
"""A FILETIME in January 2024."""

signed = {bits: st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (16, 32, 64)}
scalars: dict[int, st.SearchStrategy[Any]] = {
    tags.PtypInteger16: signed[16],
    tags.PtypInteger32: signed[32],
    tags.PtypInteger64: signed[64],
    tags.PtypCurrency: signed[64],
    tags.PtypFloating32: st.floats(width=32, allow_nan=False),
    tags.PtypFloating64: st.floats(allow_nan=False),
    tags.PtypFloatingTime: st.floats(allow_nan=False),
    tags.PtypTime: st.integers(0, 2**64 - 1),
    tags.PtypString: st.text(max_size=30),
    tags.PtypString8: st.binary(max_size=30),
    tags.PtypBinary: st.binary(max_size=60),
    tags.PtypGuid: st.uuids(),
}
only_single = {
    tags.PtypErrorCode: st.integers(0, 2**32 - 1),
    tags.PtypBoolean: st.booleans(),
    tags.PtypObject: st.binary(max_size=60),
    tags.PtypServerId: st.binary(max_size=30),
}
values = scalars | only_single | {kind | tags.PtypMultiple: st.lists(v, max_size=4) for kind, v in scalars.items()}


@st.composite
def properties(draw: st.DrawFn, size: int = 12) -> Properties:
    found: Properties = {}
    for kind in draw(st.lists(st.sampled_from(sorted(values)), max_size=size)):
        identifier = draw(st.integers(1, 0x3FFF) | st.integers(0x4100, 0x7FFF))
        name = draw(st.integers(0, 2**32 - 1) | st.text(st.characters(exclude_characters="\0", codec="utf-16")))
        named = tags.NamedProperty(draw(st.uuids()), name, kind)
        key: tags.PropertyKey = draw(st.just(tags.tag(identifier, kind)) | st.just(named))
        found[key] = draw(values[kind])
    return found


def bags(depth: int = 2) -> st.SearchStrategy[Bag]:
    embedded = st.none() if depth == 0 else st.none() | bags(depth - 1)
    return st.builds(
        Bag,
        properties(),
        st.lists(properties(4), max_size=3),
        st.lists(st.builds(Attachment, properties(4), embedded), max_size=2),
    )


def mail(subject: str, number: int) -> Bag:
    """A mail that was received, with a search key of its number."""
    return Bag(
        {
            tags.PidTagMessageFlags: tags.MSGFLAG_READ if number % 2 else 0,
            tags.PidTagMessageClass: "IPM.Note",
            tags.PidTagSubject: subject,
            tags.PidTagNormalizedSubject: subject,
            tags.PidTagBody: f"{subject}: the quick brown fox\r\n",
            tags.PidTagSearchKey: b"property" + number.to_bytes(8, "big"),
            tags.PidTagCreationTime: OLD,
            tags.PidTagLastModificationTime: OLD,
            tags.PidTagMessageDeliveryTime: OLD,
            tags.PidTagClientSubmitTime: OLD - 600_000_000,
            tags.PidTagInternetMessageId: f"<{number}@alpha.test>",
            tags.PidTagImportance: 2,
            tags.PidTagFlagStatus: 2,
            tags.PidNameKeywords: ["Blue", "Travel"],
            tags.PidTagSentRepresentingName: "Berta",
            tags.PidTagSentRepresentingAddressType: "SMTP",
            tags.PidTagSentRepresentingEmailAddress: "berta@elsewhere.test",
        }
    )
