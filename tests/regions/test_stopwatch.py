"""Where an owner's time goes: measured from outside, by phase, and without a trace in what is folded."""

import pytest

from regions import compute, spent
from regions.errors import RecordError
from regions.shell.stopwatch import SPENT_EVERY_NS, Stopwatch
from tests.cluster import Cluster
from world.phases import Phase

MS = 1_000_000


class Clock:
    """Nanoseconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 5 * MS

    def __call__(self) -> int:
        return self.now

    def passes(self, ms: int) -> None:
        self.now += ms * MS


def test_time_goes_to_the_phase_that_was_named_last_and_rest_to_none() -> None:
    clock = Clock()
    watch = Stopwatch(clock, clock)
    watch.mark(Phase.INPUTS)
    clock.passes(2)
    watch.mark(Phase.NPCS)
    clock.passes(7)
    watch.rest()
    clock.passes(100)
    watch.mark(Phase.HASH)
    clock.passes(1)
    watch.rest()
    watch.tick_ends(1, 4)
    watch.mark(Phase.PHYSICS)
    clock.passes(3)
    watch.rest()
    watch.tick_ends(1, 0)
    told = watch.told(1, 1, 32, 0)
    assert (told.work[Phase.INPUTS], told.work[Phase.NPCS], told.work[Phase.HASH]) == (2000, 7000, 1000)
    assert sum(told.work) == 13_000
    assert sum(told.busiest) == 10_000, "the longest tick of the two"
    assert (told.ticks, told.late_ms, told.over) == (2, 4, 113_000)


def test_an_append_is_waiting_and_no_work_and_one_under_way_is_told() -> None:
    clock = Clock()
    watch = Stopwatch(clock, clock)
    watch.append_begins()
    clock.passes(3)
    watch.append_ends()
    watch.append_begins()
    clock.passes(400)
    watch.append_begins()  # again, as nobody knows what became of it
    clock.passes(200)
    assert watch.due and SPENT_EVERY_NS <= 600 * MS
    told = watch.told(1, 1, 32, 0)
    assert (told.appends, told.append, told.append_max) == (1, 3000, 3000)
    assert told.append_waits == 600_000
    assert sum(told.work) == 0


def test_what_was_told_is_measured_anew() -> None:
    clock = Clock()
    watch = Stopwatch(clock, clock)
    watch.mark(Phase.RULES)
    clock.passes(1)
    watch.rest()
    watch.tick_ends(1, 9)
    watch.told(1, 1, 1, 0)
    told = watch.told(1, 1, 2, 0)
    assert (sum(told.work), sum(told.busiest), told.ticks, told.late_ms) == (0, 0, 0, 0)


def test_a_fold_that_is_measured_gives_the_same_bytes_and_names_every_phase() -> None:
    cluster = Cluster()
    cluster.ticks(3)
    plain, marked = cluster.genesis(1), cluster.genesis(1)
    named: set[Phase] = set()
    for raw in cluster.raws(1):
        record, _ = compute.apply(plain, raw)
        compute.fold(marked, record, named.add)
        marked.head = plain.head
        assert marked.encode() == plain.encode()
    assert named == set(Phase) - {Phase.DELTAS}, "what clients are shown is made outside the fold"


def test_words_about_work_are_read_back_and_other_bytes_refused() -> None:
    told = Stopwatch().told(1, 1, 320, 288)
    assert spent.decode(spent.encode(told)) == told
    for raw in (b"", b"\x90", spent.encode(told)[:-1], bytes(spent.SPENT_BYTES_MAX + 1)):
        with pytest.raises(RecordError):
            spent.decode(raw)
