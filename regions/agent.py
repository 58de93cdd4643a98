"""One machine as a core: which processes run, who takes a dead one's seat, and the order of a planned stop.

    starting --all its seats taken--> running --Stop--> closing doors --> stopping: regions end --> over
        the only machine goes on from there:  regions end --> final order --> world ends --> final checkpoint --> over
    any of them --the archivist met a later era--> over

A dead region's seat goes at once to a warm spare, and a new spare is started. A seat whose process died several times
without its log having moved on waits longer each time, and its next owner is told (regions.process: one input a tick).
A process that lives but says nothing while the log answers this machine is killed: only then is it certainly no owner.

Of several machines that share the log each seats its homes, and watches the other seats (regions.seats): whose owner is
silent for too long gets a spare of this machine, which is announced while it loads. Who is fenced has lost its seat to
another machine, and watches it. The archivist runs where the world's process does. A machine that stops leaves its
seats to the others.
"""

from dataclasses import dataclass, field
from typing import Final

from regions.agent_verbs import (
    Announce,
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
    Stop,
    Tell,
    Wake,
    Warm,
)
from regions.children import Children
from regions.seats import FENCED_ALARM, GIVE_UP_AFTER, Seat
from world.units import TICK_MS

SILENT_MS: Final = 5_000  # an owner beats twice a second, also while it waits for the log; a gateway as well
SILENT_DOUBLINGS: Final = 4  # who was killed for its silence may have been starved: its successor is given longer
BEGINNING_MS: Final = 60_000  # to load and claim takes longer
SILENT_ROLE_MS: Final = {
    "gateway": SILENT_MS,
    "ao": SILENT_MS,
    "archivist": 60_000,
}  # making a checkpoint is long work without a word

NEVER: Final = 2**62


@dataclass
class AgentCore:
    """Decides for one machine of a world with `regions` regions and the world's process (seat 0).

    `homes`: the seats this machine takes when it begins, where several machines share the world's log; None: it is the
    only machine. `place`: 0, 1, 2 ..., each machine's own, so that they seldom lose patience at the same time.
    """

    regions: int
    homes: frozenset[int] | None = None
    place: int = 0
    doors: tuple[str, ...] = ("gateway",)
    phase: str = "starting"
    seats: dict[int, Seat] = field(default_factory=dict)
    children: Children = field(default_factory=Children)
    status: int = 0
    restarts: int = 0
    wake_ms: int = NEVER  # the timer that runs: only an earlier one is asked for, or they would multiply

    def __post_init__(self) -> None:
        self.seats = {index: Seat(mine=self.alone or index in (self.homes or ())) for index in range(self.regions + 1)}

    @property
    def alone(self) -> bool:
        """Whether this is the world's only machine."""
        return self.homes is None

    @property
    def lives(self) -> bool:
        """Whether this machine takes seats, and starts again who falls."""
        return self.phase in ("starting", "running")

    def step(self, now_ms: int, event: Event) -> list[Effect]:
        """Take one event; return what is to be done, in order."""
        if self.phase == "over":
            return []
        if now_ms >= self.wake_ms:
            self.wake_ms = NEVER
        effects = self._step(now_ms, event)
        waits = [seat.free_at_ms for seat in self.seats.values() if seat.free]
        due_ms = min((at_ms for at_ms in (*waits, *self.children.due.values()) if at_ms > now_ms), default=NEVER)
        if due_ms >= self.wake_ms or not self.lives:
            return effects
        self.wake_ms = due_ms
        return [*effects, Wake(due_ms)]

    def _step(self, now_ms: int, event: Event) -> list[Effect]:
        if isinstance(event, Begin):
            return self._begin(now_ms)
        if isinstance(event, Warm):
            self.children.spares.append(event.child)
            return self._fill(now_ms)
        if isinstance(event, Serving):
            return self._serving(now_ms, event)
        if isinstance(event, Beaten):
            return self._beaten(now_ms, event)
        if isinstance(event, Looked):
            return self._looked(now_ms, event)
        if isinstance(event, Heard):
            self.children.heard_ms[event.child] = now_ms
            return []
        if isinstance(event, Answered):
            return self._answered(now_ms)
        if isinstance(event, Ended):
            return self._ended(now_ms, event)
        if isinstance(event, Ordered):
            return self._tell_seat(0, {"stop": True}) if self.phase == "ordering" else []
        if isinstance(event, Stop):
            return self._stop()
        return [*self.children.start_due(now_ms), *self._fill(now_ms)] if self.lives else []

    def _begin(self, now_ms: int) -> list[Effect]:
        starts = [self.children.start("region") for seat in self.seats.values() if seat.mine]
        return [*starts, *self._open(now_ms)]

    def _fill(self, now_ms: int) -> list[Effect]:
        """Seat spares where a seat is free and its time has come."""
        effects: list[Effect] = []
        if not self.lives:
            return []
        for index, seat in sorted(self.seats.items()):
            if not seat.free:
                continue
            if seat.free_at_ms <= now_ms and self.children.spares:
                seat.take(now_ms, self.children.spares.pop(0))
                self.children.heard_ms[seat.child] = now_ms
                offset_ms = TICK_MS * max(0, index - 1) // self.regions
                effects.append(Assign(seat.child, index, seat.deaths, offset_ms))
                effects += [*self._announce(now_ms, index), *self._spare()]
        return effects

    def _spare(self) -> list[Effect]:
        """Start as many region processes as there are seats to take; and one more once the world runs and nobody loads
        for a seat, as players wait for that one, and starting another takes a whole processor for a second."""
        if not self.lives:
            return []
        seated = sum(bool(seat.child) for seat in self.seats.values())
        idle = len(self.children.of("region")) - seated
        wanted = sum(seat.free or self._bereft(index) for index, seat in self.seats.items())
        calm = self.phase == "running" and all(seat.serves for seat in self.seats.values() if seat.child)
        return [self.children.start("region") for _ in range(wanted + calm - idle)]

    def _serving(self, now_ms: int, event: Serving) -> list[Effect]:
        seat = self.seats[event.index]
        seat.n, seat.serves = max(seat.n, event.n), True
        self.children.heard_ms[seat.child] = now_ms
        return [*self._open(now_ms), *self._archive(), *self._spare()]

    def _beaten(self, now_ms: int, event: Beaten) -> list[Effect]:
        seat = self.seats[event.index]
        seat.beaten(now_ms, event.n)
        if seat.child:
            self.children.heard_ms[seat.child] = now_ms
        return []

    # One of several machines.

    def _looked(self, now_ms: int, event: Looked) -> list[Effect]:
        seat = self.seats[event.index]
        grew = seat.looked(now_ms, event.n)
        if self.alone or self.phase != "running" or seat.child:
            return self._announce(now_ms, event.index)
        if seat.recovers():
            seat.ended, seat.deaths = False, 0
            seat.watch(now_ms)
        if seat.free and grew:
            return self._elsewhere(now_ms, event.index)
        if not self._bereft(event.index) or seat.free_at_ms > now_ms:
            return []
        if not self.children.spares:
            return self._spare()
        said = Say(f"{self._name(event.index)} has been silent at record {seat.n} for {seat.silent_ms} ms: a spare")
        seat.stand()
        return [said, *self._fill(now_ms)]

    def _announce(self, now_ms: int, index: int) -> list[Effect]:
        """Let the other machines know that this one is about to serve a seat."""
        seat = self.seats[index]
        return [Announce(index, seat.n)] if not self.alone and seat.loads(now_ms) else []

    def _bereft(self, index: int) -> bool:
        """Whether a seat of another machine has been silent for longer than this machine bears."""
        seat = self.seats[index]
        watched = self.phase == "running" and not (seat.mine or seat.child or seat.ended)
        return watched and seat.silent_ms >= seat.patience_ms(index, self.place)

    def _elsewhere(self, now_ms: int, index: int) -> list[Effect]:
        """Another machine has the seat now."""
        self.seats[index].watch(now_ms)
        return [*self._unarchive(index), *self._open(now_ms), *self._spare()]

    def _archive(self) -> list[Effect]:
        """Start the archivist, once the world's process serves here."""
        known = "archivist" in self.children.due or self.children.of("archivist")
        if self.alone or self.phase != "running" or known or not self.seats[0].serves:
            return []
        return [self.children.start("archivist")]

    def _unarchive(self, index: int) -> list[Effect]:
        """Send the archivist away, if it is the world's process that this machine serves no more."""
        return [] if self.alone or index else self.children.dismiss("archivist")

    def _answered(self, now_ms: int) -> list[Effect]:
        """Kill who has been silent for too long, all of that time the log having answered this machine."""
        self.children.answered(now_ms)
        if not self.lives:
            return []
        seats = {seat.child: seat for seat in self.seats.values() if seat.child}
        names = {seat.child: self._name(index) for index, seat in self.seats.items()}
        effects: list[Effect] = []
        for child, role in self.children.roles.items():
            if role == "region" and child not in seats:
                continue  # a spare has nothing to say
            limit_ms = SILENT_ROLE_MS.get(role, BEGINNING_MS)
            if child in seats and seats[child].serves:
                limit_ms = SILENT_MS << min(seats[child].deaths, SILENT_DOUBLINGS)
            silent_ms = self.children.silent_ms(now_ms, child)
            if silent_ms > limit_ms:
                words = f"{names.get(child, role)} has said nothing for {silent_ms / 1000:.1f} s: killed"
                self.children.heard_ms.pop(child)
                effects += [Say(words), Kill(child)]
        return effects

    def _open(self, now_ms: int) -> list[Effect]:
        """Let players in once every seat of this machine has a process, or none any more as it cannot be served."""
        own = [seat for seat in self.seats.values() if seat.mine]
        if self.phase != "starting" or any(seat.free for seat in own):
            return []
        if not any(seat.serves for seat in own) and (self.alone or any(seat.child for seat in own)):
            return []
        # Only what the first tick needs is started before it: on a small machine the rest would delay it.
        self.phase = "running"
        for seat in self.seats.values():
            seat.heard(now_ms)  # who is watched has from now on to begin
        archivist = [self.children.start("archivist")] if self.alone else []
        doors = [self.children.start(role) for role in self.doors]
        return [*doors, *archivist, *self._archive(), *self._spare()]

    def _ended(self, now_ms: int, event: Ended) -> list[Effect]:
        role = self.children.ended(event.child)
        if event.superseded:
            return self._superseded(event)
        index = next((index for index, seat in self.seats.items() if seat.child == event.child), None)
        if index is not None:
            return self._seat_ended(now_ms, index, event)
        if self.lives:
            if role in ("", "region"):
                return self._spare()
            if role == "archivist" and not self.alone and not self.seats[0].serves:
                return []  # it begins again with the world's process
            self.restarts += 1
            self.children.fell(now_ms, role)
            said = Say(f"{role} ended: {event.reason or 'no word'}; starting it again")
            return [said, *self.children.start_due(now_ms)]
        if role == "archivist" and self.alone:
            return self._archivist_ended(event)
        return self._go_on_stopping()

    def _seat_ended(self, now_ms: int, index: int, event: Ended) -> list[Effect]:
        seat, name = self.seats[index], self._name(index)
        seat.left(event.n)
        if not self.lives:
            seat.ended = True
            return self._go_on_stopping()
        if event.alarm:
            return self._give_up(now_ms, index, f"{name} does not serve: {event.reason}")
        if event.fenced:
            return self._fenced(now_ms, index)
        seat.died(now_ms)
        self.restarts += 1
        if seat.deaths >= GIVE_UP_AFTER:
            return self._give_up(now_ms, index, f"{name} died {seat.deaths} times at record {seat.n}: given up")
        said = Say(f"{name} ended at record {seat.n} ({event.reason or 'killed'}); a spare takes its seat")
        return [said, *self._fill(now_ms), *self._spare()]

    def _give_up(self, now_ms: int, index: int, words: str) -> list[Effect]:
        self.status = 2
        self.seats[index].ended = True
        return [Say(words, alarm=True), *self._unarchive(index), *self._open(now_ms)]

    def _fenced(self, now_ms: int, index: int) -> list[Effect]:
        """Another owner has claimed the seat: no death. Who is alone does not fight it at every price."""
        seat, name = self.seats[index], self._name(index)
        if not self.alone:
            return [Say(f"{name} is another machine's since record {seat.n}"), *self._elsewhere(now_ms, index)]
        seat.fenced_alone(now_ms)
        self.restarts += 1
        wait_ms = seat.free_at_ms - now_ms
        said = Say(
            f"{name} was fenced at record {seat.n}: another owner has claimed it; a spare follows in {wait_ms} ms"
        )
        if seat.fences == FENCED_ALARM:
            said = Say(f"{name} was fenced {seat.fences} times: does a second machine run this world?", alarm=True)
        return [said, *self._fill(now_ms), *self._spare()]

    def _superseded(self, event: Ended) -> list[Effect]:
        """The world goes on in a later era: nothing of this one may be served any longer."""
        self.phase, self.status = "over", 1
        return [Say(event.reason, alarm=True), *(Dismiss(child) for child in self.children.roles), Over(self.status)]

    # A planned stop.

    def _stop(self) -> list[Effect]:
        if self.phase in ("closing", "stopping", "ordering", "ending", "filing", "over"):
            return []
        self.phase = "closing"
        effects = [effect for role in self.doors for effect in self.children.dismiss(role)]
        effects += [*(Dismiss(child) for child in self.children.spares)]
        if not self.alone:
            effects += self.children.dismiss("archivist")
        elif not self.children.of("archivist"):
            effects.append(self.children.start("archivist"))
        return effects + self._go_on_stopping()

    def _go_on_stopping(self) -> list[Effect]:
        if self.phase == "closing" and not any(self.children.of(role) for role in self.doors):
            self.phase = "stopping"
            first = 1 if self.alone else 0  # the only machine's world ends last: it still orders a checkpoint
            told = [
                effect for index in range(first, len(self.seats)) for effect in self._tell_seat(index, {"stop": True})
            ]
            return told or self._go_on_stopping()
        if not self.alone:
            return self._leave()
        if self.phase == "stopping" and all(not seat.child for index, seat in self.seats.items() if index):
            self.phase = "ordering"
            archivists = self.children.of("archivist")
            if archivists and self.seats[0].child:
                return [Tell(archivists[0], {"final": True})]
            return self._go_on_stopping()
        if self.phase == "ordering" and not self.seats[0].child:
            self.phase = "filing"
            ends = {str(index): seat.n for index, seat in self.seats.items()}
            archivists = self.children.of("archivist")
            if archivists:
                return [Tell(archivists[0], {"stop": ends})]
        if self.phase in ("ordering", "filing") and not self.children.of("archivist"):
            return self._archivist_ended(Ended(0, "the archivist is gone", alarm=True))
        return []

    def _leave(self) -> list[Effect]:
        """Be over once nothing of this machine serves; the other machines take its seats."""
        seated = any(seat.child for seat in self.seats.values())
        if self.phase != "stopping" or seated or self.children.of("archivist"):
            return []
        self.phase = "over"
        return [Over(self.status)]

    def _archivist_ended(self, event: Ended) -> list[Effect]:
        if self.phase in ("closing", "stopping"):
            return [self.children.start("archivist")]
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
