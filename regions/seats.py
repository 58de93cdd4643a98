"""The seats of a world as one machine sees them: who sits there, how each has fared, whose silence is borne how long.

    free --a spare--> here --its process ends--> free            all there is on a machine that is alone
    here --fenced--> elsewhere --silent for too long--> free     where several machines share the log
    free --its log grows without this machine--> elsewhere

What is decided about seats is `regions.agent`'s. Nothing here keeps two machines from claiming one seat: the log does.
"""

from dataclasses import dataclass
from typing import Final

from regions.config import LETTER_REPEAT_MS

PROGRESS_RECORDS: Final = 40  # a process that got this far did not die of what it began with
BACKOFF_MS: Final = (0, 0, 500, 1_000, 2_000, 5_000)
GIVE_UP_AFTER: Final = 12
PATIENCE_MS: Final = 300
WORLD_PATIENCE_MS: Final = LETTER_REPEAT_MS + PATIENCE_MS  # with nothing to decide, its record comes once a second
PATIENCE_MS_MAX: Final = 5_000
STAGGER_MS: Final = 100
LOADING_MS_MAX: Final = 2_000  # for so long a process that is to own a seat is spoken for
LOOK_MS_MAX: Final = 200  # no single look at a log proves a longer silence: the log may have been away, or this machine
FENCED_MS: Final = (0, 500, 1_000, 2_000, 5_000, 10_000)
FENCED_ALARM: Final = 3
FENCED_FORGOTTEN_MS: Final = 60_000


@dataclass
class Seat:
    """One region's place. `mine`: this machine serves it, or is about to; otherwise it watches the log's end."""

    child: int = 0  # 0: nobody
    deaths: int = 0
    began_n: int = 0
    n: int = 0
    free_at_ms: int = 0
    taken_ms: int = 0
    restarts: int = 0
    ended: bool = False
    serves: bool = False
    mine: bool = True
    end: int = -1  # where its log ended when last looked at; -1: not yet, since a process of this machine wrote to it
    heard_ms: int = 0  # when its log last grew, or its owner beat
    looked_ms: int = 0
    silent_ms: int = 0  # for so long, while the log answered, neither
    tries: int = 0  # candidacies of this machine since its log last made progress
    tried_n: int = 0
    fences: int = 0
    fenced_ms: int = 0

    @property
    def free(self) -> bool:
        """Whether a spare shall sit down here."""
        return self.mine and not self.child and not self.ended

    def take(self, now_ms: int, child: int) -> None:
        """A process of this machine sits down."""
        self.child, self.began_n, self.serves, self.taken_ms = child, self.n, False, now_ms

    def loads(self, now_ms: int) -> bool:
        """Whether a process of this machine will soon serve it."""
        return bool(self.child) and not self.serves and now_ms - self.taken_ms < LOADING_MS_MAX

    def left(self, n: int) -> None:
        """The process that sat here is gone, at record `n` as far as it said."""
        self.child, self.serves, self.end = 0, False, -1
        self.n = max(self.n, n)

    def died(self, now_ms: int) -> None:
        """It died: the next one waits, longer each time that nothing came of it."""
        self.deaths = 0 if self.n - self.began_n >= PROGRESS_RECORDS else self.deaths + 1
        self.restarts += 1
        self.free_at_ms = now_ms + BACKOFF_MS[min(self.deaths, len(BACKOFF_MS) - 1)]

    def fenced_alone(self, now_ms: int) -> None:
        """Somebody claimed the seat of a machine that takes itself for the only one: claim again, ever less often."""
        self.fences = 1 if now_ms - self.fenced_ms > FENCED_FORGOTTEN_MS else self.fences + 1
        self.fenced_ms = now_ms
        self.restarts += 1
        self.free_at_ms = now_ms + FENCED_MS[min(self.fences, len(FENCED_MS)) - 1]

    # Watching.

    def watch(self, now_ms: int) -> None:
        """It is another machine's: patience starts anew."""
        self.mine = False
        self.heard(now_ms)

    def heard(self, now_ms: int) -> None:
        """Its owner lives."""
        self.heard_ms, self.silent_ms = now_ms, 0

    def beaten(self, now_ms: int, n: int) -> None:
        """An owner beat at record `n`. One that is further behind than a record in flight is the owner no more."""
        if n >= self.end - 1:
            self.heard(now_ms)
        self._come_to(n)

    def looked(self, now_ms: int, n: int) -> bool:
        """Its log ends at record `n`. Returns whether it has grown since this was last asked."""
        grew = 0 <= self.end < n
        if grew:
            self.heard(now_ms)
        else:
            self.silent_ms += min(now_ms - max(self.heard_ms, self.looked_ms), LOOK_MS_MAX)
        self.end, self.looked_ms = n, now_ms
        self._come_to(n)
        return grew

    def _come_to(self, n: int) -> None:
        self.n = max(self.n, n)
        if self.n - self.tried_n >= PROGRESS_RECORDS:
            self.tries = 0

    def patience_ms(self, index: int, place: int) -> int:
        """How long the machine at `place` bears the silence of seat `index`."""
        base_ms = PATIENCE_MS if index else WORLD_PATIENCE_MS
        return min(base_ms << min(self.tries, 10), PATIENCE_MS_MAX) + STAGGER_MS * place

    def stand(self) -> None:
        """Be a candidate for it."""
        self.mine, self.silent_ms = True, 0
        self.tries, self.tried_n = self.tries + 1, self.n

    def recovers(self) -> bool:
        """Whether it was given up here, and has come further elsewhere: what killed its processes here is past."""
        return self.ended and self.deaths >= GIVE_UP_AFTER and self.n - self.began_n >= PROGRESS_RECORDS
