"""The FastTransfer stream: every bag comes back as it was, and nothing broken passes as a bag."""

import contextlib
import struct
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties

from tests.unit.mapi_bags import bags

# No limits of time: a busy machine makes no test fail.
calmly = settings(max_examples=60)


@calmly
@given(bags())
def test_every_bag_comes_back(bag: Bag) -> None:
    assert fasttransfer.decode(fasttransfer.encode(bag)) == bag


@calmly
@given(bags(1), st.data())
def test_a_cut_stream_is_refused_or_a_smaller_bag(bag: Bag, data: st.DataObject) -> None:
    stream = fasttransfer.encode(bag)
    cut = stream[: data.draw(st.integers(0, max(0, len(stream) - 1)))]
    try:
        smaller = fasttransfer.decode(cut)
    except ValueError:
        return
    assert len(fasttransfer.encode(smaller)) <= len(stream)


@calmly
@given(st.binary(max_size=200))
def test_noise_is_refused_with_a_value_error_only(noise: bytes) -> None:
    with contextlib.suppress(ValueError):
        fasttransfer.decode(noise)


@calmly
@given(bags(1), st.data())
def test_a_damaged_stream_is_refused_with_a_value_error_only(bag: Bag, data: st.DataObject) -> None:
    stream = bytearray(fasttransfer.encode(bag))
    for _ in range(3 if stream else 0):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        fasttransfer.decode(bytes(stream))


def keys_of(bag: Bag) -> set[tags.PropertyKey]:
    """All keys in a message and in all that is within it."""
    keys = set(bag.properties).union(*bag.recipients)
    for each in bag.attachments:
        keys |= set(each.properties) | (keys_of(each.embedded) if each.embedded else set())
    return keys


def limited(bag: Bag, only: frozenset[tags.PropertyKey]) -> Bag:
    """The bag with these properties alone."""

    def some(properties: Properties) -> Properties:
        return {key: value for key, value in properties.items() if key in only}

    return Bag(
        some(bag.properties),
        [some(each) for each in bag.recipients],
        [Attachment(some(a.properties), limited(a.embedded, only) if a.embedded else None) for a in bag.attachments],
    )


@calmly
@given(bags(), st.data())
def test_some_properties_alone_are_the_same_as_among_all(bag: Bag, data: st.DataObject) -> None:
    keys = sorted(keys_of(bag), key=repr)
    only = frozenset(data.draw(st.lists(st.sampled_from(keys))) if keys else ())
    assert fasttransfer.decode(fasttransfer.encode(bag), only) == limited(bag, only)


@calmly
@given(bags(1), st.data())
def test_whoever_wants_nothing_refuses_the_same_streams(bag: Bag, data: st.DataObject) -> None:
    stream = bytearray(fasttransfer.encode(bag))
    for _ in range(data.draw(st.integers(0, 3)) if stream else 0):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(stream[: data.draw(st.integers(0, len(stream)))])

    def refused(only: frozenset[tags.PropertyKey] | None) -> bool:
        try:
            fasttransfer.decode(damaged, only)
        except ValueError:
            return True
        return False

    assert refused(frozenset()) == refused(None)


def test_the_bytes_are_those_of_the_specification() -> None:
    keywords = tags.PidNameKeywords
    bag = Bag({tags.PidTagSubject: "Hi", tags.PidTagRead: True, keywords: ["a"]}, [{tags.PidTagRecipientType: 1}])
    expected = bytes.fromhex("1f003700 06000000 480069000000")
    expected += bytes.fromhex("0b00690e 0100")
    expected += bytes.fromhex("1f100080") + keywords.guid.bytes_le + b"\1" + "Keywords\0".encode("utf-16-le")
    expected += bytes.fromhex("01000000 04000000 61000000")
    expected += bytes.fromhex("03000340 0300150c 01000000 03000440")
    assert fasttransfer.encode(bag) == expected


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        ("1f003700ffffffff4100", "byte 0: property 0x0037001F is cut off"),
        ("02010b30ffffff7f", "is cut off"),
        ("03001100ee", "ends inside"),
        ("02110280ffffffff", "a named property is cut off"),
        ("030003400300150c01000000", "a recipient does not end"),
        ("03000040", "an attachment does not end"),
        ("0300004003000140", "an embedded message does not end"),
        ("03000e40", "0x400E0003 without its beginning"),
        ("03000c40", "0x400C0003 does not belong into a message"),
        ("99000100", "unknown type 0x0099"),
        ("021101300000ffff", "cut off: 4294901760 values"),
        ("0b00690e0200", "not a Boolean"),
        ("1f00370002000000410041", "not a text"),
        ("03000340030004400300170001000000", "outside of a property list"),
        ("030017", "ends inside"),
    ],
)
def test_errors_say_where_and_what(stream: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        fasttransfer.decode(bytes.fromhex(stream))
    assert says in str(caught.value)


def test_a_bottomless_embedding_is_refused() -> None:
    stream = struct.pack("<II", fasttransfer.NEW_ATTACH, fasttransfer.START_EMBED) * 5000
    with pytest.raises(ValueError, match="deeper than 50"):
        fasttransfer.decode(stream)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (tags.PidTagSubject, b"bytes"),
        (tags.PidTagImportance, 2**31),
        (tags.PidTagSearchKey, "text"),
        (0x40030003, 1),
        (0x8000001F, "a named property's number"),
        (tags.NamedProperty(UUID(int=1), "a\0b", tags.PtypString), "x"),
    ],
)
def test_a_value_that_does_not_fit_is_named(key: tags.PropertyKey, value: object) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        fasttransfer.encode(Bag({key: value}))
