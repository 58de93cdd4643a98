"""Admits or refuses the items of outside wallets for one region, and keeps their order until a tick takes them.

As with players' actions, nothing here is durable; a number is spent only by the record that holds the item. What is
answered at once was not admitted: `Answer.chain` is the item's id, `number` the wallet's last number here.
"""

from collections import deque
from typing import Final

from msgspec.structs import replace

from archive.errors import ArchiveError
from regions import messages, outside
from regions.config import OUTSIDE_WAITING_MAX, REPLY_BYTES_MAX, SPAN
from regions.errors import RecordError
from regions.letters import WORLD
from regions.messages import Answer
from regions.outside import Asked
from regions.record import Outside
from regions.region_state import Player, Region
from regions.waiting import Waiting

STRANGER: Final = 0


class Items:
    """The outside items that wait. `region` is read, never written."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.queue: deque[Waiting] = deque()
        self._last: dict[int, int] = {}  # by entity: the newest number that waits
        self._unnumbered: set[bytes] = set()  # what waits without one
        self._bodies: dict[bytes, int] = {}  # by wallet
        self._looked = -SPAN  # when they were looked up
        self._newest = (0, 0, 0, 0)  # who was here then: whoever comes changes this, as dicts keep their order

    def offer(self, said: Outside, gateway: str) -> Answer | None:
        """Admit an item, or say why not. None: it waits, and is answered when a record holds it."""
        state = self.region.state
        try:
            asked = outside.read(said.item, state.region)
        except RecordError:
            return None  # no door of ours sends such bytes
        player = self._player(asked.wallet)
        if outside.misplaced(state, asked) or (asked.numbered and asked.era != state.era):
            return self._answer(messages.STATUS_INVALID, asked, player)
        refused = self._refused(asked, player)
        if refused is not None:
            return self._answer(refused, asked, player)
        if self._waits(asked, player):
            return None
        if len(self.queue) >= OUTSIDE_WAITING_MAX:
            return self._answer(messages.STATUS_BUSY, asked, player)
        try:
            asked.item.verify()
        except ArchiveError:
            return self._answer(messages.STATUS_INVALID, asked, player)
        if asked.number and player is not None:
            self._last[player.entity] = asked.number
        elif not asked.number:
            self._unnumbered.add(asked.item.id)
        entity = player.entity if player is not None else STRANGER
        size = len(said.item) + 32 + (REPLY_BYTES_MAX if asked.kind in outside.READS else 0)
        self.queue.append(Waiting(replace(said, entity=entity, number=asked.number), gateway, asked.item.id, size))
        return None

    def close(self, room: int, count: int) -> list[Waiting]:
        """Take what a tick takes, in order: at most `count`, as far as `room` bytes hold them."""
        taken: list[Waiting] = []
        while self.queue and len(taken) < count and self.queue[0].size <= room:
            room -= self.queue[0].size
            taken.append(self.queue.popleft())
        return taken

    def put_back(self, taken: list[Waiting]) -> None:
        """No record will hold these after all: they wait again, before all others."""
        self.queue.extendleft(reversed(taken))

    def settled(self) -> None:
        """A record is durable: what it holds is known to the state; here only what still waits need be known."""
        if not self._last and not self._unnumbered:
            return
        waiting = [(one.said, one.chain) for one in self.queue]
        self._unnumbered = {chain for said, chain in waiting if isinstance(said, Outside) and not said.number}
        self._last = {said.entity: said.number for said, _ in waiting if isinstance(said, Outside) and said.number}

    def drop(self, entity: int) -> list[tuple[str, Answer]]:
        """A body has left: what is to be told, to which gateway, about the items that waited for it."""
        gone = [one for one in self.queue if isinstance(one.said, Outside) and one.said.entity == entity]
        if gone:
            self.queue = deque(one for one in self.queue if one not in gone)
        self._last.pop(entity, None)
        return [(one.gateway, Answer(0, messages.STATUS_MOVED, 0, one.chain, 0, 0)) for one in gone]

    def _player(self, wallet: bytes) -> Player | None:
        state = self.region.state
        entity = self._bodies.get(wallet, 0)
        player = self._at(entity)
        if player is not None and player.wallet == wallet:
            return player
        awake, asleep = state.players, state.sleepers
        newest = (len(awake), next(reversed(awake), 0), len(asleep), next(reversed(asleep), 0))
        if newest == self._newest and state.n < self._looked + SPAN // 4:
            return None  # who has no body here shall not have all that are here looked through at every item
        self._looked, self._newest = state.n, newest
        self._bodies = {one.player.wallet: one.player.entity for one in state.sleepers.values()}
        self._bodies |= {one.wallet: one.entity for one in state.players.values()}
        return self._at(self._bodies.get(wallet, 0))

    def _at(self, entity: int) -> Player | None:
        state = self.region.state
        if entity in state.players:
            return state.players[entity]
        return state.sleepers[entity].player if entity in state.sleepers else None

    def _refused(self, asked: Asked, player: Player | None) -> int | None:
        """Why an item is not admissible now, as a status; None when it is, or waits already."""
        index = self.region.state.index
        if asked.number:
            if player is None:
                return messages.STATUS_MOVED
            last = max(player.outside, self._last.get(player.entity, 0))
            return messages.STATUS_LAST if not player.outside < asked.number <= last + 1 else None
        if outside.needs_number(index, asked) or (index == WORLD and asked.kind == "Say"):
            return messages.STATUS_INVALID
        if asked.kind == "Say" and player is None:
            return messages.STATUS_MOVED
        if asked.kind == "Transfer" and index != WORLD:
            return messages.STATUS_INVALID
        return messages.STATUS_LAST if asked.item.id in self.region.state.items else None

    def _waits(self, asked: Asked, player: Player | None) -> bool:
        if asked.number:
            return player is not None and asked.number <= self._last.get(player.entity, 0)
        return asked.item.id in self._unnumbered

    def _answer(self, status: int, asked: Asked, player: Player | None) -> Answer:
        entity, last = (player.entity, player.outside) if player is not None else (0, 0)
        return Answer(entity, status, last, asked.item.id, 0, 0)
