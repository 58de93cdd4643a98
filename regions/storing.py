"""Checkpoints on their way into the stores: spooled first, then uploaded, oldest first, tried again later and later."""

from collections.abc import Callable
from dataclasses import dataclass

from archive.checkpoint import Manifest
from archive.upload import bundles, pause_ms
from regions.archivist_verbs import Effect, Failed, Spool, Spooled, Unspool, Unspooled, Upload
from regions.filing import Filing


@dataclass(frozen=True)
class Queued:
    """A checkpoint on its way into the stores, or there."""

    manifest_id: str
    manifest: Manifest


@dataclass
class _Work:
    """Something that is under way, or is tried again later and later."""

    busy: bool = False
    attempts: int = 0  # that failed, one after the other
    retry_ms: int = 0
    reason: str = ""

    def begin(self, now_ms: int) -> bool:
        """Whether it shall be begun now; it then is."""
        if self.busy or now_ms < self.retry_ms:
            return False
        self.busy = True
        return True

    def failed(self, now_ms: int, reason: str, draw: float) -> None:
        self.busy, self.attempts, self.reason = False, self.attempts + 1, reason
        self.retry_ms = now_ms + pause_ms(self.attempts, draw)


class Storing:
    """What waits (`queue`, oldest first), and the newest that every store has handed back (`stored`).

    One is spooled and one uploaded at a time, one beside the other: a store may take minutes. `draw` gives numbers in
    0..1.
    """

    def __init__(
        self,
        queue: list[Queued],
        stored: Queued | None,
        spool_bytes: int,
        spool_bytes_max: int,
        draw: Callable[[], float],
    ) -> None:
        self.queue = list(queue)
        self.stored = stored
        self.spool_bytes = spool_bytes
        self.spool_bytes_max = spool_bytes_max
        self.draw = draw
        self.spooling: tuple[Queued, tuple[bytes, ...]] | None = None
        self._spool, self._upload = _Work(), _Work()

    @property
    def idle(self) -> bool:
        """Whether everything that was made is stored."""
        return self.spooling is None and not self.queue

    @property
    def paused(self) -> str:
        """Why no further checkpoint may be made; empty when one may."""
        if self.spool_bytes >= self.spool_bytes_max:
            return f"the spool holds {self.spool_bytes} bytes, its limit is {self.spool_bytes_max}"
        return f"the spool does not take more: {self._spool.reason}" if self._spool.attempts else ""

    @property
    def reason(self) -> str:
        """Why what was made is not stored yet; empty when nothing went wrong."""
        return self._spool.reason or self._upload.reason

    @property
    def attempts(self) -> int:
        """How many tries failed, one after the other."""
        return max(self._spool.attempts, self._upload.attempts)

    @property
    def stored_number(self) -> int:
        """The number of the newest stored checkpoint; 0: none."""
        return self.stored.manifest.number if self.stored is not None else 0

    def take(self, filing: Filing) -> None:
        """A checkpoint was made. The one before must have been spooled."""
        assert self.spooling is None
        self.spooling = Queued(filing.manifest_id, filing.manifest), tuple(bundles(filing.items))

    def spooled(self, event: Spooled | Unspooled) -> None:
        """What was made is safe in the spool; or what was stored is gone from it."""
        self.spool_bytes = event.spool_bytes
        if isinstance(event, Spooled) and self.spooling is not None:
            self.queue.append(self.spooling[0])
            self.spooling, self._spool = None, _Work()

    def uploaded(self) -> list[Effect]:
        """Every store has handed back the oldest that waited."""
        self.stored, self._upload = self.queue.pop(0), _Work()
        return [Unspool(self.stored.manifest.number)]

    def failed(self, now_ms: int, event: Failed) -> str:
        """Neither spooled nor uploaded: in words."""
        spooling = self.spooling is not None and self.spooling[0].manifest.number == event.number
        work = self._spool if spooling else self._upload
        work.failed(now_ms, event.reason, self.draw())
        return f"checkpoint {event.number} is not stored yet (try {work.attempts}): {event.reason}"

    def due(self, now_ms: int) -> list[Effect]:
        """What to do now."""
        effects: list[Effect] = []
        if self.spooling is not None and self._spool.begin(now_ms):
            effects.append(Spool(self.spooling[0].manifest.number, self.spooling[1]))
        if self.queue and self._upload.begin(now_ms):
            effects.append(Upload(self.queue[0].manifest.number))
        return effects

    def due_ms(self) -> tuple[int, int]:
        """When something may be due again."""
        return self._spool.retry_ms, self._upload.retry_ms
