"""The consistent cut (law 8): how far each region's records must go so that all of them fit one another.

For each region r and each neighbour s, with e the end of a region in the cut:

    dropped by s up to e(s)  <=  consumed by r up to e(r)  <=  sent by s up to e(s)         mail from s to r
    the newest record of s that r has heard of up to e(r)  <=  e(s)

All four only ever grow along a log, so moving ends forward, each to the first record that satisfies what another end
asks for, comes to the earliest cut at or after the starts. Nothing here knows what a record holds: who reads them says,
record by record, what each says of its neighbours.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from archive.checkpoint import Numbers

SENT: Final = 0
DROPPED: Final = 1
CONSUMED: Final = 2
HEARD: Final = 3


@dataclass(frozen=True)
class Said:
    """What one record says of one neighbour: running totals as in `Numbers`; -1 where it says nothing."""

    index: int
    sent: int = -1
    dropped: int = -1
    consumed: int = -1
    heard: int = -1


@dataclass
class _Line:
    """A total that grows along a log: `values[i]` from record `records[i]` on."""

    records: list[int]
    values: list[int]

    def at(self, n: int) -> int:
        return self.values[bisect_right(self.records, n) - 1]

    def add(self, n: int, value: int) -> None:
        if value > self.values[-1]:
            self.records.append(n)
            self.values.append(value)

    def reached(self, value: int) -> int | None:
        place = bisect_left(self.values, value)
        return self.records[place] if place < len(self.records) else None

    def forget(self, n: int) -> None:
        kept = bisect_right(self.records, n) - 1
        del self.records[:kept], self.values[:kept]


@dataclass
class Course:
    """What one region's records say, from the state at record `start` on. `seen` is the newest record added."""

    start: int
    seen: int = field(init=False)
    _lines: dict[int, tuple[_Line, _Line, _Line, _Line]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seen = self.start

    @classmethod
    def after(cls, start: int, numbers: Iterable[Numbers]) -> "Course":
        """Begin behind record `start`, whose state says this of the neighbours."""
        course = cls(start)
        for one in numbers:
            course._lines[one.index] = tuple(  # type: ignore[assignment]
                _Line([start], [value]) for value in (one.sent, one.dropped, one.consumed, one.heard)
            )
        return course

    def add(self, n: int, said: Iterable[Said]) -> None:
        """Take in the next record. ValueError when it is not the next."""
        if n != self.seen + 1:
            raise ValueError(f"record {n} after record {self.seen}")
        self.seen = n
        for one in said:
            lines = self._lines.get(one.index)
            if lines is not None:
                for line, value in zip(lines, (one.sent, one.dropped, one.consumed, one.heard)):
                    line.add(n, value)

    @property
    def neighbours(self) -> list[int]:
        """Partition indices of the neighbours."""
        return list(self._lines)

    def value(self, index: int, what: int, n: int) -> int:
        """A total of one neighbour after record `n`; 0 for one that is no neighbour."""
        lines = self._lines.get(index)
        return lines[what].at(n) if lines else 0

    def reached(self, index: int, what: int, value: int) -> int | None:
        """The first record from which a total is at least `value`; None: not seen yet."""
        return self._lines[index][what].reached(value)

    def numbers(self, n: int) -> list[Numbers]:
        """All totals after record `n`."""
        return [Numbers(index, *(line.at(n) for line in lines)) for index, lines in self._lines.items()]

    def forget(self, n: int) -> None:
        """Totals before record `n` will not be asked for again."""
        for lines in self._lines.values():
            for line in lines:
                line.forget(n)


@dataclass(frozen=True)
class Settled:
    """A cut, by partition index; `wanted` are records to be seen before it can be one (empty: it is consistent)."""

    ends: dict[int, int]
    wanted: dict[int, int]


def settle(courses: Mapping[int, Course], starts: Mapping[int, int]) -> Settled:
    """Move the ends forward from `starts` until law 8 holds among `courses`, or as far as the records seen allow."""
    ends = dict(starts)
    wanted: dict[int, int] = {index: end for index, end in ends.items() if end > courses[index].seen}
    moved = not wanted
    while moved and not wanted:
        moved = False
        for receiver, course in courses.items():
            for sender in course.neighbours:
                for index, n in _asked(courses, ends, sender, receiver):
                    if n is None or n > courses[index].seen:
                        wanted[index] = max(wanted.get(index, 0), n or courses[index].seen + 1)
                    elif n > ends[index]:
                        ends[index] = n
                        moved = True
    return Settled(ends, wanted)


def _asked(
    courses: Mapping[int, Course], ends: Mapping[int, int], sender: int, receiver: int
) -> Iterable[tuple[int, int | None]]:
    """Which records the mail and letters from one region to another ask for: (region, record or not seen yet)."""
    out, into = courses[sender], courses[receiver]
    dropped = out.value(receiver, DROPPED, ends[sender])
    consumed = into.value(sender, CONSUMED, ends[receiver])
    if dropped > consumed:
        yield receiver, into.reached(sender, CONSUMED, dropped)
    if consumed > out.value(receiver, SENT, ends[sender]):
        yield sender, out.reached(receiver, SENT, consumed)
    heard = into.value(sender, HEARD, ends[receiver])
    if heard > ends[sender]:
        yield sender, heard


def violations(ends: Mapping[int, int], numbers: Mapping[int, Iterable[Numbers]]) -> list[str]:
    """What breaks law 8 in a cut: `numbers` are the states' own, by partition index. Empty: it is consistent."""
    says = {(index, one.index): one for index, all_of in numbers.items() for one in all_of}
    nothing = Numbers(0)
    wrong = []
    for (receiver, sender), into in sorted(says.items()):
        out = says.get((sender, receiver), nothing)
        if not out.dropped <= into.consumed <= out.sent:
            wrong.append(
                f"mail from region {sender} to {receiver}: {out.dropped} dropped, {into.consumed} consumed,"
                f" {out.sent} sent"
            )
        if into.heard > ends.get(sender, 0):
            wrong.append(
                f"region {receiver} has heard record {into.heard} of region {sender}, which ends at {ends.get(sender)}"
            )
    return wrong
