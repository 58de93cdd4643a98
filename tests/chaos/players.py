"""A crowd of bots in a process of its own, for a world that is being hurt: who they are, what they were told, and how
long each waited is kept on disk, so that the process may be killed and started again.

`python -m tests.chaos.players URL FOLDER --first 0 --count 50 --seed 1`. FOLDER holds wallets/, ledgers/ and waits/:
there a file per start of lines [seconds on the monotonic clock, bot, word, ...]:

    in              the gateway has let the bot in
    home REGION     the bot's body is in another region than before
    gap REGION MS   that long there was no view frame of the bot's own region, up to now
    out             the connection is gone
"""

import argparse
import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Final

from setproctitle import setproctitle

from clients.bots.behaviours import BorderRunner, GatherGoods, GiveAway, Sight, nearest_body, steer, whims
from clients.bots.ledger import Ledger
from clients.connection import Connection, wallet_file
from clients.seen import Frame, warm
from clients.session import Acknowledged, News, Undone, Welcomed
from regions.messages import STATUS_DONE
from regions.protocol import Having
from world.actions import Action, GiveAsset, GiveCoins
from world.kinds import PLAYER

DECIDE_S: Final = 0.4
GAP_S: Final = 0.1
PENDING_MAX: Final = 16
JOIN_EVERY_S: Final = 0.02
FLUSH_S: Final = 0.25
REST_S: Final = 10.0
REACH_TILES: Final = 1.6


class Notes:
    """The file of waits."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("x", encoding="utf-8")
        self._lines: list[str] = []

    def note(self, bot: int, *words: object) -> None:
        """Add a line; it is written soon."""
        self._lines.append(json.dumps([round(time.monotonic(), 4), bot, *words]))

    def write(self) -> None:
        """Write what waits."""
        if self._lines:
            self._file.write("\n".join(self._lines) + "\n")
            self._file.flush()
            self._lines.clear()


class Player:
    """One bot: gathers (and finds assets), gives goods, coins and assets, or runs across borders."""

    def __init__(self, number: int, url: str, folder: Path, seed: int, notes: Notes, ledger: Ledger) -> None:
        self.number, self.notes, self.ledger = number, notes, ledger
        wallet = wallet_file(folder / "wallets" / f"{number}.json")
        self.connection = Connection(url, wallet, heard=self.heard, shown=self.shown)
        self.random = whims(seed, f"{number}/{time.monotonic_ns()}")
        self.behaviour = (BorderRunner, GiveAway, GatherGoods)[number % 3](self.random)
        self.resting = False
        self.acked = self.sent = self.given = self.found = 0
        self.assets: tuple[tuple[int, int, int], ...] = ()
        self.coins = 0
        self.goods: tuple[int, ...] = ()
        self.refused = False
        self.home = -1
        self.shown_s = 0.0
        self.decide_s = 0.0

    def heard(self, news: News) -> None:
        """What the gateway told."""
        match news:
            case Acknowledged():
                self.acked += 1
                self.refused = news.status == STATUS_DONE and news.verdict != 0
                self.ledger.note(news)
            case Having():
                self.found += len(news.assets) > len(self.assets)
                self.coins, self.goods, self.assets = news.coins, news.goods, news.assets
            case Welcomed():
                self.notes.note(self.number, "in")
            case Undone():
                self.ledger.note_undone(self.connection.session.entity, news)
            case _:
                pass

    def shown(self, frame: Frame, size: int) -> None:
        """A view frame came."""
        now = time.monotonic()
        if frame.region == self.home or self.home < 0:
            if self.shown_s and now - self.shown_s > GAP_S:
                self.notes.note(self.number, "gap", self.home, round((now - self.shown_s) * 1000))
            self.shown_s = now
        if now >= self.decide_s and not self.resting:
            self.decide_s = now + DECIDE_S * self.random.uniform(0.6, 1.4)
            self.decide()

    def decide(self) -> None:
        """The next action, if one may be sent."""
        connection, session = self.connection, self.connection.session
        body = connection.seen.find(session.entity) if connection.seen is not None else None
        if body is None or not connection.serving or len(session.pending) >= PENDING_MAX:
            return
        assert connection.seen is not None
        if body.region != self.home:
            self.home = body.region
            self.notes.note(self.number, "home", self.home)
        sight = Sight(session.entity, connection.seen, body, self.goods, self.refused)
        connection.act(self.hand_on(sight) or self.behaviour(sight))
        self.sent += 1

    def hand_on(self, sight: Sight) -> Action | None:
        """Now and then: an asset, or a coin, for the nearest player."""
        if not (self.assets or self.coins) or self.random.random() > 0.3:
            return None
        found = nearest_body(sight, (PLAYER,))
        if found is None or abs(found[1]) + abs(found[2]) > 12:
            return None
        if abs(found[1]) + abs(found[2]) > REACH_TILES:
            return steer(sight, found[1], found[2])
        self.given += 1
        if self.assets and self.random.random() < 0.7:
            return GiveAsset(found[0], self.random.choice(self.assets)[0])
        return GiveCoins(found[0], 1) if self.coins else None

    async def run(self) -> None:
        """Be connected, again and again."""
        await self.connection.run()
        self.notes.note(self.number, "out", self.connection.over)


async def play(url: str, folder: Path, first: int, count: int, seed: int) -> dict[str, object]:
    """Let them in until SIGTERM; what they did."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    start = f"{first}-{time.monotonic_ns()}"
    notes, ledger = Notes(folder / "waits" / f"{start}.jsonl"), Ledger(folder / "ledgers" / f"{start}.ledger")
    (folder / "wallets").mkdir(parents=True, exist_ok=True)
    players = [Player(number, url, folder, seed, notes, ledger) for number in range(first, first + count)]
    tasks: list[asyncio.Task[None]] = []
    for player in players:
        tasks.append(asyncio.create_task(player.run()))
        await asyncio.sleep(JOIN_EVERY_S)
    while not ended.is_set():
        await asyncio.sleep(FLUSH_S)
        notes.write()
        if ledger.failed:
            raise OSError(ledger.failed)
    for player in players:
        player.resting = True
    ends = time.monotonic() + REST_S
    while time.monotonic() < ends and any(player.connection.session.pending for player in players):
        await asyncio.sleep(0.1)
    await asyncio.gather(*(player.connection.stop() for player in players))
    for task in tasks:
        task.cancel()
    notes.write()
    ledger.close()
    return {
        "sent": sum(player.sent for player in players),
        "acked": sum(player.acked for player in players),
        "given": sum(player.given for player in players),
        "found": sum(player.found for player in players),
        "reconnects": sum(player.connection.reconnects for player in players),
        "pending": sum(len(player.connection.session.pending) for player in players),
        "over": sorted({player.connection.over for player in players if player.connection.over}),
    }


def main() -> None:
    """As the module's docstring says; the last line is a JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("url")
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--first", type=int, default=0)
    arguments.add_argument("--count", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=1)
    wishes = arguments.parse_args()
    setproctitle(f"everloom chaos: bots {wishes.first}")
    warm()
    found = asyncio.run(play(wishes.url, wishes.folder, wishes.first, wishes.count, wishes.seed))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
