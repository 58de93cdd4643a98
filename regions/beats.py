"""What an owner says of itself on the bus: that it is alive, what it waits for, how much it carries."""

from typing import Final

from regions.messages import Beat
from regions.region_state import Region
from regions.seat import Figures

BEAT_MS: Final = 500
WAITING_BEAT_MS: Final = 100  # without a new record: other machines wait 300 ms for one or the other


class Beats:
    """Beats of one owner. They tell of durable records only: what is in flight is not counted."""

    def __init__(self) -> None:
        self.last_ms = 0
        self.grown = (0, 0)  # the newest durable record, and when it was first seen here
        self.counts = (0, 0, 0)  # bodies, how many of them move, players: as of the newest durable record

    def beat(self, now_ms: int, region: Region, figures: Figures, words: str, flying: tuple[int, int]) -> Beat | None:
        """The next beat, if it is due. `flying`: how many records and ticks the region is ahead of its log."""
        state, n = region.state, region.state.n - flying[0]
        if n != self.grown[0]:
            self.grown = n, now_ms
        waits = now_ms - self.grown[1] >= WAITING_BEAT_MS
        if now_ms - self.last_ms < (WAITING_BEAT_MS if waits else BEAT_MS):
            return None
        self.last_ms = now_ms
        if flying == (0, 0):
            self.counts = (*region.rules.counts(region.bodies), len(state.players))
        return Beat(
            region=state.index,
            term=state.term,
            n=n,
            tick=state.tick - flying[1],
            state=words[:256],
            entities=self.counts[0],
            moving=self.counts[1],
            players=self.counts[2],
            handovers=figures.handovers,
            ticks=figures.ticks,
            ticks_late=figures.ticks_late,
            era=state.era,
        )
