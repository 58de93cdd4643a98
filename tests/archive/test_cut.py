"""Law 8: a cut is consistent, whatever the regions said to one another, and no later than it must be."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.checkpoint import Numbers
from archive.cut import Course, Said, settle, violations


@dataclass
class Talker:
    """A region that talks: per neighbour mail sent, dropped, consumed, and the newest record heard of; and for every
    record what its letter said: (mail sent, mail consumed) per neighbour."""

    neighbours: list[int]
    sent: dict[int, int] = field(default_factory=dict)
    dropped: dict[int, int] = field(default_factory=dict)
    consumed: dict[int, int] = field(default_factory=dict)
    heard: dict[int, int] = field(default_factory=dict)
    letters: list[dict[int, tuple[int, int]]] = field(default_factory=list)
    states: list[list[Numbers]] = field(default_factory=list)
    said: list[list[Said]] = field(default_factory=list)

    def record(self, others: dict[int, "Talker"], draw: random.Random) -> None:
        """Take what some neighbours' letters say, send mail, and write a letter."""
        said = []
        for near in self.neighbours:
            newest = len(others[near].letters)
            if newest > self.heard.get(near, 0) and draw.random() < 0.6:
                n = draw.randint(self.heard.get(near, 0) + 1, newest)
                sent, consumed = others[near].letters[n - 1][draw_self(self, others)]
                self.heard[near] = n
                self.dropped[near] = max(self.dropped.get(near, 0), consumed)
                self.consumed[near] = draw.randint(self.consumed.get(near, 0), sent) if sent else 0
                said.append(Said(near, dropped=consumed, consumed=self.consumed[near], heard=n))
            if draw.random() < 0.3:
                self.sent[near] = self.sent.get(near, 0) + draw.randint(1, 3)
                said.append(Said(near, sent=self.sent[near]))
        self.letters.append({near: (self.sent.get(near, 0), self.consumed.get(near, 0)) for near in self.neighbours})
        self.said.append(said)
        self.states.append(self.numbers())

    def numbers(self) -> list[Numbers]:
        """As a state says them."""
        columns = (self.sent, self.dropped, self.consumed, self.heard)
        return [Numbers(near, *(column.get(near, 0) for column in columns)) for near in self.neighbours]


def draw_self(talker: Talker, others: dict[int, Talker]) -> int:
    """A talker's own index."""
    return next(index for index, other in others.items() if other is talker)


def talk(regions: int, records: int, seed: int) -> dict[int, Talker]:
    """Regions in a ring and across, talking at random, some more than others."""
    draw = random.Random(seed)
    talkers = {index: Talker([other for other in range(regions) if other != index]) for index in range(regions)}
    weights = [draw.random() + 0.05 for _ in talkers]
    for _ in range(records):
        (index,) = draw.choices(list(talkers), weights)
        talkers[index].record(talkers, draw)
    return talkers


def courses_of(talkers: dict[int, Talker], seen: dict[int, int], base: dict[int, int]) -> dict[int, Course]:
    """The talkers' records after `base`, as far as `seen`."""
    courses = {}
    for index, talker in talkers.items():
        numbers = talker.states[base[index] - 1] if base[index] else [Numbers(near) for near in talker.neighbours]
        courses[index] = Course.after(base[index], numbers)
        for n in range(base[index] + 1, seen[index] + 1):
            courses[index].add(n, talker.said[n - 1])
    return courses


def numbers_at(talkers: dict[int, Talker], ends: dict[int, int]) -> dict[int, list[Numbers]]:
    """What the states at the ends say."""
    return {
        index: talker.states[ends[index] - 1] if ends[index] else [Numbers(near) for near in talker.neighbours]
        for index, talker in talkers.items()
    }


def step_by_step(talkers: dict[int, Talker], starts: dict[int, int]) -> dict[int, int]:
    """The earliest consistent cut, found the slow way: one record forward wherever the law is broken."""
    ends = dict(starts)
    while True:
        says = {(i, one.index): one for i, numbers in numbers_at(talkers, ends).items() for one in numbers}
        for (receiver, sender), into in says.items():
            out = says[sender, receiver]
            if out.dropped > into.consumed:
                ends[receiver] += 1
                break
            if into.consumed > out.sent or into.heard > ends[sender]:
                ends[sender] += 1
                break
        else:
            return ends


@settings(max_examples=150, deadline=None)
@given(regions=st.integers(2, 5), records=st.integers(1, 150), seed=st.integers(0, 2**32), share=st.floats(0, 1))
def test_the_cut_is_the_earliest_consistent_one(regions: int, records: int, seed: int, share: float) -> None:
    talkers = talk(regions, records, seed)
    draw = random.Random(seed + 1)
    seen = {index: len(talker.letters) for index, talker in talkers.items()}
    starts = {index: draw.randint(int(share * last), last) for index, last in seen.items()}
    settled = settle(courses_of(talkers, seen, dict.fromkeys(seen, 0)), starts)
    assert not settled.wanted
    assert violations(settled.ends, numbers_at(talkers, settled.ends)) == []
    assert settled.ends == step_by_step(talkers, starts)


@settings(max_examples=80, deadline=None)
@given(regions=st.integers(2, 4), records=st.integers(20, 150), seed=st.integers(0, 2**32))
def test_a_cut_waits_for_records_not_seen_yet_and_then_is_the_same(regions: int, records: int, seed: int) -> None:
    talkers = talk(regions, records, seed)
    draw = random.Random(seed + 1)
    last = {index: len(talker.letters) for index, talker in talkers.items()}
    starts = {index: draw.randint(0, end) for index, end in last.items()}
    seen = dict(starts)
    for _ in range(2 * records + 2):
        settled = settle(courses_of(talkers, seen, dict.fromkeys(seen, 0)), starts)
        if not settled.wanted:
            break
        for index, n in settled.wanted.items():
            assert seen[index] < n <= last[index], "a record is wanted that was seen, or that no log has"
            seen[index] += 1
    assert not settled.wanted
    assert settled.ends == step_by_step(talkers, starts)


@settings(max_examples=80, deadline=None)
@given(regions=st.integers(2, 4), records=st.integers(20, 120), seed=st.integers(0, 2**32))
def test_a_cut_may_begin_at_an_earlier_cut(regions: int, records: int, seed: int) -> None:
    talkers = talk(regions, records, seed)
    draw = random.Random(seed + 1)
    seen = {index: len(talker.letters) for index, talker in talkers.items()}
    first = step_by_step(talkers, {index: draw.randint(0, last) for index, last in seen.items()})
    starts = {index: draw.randint(first[index], last) for index, last in seen.items()}
    courses = courses_of(talkers, seen, first)
    settled = settle(courses, starts)
    assert not settled.wanted and settled.ends == step_by_step(talkers, starts)
    for index, course in courses.items():
        assert course.numbers(settled.ends[index]) == numbers_at(talkers, settled.ends)[index]
        course.forget(settled.ends[index])
        assert course.numbers(settled.ends[index]) == numbers_at(talkers, settled.ends)[index]


def test_example_5_of_the_protocol() -> None:
    """Handover 12 was dropped by A at 1000, consumed by B at 950: B's end moves from 900 to 950; and B at 950 has heard
    A's record 1003, so A's end moves there."""
    a = Course.after(998, [Numbers(2, sent=12, dropped=11, consumed=0, heard=940)])
    b = Course.after(899, [Numbers(1, sent=0, dropped=0, consumed=11, heard=990)])
    for n in range(999, 1004):
        a.add(n, [Said(2, dropped=12, heard=960)] if n == 1000 else [])
    for n in range(900, 961):
        b.add(n, [Said(1, consumed=12, heard=1003)] if n == 950 else [])
    assert settle({1: a, 2: b}, {1: 1000, 2: 900}).ends == {1: 1003, 2: 960}


def test_what_breaks_the_law_is_named() -> None:
    ends = {1: 10, 2: 10}
    fine = {1: [Numbers(2, sent=3, dropped=2, consumed=0, heard=9)], 2: [Numbers(1, 0, 0, consumed=2, heard=10)]}
    assert violations(ends, fine) == []
    for changed, word in (
        (Numbers(1, 0, 0, consumed=1, heard=10), "2 dropped, 1 consumed"),
        (Numbers(1, 0, 0, consumed=4, heard=10), "4 consumed, 3 sent"),
        (Numbers(1, 0, 0, consumed=2, heard=11), "heard record 11 of region 1"),
    ):
        (found,) = violations(ends, fine | {2: [changed]})
        assert word in found


def test_records_must_come_in_order() -> None:
    course = Course.after(5, [Numbers(1)])
    with pytest.raises(ValueError, match="record 7 after record 5"):
        course.add(7, [])
