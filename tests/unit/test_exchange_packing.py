"""What crosses the line between sites: the same bytes come out, whatever goes in, and text mail is small."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_exchange import packing

_runs = st.one_of(
    st.binary(max_size=2000).map(base64.b64encode),
    st.binary(max_size=600).map(lambda data: base64.b64encode(data)[:-1]),
    st.binary(max_size=600).map(lambda data: base64.b64encode(data)[:-1] + b"B"),
    st.text("ABab01+/=", max_size=600).map(str.encode),
    st.binary(max_size=50),
)


@given(
    st.lists(
        st.tuples(st.sampled_from([b"<Data>", b"<m:X a='>'>", b"", b">"]), _runs, st.sampled_from([b"</", b"<", b""]))
    )
)
def test_whatever_is_packed_comes_out_the_same(parts: list[tuple[bytes, bytes, bytes]]) -> None:
    message = b"".join(piece for part in parts for piece in part)
    assert packing.unpack(packing.pack(message)) == message


def test_base64_does_not_hide_what_repeats() -> None:
    text = "".join(f"Dear {number}, the quick brown fox jumps over the lazy dog.\r\n" for number in range(200)).encode()
    items = [base64.b64encode(bytes(number) + text) for number in range(3)]
    message = b"".join(b"<m:Data>" + item + b"</m:Data>" for item in items)
    assert len(packing.pack(message)) < len(message) / 20


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", packing.pack(b"<Data>x</Data>")[:-3]])
def test_rubbish_is_refused(rubbish: bytes) -> None:
    with pytest.raises(ValueError, match="not packed by an agent"):
        packing.unpack(rubbish)
