"""One machine as a core: which processes run, who takes a dead one's seat, and the order of a planned stop.

    starting --all seats serve--> running --Stop--> closing doors --> regions end --> final order --> world ends
        --> final checkpoint --> over

A dead region's seat goes at once to a warm spare, and a new spare is started. A seat whose process died several times
without its log having moved on waits longer each time, and its next owner is told (regions.process: one input a tick).
A process that lives but says nothing while the log answers this machine is killed: only then is it certainly no owner.
"""

from dataclasses import dataclass, field
from typing import Final

from regions.agent_verbs import (
    Answered,
    Assign,
    Beaten,
    Begin,
    Dismiss,
    Effect,
    Ended,
    Event,
    Heard,
    Kill,
    Looked,
    Ordered,
    Over,
    Say,
    Serving,
    Start,
    Stop,
    Tell,
    Wake,
    Warm,
)
from world.units import TICK_MS

PROGRESS_RECORDS: Final = 40  # a process that got this far did not die of what it began with
BACKOFF_MS: Final = (0, 0, 500, 1000, 2000, 5000)
GIVE_UP_AFTER: Final = 12
YOUNG_MS: Final = 10_000
PROBE_GAP_MS: Final = 1_500  # a longer pause between two answers of the log, and nobody's silence counts before it
SILENT_MS: Final = 3_000  # an owner beats twice a second, also while it waits for the log; a gateway as well
BEGINNING_MS: Final = 60_000  # to load and claim takes longer
SILENT_ROLE_MS: Final = {"gateway": SILENT_MS, "archivist": 60_000}  # making a checkpoint is long work without a word


@dataclass
class Seat:
    """One region's place: who sits there, and how it has fared."""

    child: int = 0  # 0: nobody
    deaths: int = 0
    began_n: int = 0
    n: int = 0
    free_at_ms: int = 0
    restarts: int = 0
    ended: bool = False
    serves: bool = False


@dataclass
class AgentCore:
    """Decides for one machine of a world with `regions` regions and the world's process (seat 0).

    `homes`: the seats this machine takes when it begins, where several machines share the world's log; None: it is the
    only machine. `place`: 0, 1, 2 ..., each machine's own, so that they seldom lose patience at the same time.
    """

    regions: int
    homes: frozenset[int] | None = None
    place: int = 0
    phase: str = "starting"
    seats: dict[int, Seat] = field(default_factory=dict)
    roles: dict[int, str] = field(default_factory=dict)  # child -> role, of those that live
    spares: list[int] = field(default_factory=list)
    fallen: dict[str, tuple[int, int]] = field(default_factory=dict)  # role -> deaths in a row, when the last was
    due: dict[str, int] = field(default_factory=dict)  # role -> when to start it again
    heard_ms: dict[int, int] = field(default_factory=dict)  # child -> when it last showed that it lives
    answers_ms: tuple[int, int] = (0, 0)  # the log has answered without a pause from .. to
    next_child: int = 1
    status: int = 0
    restarts: int = 0

    def step(self, now_ms: int, event: Event) -> list[Effect]:
        """Take one event; return what is to be done, in order."""
        if isinstance(event, Begin):
            self.seats = {index: Seat() for index in range(self.regions + 1)}
            return [self._start("region") for _ in self.seats]
        if isinstance(event, Warm):
            self.spares.append(event.child)
            return self._fill(now_ms)
        if isinstance(event, Serving):
            return self._serving(now_ms, event)
        if isinstance(event, Beaten):
            self.seats[event.index].n = max(self.seats[event.index].n, event.n)
            self.heard_ms[self.seats[event.index].child] = now_ms
            return []
        if isinstance(event, Looked):
            return []
        if isinstance(event, Heard):
            self.heard_ms[event.child] = now_ms
            return []
        if isinstance(event, Answered):
            return self._answered(now_ms)
        if isinstance(event, Ended):
            return self._ended(now_ms, event)
        if isinstance(event, Ordered):
            return self._tell_seat(0, {"stop": True}) if self.phase == "ordering" else []
        if isinstance(event, Stop):
            return self._stop()
        if self.phase not in ("starting", "running"):
            return []
        return [*self._start_due(now_ms), *self._fill(now_ms)]

    def _start(self, role: str) -> Start:
        child = self.next_child
        self.next_child += 1
        self.roles[child] = role
        return Start(child, role)

    def _fill(self, now_ms: int) -> list[Effect]:
        """Seat spares where a seat is free and its time has come."""
        effects: list[Effect] = []
        if self.phase not in ("starting", "running"):
            return []
        for index, seat in sorted(self.seats.items()):
            if seat.child or seat.ended:
                continue
            if seat.free_at_ms > now_ms:
                effects.append(Wake(seat.free_at_ms))
            elif self.spares:
                seat.child = self.spares.pop(0)
                seat.began_n, seat.serves = seat.n, False
                self.heard_ms[seat.child] = now_ms
                offset_ms = TICK_MS * max(0, index - 1) // self.regions
                effects.append(Assign(seat.child, index, seat.deaths, offset_ms))
                effects += self._spare()
        return effects

    def _spare(self) -> list[Effect]:
        """Start as many region processes as there are seats without one, and once the world runs one more."""
        if self.phase not in ("starting", "running"):
            return []
        seated = sum(bool(seat.child) for seat in self.seats.values())
        idle = sum(role == "region" for role in self.roles.values()) - seated
        free = sum(not seat.child and not seat.ended for seat in self.seats.values())
        return [self._start("region") for _ in range(free + (self.phase == "running") - idle)]

    def _serving(self, now_ms: int, event: Serving) -> list[Effect]:
        seat = self.seats[event.index]
        seat.n, seat.serves = max(seat.n, event.n), True
        self.heard_ms[seat.child] = now_ms
        return self._open()

    def _answered(self, now_ms: int) -> list[Effect]:
        """Kill who has been silent for too long, all of that time the log having answered this machine."""
        since_ms, last_ms = self.answers_ms
        self.answers_ms = (since_ms if now_ms - last_ms <= PROBE_GAP_MS else now_ms, now_ms)
        if self.phase not in ("starting", "running"):
            return []
        seats = {seat.child: seat for seat in self.seats.values() if seat.child}
        names = {seat.child: self._name(index) for index, seat in self.seats.items()}
        effects: list[Effect] = []
        for child, role in self.roles.items():
            if role == "region" and child not in seats:
                continue  # a spare has nothing to say
            limit_ms = SILENT_ROLE_MS.get(role) or (SILENT_MS if seats[child].serves else BEGINNING_MS)
            silent_ms = now_ms - max(self.heard_ms.get(child, 0), self.answers_ms[0])
            if child in self.heard_ms and silent_ms > limit_ms:
                words = f"{names.get(child, role)} has said nothing for {silent_ms / 1000:.1f} s: killed"
                self.heard_ms.pop(child)
                effects += [Say(words), Kill(child)]
        return effects

    def _open(self) -> list[Effect]:
        """Let players in once every seat has a process, or none any more because it cannot be served."""
        seats = self.seats.values()
        if self.phase != "starting" or not all(seat.child or seat.ended for seat in seats):
            return []
        if not any(seat.n for seat in seats if not seat.ended):
            return []
        # Only what the first tick needs is started before it: on a small machine the rest would delay it.
        self.phase = "running"
        return [self._start("gateway"), self._start("archivist"), *self._spare()]

    def _ended(self, now_ms: int, event: Ended) -> list[Effect]:
        role = self.roles.pop(event.child, "")
        self.heard_ms.pop(event.child, None)
        if event.child in self.spares:
            self.spares.remove(event.child)
        index = next((index for index, seat in self.seats.items() if seat.child == event.child), None)
        if index is not None:
            return self._seat_ended(now_ms, index, event)
        if self.phase in ("starting", "running"):
            if role in ("", "region"):
                return [*self._spare()]
            self.restarts += 1
            return [Say(f"{role} ended: {event.reason or 'no word'}; starting it again"), *self._again(now_ms, role)]
        if role == "archivist":
            return self._archivist_ended(event)
        return self._go_on_stopping()

    def _again(self, now_ms: int, role: str) -> list[Effect]:
        """Start a gateway or archivist again, later each time it died young."""
        deaths, died_ms = self.fallen.get(role, (0, 0))
        deaths = deaths + 1 if now_ms - died_ms < YOUNG_MS else 0
        self.fallen[role] = (deaths, now_ms)
        due_ms = now_ms + BACKOFF_MS[min(deaths, len(BACKOFF_MS) - 1)]
        self.due[role] = due_ms
        return [Wake(due_ms)] if due_ms > now_ms else self._start_due(now_ms)

    def _start_due(self, now_ms: int) -> list[Effect]:
        due = [role for role, at_ms in self.due.items() if at_ms <= now_ms]
        for role in due:
            del self.due[role]
        return [self._start(role) for role in due]

    def _seat_ended(self, now_ms: int, index: int, event: Ended) -> list[Effect]:
        seat = self.seats[index]
        seat.child = 0
        seat.n = max(seat.n, event.n)
        if self.phase not in ("starting", "running"):
            seat.ended = True
            return self._go_on_stopping()
        if event.alarm:
            self.status = 2
            seat.ended = True
            return [Say(f"{self._name(index)} does not serve: {event.reason}", alarm=True), *self._open()]
        seat.deaths = 0 if seat.n - seat.began_n >= PROGRESS_RECORDS else seat.deaths + 1
        seat.restarts += 1
        self.restarts += 1
        if seat.deaths >= GIVE_UP_AFTER:
            self.status = 2
            seat.ended = True
            given_up = f"{self._name(index)} died {seat.deaths} times at record {seat.n}: given up"
            return [Say(given_up, alarm=True), *self._open()]
        seat.free_at_ms = now_ms + BACKOFF_MS[min(seat.deaths, len(BACKOFF_MS) - 1)]
        said = Say(f"{self._name(index)} ended at record {seat.n} ({event.reason or 'killed'}); a spare takes its seat")
        return [said, *self._fill(now_ms), *self._spare()]

    # A planned stop.

    def _stop(self) -> list[Effect]:
        if self.phase in ("closing", "stopping", "ordering", "ending", "filing", "over"):
            return []
        self.phase = "closing"
        effects: list[Effect] = [Dismiss(child) for child, role in self.roles.items() if role == "gateway"]
        effects += [Dismiss(child) for child in self.spares]
        if "archivist" not in self.roles.values():
            effects.append(self._start("archivist"))
        return effects + self._go_on_stopping()

    def _go_on_stopping(self) -> list[Effect]:
        if self.phase == "closing" and "gateway" not in self.roles.values():
            self.phase = "stopping"
            told = [effect for index in self.seats if index for effect in self._tell_seat(index, {"stop": True})]
            return told or self._go_on_stopping()
        if self.phase == "stopping" and all(not seat.child for index, seat in self.seats.items() if index):
            self.phase = "ordering"
            archivists = [child for child, role in self.roles.items() if role == "archivist"]
            if archivists and self.seats[0].child:
                return [Tell(archivists[0], {"final": True})]
            return self._go_on_stopping()
        if self.phase == "ordering" and not self.seats[0].child:
            self.phase = "filing"
            ends = {str(index): seat.n for index, seat in self.seats.items()}
            archivists = [child for child, role in self.roles.items() if role == "archivist"]
            if archivists:
                return [Tell(archivists[0], {"stop": ends})]
        if self.phase in ("ordering", "filing") and "archivist" not in self.roles.values():
            return self._archivist_ended(Ended(0, "the archivist is gone", alarm=True))
        return []

    def _archivist_ended(self, event: Ended) -> list[Effect]:
        if self.phase in ("closing", "stopping"):
            return [self._start("archivist")]
        self.phase = "over"
        if event.alarm:
            self.status = self.status or 1
            said = Say(f"stopped without a final checkpoint: {event.reason}; the log holds everything", alarm=True)
            return [said, *self._tell_seat(0, {"stop": True}), Over(self.status)]
        return [Over(self.status)]

    def _tell_seat(self, index: int, words: dict[str, object]) -> list[Effect]:
        child = self.seats[index].child
        return [Tell(child, words)] if child else []

    def _name(self, index: int) -> str:
        return "the world's process" if index == 0 else f"region {index}"
