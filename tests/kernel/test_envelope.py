"""The file format of functions and results: whole, or known not to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remotebatch_kernel.formats import envelope


@given(
    st.binary(max_size=200),
    st.dictionaries(st.text(min_size=1).filter(lambda k: k != "format"), st.integers()),
)
def test_what_is_packed_is_unpacked(payload: bytes, header: dict[str, int]) -> None:
    found, data = envelope.unpack(envelope.pack(header, payload))
    assert bytes(data) == payload
    assert found == {**found, **{k: v for k, v in header.items() if not k.startswith("payload_")}}


@given(st.binary(min_size=1, max_size=100), st.data())
def test_any_cut_is_noticed(payload: bytes, data: st.DataObject) -> None:
    packed = envelope.pack({"kind": "result"}, payload)
    length = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(envelope.CorruptEnvelope):
        envelope.unpack(packed[:length])


@given(st.binary(min_size=1, max_size=100), st.data())
def test_any_change_of_the_payload_is_noticed(payload: bytes, data: st.DataObject) -> None:
    packed = bytearray(envelope.pack({"kind": "result"}, payload))
    position = data.draw(st.integers(len(packed) - len(payload), len(packed) - 1))
    packed[position] ^= 0xFF
    with pytest.raises(envelope.CorruptEnvelope):
        envelope.unpack(bytes(packed))


@given(st.binary(max_size=300))
def test_no_garbage_raises_anything_else(garbage: bytes) -> None:
    with pytest.raises(envelope.CorruptEnvelope):
        envelope.unpack(garbage)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        envelope.write_atomically(str(tmp_path / "missing" / "file"), b"data")
    envelope.write_atomically(str(tmp_path / "file"), b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
