"""One machine's core: who sits where, who takes a dead one's seat, and the order of a planned stop."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from regions.agent import AgentCore
from regions.agent_verbs import (
    Assign,
    Beaten,
    Begin,
    Dismiss,
    Effect,
    Ended,
    Event,
    Ordered,
    Over,
    Say,
    Serving,
    Start,
    Stop,
    Tell,
    Timer,
    Wake,
    Warm,
)
from regions.seats import BACKOFF_MS, GIVE_UP_AFTER, PROGRESS_RECORDS


class Machine:
    """Children that do at once what they are told, unless a test lets them die."""

    def __init__(self, regions: int = 2, begin: bool = True) -> None:
        self.core = AgentCore(regions)
        self.now = 0
        self.alive: dict[int, str] = {}
        self.sits: dict[int, Assign] = {}
        self.said: list[Say] = []
        self.told: list[tuple[str, dict[str, object]]] = []
        self.over: Over | None = None
        self.refuses: set[int] = set()  # seats whose processes cannot serve
        self.mute: set[str] = set()  # roles that do not do what they are told
        if begin:
            self.give(Begin())

    def give(self, event: Event) -> list[Effect]:
        effects = self.core.step(self.now, event)
        for effect in effects:
            self.do(effect)
        return effects

    def do(self, effect: Effect) -> None:
        match effect:
            case Start(child, role):
                assert child not in self.alive
                self.alive[child] = role
                if role == "region":
                    self.give(Warm(child))
            case Assign(child, index, _, _):
                self.sits[index] = effect
                if index in self.refuses:
                    self.die(child, "the log was set back", alarm=True)
                else:
                    self.give(Serving(index, self.core.seats[index].n + 1))
            case Dismiss(child):
                self.die(child)
            case Tell(child, words):
                self.told.append((self.alive[child], words))
                self.obey(child, words)
            case Say():
                self.said.append(effect)
            case Over():
                self.over = effect

    def obey(self, child: int, words: dict[str, object]) -> None:
        role = self.alive[child]
        if role in self.mute:
            return
        if words.get("final"):
            self.give(Ordered())
        elif words.get("stop"):
            self.die(child, "stopped as planned", n=100)

    def die(self, child: int, reason: str = "", alarm: bool = False, n: int = 0) -> None:
        if child in self.alive:
            del self.alive[child]
            self.give(Ended(child, reason, alarm, n))

    def seat(self, index: int) -> int:
        return self.core.seats[index].child

    def count(self, role: str) -> int:
        return sum(one == role for one in self.alive.values())


def test_every_seat_is_taken_then_the_doors_open_and_a_spare_waits() -> None:
    machine = Machine(3)
    assert machine.core.phase == "running"
    assert sorted(machine.sits) == [0, 1, 2, 3] and len({one.child for one in machine.sits.values()}) == 4
    assert (machine.count("region"), machine.count("gateway"), machine.count("archivist")) == (5, 1, 1)
    assert len({one.offset_ms for index, one in machine.sits.items() if index}) == 3


def test_a_spare_takes_a_dead_ones_seat_at_once_and_another_is_started() -> None:
    machine = Machine()
    dead = machine.seat(1)
    machine.give(Beaten(1, 500))
    machine.die(dead)
    assert machine.seat(1) not in (0, dead) and machine.sits[1].deaths == 0  # its log had moved on
    assert machine.count("region") == 4 and machine.said


def test_who_dies_again_and_again_at_one_record_waits_longer_and_is_given_up_at_last() -> None:
    machine = Machine()
    waits = []
    for death in range(GIVE_UP_AFTER):
        assert machine.sits[1].deaths == death
        began = machine.now
        machine.core.seats[1].n = machine.core.seats[1].began_n + PROGRESS_RECORDS - 1
        machine.die(machine.seat(1), "killed")
        while not machine.seat(1) and not machine.core.seats[1].ended:
            machine.now += 100
            machine.give(Timer())
        waits.append(machine.now - began)
    assert machine.core.seats[1].ended and machine.said[-1].alarm and "given up" in machine.said[-1].text
    assert waits[:5] == sorted(waits[:5]) and max(waits) == max(BACKOFF_MS)
    assert machine.seat(0) and machine.seat(2)  # the others go on
    machine.give(Stop())
    assert machine.over == Over(2)


def test_a_region_that_must_not_be_served_is_left_alone_and_the_others_open() -> None:
    machine = Machine(begin=False)
    machine.refuses.add(1)
    machine.give(Begin())
    assert machine.core.phase == "running" and machine.count("gateway") == 1
    assert not machine.seat(1) and machine.seat(0) and machine.seat(2)
    assert [said.alarm for said in machine.said] == [True] and machine.core.status == 2


def test_a_process_that_dies_before_the_world_runs_is_replaced() -> None:
    core = AgentCore(2)
    starts = [effect.child for effect in core.step(0, Begin()) if isinstance(effect, Start)]
    again = core.step(0, Ended(starts[0]))  # before it was warm
    assert [type(effect).__name__ for effect in again] == ["Start"]
    assign = core.step(0, Warm(starts[1]))
    assert isinstance(assign[0], Assign)
    effects = core.step(0, Ended(starts[1], "out of memory"))  # in its seat
    assert sum(isinstance(effect, Start) for effect in effects) == 1


def test_a_gateway_or_archivist_that_falls_is_started_again() -> None:
    machine = Machine()
    for role in ("gateway", "archivist"):
        (child,) = [child for child, one in machine.alive.items() if one == role]
        machine.die(child, "crashed")
        assert machine.count(role) == 1


def test_a_planned_stop_closes_the_doors_stops_the_regions_orders_and_files() -> None:
    machine = Machine()
    machine.give(Stop())
    order = [(role, next(iter(words))) for role, words in machine.told]
    assert order == [
        ("region", "stop"),
        ("region", "stop"),
        ("archivist", "final"),
        ("region", "stop"),
        ("archivist", "stop"),
    ]
    assert machine.told[-1][1] == {"stop": {"0": 100, "1": 100, "2": 100}}
    assert machine.over == Over(0) and machine.alive == {}
    assert machine.give(Stop()) == []


def test_a_region_that_dies_while_it_stops_does_not_hold_up_the_rest() -> None:
    machine = Machine()
    machine.mute.add("region")
    machine.give(Stop())
    assert machine.core.phase == "stopping"
    for index in (1, 2):
        machine.die(machine.seat(index), "killed")
    assert machine.core.phase == "ordering"


def test_without_an_archivist_a_stop_still_ends() -> None:
    machine = Machine()
    machine.mute.add("archivist")
    machine.give(Stop())
    (child,) = [child for child, role in machine.alive.items() if role == "archivist"]
    machine.die(child, "the store is gone", alarm=True)
    assert machine.over == Over(1) and "without a final checkpoint" in machine.said[-1].text


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["die", "wait", "beat", "die", "alarm"]), st.integers(0, 9)), max_size=40))
def test_whatever_dies_every_seat_is_taken_again_and_a_stop_ends(steps: list[tuple[str, int]]) -> None:
    machine = Machine()
    for what, which in steps:
        children = sorted(machine.alive)
        if what == "wait":
            machine.now += 400
            machine.give(Timer())
        elif what == "beat":
            machine.give(Beaten(which % 3, machine.core.seats[which % 3].n + 50))
        elif children:
            machine.die(children[which % len(children)], alarm=what == "alarm" and which == 0)
    for _ in range(20):
        machine.now += 6000
        machine.give(Timer())
    for index, seat in machine.core.seats.items():
        assert seat.ended or machine.alive.get(machine.seat(index)) == "region"
    assert machine.count("region") == sum(bool(seat.child) for seat in machine.core.seats.values()) + 1
    assert machine.count("gateway") == machine.count("archivist") == 1
    machine.give(Stop())
    for child in [child for child, role in machine.alive.items() if role == "archivist"]:
        machine.die(child)
    assert machine.over is not None


def test_nobody_is_seated_twice_and_wakes_lie_ahead() -> None:
    machine = Machine()
    machine.core.seats[1].n = 1
    for _ in range(4):
        effects: list[Any] = machine.core.step(machine.now, Ended(machine.seat(1)))
        for effect in effects:
            if isinstance(effect, Wake):
                assert effect.at_ms > machine.now
                machine.now = effect.at_ms
                effects += machine.core.step(machine.now, Timer())
            elif isinstance(effect, Start):
                effects += machine.core.step(machine.now, Warm(effect.child))
        seated = [seat.child for seat in machine.core.seats.values() if seat.child]
        assert len(seated) == len(set(seated)) == 3
