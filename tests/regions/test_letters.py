"""Outbox, inbox numbers and room: what two neighbours owe each other, in every order in which letters may come."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regions import letters
from regions.errors import RecordError
from regions.letters import HANDOVER, RULES, Archived, Born, Handover
from regions.record import Heard, Mail
from regions.region_state import Neighbour, Player, RegionState
from tests.cluster import Cluster
from world.units import ROWS_RESERVED_PER_NEIGHBOUR


@pytest.fixture
def state() -> RegionState:
    return Cluster(shape=(3, 1), tiles=(192, 64), start=False).genesis(2).state


def heard(near: Neighbour, n: int, consumed: int = 0, room: int = 0, mail: tuple[Mail, ...] = ()) -> Heard:
    return Heard(near.index, 1, 1, n, bytes(32), consumed, room, mail, b"", b"")


def test_mail_stays_in_the_outbox_until_it_is_named_consumed(state: RegionState) -> None:
    near = letters.neighbour(state, 1)
    for number in range(1, 6):
        assert letters.post(state, 1, RULES, b"m").number == number
    letters.hear(state, heard(near, 1, consumed=3))
    assert [mail.number for mail in near.outbox] == [4, 5]
    letters.hear(state, heard(near, 2, consumed=1))  # an older word changes nothing
    assert [mail.number for mail in near.outbox] == [4, 5]
    assert letters.neighbour(state, 3).outbox == []


def test_only_the_next_mail_is_taken(state: RegionState) -> None:
    near = letters.neighbour(state, 1)
    assert len(letters.hear(state, heard(near, 1, mail=(Mail(1, RULES, b""), Mail(2, RULES, b""))))) == 2
    for number in (2, 4):
        with pytest.raises(RecordError, match="the next is 3"):
            letters.hear(state, heard(near, 2 + number, mail=(Mail(number, RULES, b""),)))


DISHONEST = [
    ({"n": 3}, "after one of record 3"),
    ({"consumed": 9}, "0 were sent"),
    ({"mail": (Mail(1, HANDOVER, b""),)}, "rows were granted"),
]


@pytest.mark.parametrize(("letter", "words"), DISHONEST)
def test_what_no_honest_letter_says_never_gets_into_a_record(
    state: RegionState, letter: dict[str, object], words: str
) -> None:
    near = letters.neighbour(state, 1)
    letters.hear(state, heard(near, 3))
    with pytest.raises(RecordError, match=words):
        letters.hear(state, heard(near, **{"n": 4, **letter}))  # type: ignore[arg-type]


def test_a_stranger_has_no_letters(state: RegionState) -> None:
    with pytest.raises(RecordError, match="no neighbour 9"):
        letters.post(state, 9, RULES, b"")


def test_mail_has_a_size_limit(state: RegionState) -> None:
    with pytest.raises(RecordError, match="the limit is 16384"):
        letters.post(state, 1, RULES, bytes(16_385))


def test_room_is_granted_in_turn_and_never_taken_back(state: RegionState) -> None:
    one, other = letters.neighbour(state, 1), letters.neighbour(state, 3)
    letters.grant(state, 5)
    assert (one.granted, other.granted) == (3, 2)
    letters.grant(state, 0)
    assert (one.granted, other.granted) == (3, 2)
    letters.grant(state, 1_000)
    assert one.granted == other.granted == ROWS_RESERVED_PER_NEIGHBOUR
    assert letters.reserved(state) == 2 * ROWS_RESERVED_PER_NEIGHBOUR
    assert letters.room_for_births(state, 40) == 40 - 2 * ROWS_RESERVED_PER_NEIGHBOUR


def test_credit_is_what_the_newest_letters_gave_less_who_left(state: RegionState) -> None:
    near = letters.neighbour(state, 1)
    assert letters.may_leave(near) == 0
    letters.hear(state, heard(near, 1, room=3))
    assert letters.may_leave(near) == 3
    letters.post(state, 1, HANDOVER, b"")
    assert letters.may_leave(near) == 2
    letters.hear(state, heard(near, 2, room=1))  # a promise is never taken back
    assert letters.may_leave(near) == 2


def test_bodies_of_mail_are_read_strictly() -> None:
    player = Player(7, bytes(32), 1, bytes(32), 2, bytes(32), 1, [bytes(32)], bytes(20), 3, 0)
    born = Born(5, bytes(32), bytes(20))
    for body in (Handover(b"image", player), Handover(b"image", None), born, Archived(1, 2, 1)):
        kind = {Handover: HANDOVER, Born: letters.BORN, Archived: letters.CONFIRMED}[type(body)]
        assert letters.decode_body(Mail(1, kind, letters.encode_body(body))) == body
    assert letters.decode_body(Mail(1, RULES, b"anything")) == b"anything"
    for kind, raw in ((HANDOVER, b"\xc0"), (letters.BORN, b"\x91\x01"), (letters.CONFIRMED, b""), (9, b"")):
        with pytest.raises(RecordError, match="mail 1"):
            letters.decode_body(Mail(1, kind, raw))


class Side:
    """One of two neighbours that hand bodies to and fro; its rows are all it has."""

    def __init__(self, index: int, rows: int, bodies: int) -> None:
        self.state = Cluster(shape=(2, 1), start=False).genesis(index).state
        self.near = letters.neighbour(self.state, 3 - index)
        self.index, self.rows, self.bodies, self.n = index, rows, bodies, 0

    def letter(self) -> Heard:
        near = self.near
        return Heard(self.index, 1, 1, self.n, bytes(32), near.taken, near.granted, tuple(near.outbox[:4]), b"", b"")

    def tick(self, letter: Heard | None, leaving: int) -> None:
        near = self.near
        if letter is not None and letter.n > near.n:
            mail = tuple(one for one in letter.mail if one.number > near.taken)
            taken = (letter.region, 1, 1, letter.n, bytes(32), letter.consumed, letter.room, mail, b"", b"")
            self.bodies += len(letters.hear(self.state, Heard(*taken)))
        for _ in range(min(leaving, letters.may_leave(near), self.bodies)):
            letters.post(self.state, near.index, HANDOVER, b"")
            self.bodies -= 1
        assert self.bodies <= self.rows, "a row was promised that was not there"
        letters.grant(self.state, self.rows - self.bodies)
        self.n += 1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 10**6))
def test_whatever_is_lost_bodies_are_kept_rows_are_never_short_and_nobody_deadlocks(
    free_west: int, free_east: int, seed: int
) -> None:
    rng = random.Random(seed)
    west, east = Side(1, 20, 20 - free_west), Side(2, 20, 20 - free_east)
    total = west.bodies + east.bodies
    sent: dict[int, list[Heard]] = {1: [], 2: []}
    for step in range(120):
        for side, other in ((west, east), (east, west)):
            arrives = rng.choice(sent[other.index]) if sent[other.index] and rng.random() < 0.7 else None
            side.tick(arrives, rng.randrange(3))
            sent[side.index] = [*sent[side.index][-5:], side.letter()]
        flying = sum(
            len([mail for mail in one.near.outbox if mail.number > other.near.taken])
            for one, other in ((west, east), (east, west))
        )
        assert west.bodies + east.bodies + flying == total, step
    before = west.near.leaving + east.near.leaving
    for _ in range(12):
        west.tick(east.letter(), 1)
        east.tick(west.letter(), 1)
    if free_west + free_east:
        assert west.near.leaving + east.near.leaving > before
