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


class Storing:
    """What waits (`queue`, oldest first), and the newest that every store has handed back (`stored`).

    One spooling or uploading at a time; its outcome is told before the next begins. `draw` gives numbers in 0..1.
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
        self.busy = False
        self.attempts = 0  # that failed, one after the other
        self.retry_ms = 0
        self.reason = ""

    @property
    def idle(self) -> bool:
        """Whether everything that was made is stored."""
        return self.spooling is None and not self.queue and not self.busy

    @property
    def paused(self) -> str:
        """Why no further checkpoint may be made; empty when one may."""
        if self.spool_bytes >= self.spool_bytes_max:
            return f"the spool holds {self.spool_bytes} bytes, its limit is {self.spool_bytes_max}"
        return f"the spool does not take more: {self.reason}" if self.spooling is not None and self.attempts else ""

    @property
    def stored_number(self) -> int:
        """The number of the newest stored checkpoint; 0: none."""
        return self.stored.manifest.number if self.stored is not None else 0

    def take(self, filing: Filing) -> None:
        """A checkpoint was made. The one before must have been spooled."""
        assert self.spooling is None
        self.spooling = Queued(filing.manifest_id, filing.manifest), tuple(bundles(filing.items))
        self.retry_ms = 0

    def spooled(self, event: Spooled | Unspooled) -> None:
        """What was made is safe in the spool; or what was stored is gone from it."""
        self.spool_bytes = event.spool_bytes
        if isinstance(event, Spooled) and self.spooling is not None:
            self.queue.append(self.spooling[0])
            self.spooling = None
            self._succeeded()

    def uploaded(self) -> list[Effect]:
        """Every store has handed back the oldest that waited."""
        self.stored = self.queue.pop(0)
        self._succeeded()
        return [Unspool(self.stored.manifest.number)]

    def failed(self, now_ms: int, event: Failed) -> str:
        """Neither spooled nor uploaded: in words."""
        self.busy = False
        self.attempts += 1
        self.reason = event.reason
        self.retry_ms = now_ms + pause_ms(self.attempts, self.draw())
        return f"checkpoint {event.number} is not stored yet (try {self.attempts}): {event.reason}"

    def due(self, now_ms: int) -> list[Effect]:
        """What to do now."""
        if self.busy or now_ms < self.retry_ms:
            return []
        if self.spooling is not None:
            self.busy = True
            return [Spool(self.spooling[0].manifest.number, self.spooling[1])]
        if self.queue:
            self.busy = True
            return [Upload(self.queue[0].manifest.number)]
        return []

    def _succeeded(self) -> None:
        self.busy, self.attempts, self.reason = False, 0, ""
