"""What a player sent and no region has answered yet: kept, bounded, and sent again in order. For `regions.peers`.

Not here: where it is sent, and what the answers tell the player.
"""

from collections.abc import Iterable
from typing import Final

from regions.config import RESEND_AFTER_MS, UNSIGNED_ACTIONS_MAX
from regions.errors import RecordError
from regions.messages import STATUS_DONE, STATUS_GAP, Answer
from regions.protocol import Act, SignedHead
from regions.record import Acted, Head

BACKOFF_MS: Final = (20, 50, 100, 200, 400)
REPEATS_SHIFT_MAX: Final = 2
INVALID_MAX: Final = 8  # invalid heads without one that held
NEVER: Final = 2**62

Sent = Acted | Head


class Unanswered:
    """The actions and heads of one session. What a method returns is to be sent now, in order.

    `due_ms` is when `again` wants to be called. `held` says that new actions wait for the next `again`.
    """

    __slots__ = (
        "_entity",
        "_failures",
        "_invalid",
        "_repeats",
        "_resent",
        "_session",
        "acts",
        "done",
        "due_ms",
        "heads",
        "held",
        "last",
    )

    def __init__(self, entity: int, session: int) -> None:
        self.acts: dict[int, Acted] = {}
        # By what they cover, ascending; of those that cover no action here, the newest.
        self.heads: dict[int, Head] = {}
        self.last = session  # the newest action the client sent
        self.done = session  # the newest that a region answered
        self.held = False
        self.due_ms = NEVER
        self._entity, self._session = entity, session
        self._resent = session  # the newest action when everything went again last
        self._failures = self._repeats = self._invalid = 0

    def act(self, now_ms: int, said: Act) -> list[Sent]:
        """The client's next action. RecordError for another number, or for one too many."""
        if said.number != self.last + 1:
            raise RecordError(f"action {said.number}; expected {self.last + 1}")
        if len(self.acts) >= UNSIGNED_ACTIONS_MAX:
            raise RecordError(f"{len(self.acts) + 1} unanswered actions; the limit is {UNSIGNED_ACTIONS_MAX}")
        self.last = said.number
        acted = self.acts[said.number] = Acted(self._entity, said.number, self._session, said.body)
        if self.held:
            return []
        head = self.heads.get(said.number)
        return self._sent(now_ms, [acted] if head is None else [head, acted])

    def sign(self, now_ms: int, said: SignedHead) -> list[Sent]:
        """A head. It may come one action ahead: only under a head that covers it is a valuable one admitted.

        RecordError for one over an action that is not this session's.
        """
        if not self._session <= said.number <= self.last + 1:
            raise RecordError(f"a head over action {said.number}; expected {self._session} to {self.last + 1}")
        head = self.heads[said.number] = Head(self._entity, said.number, said.chain, said.seen, said.signature)
        covering = sorted(number for number in self.heads if number in self.acts or number > self.last)
        others = [number for number in self.heads if number not in covering]
        self.heads = {number: self.heads[number] for number in [*sorted(others)[-1:], *covering]}
        if said.number > self.last or (self.held and self.due_ms == NEVER):
            return []
        # Also what was held back for want of a head may go now.
        return self.again(now_ms) if self.held else self._sent(now_ms, [head])

    def hold(self) -> None:
        """Nobody knows where to send it: it waits until `again` is called."""
        self.held, self.due_ms = True, NEVER

    def answered(self, now_ms: int, answer: Answer) -> bool:
        """An action, or with another status every one up to it, is done; whether that was news.

        The rest goes again soon where a region misses something, but once: what was under way behind the gap comes
        back as well, and what has gone again is not lost for that. A repetition is no gap: the rest is on its way.
        """
        if answer.status == STATUS_DONE:
            done = self.acts.pop(answer.number, None) is not None
        else:
            known = [number for number in self.acts if number <= answer.number]
            for number in known:
                del self.acts[number]
            done = bool(known)
            missed = self.acts and answer.number >= self._resent and next(iter(self.acts)) == answer.number + 1
            if answer.status == STATUS_GAP and missed:
                self.back_off(now_ms)
        if done:
            self._failures = self._repeats = self._invalid = 0
            self.done = max(self.done, answer.number)
            self._settle(now_ms)
        return done

    def signed(self, now_ms: int, number: int) -> None:
        """A head up to this number is recorded."""
        self._repeats = self._invalid = 0
        if any(known <= number for known in self.heads):
            self.heads = {known: head for known, head in self.heads.items() if known > number}
            self._settle(now_ms)

    def unsigned(self, now_ms: int, number: int) -> bool:
        """A region wants a head over `number` or the action after it; whether the client must be asked for one."""
        asks = not self.held and not any(known <= number + 1 for known in self.heads)
        if asks:
            self.held, self.due_ms = True, now_ms + RESEND_AFTER_MS  # or when it comes
        else:
            self.back_off(now_ms)
        return asks

    def invalid(self, now_ms: int) -> None:
        """A head did not hold, perhaps only because an action before it was lost. RecordError when none ever does."""
        self._invalid += 1
        if self._invalid > INVALID_MAX:
            raise RecordError(f"{self._invalid} signed heads after action {self.done} do not hold")
        self.back_off(now_ms)

    def back_off(self, now_ms: int) -> None:
        """What is not answered goes again soon, in order; until then nothing new goes before it."""
        if not self.held:
            self.held = True
            self.due_ms = now_ms + BACKOFF_MS[min(self._failures, len(BACKOFF_MS) - 1)]
            self._failures += 1

    def again(self, now_ms: int) -> list[Sent]:
        """Everything that is not answered, in order."""
        self.held = False
        answered = [head for number, head in self.heads.items() if number <= self.last and number not in self.acts]
        inputs = [*answered, *self._with_heads(self.acts.values())]
        # A region that has too much to do is not given more: each time without an answer the pause is longer.
        self.due_ms = now_ms + (RESEND_AFTER_MS << min(self._repeats, REPEATS_SHIFT_MAX)) if inputs else NEVER
        self._repeats += 1
        self._resent = self.last
        return inputs

    def _sent(self, now_ms: int, inputs: list[Sent]) -> list[Sent]:
        self.due_ms = min(self.due_ms, now_ms + RESEND_AFTER_MS)
        return inputs

    def _with_heads(self, acts: Iterable[Acted]) -> list[Sent]:
        """These actions, before each the head that covers it, without which a region may not let it in."""
        inputs = list[Sent]()
        for acted in acts:
            head = self.heads.get(acted.number)
            inputs += [acted] if head is None else [head, acted]
        return inputs

    def _settle(self, now_ms: int) -> None:
        """Something was answered: the rest has its full time again."""
        if self.held and self.due_ms == NEVER:
            return
        if not self.acts and not self.heads:
            self.due_ms, self.held = NEVER, False
        elif not self.held:
            self.due_ms = now_ms + RESEND_AFTER_MS
