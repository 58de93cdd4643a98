"""The record's bytes: one encoding, strict reading, limits. Golden bytes are in `test_golden_record`."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from regions.config import RECORD_BYTES_MAX, RECORD_FORMAT
from regions.errors import RecordError
from regions.record import (
    Acted,
    Head,
    Heard,
    Login,
    Mail,
    Outside,
    Record,
    Sent,
    decode,
    encode,
    first_chain,
    genesis_hash,
    player_chain,
    record_hash,
)
from tests.cluster import Cluster, Player
from world.actions import Move

NUMBERS = st.one_of(st.integers(0, 300), st.integers(0, 2**63 - 1))
SMALL = st.one_of(st.integers(0, 300), st.integers(0, 2**31 - 1))
HASHES = st.binary(min_size=32, max_size=32)
MAYBE = st.one_of(st.just(b""), HASHES)
SIGNATURES = st.binary(min_size=64, max_size=64)
MAILS = st.lists(st.builds(Mail, NUMBERS, SMALL, st.binary(max_size=300)), max_size=3).map(tuple)
INPUTS = st.one_of(
    st.builds(Acted, NUMBERS, NUMBERS, NUMBERS, st.binary(max_size=512)),
    st.builds(Login, NUMBERS, NUMBERS, HASHES, HASHES, st.binary(min_size=16, max_size=16), NUMBERS, SIGNATURES),
    st.builds(Head, NUMBERS, NUMBERS, HASHES, MAYBE, SIGNATURES),
    st.builds(Outside, st.binary(max_size=300), NUMBERS, NUMBERS),
)
HEARD = st.builds(
    Heard, SMALL, SMALL, NUMBERS, NUMBERS, HASHES, NUMBERS, NUMBERS, MAILS, st.binary(max_size=64), st.just(b"")
)
SENT = st.builds(Sent, SMALL, NUMBERS, st.lists(HASHES, max_size=2).map(tuple), MAYBE, NUMBERS)
RECORDS = st.builds(
    Record,
    format=st.just(RECORD_FORMAT),
    era=SMALL,
    term=NUMBERS,
    n=NUMBERS,
    tick=NUMBERS,
    previous=HASHES,
    time_ms=NUMBERS,
    module=HASHES,
    roster=SMALL,
    partition=SMALL,
    claim=st.none(),
    link=MAYBE,
    inputs=st.lists(INPUTS, max_size=4).map(tuple),
    heard=st.lists(HEARD, max_size=2).map(tuple),
    fresh=NUMBERS,
    parked=st.lists(st.tuples(SMALL, NUMBERS), max_size=2).map(tuple),
    halt=st.text(max_size=40),
    verdicts=st.lists(st.integers(0, 20), max_size=4).map(tuple),
    replies=st.lists(st.binary(max_size=60), max_size=2).map(tuple),
    sent=st.lists(SENT, max_size=2).map(tuple),
    events=MAYBE,
    state_hash=MAYBE,
    head=st.one_of(st.just(b""), SIGNATURES),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(RECORDS)
def test_what_is_written_is_read_back_and_has_one_encoding(record: Record) -> None:
    raw = encode(record)
    assert decode(raw) == record and encode(decode(raw)) == raw


@settings(max_examples=150, deadline=None, derandomize=True)
@given(RECORDS, st.data())
def test_any_change_of_its_bytes_is_another_record_or_an_error(record: Record, data: st.DataObject) -> None:
    raw = bytearray(encode(record))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        other = decode(bytes(raw))
    except RecordError:
        return
    assert other != record and encode(other) == bytes(raw)


def test_longer_encodings_of_the_same_values_are_refused() -> None:
    raw = encode(bare())
    assert raw[:3] == b"\xdc\x00\x17" and raw[3] == RECORD_FORMAT
    rest = raw[4:]
    for longer in (raw[:3] + b"\xcc\x01" + rest, raw[:3] + b"\xcd\x00\x01" + rest, b"\xdd\0\0\0\x17" + raw[3:]):
        with pytest.raises(RecordError, match="not in its one encoding"):
            decode(longer)


def test_bytes_behind_a_record_or_missing_are_refused() -> None:
    raw = encode(bare())
    for wrong in (raw + b"\0", raw[:-1], b"", raw[3:]):
        with pytest.raises(RecordError):
            decode(wrong)


WRONG = ({"format": 2}, {"era": -1}, {"n": 2**63}, {"previous": bytes(31)}, {"link": bytes(33)}, {"head": bytes(65)})


@pytest.mark.parametrize("field", [*WRONG, {"halt": "x" * 1025}])
def test_fields_out_of_range_are_refused(field: dict[str, object]) -> None:
    with pytest.raises(RecordError):
        decode(msgspec.msgpack.encode(replace(bare(), **field)))


def test_a_record_has_a_size_limit_both_ways() -> None:
    mails = tuple(Mail(number, 1, bytes(16_000)) for number in range(17))
    heard = (Heard(1, 1, 1, 1, bytes(32), 0, 0, mails, b"", b""),)
    with pytest.raises(RecordError, match=str(RECORD_BYTES_MAX)):
        encode(replace(bare(), heard=heard))
    with pytest.raises(RecordError, match=str(RECORD_BYTES_MAX)):
        decode(bytes(RECORD_BYTES_MAX + 1))


def test_deep_nonsense_is_an_error_not_a_crash() -> None:
    for raw in (b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc1"):
        with pytest.raises(RecordError):
            decode(raw)


def test_chains_of_two_players_and_two_regions_never_meet() -> None:
    assert first_chain(1) != first_chain(2) and genesis_hash(bytes(32)) != genesis_hash(b"\1" * 32)
    chain = first_chain(1)
    assert player_chain(chain, 1, b"a") != player_chain(chain, 2, b"a") != player_chain(chain, 2, b"b")


def test_a_region_writes_records_that_a_stranger_can_read_and_hash() -> None:
    cluster = Cluster()
    player = Player(cluster).enter()
    player.act(Move(1, 2))
    cluster.ticks(3)
    for raw, after in zip(cluster.raws(player.region), cluster.raws(player.region)[1:], strict=False):
        assert decode(after).previous == record_hash(raw)


def bare() -> Record:
    decided = (RECORD_FORMAT, 1, 1, 7, 6, bytes(32), 1_000, bytes(32), 1, 1, None, bytes(32), (), (), 0, (), "")
    return Record(*decided, (), (), (), b"", b"", b"")  # type: ignore[arg-type]
