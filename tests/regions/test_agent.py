"""One machine's core: who sits where, who takes a dead one's seat, and the order of a planned stop."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from regions.agent import AgentCore
from regions.agent_verbs import (
    Announce,
    Assign,
    Beaten,
    Begin,
    Dismiss,
    Effect,
    Ended,
    Event,
    Looked,
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
from regions.seats import (
    BACKOFF_MS,
    FENCED_ALARM,
    FENCED_FORGOTTEN_MS,
    FENCED_MS,
    GIVE_UP_AFTER,
    LOADING_MS_MAX,
    PATIENCE_MS,
    PATIENCE_MS_MAX,
    PROGRESS_RECORDS,
    STAGGER_MS,
    WORLD_PATIENCE_MS,
)


class Machine:
    """Children that do at once what they are told, unless a test lets them die."""

    def __init__(
        self, regions: int = 2, begin: bool = True, homes: frozenset[int] | None = None, place: int = 0
    ) -> None:
        self.core = AgentCore(regions, homes, place)
        self.now = 0
        self.alive: dict[int, str] = {}
        self.sits: dict[int, Assign] = {}
        self.said: list[Say] = []
        self.told: list[tuple[str, dict[str, object]]] = []
        self.dismissed: list[str] = []
        self.over: Over | None = None
        self.refuses: set[int] = set()  # seats whose processes cannot serve
        self.mute: set[str] = set()  # roles that do not do what they are told
        self.cold = False  # region processes take their time to start
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
                if role == "region" and not self.cold:
                    self.give(Warm(child))
            case Assign(child, index, _, _):
                self.sits[index] = effect
                if index in self.refuses:
                    self.die(child, "the log was set back", alarm=True)
                else:
                    self.give(Serving(index, self.core.seats[index].n + 1))
            case Dismiss(child):
                self.dismissed.append(self.alive.get(child, ""))
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

    def die(self, child: int, reason: str = "", alarm: bool = False, n: int = 0, fenced: bool = False) -> None:
        if child in self.alive:
            del self.alive[child]
            self.give(Ended(child, reason, alarm, n, fenced))

    def fence(self, index: int) -> None:
        self.die(self.seat(index), "fenced: another owner's record stands there", fenced=True)

    def look(self, index: int, n: int, for_ms: int = 100) -> int | None:
        """Look at a log that does not grow. Returns after how long its seat is taken."""
        for waited in range(100, for_ms + 1, 100):
            self.now += 100
            self.give(Looked(index, n))
            if self.seat(index):
                return waited
        return None

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


# The only machine, with a rival.


def test_the_only_machine_does_not_fight_a_rival_at_every_price_and_says_so() -> None:
    machine = Machine()
    waits = []
    for _ in range(GIVE_UP_AFTER + 3):
        machine.give(Beaten(1, machine.core.seats[1].n + 50))
        began = machine.now
        machine.fence(1)
        while not machine.seat(1):
            machine.now += 100
            machine.give(Timer())
        waits.append(machine.now - began)
    assert waits[: len(FENCED_MS)] == list(FENCED_MS) and set(waits[len(FENCED_MS) :]) == {FENCED_MS[-1]}
    assert [place for place, said in enumerate(machine.said, 1) if said.alarm] == [FENCED_ALARM]
    assert machine.core.seats[1].deaths == 0 and machine.core.status == 0
    machine.now += FENCED_FORGOTTEN_MS + 1
    machine.fence(1)
    assert machine.seat(1)  # long ago: a leftover of a predecessor


# One of several.


def homes(*indices: int) -> frozenset[int]:
    return frozenset(indices)


def test_one_of_several_seats_its_homes_at_once_and_lets_players_in() -> None:
    machine = Machine(4, homes=homes(1, 2))
    assert sorted(machine.sits) == [1, 2] and machine.core.phase == "running"
    assert (machine.count("region"), machine.count("gateway"), machine.count("archivist")) == (3, 1, 0)
    idle = Machine(4, homes=homes())
    assert idle.sits == {} and idle.core.phase == "running"
    assert (idle.count("region"), idle.count("gateway"), idle.count("archivist")) == (1, 1, 0)


def test_a_home_that_others_served_meanwhile_is_taken_back_when_the_machine_begins() -> None:
    machine = Machine(begin=False, homes=homes(1))
    machine.cold = True
    machine.give(Begin())
    for n in (500, 502, 504):
        machine.give(Beaten(1, n))
        machine.look(1, n)
    (child,) = machine.alive
    machine.give(Warm(child))
    assert machine.seat(1) == child


def test_a_silent_seat_of_another_machine_gets_a_spare_each_machine_in_its_own_time() -> None:
    for place in (0, 1, 2):
        machine = Machine(2, homes=homes(1), place=place)
        assert machine.look(2, 700, for_ms=5000) == PATIENCE_MS + STAGGER_MS * place
        assert machine.sits[2].deaths == 0 and machine.count("region") == 3
        machine = Machine(2, homes=homes(1), place=place)
        assert machine.look(0, 9, for_ms=5000) == WORLD_PATIENCE_MS + STAGGER_MS * place


def test_a_record_or_a_beat_is_a_sign_of_life() -> None:
    machine = Machine(2, homes=homes(1))
    machine.look(2, 700)
    machine.give(Beaten(2, 700))
    for _ in range(20):  # a slow owner, a waiting one
        machine.look(2, machine.core.seats[2].n, for_ms=PATIENCE_MS - 100)
        machine.look(2, machine.core.seats[2].n + 1)
        machine.look(2, machine.core.seats[2].n, for_ms=PATIENCE_MS - 100)
        machine.give(Beaten(2, machine.core.seats[2].n - 1))  # its newest record is not known to be durable
    assert not machine.seat(2)
    machine.give(Beaten(2, 3))  # who was paused, and is the owner no more
    assert machine.look(2, machine.core.seats[2].n, for_ms=5000) == PATIENCE_MS


def test_no_silence_counts_while_the_log_does_not_answer() -> None:
    machine = Machine(2, homes=homes(1))
    machine.look(2, 700)
    machine.now += 60_000
    machine.give(Timer())
    assert not machine.seat(2)
    assert machine.look(2, 700, for_ms=5000) in (PATIENCE_MS - 100, PATIENCE_MS - 200)  # two looks at the least


def test_patience_doubles_with_every_candidacy_without_progress_of_the_log() -> None:
    machine = Machine(2, homes=homes(1))
    n, waits = 700, []
    for _ in range(7):
        waits.append(machine.look(2, n, for_ms=20_000))
        n += 2  # this machine's claim, and the rival's
        machine.fence(2)
    assert waits == [min(PATIENCE_MS << tries, PATIENCE_MS_MAX) for tries in range(7)]
    machine.look(2, n)
    machine.look(2, n + PROGRESS_RECORDS)
    assert machine.look(2, n + PROGRESS_RECORDS, for_ms=5000) == PATIENCE_MS


def test_a_process_that_loads_is_spoken_for_but_not_for_ever() -> None:
    core = AgentCore(2, homes(1))
    (start,) = (effect for effect in core.step(0, Begin()) if isinstance(effect, Start))
    core.step(0, Looked(1, 700))
    assert [type(one) for one in core.step(0, Warm(start.child))][:2] == [Assign, Announce]
    spoken = [now for now in range(100, 10_000, 100) if core.step(now, Looked(1, 700)) == [Announce(1, 700)]]
    assert spoken == list(range(100, LOADING_MS_MAX, 100))
    machine = Machine(2, homes=homes(1))  # it serves: its records speak for it
    machine.now += 100
    assert machine.give(Looked(1, 700)) == []


def test_who_is_fenced_steps_back_and_watches_and_it_is_no_death() -> None:
    machine = Machine(2, homes=homes(1, 2), place=1)
    for _ in range(GIVE_UP_AFTER + 1):
        machine.fence(1)
        assert not machine.seat(1) and machine.count("region") == 2
        machine.give(Timer())
        assert not machine.seat(1)
        assert machine.look(1, machine.core.seats[1].n, for_ms=20_000)
    assert machine.core.seats[1].deaths == 0 and not any(said.alarm for said in machine.said)


def test_who_dies_here_is_replaced_here_at_once_whoever_it_was_taken_from() -> None:
    machine = Machine(2, homes=homes(1))
    machine.look(2, 700, for_ms=PATIENCE_MS)
    for index in (1, 2):
        dead = machine.seat(index)
        machine.die(dead, "killed")
        assert machine.seat(index) not in (0, dead)


def test_a_seat_another_machine_took_while_no_spare_was_warm_is_left_to_it() -> None:
    machine = Machine(2, homes=homes(1, 2))
    machine.cold = True
    machine.die(machine.seat(1), "killed")
    machine.die(machine.seat(2), "killed")
    assert machine.seat(1) and not machine.seat(2)
    machine.look(2, 700)  # perhaps its own last records
    machine.look(2, 703)
    warming = [child for child, role in machine.alive.items() if role == "region" and child > machine.seat(1)]
    machine.give(Warm(warming[0]))
    assert not machine.seat(2)
    assert machine.look(2, 703, for_ms=5000) == PATIENCE_MS


def test_a_candidate_without_a_warm_spare_starts_one_and_takes_the_seat_with_it() -> None:
    machine = Machine(3, homes=homes(1))
    machine.cold = True
    machine.look(2, 700, for_ms=PATIENCE_MS)
    machine.look(3, 700, for_ms=5 * PATIENCE_MS)
    assert machine.seat(2) and not machine.seat(3)
    warming = [child for child, role in machine.alive.items() if role == "region" and child > machine.seat(2)]
    assert len(warming) == 2  # one to take the seat, one to wait
    machine.give(Warm(warming[0]))
    assert machine.look(3, 700) == 100 and machine.seat(3) == warming[0]


def test_the_archivist_is_where_the_worlds_process_is() -> None:
    machine = Machine(2, homes=homes(0, 1))
    assert machine.count("archivist") == 1
    machine.die(machine.seat(0), "killed")
    assert machine.seat(0) and machine.count("archivist") == 1  # its seat did not leave this machine
    machine.fence(0)
    assert machine.count("archivist") == 0 and machine.dismissed == ["archivist"]
    assert machine.look(0, 50, for_ms=5000) and machine.count("archivist") == 1
    (archivist,) = [child for child, role in machine.alive.items() if role == "archivist"]
    machine.die(archivist, "crashed")
    assert machine.count("archivist") == 1
    machine.fence(1)
    assert machine.count("archivist") == 1


def test_an_archivist_that_falls_after_the_worlds_process_has_left_stays_away() -> None:
    machine = Machine(2, homes=homes(0, 1))
    (archivist,) = [child for child, role in machine.alive.items() if role == "archivist"]
    machine.mute.add("archivist")
    del machine.alive[archivist]  # it dies in the same moment
    machine.fence(0)
    machine.give(Ended(archivist, "killed"))
    machine.now += 60_000
    machine.give(Timer())
    assert machine.count("archivist") == 0


def test_a_home_that_cannot_be_served_here_does_not_keep_the_doors_shut() -> None:
    machine = Machine(2, begin=False, homes=homes(0, 1))
    machine.refuses |= {0, 1}
    machine.give(Begin())
    assert machine.core.phase == "running" and machine.count("gateway") == 1 and machine.count("archivist") == 0
    assert [said.alarm for said in machine.said] == [True, True] and machine.core.status == 2
    assert machine.look(2, 0, for_ms=5000) == PATIENCE_MS and machine.look(0, 0, for_ms=5000) is None


def test_what_was_given_up_here_and_goes_on_elsewhere_is_watched_again() -> None:
    machine = Machine(2, homes=homes(1))
    while not machine.core.seats[1].ended:
        machine.now += 1000
        machine.give(Timer())
        if machine.seat(1):
            machine.die(machine.seat(1), "killed")
    n = machine.core.seats[1].n
    assert machine.look(1, n, for_ms=5000) is None
    machine.look(1, n + PROGRESS_RECORDS)
    assert machine.look(1, n + PROGRESS_RECORDS, for_ms=5000) == PATIENCE_MS


def test_a_planned_stop_of_one_of_several_leaves_its_seats_to_the_others() -> None:
    machine = Machine(3, homes=homes(0, 1, 2))
    machine.give(Stop())
    assert machine.told == [("region", {"stop": True})] * 3
    assert sorted(machine.dismissed) == ["archivist", "gateway", "region"]
    assert machine.over == Over(0) and machine.alive == {}
    idle = Machine(3, homes=homes())
    idle.give(Stop())
    assert idle.over == Over(0)


def test_one_of_several_that_stops_takes_no_seat_any_more() -> None:
    machine = Machine(2, homes=homes(0, 1))
    machine.mute.add("region")
    machine.give(Stop())
    machine.look(2, 700, for_ms=5000)
    assert not machine.seat(2) and machine.over is None
    machine.fence(1)
    machine.die(machine.seat(0), "killed")
    assert machine.over == Over(0)


# A later era.


def test_a_world_that_goes_on_in_a_later_era_is_not_served_a_moment_longer() -> None:
    for machine in (Machine(), Machine(2, homes=homes(0, 1))):
        (archivist,) = [child for child, role in machine.alive.items() if role == "archivist"]
        del machine.alive[archivist]
        effects = machine.give(Ended(archivist, "the owner opened era 2 of this world", True, superseded=2))
        assert isinstance(effects[0], Say) and effects[0].alarm and effects[-1] == Over(1)
        assert machine.alive == {} and machine.over == Over(1)
        assert machine.give(Timer()) == machine.give(Looked(1, 5)) == machine.give(Stop()) == []


def test_a_later_era_met_by_the_final_checkpoint_is_said_too() -> None:
    machine = Machine()
    machine.mute.add("archivist")
    machine.give(Stop())
    (archivist,) = [child for child, role in machine.alive.items() if role == "archivist"]
    del machine.alive[archivist]
    machine.give(Ended(archivist, "the owner opened era 2 of this world", True, superseded=2))
    assert machine.over == Over(1) and "era 2" in machine.said[-1].text and machine.alive == {}


def test_timers_do_not_multiply_while_several_seats_wait() -> None:
    """Each seat that waited asked for a timer whenever one went off: fought-over seats froze their machine."""
    core = AgentCore(4)
    timers: list[int] = []
    asked = 0

    def give(now_ms: int, event: Event) -> None:
        nonlocal asked
        for effect in core.step(now_ms, event):
            if isinstance(effect, Start) and effect.role == "region":
                give(now_ms, Warm(effect.child))
            elif isinstance(effect, Wake):
                asked += 1
                timers.append(effect.at_ms)

    give(0, Begin())
    for now_ms in range(0, 20_000, 10):
        due, timers[:] = [at_ms for at_ms in timers if at_ms <= now_ms], [at_ms for at_ms in timers if at_ms > now_ms]
        for _ in due:
            give(now_ms, Timer())
        for index, seat in core.seats.items():
            if seat.child and now_ms % (70 + 10 * index) == 0:
                give(now_ms, Ended(seat.child, "died"))
    assert all(seat.restarts >= 6 for seat in core.seats.values())
    assert 0 < asked <= 5 * 12
