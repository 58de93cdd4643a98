"""Many bots in one process: each a connection, a behaviour and its share of the figures.

A bot decides when it is shown something, a few times a second, so a world that stands still has bots that wait.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from archive.keys import Ed25519Key
from clients.bots.behaviours import BEHAVIOURS, Behaviour, Sight, whims
from clients.bots.ledger import Ledger
from clients.bots.report import Figures, framed
from clients.bots.trades import Trades
from clients.bots.walks import Follow, read_walks
from clients.connection import Connection
from clients.seen import Body, Frame, moving, warm
from clients.session import Acknowledged, News, Undone, Unsure, Welcomed
from regions.messages import STATUS_DONE
from regions.protocol import Having
from world.actions import Action, decode_action

DECIDE_MS: Final = 250
FOLLOW_MS: Final = 100
PENDING_MAX: Final = 16  # actions without a receipt above which a bot waits
JOIN_EVERY_S: Final = 0.02  # between two bots' first connections
REST_S: Final = 2.0
SAMPLES_MAX: Final = 200_000


@dataclass(frozen=True)
class Crowd:
    """What to let loose, and where. `behaviours` are dealt out in turn; `walks` is a file of recorded walks."""

    url: str
    count: int
    behaviours: Sequence[str] = ()
    walks: Path | None = None
    seed: int = 1
    ledger: Path | None = None


class Bot:
    """One bot. Its callbacks run inside its connection's `run`."""

    def __init__(
        self, url: str, behaviour: Behaviour | Follow, random: Random, figures: Figures, ledger: Ledger | None
    ) -> None:
        self.connection = Connection(url, Ed25519Key.generate(), heard=self._heard, shown=self._shown)
        self.behaviour = behaviour
        self.joined = False
        self.resting = False  # does nothing more, and waits for its last receipts
        self._random = random
        self._trades = Trades(random)
        self._figures = figures
        self._ledger = ledger
        self._goods: tuple[int, ...] = ()
        self._coins = 0
        self._refused = False
        self._decide_at_ms = 0.0
        self._home = -1
        self._hop = -1
        self._shown_ms = 0.0
        self.gap_ms = 0.0

    def _heard(self, news: News) -> None:
        figures = self._figures
        match news:
            case Acknowledged():
                figures.actions_acked += 1
                self._refused = news.verdict != 0
                if self._refused:
                    figures.refused[news.verdict] += 1
                if news.status == STATUS_DONE and len(figures.ack_ms) < SAMPLES_MAX:
                    figures.ack_ms.append(time.time() * 1000 - news.action.acted_ms)
                if not self._refused and news.status == STATUS_DONE:
                    figures.done(decode_action(news.action.body))
                if self._ledger is not None:
                    self._ledger.note(news)
            case Having():
                self._goods, self._coins = news.goods, news.coins
            case Welcomed():
                figures.connected += not self.joined
                self.joined = True
                self._hop = self._home = -1
                self._trades.waiting.clear()
            case Undone():
                figures.undone += max(news.acked - news.number, 0) + len(news.pending)
                if self._ledger is not None:
                    self._ledger.note_undone(self.connection.session.entity, news)
            case Unsure():
                figures.unsure += len(news.pending)
            case _:
                pass

    def _shown(self, frame: Frame, size: int) -> None:
        figures, seen = self._figures, self.connection.seen
        assert seen is not None
        cols = seen.regions[frame.region].mirror.cols
        figures.frames += 1
        figures.frame_bytes += framed(size)
        figures.moving_seen += moving(cols)
        figures.keyframes += frame.keys > 0
        for _, event in frame.events:
            self._trades.heard(event, self.connection.session.entity)
        now_ms = time.monotonic() * 1000
        if frame.region == self._home or self._home < 0:
            if self._shown_ms:
                self.gap_ms = max(self.gap_ms, now_ms - self._shown_ms)
            self._shown_ms = now_ms
        if now_ms >= self._decide_at_ms and not self.resting:
            every = FOLLOW_MS if isinstance(self.behaviour, Follow) else DECIDE_MS
            self._decide_at_ms = now_ms + every * (1 if every == FOLLOW_MS else self._random.uniform(0.6, 1.4))
            self._decide(now_ms)

    def _decide(self, now_ms: float) -> None:
        connection, session = self.connection, self.connection.session
        assert connection.seen is not None
        body = connection.seen.find(session.entity)
        if body is None or not connection.serving or len(session.pending) >= PENDING_MAX:
            return
        self._note_place(body)
        sight = Sight(session.entity, connection.seen, body, self._goods, self._refused, self._coins)
        answer: Action | None = self._trades.answer(sight)
        if isinstance(self.behaviour, Follow):  # it is there to walk: it makes no offers
            connection.act(answer or self.behaviour.decide(sight, now_ms / 1000))
        else:
            connection.act(answer or self._trades.offer(sight) or self.behaviour(sight))
        self._figures.actions_sent += 1

    def _note_place(self, body: Body) -> None:
        if self._hop >= 0 and body.hop > self._hop:
            self._figures.handovers += body.hop - self._hop
        self._hop, self._home = body.hop, body.region

    def settle(self) -> None:
        """Put what only the bot knows into the figures, at the end."""
        figures, connection = self._figures, self.connection
        figures.reconnects += connection.reconnects
        figures.frames_bad += connection.frames_bad
        figures.foreign_acks += connection.session.foreign_acks
        figures.gap_ms.append(self.gap_ms)
        if connection.over or not self.joined:
            figures.over[connection.over or connection.trouble or "no answer from the gateway"] += 1
        if isinstance(self.behaviour, Follow) and self.behaviour.off_count:
            figures.walk_off.append(self.behaviour.off_sum / self.behaviour.off_count)


def _behaviours(crowd: Crowd) -> list[Behaviour | Follow]:
    if crowd.walks is not None:
        walks = read_walks(crowd.walks)
        return [Follow(whims(crowd.seed, str(i)), walks[i % len(walks)]) for i in range(crowd.count)]
    names = tuple(crowd.behaviours) or tuple(BEHAVIOURS)
    unknown = sorted(set(names) - set(BEHAVIOURS))
    if unknown:
        raise ValueError(f"no behaviour {', '.join(unknown)}; there are {', '.join(BEHAVIOURS)}")
    return [BEHAVIOURS[names[i % len(names)]](whims(crowd.seed, str(i))) for i in range(crowd.count)]


async def _rest(bots: list[Bot]) -> None:
    """Do nothing more until every action has its receipt, or REST_S is over."""
    for bot in bots:
        bot.resting = True
    ends = time.monotonic() + REST_S
    while time.monotonic() < ends and any(bot.connection.session.pending for bot in bots):
        await asyncio.sleep(0.05)


async def run(
    crowd: Crowd, ended: asyncio.Event, seconds: float | None = None, figures: Figures | None = None
) -> dict[str, Any]:
    """Let the crowd in until `ended`, or for some seconds; its report. ValueError for wishes that mean nothing.

    Whoever wants to look on hands in the `figures` that are counted in.
    """
    figures = figures or Figures()
    behaviours = _behaviours(crowd)
    warm()
    ledger = Ledger(crowd.ledger) if crowd.ledger is not None else None
    bots = [
        Bot(crowd.url, behaviour, whims(crowd.seed, f"{i}/when"), figures, ledger)
        for i, behaviour in enumerate(behaviours)
    ]
    began = time.monotonic()
    tasks: list[asyncio.Task[None]] = []
    try:
        for bot in bots:
            tasks.append(asyncio.create_task(bot.connection.run()))
            await asyncio.sleep(JOIN_EVERY_S)
            if ended.is_set():
                break
        left = None if seconds is None else max(seconds - (time.monotonic() - began), 0)
        everyone = asyncio.gather(*tasks)
        everyone.add_done_callback(lambda _: ended.set())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), left)
        lasted = time.monotonic() - began
        await _rest(bots)
        await asyncio.gather(*(bot.connection.stop() for bot in bots))
        await asyncio.wait_for(everyone, 5)
    finally:
        for task in tasks:
            task.cancel()
        if ledger is not None:
            ledger.close()
    for bot in bots:
        bot.settle()
    return figures.summary(crowd.count, lasted)
