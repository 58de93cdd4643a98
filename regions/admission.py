"""The queue of those who are logging in: each takes two costly steps, so many a second, and play goes on in between.

Whoever has answered its challenge goes before whoever has only said Hello, so that each who was begun with is soon
through. Not here: what a step does (`regions.greeting`).
"""

from collections import OrderedDict

from regions.bucket import Bucket
from regions.config import LOGIN_STEPS_AT_ONCE, LOGIN_STEPS_PER_SECOND, LOGINS_WAITING_MAX
from regions.unanswered import NEVER


class Admission:
    """Connections by number, each at most once. `due_ms` is when `next` wants to be asked."""

    def __init__(self, now_ms: int) -> None:
        self.due_ms = NEVER
        self._begun: OrderedDict[int, None] = OrderedDict()
        self._signed: OrderedDict[int, None] = OrderedDict()
        self._steps = Bucket(LOGIN_STEPS_PER_SECOND, LOGIN_STEPS_AT_ONCE, now_ms)

    def __len__(self) -> int:
        return len(self._begun) + len(self._signed)

    @property
    def full_ms(self) -> int:
        """After how many ms to come again; 0: there is room for one more."""
        if len(self) < LOGINS_WAITING_MAX:
            return 0
        return len(self) * 2 * 1000 // LOGIN_STEPS_PER_SECOND

    def wait(self, now_ms: int, number: int, signed: bool) -> None:
        """A connection has said something that costs a step to answer."""
        (self._signed if signed else self._begun)[number] = None
        self.due_ms = self._steps.next_ms(now_ms)

    def forget(self, number: int) -> None:
        """A connection is gone."""
        self._signed.pop(number, None)
        self._begun.pop(number, None)

    def next(self, now_ms: int) -> list[int]:
        """Those whose turn it is: a few, as this returns only once they are done."""
        turn = list[int]()
        while len(self) and len(turn) < LOGIN_STEPS_AT_ONCE and self._steps.take(now_ms):
            turn.append((self._signed or self._begun).popitem(last=False)[0])
        self.due_ms = self._steps.next_ms(now_ms) if len(self) else NEVER
        return turn
