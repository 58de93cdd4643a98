"""One region as a core: `step(now_ms, event) -> effects`.

    loading --Loaded--> claiming --durable--> serving --Stop--> stopping --span's end--> over

While a record is in flight nothing else is folded. What a record causes (answers, deltas, letters, snapshots) waits in
`pending` until the log has settled that record; if another's record stands there instead, it never happened.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from regions import assignments, compute, escrow, letters
from regions.answers import receipts, whereabouts
from regions.beats import WAITING_BEAT_MS, Beats
from regions.chain import heed
from regions.claims import draw_links, make_claim
from regions.compute import Folded
from regions.config import (
    APPEND_BACKOFF_MS,
    CAUTIOUS_TICKS,
    CLOCK_STEP_MS_MAX,
    DEFERRED_MAX,
    GATEWAYS_MAX,
    LETTER_REPEAT_MS,
    MADE_UP_MS_MAX,
    QUEUE_TOTAL,
    SPAN,
    TICK_MS_MIN,
    TICKS_LATE_MS,
)
from regions.drafts import draft, finished
from regions.errors import FoldFailed, RecordError
from regions.messages import Answers, Batch, KeyWanted, Letter, Message, Question, Where
from regions.poison import sift
from regions.post_box import PostBox
from regions.record import Acted, Heard, Input, Login, Record, encode, record_hash
from regions.region_state import Region
from regions.replies import answer
from regions.scheduler import Scheduler
from regions.seat import Figures, Seat
from regions.seats import PATIENCE_MS, WORLD_PATIENCE_MS
from regions.show import Show
from regions.verbs import (
    Append,
    Effect,
    End,
    Event,
    Load,
    Loaded,
    Publish,
    ReadAt,
    ReadBack,
    Received,
    Seek,
    Settled,
    Snapshot,
    Stop,
    Trim,
    Wake,
    Witnessed,
)
from regions.waiting import Waiting
from world.phases import Mark, Phase, unmarked
from world.units import TICK_MS


@dataclass
class Pending:
    """A folded record that the log has not settled yet, and all it will cause."""

    record: Record
    raw: bytes
    folded: Folded
    waiting: list[Waiting] = field(default_factory=list)
    late_ms: int = 0
    attempts: int = 0
    retry_at: int = 0  # 0: an append is under way
    doubted: bool = False  # it stands in the log, and witnesses are asked whether that is the log it was


@dataclass(frozen=True)
class Suspected:
    """What a tick was about to take when a rule raised."""

    waiting: list[Waiting]
    heard: tuple[Heard, ...]
    fresh: int


class RegionCore:
    """One region's owner. `random` gives that many unpredictable bytes; `show` turns ticks into what clients see;
    `links` are those of the first claim, when they are drawn already (`claims.draw_links`); `mark` is told what is
    begun."""

    def __init__(
        self,
        seat: Seat,
        random: Callable[[int], bytes],
        show: Show | None,
        links: list[bytes] | None = None,
        mark: Mark = unmarked,
    ) -> None:
        self.seat = seat
        self.random = random
        self.mark = mark
        self.show = show
        self.phase = "loading"
        self.region: Region | None = None
        self.scheduler: Scheduler | None = None
        self.pending: Pending | None = None
        self.links = links or []
        self.process = b""
        self.next_tick_ms = self.behind_ms = 0
        self.settled_ms = 0  # when the log last showed that nobody else owns the region
        self.post = PostBox(seat)
        self.deferred: list[Message] = []
        self.deferred_inputs = 0
        self.gateways: dict[str, int] = {}  # who asked something, and when; all are told what concerns their players
        self.trimmed = 0
        self.suspected: Suspected | None = None
        self.why = ""
        self.beats = Beats()
        self.figures = Figures()

    # The one door.

    def step(self, now_ms: int, event: Event) -> list[Effect]:
        """Take one event at time `now_ms` (ms since 1970, never going back); return what is to be done, in order."""
        if self.phase == "over":
            return []
        if isinstance(event, Loaded):
            return self._loaded(now_ms, event)
        if isinstance(event, Settled):
            return self._settled(now_ms, event)
        if isinstance(event, ReadBack):
            return self._read_back(now_ms, event)
        if isinstance(event, Witnessed):
            return self._witnessed(now_ms, event)
        if isinstance(event, Received):
            return self._received(now_ms, event.message)
        if isinstance(event, Stop):
            if self.phase in ("loading", "claiming"):
                return self._end("stopped before it served")
            self.phase = "stopping"
            return self._turn(now_ms)
        return self._turn(now_ms)

    # Loading and claiming.

    def _loaded(self, now_ms: int, event: Loaded) -> list[Effect]:
        region = event.region
        heads = {region.state.n: region.head}  # by record, as far as they are known
        try:
            for raw in event.records:
                compute.apply(region, raw)
                heads[region.state.n] = region.head
            heed(self.seat.name, region.state, heads, event.witnesses)
        except (RecordError, FoldFailed) as error:
            return self._end(str(error), alarm=True)
        if self.suspected is not None:
            if region.state.claim_process != self.process:
                return self._end(f"fenced: another owner has claimed up to record {region.state.n}", fenced=True)
            assert self.scheduler is not None
            self.region = self.scheduler.region = region
            return self._try_singly(now_ms, self.suspected)
        self.region, self.settled_ms = region, now_ms
        self.scheduler = Scheduler(self.seat.world, region)
        self.phase = "claiming"
        if self.show is not None:
            self.show.begin(region)
        return self._claim(now_ms)

    def _claim(self, now_ms: int) -> list[Effect]:
        region = self._region()
        state = region.state
        links, self.links = self.links or draw_links(self.random), []
        claim, self.links = make_claim(self.seat.node, region, self.random, links)
        self.process = claim.process
        given = replace(draft(region, max(state.time_ms + 1, now_ms), state.tick), term=state.term + 1, claim=claim)
        try:
            folded = compute.fold(region, given)
        except RecordError as error:
            return self._end(f"this node may not claim: {error}", alarm=True)
        return self._append(now_ms, given, folded, [], 0)

    def _append(self, now_ms: int, given: Record, folded: Folded, waiting: list[Waiting], late_ms: int) -> list[Effect]:
        self.mark(Phase.HASH)
        record = finished(self.seat.region, self.seat.node, given, folded)
        raw = encode(record)
        self.pending = Pending(record, raw, folded, waiting, late_ms)
        return [Append(record.n, raw), Wake(now_ms + WAITING_BEAT_MS)]

    # What became of an append.

    def _settled(self, now_ms: int, event: Settled) -> list[Effect]:
        pending = self.pending
        if pending is None or event.position != pending.record.n:
            return []
        if event.outcome == "durable":
            return self._stands(now_ms, pending)
        if event.outcome == "taken":
            return [ReadAt(event.position)]
        if event.outcome == "behind":
            return self._end(f"the log ends before record {event.position - 1}: {event.reason}", alarm=True)
        if event.outcome == "impossible":
            return self._end(f"record {event.position} cannot be appended: {event.reason}", alarm=True)
        self.why = f"waiting for the log: {event.outcome}: {event.reason}"
        pause = APPEND_BACKOFF_MS[min(pending.attempts, len(APPEND_BACKOFF_MS) - 1)]
        pending.attempts += 1
        pending.retry_at = now_ms + pause
        return self._wait(now_ms, pending.retry_at)

    def _read_back(self, now_ms: int, event: ReadBack) -> list[Effect]:
        if self.pending is None or event.position != self.pending.record.n:
            return []
        if event.raw == self.pending.raw:
            return self._stands(now_ms, self.pending)
        return self._end(f"fenced: another owner's record stands at {event.position}", fenced=True)

    def _stands(self, now_ms: int, pending: Pending) -> list[Effect]:
        """The record is in the log. Who was away for so long that another machine may have owned the region meanwhile
        asks before anything else whether the log was set back since: there its own next record fits as well."""
        away_ms = now_ms - self.settled_ms
        if away_ms <= (PATIENCE_MS if self.seat.index else WORLD_PATIENCE_MS):
            return self._durable(now_ms)
        pending.doubted = True
        return [Seek(pending.record.n), *self._wait(now_ms, now_ms + WAITING_BEAT_MS)]

    def _witnessed(self, now_ms: int, event: Witnessed) -> list[Effect]:
        pending, region = self.pending, self._region()
        if pending is None or not pending.doubted or event.position != pending.record.n:
            return []
        heads = {pending.record.n - 1: pending.record.previous, pending.record.n: record_hash(pending.raw)}
        try:
            heed(self.seat.name, region.state, heads, event.witnesses)
        except RecordError as error:  # another owner went on from here; whether the log lost that, who loads will see
            return self._end(f"fenced: {error}", fenced=True)
        return self._durable(now_ms)

    def _durable(self, now_ms: int) -> list[Effect]:
        pending, region = self._pending(), self._region()
        self.pending, self.why, self.settled_ms = None, "", now_ms
        self.mark(Phase.HASH)
        region.head = record_hash(pending.raw)
        self.mark(Phase.DELTAS)
        assert self.scheduler is not None
        self.scheduler.settled()
        effects: list[Effect] = []
        if pending.record.claim is not None:
            self.phase = "serving" if self.phase == "claiming" else self.phase
            if not self.next_tick_ms:
                self.next_tick_ms = now_ms + self.seat.tick_offset_ms
        else:
            self.figures.ticks += 1
            self.figures.handovers += pending.folded.handovers
            effects += receipts(
                region, pending.record, pending.folded, pending.waiting, self.scheduler, list(self.gateways)
            )
            if self.show is not None and not pending.record.halt:
                delta = self.show.tick(region, pending.record, pending.folded, region.head, pending.late_ms)
                effects.append(Publish("delta", delta))
        self.mark(Phase.LETTERS)
        effects += self.post.letters(now_ms, region, pending.folded.ghosts)
        if pending.folded.state_bytes:
            effects.append(Snapshot(region.state.era, pending.record.n, region.head, pending.folded.state_bytes))
        if region.state.trim > self.trimmed:
            self.trimmed = region.state.trim
            effects.append(Trim(self.trimmed))
        if self.phase == "stopping" and pending.record.n % SPAN == 0:
            return [*effects, *self._end("stopped as planned")]
        self.mark(Phase.INPUTS)
        deferred, self.deferred, self.deferred_inputs = self.deferred, [], 0
        for message in deferred:
            effects += self._received(now_ms, message)
        return effects + self._turn(now_ms)

    # Messages.

    def _received(self, now_ms: int, message: Message) -> list[Effect]:
        if self.scheduler is None or self.phase not in ("serving", "stopping"):
            return []
        if isinstance(message, Letter):
            self.post.receive(now_ms, self._region(), message)
            return self._turn(now_ms) if self.seat.index == letters.WORLD else []
        if self.pending is not None or self.suspected is not None:
            # What the fold knows now is not durable yet, and no answer may tell of it.
            return self._defer(message)
        if isinstance(message, Batch | Where | KeyWanted):
            self._remember_gateway(now_ms, message.gateway)
        if isinstance(message, Batch):
            return self._batch(now_ms, message)
        if isinstance(message, Where):
            return [*whereabouts(self._region(), message)]
        if isinstance(message, Question):
            return [Publish(f"answer.{message.gateway}", answer(self._region(), message))]
        if isinstance(message, KeyWanted) and self.show is not None:
            return [Publish(f"answer.{message.gateway}", keys) for keys in self.show.key_frames()]
        return []

    def _defer(self, message: Message) -> list[Effect]:
        size = len(message.inputs) if isinstance(message, Batch) else 0
        if len(self.deferred) < DEFERRED_MAX and self.deferred_inputs + size <= QUEUE_TOTAL:
            self.deferred.append(message)
            self.deferred_inputs += size
        return []

    def _remember_gateway(self, now_ms: int, name: str) -> None:
        self.gateways[name] = now_ms
        if len(self.gateways) > GATEWAYS_MAX:
            del self.gateways[min(self.gateways, key=lambda one: self.gateways[one])]

    def _batch(self, now_ms: int, batch: Batch) -> list[Effect]:
        assert self.scheduler is not None
        if batch.era not in (0, self._region().state.era):
            return []  # meant for the world before or after a restore
        inputs: Iterable[Input] = batch.inputs
        if self.phase == "stopping":
            inputs = [said for said in inputs if not isinstance(said, Acted | Login)]
        effects: list[Effect] = []
        answers = self.scheduler.offer_all(inputs, batch.gateway)
        if answers:
            region = self._region()
            told = Answers(self.seat.index, region.state.era, region.state.n, region.head, answers, (), ())
            effects.append(Publish(f"answer.{batch.gateway}", told))
        if self.seat.index == letters.WORLD:
            effects += self._turn(now_ms)
        return effects

    # Ticks.

    def _turn(self, now_ms: int) -> list[Effect]:
        """Do what is due: append again, or fold the next tick; and say when to be woken."""
        pending = self.pending
        if pending is not None:
            if pending.retry_at and now_ms >= pending.retry_at:
                pending.retry_at = 0
                return [Append(pending.record.n, pending.raw), Wake(now_ms + WAITING_BEAT_MS)]
            return self._wait(now_ms, pending.retry_at or now_ms + WAITING_BEAT_MS)
        if self.phase not in ("serving", "stopping") or self.suspected is not None:
            return []
        if self._region().state.halted:
            return self._halted(now_ms)
        if not self._due(now_ms):
            return self._wait(now_ms, self.next_tick_ms)
        late_ms = max(0, now_ms - self.next_tick_ms)
        self.figures.ticks_late += late_ms > TICKS_LATE_MS
        self.next_tick_ms = now_ms + self._until_next(late_ms)
        if not self.links:
            return self._claim(now_ms)
        return self._beat(now_ms) + self._tick(now_ms, late_ms)

    def _until_next(self, late_ms: int) -> int:
        """Ticks that came late are made up for by shorter waits, up to a limit: then the world's time slows down."""
        if self.seat.index == letters.WORLD:
            return LETTER_REPEAT_MS
        behind_ms = min(self.behind_ms + late_ms, MADE_UP_MS_MAX)
        sooner_ms = min(behind_ms, TICK_MS - TICK_MS_MIN)
        self.behind_ms = behind_ms - sooner_ms
        return TICK_MS - sooner_ms

    def _halted(self, now_ms: int) -> list[Effect]:
        """Nothing is folded until the owner's word has come; then that alone."""
        region = self._region()
        assert self.scheduler is not None
        if self.phase == "stopping":
            return self._end(f"stopped while halted: {region.state.halted}")
        lift = self.scheduler.lift() if self.links else None
        if lift is None:
            return self._wait(now_ms, now_ms + WAITING_BEAT_MS)
        return self._fold(now_ms, region, [lift], (), 0, 0)

    def _due(self, now_ms: int) -> bool:
        if now_ms >= self.next_tick_ms or self.phase == "stopping":
            return True
        # The world's process has no land to simulate: it ticks when there is something to decide.
        assert self.scheduler is not None
        news = self.scheduler.waits or self.post.mail_waits(self._region().state)
        return self.seat.index == letters.WORLD and news

    def _tick(self, now_ms: int, late_ms: int) -> list[Effect]:
        region = self._region()
        assert self.scheduler is not None
        self.mark(Phase.LETTERS)
        heard, fresh = self.post.heard(now_ms, region.state)
        self.mark(Phase.INPUTS)
        waiting = self.scheduler.close(cautious=self.seat.deaths >= 2 and self.figures.ticks < CAUTIOUS_TICKS)
        return self._fold(now_ms, region, waiting, heard, fresh, late_ms)

    def _fold(
        self, now_ms: int, region: Region, waiting: list[Waiting], heard: tuple[Heard, ...], fresh: int, late_ms: int
    ) -> list[Effect]:
        given = self._tick_given(now_ms, waiting, heard, fresh)
        try:
            folded = compute.fold(region, given, self.mark)
        except (FoldFailed, RecordError) as error:
            self.why = str(error)
            self.suspected = Suspected(waiting, heard, fresh)
            return [Load()]
        own = len(given.inputs) - len(waiting)  # what this region itself has signed stands first
        signed = [Waiting(said, "") for said in given.inputs[:own]]
        self.links.pop()
        return self._append(now_ms, given, folded, signed + waiting, late_ms)

    def _tick_given(self, now_ms: int, waiting: list[Waiting], heard: tuple[Heard, ...], fresh: int) -> Record:
        state = self._region().state
        step = min(max(now_ms - state.time_ms, 1), CLOCK_STEP_MS_MAX)
        inputs = tuple(one.said for one in waiting)
        if self.seat.scheduler is not None and state.assignments.waiting and self.suspected is None:
            inputs = (assignments.sign_span(self.seat.scheduler, state, self.seat.processes, 0), *inputs)
        issued = escrow.issue(self.seat.node, state) if state.escrow and self.suspected is None else None
        inputs = (issued, *inputs) if issued is not None else inputs
        given = draft(self._region(), state.time_ms + step, state.tick + 1)
        return replace(given, link=self.links[-1], inputs=inputs, heard=heard, fresh=fresh)

    # A rule raised.

    def _try_singly(self, now_ms: int, suspected: Suspected) -> list[Effect]:
        """Find the inputs that make the fold raise, refuse them in the record, and go on with the rest."""
        region, scheduler = self._region(), self.scheduler
        assert scheduler is not None
        given = self._tick_given(now_ms, suspected.waiting, suspected.heard, suspected.fresh)
        sifted = sift(region, given)
        self.suspected = None
        for sender in {one.region for one in given.heard} - {one.region for one in sifted.given.heard}:
            self.post.forget(sender)
        if sifted.halt:
            scheduler.put_back(suspected.waiting)
            halt = replace(draft(region, given.time_ms, region.state.tick), link=given.link, halt=sifted.halt)
            folded = compute.fold(region, halt)
            self.links.pop()
            return self._append(now_ms, halt, folded, [], 0)
        folded = compute.fold(region, sifted.given)
        self.links.pop()
        for place in sifted.left_out:
            scheduler.forget(suspected.waiting[place].said)
        waiting = [one for place, one in enumerate(suspected.waiting) if place not in sifted.left_out]
        return self._append(now_ms, sifted.given, folded, waiting, 0)

    # Small things.

    def _wait(self, now_ms: int, until_ms: int) -> list[Effect]:
        """Until then nothing is to be done, but to say that this owner lives."""
        return [*self._beat(now_ms), Wake(min(until_ms, now_ms + WAITING_BEAT_MS))]

    def _beat(self, now_ms: int) -> list[Effect]:
        region, pending = self._region(), self.pending
        ahead = 0 if pending is None or pending.record.claim is not None or pending.record.halt else 1
        halted = region.state.halted
        words = f"halted: {halted}" if halted else self.why or self.phase
        beat = self.beats.beat(now_ms, region, self.figures, words, (int(pending is not None), ahead))
        return [Publish("beat", beat)] if beat is not None else []

    def _end(self, reason: str, alarm: bool = False, fenced: bool = False) -> list[Effect]:
        self.phase = "over"
        return [End(reason, alarm, fenced)]

    def _region(self) -> Region:
        assert self.region is not None
        return self.region

    def _pending(self) -> Pending:
        assert self.pending is not None
        return self.pending
