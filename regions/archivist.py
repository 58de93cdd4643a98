"""The way to the archive as a core: `step(now_ms, event) -> effects`. It follows all logs, orders checkpoints, makes
them, has them stored, and tells the world's process when one is confirmed.

    resting --interval--> ordering --the order stands in the world's log--> starting (a whole one: which snapshots)
        --> moving (until law 8 holds) --> fitting (states at the cut) --> resting

Storing goes on beside: what was made is spooled to files first, then uploaded, oldest first, until every store has
handed it back; then the confirmation is said again and again until it stands in the world's log. While a store is away
checkpoints go on being made, up to SPOOL_BYTES_MAX; then no more are ordered, nothing is confirmed, so no log is
trimmed: the logs fill up to their quota, and the world waits and says so. Nothing is lost, and all of it is caught up.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from archive.errors import ArchiveError
from archive.keys import Ed25519Key, b64, unb64
from regions.archivist_verbs import (
    Effect,
    End,
    Event,
    Failed,
    FinalOrder,
    Follow,
    Publish,
    ReadSnapshots,
    Records,
    SnapshotFiles,
    Spooled,
    Stop,
    Superseded,
    Tell,
    Unspooled,
    Uploaded,
    Wake,
)
from regions.charter import Charter
from regions.config import CHECKPOINT_EVERY_MS, SNAPSHOT_EVERY_CHECKPOINTS, SPOOL_BYTES_MAX
from regions.cutting import Cutting, readable
from regions.errors import FoldFailed, RecordError
from regions.filing import Place, before, file_checkpoint
from regions.followed import Followed
from regions.holdings import Kit
from regions.messages import Batch
from regions.record import Confirmed, Order, Record
from regions.scheduler import confirmed_message
from regions.storing import Queued, Storing

NAME: Final = "archivist"  # on the bus
FIRST_ORDER_MS: Final = 3_000  # a new era's first checkpoint does not wait for the interval
REPEAT_MS: Final = 1_000  # an order or confirmation not yet seen in the log is said again
STATUS_MS: Final = 5_000
HELD_BYTES_MAX: Final = 64 << 20  # of one region's records, before the reader of its log waits
FINAL_TRIES: Final = 8  # uploads of the last checkpoint, at a planned stop


class ArchivistCore:
    """The archivist of a world on one machine. `place` is how far the archive has come, the spool included; `queued`
    what is in the spool, oldest first; `local` each region's local snapshots by record; `draw` gives numbers in 0..1;
    `maker` are 16 random bytes of this process: it makes what it ordered itself, and steps back when another orders.
    """

    def __init__(
        self,
        key: Ed25519Key,
        charter: Charter,
        charter_id: str,
        kit: Kit,
        place: Place,
        queued: list[Queued],
        local: Mapping[int, list[int]],
        draw: Callable[[], float],
        maker: bytes,
        interval_ms: int = CHECKPOINT_EVERY_MS,
        spool_bytes: int = 0,
    ) -> None:
        self.key, self.charter, self.charter_id, self.kit = key, charter, charter_id, kit
        self.place, self.local, self.interval_ms = place, local, interval_ms
        self.world = unb64(charter.world)
        self.phase = "resting"
        self.cutting: Cutting | None = None
        self.followed: dict[int, Followed] = {}
        self.wanted: dict[int, int] = {}  # records that a cut waits for
        manifest = place.manifest
        self.built = manifest.number if manifest is not None else 0
        # One that no record ordered (a planned stop whose order did not come through) is ordered as a formality.
        self.ordered = self.built - int(manifest is not None and not manifest.ordered)
        self.orders: dict[int, tuple[int, bool]] = {}  # not yet taken up: number -> (record that ordered it, full)
        self.confirmed = 0  # as far as this process has seen
        self.maker, self.first = maker, 0  # the first checkpoint this process ordered; 0: none yet
        self.names = {one.manifest.number: one.manifest_id for one in queued}
        if manifest is not None and place.manifest_id is not None:
            self.names[manifest.number] = place.manifest_id
        stored = None
        if manifest is not None and place.manifest_id is not None and not queued:
            stored = Queued(place.manifest_id, manifest)
        self.storing = Storing(queued, stored, spool_bytes, SPOOL_BYTES_MAX, draw)
        self.next_order_ms = self.next_said_ms = self.next_status_ms = 0
        self.final_asked = self.final = False  # whether the last order is to be given; whether it is being given
        self.final_number = 0
        self.stop_ends: dict[int, int] | None = None
        self.first_ms = self.newest_ms = 0  # times of records seen
        self.over = False

    # The doors.

    def begin(self, now_ms: int) -> list[Effect]:
        """What to do first."""
        started = self.place.manifest is not None and self.place.manifest.era == self.charter.era
        self.next_order_ms = now_ms + (self.interval_ms if started else min(self.interval_ms, FIRST_ORDER_MS))
        self.next_status_ms = now_ms + STATUS_MS
        effects: list[Effect] = []
        for index, end in enumerate(before(self.charter, self.place)):
            local = self.local.get(index, ())
            self.followed[index] = Followed.after(index, end, local, founded=self.charter.cut is None)
            effects.append(Follow(index, self.followed[index].base + 1))
        return effects + self._turn(now_ms)

    def step(self, now_ms: int, event: Event) -> list[Effect]:
        """Take one event at time `now_ms` (ms since 1970); return what is to be done, in order."""
        if self.over:
            return []
        effects: list[Effect] = []
        try:
            if isinstance(event, Records):
                effects = self._records(event)
            elif isinstance(event, SnapshotFiles):
                effects = self._files(event)
            elif isinstance(event, Spooled | Unspooled):
                self.storing.spooled(event)
            elif isinstance(event, Uploaded):
                effects = self.storing.uploaded()
                self.next_said_ms = 0
            elif isinstance(event, Failed):
                effects = self._failed(now_ms, event)
            elif isinstance(event, FinalOrder):
                self.final_asked = True
            elif isinstance(event, Stop):
                self.stop_ends = dict(event.ends)
            elif isinstance(event, Superseded):
                words = f"the owner opened era {event.era} of this world: this one, of era {self.charter.era}, must end"
                return self._end(1, {"alarm": True, "superseded": event.era, "reason": words})
            return effects if self.over else effects + self._turn(now_ms)
        except (RecordError, FoldFailed, ArchiveError) as error:
            # The logs do not fold to what they say, or cannot be archived: nothing of it must be called archived.
            return self._end(2, {"alarm": True, "reason": f"the archivist stops: {error}"})

    def full(self, index: int) -> bool:
        """Whether the reader of a region's log shall wait: more is held than one checkpoint should bring."""
        one = self.followed[index]
        return one.bytes_held > HELD_BYTES_MAX and self.wanted.get(index, 0) <= one.seen

    # The logs.

    def _records(self, event: Records) -> list[Effect]:
        effects: list[Effect] = []
        for n, raw in event.records:
            record = self.followed[event.index].take(n, raw)
            if event.index:
                self.first_ms = self.first_ms or record.time_ms
                self.newest_ms = max(self.newest_ms, record.time_ms)
            else:
                effects += self._decided(record)
        return effects

    def _decided(self, record: Record) -> list[Effect]:
        """Orders and confirmations in the world's log."""
        effects: list[Effect] = []
        for said, verdict in zip(record.inputs, record.verdicts):
            if isinstance(said, Confirmed) and not verdict:
                if said.number > self.built or self.names.get(said.number, b64(said.manifest)) != b64(said.manifest):
                    return self._step_back(f"checkpoint {said.number} of another archivist is confirmed")
                self.confirmed = max(self.confirmed, said.number)
            elif isinstance(said, Order) and said.maker != self.maker and not verdict:
                self.ordered = max(self.ordered, said.number)
                if self.first:
                    return self._step_back(f"another archivist ordered checkpoint {said.number}")
            elif isinstance(said, Order) and verdict and said.number == self.ordered + 1 and said.maker == self.maker:
                words = f"the world's process refused to order checkpoint {said.number}: it expects another number"
                effects.append(Tell({"warning": words}))
            elif isinstance(said, Order) and not verdict:
                self.first = self.first or said.number
                self.ordered = max(self.ordered, said.number)
                if self.final and not self.final_number:
                    self.final_number = said.number
                if said.number > self.built:
                    self.orders[said.number] = (record.n, said.full)
        return effects

    def _step_back(self, why: str) -> list[Effect]:
        """Begin again from what the store has: what this process holds may not be what counts."""
        return self._end(1, {"replaced": True, "reason": f"{why}: this archivist begins again"})

    def _begin_cut(self) -> list[Effect]:
        """Take up the next checkpoint that the world's log has ordered."""
        number = min(self.orders)
        ordered, full = self.orders.pop(number)
        final = number == self.final_number
        self.cutting = Cutting(number, ordered, full or self._first(), exact=final)
        if final:
            self.phase = "moving"
            return [Tell({"ordered": True, "checkpoint": self.storing.stored_number})]
        self.phase = "starting" if self.cutting.full else "moving"
        return [ReadSnapshots(dict.fromkeys(self.followed))] if self.cutting.full else []

    def _first(self) -> bool:
        """Whether the next checkpoint is its era's first."""
        return self.place.manifest is None or self.place.manifest.era != self.charter.era

    # The cut.

    def _move(self) -> list[Effect]:
        """Seek the cut with what has been seen; ask for the states at it once it holds."""
        cutting = self.cutting
        assert cutting is not None
        if cutting.exact:
            if self.stop_ends is None:
                return []
            cutting.starts = dict(self.stop_ends)
        self.wanted = cutting.seek(self.followed, before(self.charter, self.place))
        if self.wanted:
            return []
        self.phase = "fitting"
        return [ReadSnapshots(cutting.ends)]

    def _files(self, event: SnapshotFiles) -> list[Effect]:
        cutting = self.cutting
        if cutting is None or self.phase not in ("starting", "fitting"):
            return []
        found = readable(event.files, self.charter.era)
        if self.phase == "starting":
            cutting.begin_at(found, self.followed)
            self.phase = "moving"
            return []
        olds = before(self.charter, self.place)
        filing = file_checkpoint(
            self.key,
            self.charter,
            self.charter_id,
            self.kit,
            self.place,
            cutting.number,
            cutting.ordered,
            cutting.full,
            cutting.parts(self.followed, self.kit, olds, found),
        )
        self.place = filing.place
        self.built, self.names[cutting.number] = cutting.number, filing.manifest_id
        self.storing.take(filing)
        self.cutting, self.phase = None, "resting"
        return []

    def _failed(self, now_ms: int, event: Failed) -> list[Effect]:
        if event.spoilt:
            return self._step_back(
                f"checkpoint {event.number} is damaged in the spool, and is made anew: {event.reason}"
            )
        words = self.storing.failed(now_ms, event)
        if self.stop_ends is not None and self.storing.attempts >= FINAL_TRIES:
            return self._end(1, {"alarm": True, "reason": f"{words}; it waits in the spool"})
        return [Tell({"warning": words})]

    # What is due.

    def _turn(self, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        if self.stop_ends is not None and self.cutting is None and self.phase != "over":
            done = self._finish()
            if done:
                return done
        if self.cutting is None and self.storing.spooling is None and self.orders:
            effects += self._begin_cut()
        if self.cutting is not None and self.phase == "moving":
            effects += self._move()
        effects += self.storing.due(now_ms)
        if self.stop_ends is None:
            self._due(now_ms)
            effects += self._say(now_ms)
        if now_ms >= self.next_status_ms:
            self.next_status_ms = now_ms + STATUS_MS
            effects.append(Tell(self.status()))
        due = (self.next_status_ms, self.next_said_ms, self.next_order_ms, *self.storing.due_ms())
        return [*effects, Wake(min(at_ms for at_ms in (now_ms + REPEAT_MS, *due) if at_ms > now_ms))]

    def _due(self, now_ms: int) -> None:
        """Go from resting to ordering when it is time."""
        if self.phase != "resting" or self.orders or self.ordered < self.built:
            return
        if self.final_asked and not self.final:
            self.phase, self.final, self.next_said_ms = "ordering", True, 0
        elif now_ms >= self.next_order_ms and not self.final_asked and not self.storing.paused:
            self.phase, self.next_said_ms = "ordering", 0
            self.next_order_ms = now_ms + self.interval_ms

    def _say(self, now_ms: int) -> list[Effect]:
        """Say again what the world's log does not show yet."""
        if now_ms < self.next_said_ms:
            return []
        self.next_said_ms = now_ms + REPEAT_MS
        inputs: list[Any] = []
        # Ordered already, it may have to wait for the one before to be spooled: the next one is not due yet.
        if self.ordered < self.built or (self.phase == "ordering" and not self.orders):
            number = self.ordered + 1
            whole = self.place.manifest.whole if self.place.manifest is not None else 0
            full = self._first() or self.final or number - whole >= SNAPSHOT_EVERY_CHECKPOINTS
            inputs.append(Order(number, full, self.maker))
        stored = self.storing.stored
        # What another archivist was ordered is not confirmed: the next one, which goes on from it, covers it.
        if stored is not None and self.first and max(self.first, self.confirmed + 1) <= stored.manifest.number:
            inputs.append(self._confirmation(stored))
        return [Publish("world", Batch(NAME, tuple(inputs), self.charter.era))] if inputs else []

    def _confirmation(self, stored: Queued) -> Confirmed:
        manifest = stored.manifest
        ours = manifest.era == self.charter.era  # an older era's snapshots say nothing about this era's logs
        ends = tuple(
            (unb64(seat.process), end.end, end.snapshot_before if ours else 0)
            for seat, end in zip(self.charter.seats, manifest.regions)
        )
        said = Confirmed(manifest.number, unb64(stored.manifest_id), self.maker, ends, self.key.public, bytes(64))
        return replace(said, signature=self.key.sign(confirmed_message(self.world, said)))

    def _finish(self) -> list[Effect]:
        """At a planned stop: make the last checkpoint, and end once it is stored."""
        assert self.stop_ends is not None
        manifest = self.place.manifest
        ends = manifest.ends() if manifest is not None and manifest.era == self.charter.era else None
        if ends != self.stop_ends:
            if self.storing.spooling is not None:
                return []
            ordered = 0  # the order did not come through, or the archivist that had it was replaced
            self.cutting = Cutting(max(self.built, self.ordered) + 1, ordered, True, exact=True)
            self.phase = "moving"
            return []
        if manifest is None or not self.storing.idle:
            return []
        words = {"checkpoint": manifest.number, "checkpoints": manifest.number, "state_hash": manifest.state_hash}
        return self._end(0, {**words, "manifest": self.place.manifest_id})

    def status(self) -> dict[str, object]:
        """What the operator is shown: the newest stored checkpoint, and what losing all but the stores would undo."""
        storing = self.storing
        since = storing.stored.manifest.time_ms if storing.stored is not None else self.first_ms
        return {
            "checkpoint": storing.stored_number,
            "confirmed": self.confirmed,
            "built": self.built,
            "spool_bytes": storing.spool_bytes,
            "lag_ms": max(0, self.newest_ms - since) if self.newest_ms else 0,
            "paused": storing.paused,
            "waiting": storing.reason,
        }

    def _end(self, status: int, words: dict[str, object]) -> list[Effect]:
        self.over, self.phase = True, "over"
        return [Tell(words), End(status)]
