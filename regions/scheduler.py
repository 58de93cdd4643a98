"""Admits or refuses inputs, keeps their order, and closes the inputs of a tick.

What is admitted waits here, in order, until a tick takes it. Nothing here is durable: an owner that dies forgets what
it had admitted, and the gateways send it again. So a number is spent only by the record that holds it.
"""

import hashlib
from collections import deque
from dataclasses import dataclass, field

from archive.data_item import parse_item
from archive.errors import ArchiveError
from archive.keys import verify
from regions import messages
from regions.config import (
    HEAD_TICKS_MAX,
    INPUT_BYTES_MAX,
    QUEUE_PER_PLAYER,
    QUEUE_TOTAL,
    UNSIGNED_ACTIONS_MAX,
)
from regions.messages import Answer
from regions.record import (
    Acted,
    Birth,
    Confirmed,
    Head,
    Input,
    Login,
    Outside,
    OwnerSaid,
    login_body,
    login_message,
    player_chain,
    player_head_message,
)
from regions.region_state import Player, Region
from world.actions import VALUABLE, decode_action
from world.units import ACTIONS_PER_PLAYER_PER_TICK, ACTIONS_PER_TICK

ED25519 = 2


@dataclass
class Waiting:
    """An admitted input, where its answer goes, and the chain hash it will leave."""

    said: Input
    gateway: str
    chain: bytes = b""
    size: int = 0


@dataclass
class Expected:
    """What a player's numbers will be once everything that waits is folded."""

    number: int
    chain: bytes
    session: int
    signed: int
    chains: dict[int, bytes] = field(default_factory=dict)  # of the numbers after `signed`
    covering: Waiting | None = None  # a head for the next action, which may not come before it
    waiting: int = 0
    acting_since: int = 0  # tick of the oldest action that no head covers; 0: none


class Scheduler:
    """Admission for one region. `world` is the world's id; `region` is read, never written."""

    def __init__(self, world: bytes, region: Region) -> None:
        self.world = world
        self.region = region
        self.queue: deque[Waiting] = deque()
        self.expected: dict[int, Expected] = {}

    def offer(self, said: Input, gateway: str) -> Answer | None:
        """Admit an input, or say why not. None: it waits, and is answered when a record holds it."""
        if isinstance(said, Acted):
            return self._offer_action(said, gateway)
        if isinstance(said, Login):
            return self._offer_login(said, gateway)
        if isinstance(said, Head):
            return self._offer_head(said, gateway)
        if len(self.queue) < QUEUE_TOTAL and self._admissible(said):
            self.queue.append(Waiting(said, gateway, size=_size(said)))
        return None

    def close(self, cautious: bool) -> list[Waiting]:
        """Take the inputs of a tick, in order, as far as its limits go; `cautious` takes one."""
        taken: list[Waiting] = []
        later: deque[Waiting] = deque()
        per_player: dict[int, int] = {}
        size = 0
        while self.queue and len(taken) < (1 if cautious else ACTIONS_PER_TICK):
            one = self.queue.popleft()
            entity = getattr(one.said, "entity", 0)
            if size + one.size > INPUT_BYTES_MAX:
                later.append(one)
                break
            if entity and per_player.get(entity, 0) >= 2 * ACTIONS_PER_PLAYER_PER_TICK:
                later.append(one)
                continue
            if entity:
                per_player[entity] = per_player.get(entity, 0) + 1
                self._expect(entity).waiting -= 1
            size += one.size
            taken.append(one)
        self.queue = later + self.queue
        return taken

    def settled(self) -> None:
        """A record is durable: forget what was expected of players for whom nothing waits."""
        tick = self.region.state.tick
        for entity, expected in list(self.expected.items()):
            player = self.region.state.players.get(entity)
            if player is None and expected.waiting <= 0:
                del self.expected[entity]
            elif player is not None and player.signed == player.number:
                expected.acting_since = 0
            elif not expected.acting_since:
                expected.acting_since = tick

    def drop(self, entity: int) -> list[Waiting]:
        """A body has left: what waited for it is not spent."""
        gone = [one for one in self.queue if getattr(one.said, "entity", 0) == entity]
        if gone:
            self.queue = deque(one for one in self.queue if getattr(one.said, "entity", 0) != entity)
        self.expected.pop(entity, None)
        return gone

    def moved(self, said: Input) -> Answer:
        """The answer to an input whose body is not here."""
        number, session = getattr(said, "number", 0), getattr(said, "session", 0)
        return Answer(getattr(said, "entity", 0), messages.STATUS_MOVED, number, bytes(32), 0, session)

    def _player(self, entity: int) -> Player | None:
        state = self.region.state
        if entity in state.players:
            return state.players[entity]
        return state.sleepers[entity].player if entity in state.sleepers else None

    def _expect(self, entity: int) -> Expected:
        if entity not in self.expected:
            player = self._player(entity)
            assert player is not None
            chains = {player.signed + 1 + place: chain for place, chain in enumerate(player.tail)}
            self.expected[entity] = Expected(player.number, player.chain, player.session, player.signed, chains)
        return self.expected[entity]

    def _offer_action(self, said: Acted, gateway: str) -> Answer | None:
        if said.entity not in self.region.state.players:
            asleep = said.entity in self.region.state.sleepers
            return self._last(said, messages.STATUS_SUPERSEDED) if asleep else self.moved(said)
        expected = self._expect(said.entity)
        if said.session != expected.session:
            return self._last(said, messages.STATUS_SUPERSEDED)
        if said.number != expected.number + 1:
            return self._out_of_order(said, expected)
        tick = self.region.state.tick
        overdue = expected.acting_since and tick - expected.acting_since >= HEAD_TICKS_MAX
        unsigned = expected.number - expected.signed
        if unsigned >= UNSIGNED_ACTIONS_MAX or overdue:
            return self._last(said, messages.STATUS_UNSIGNED)
        if len(self.queue) >= QUEUE_TOTAL or expected.waiting >= QUEUE_PER_PLAYER:
            return self._last(said, messages.STATUS_BUSY)
        chain = player_chain(expected.chain, said.number, said.body)
        covered = expected.covering is not None and expected.covering.chain == chain
        if _valuable(said.body) and not covered:
            return self._last(said, messages.STATUS_UNSIGNED)
        self._admit(said, gateway, expected, chain)
        if covered and expected.covering is not None:
            self._admit_head(expected.covering, said.number, expected)
        expected.covering = None
        return None

    def _offer_login(self, said: Login, gateway: str) -> Answer | None:
        player = self._player(said.entity)
        if player is None:
            return self.moved(said)
        if player.wallet != said.wallet or not self._certified(said):
            return self._last(said, messages.STATUS_INVALID)
        expected = self._expect(said.entity)
        if said.number != expected.number + 1:
            return self._out_of_order(said, expected)
        if len(self.queue) >= QUEUE_TOTAL or expected.number - expected.signed >= 2 * UNSIGNED_ACTIONS_MAX:
            return self._last(said, messages.STATUS_BUSY)
        self._admit(said, gateway, expected, player_chain(expected.chain, said.number, login_body(said)))
        expected.session = said.number
        return None

    def _offer_head(self, said: Head, gateway: str) -> Answer | None:
        if said.entity not in self.region.state.players:
            return self.moved(said)
        expected = self._expect(said.entity)
        player = self.region.state.players[said.entity]
        state = self.region.state
        message = player_head_message(self.world, state.era, said.entity, said.number, said.chain, said.seen)
        if said.number <= expected.signed:
            return self._last(said, messages.STATUS_HEAD)
        if said.number > expected.number + 1:
            return self._last(said, messages.STATUS_LAST)
        if not verify(ED25519, player.session_key, message, said.signature):
            return self._last(said, messages.STATUS_INVALID)
        head = Waiting(said, gateway, said.chain, _size(said))
        if said.number == expected.number + 1:
            expected.covering = head
            return None
        if expected.chains.get(said.number) != said.chain:
            return self._last(said, messages.STATUS_INVALID)
        if len(self.queue) >= QUEUE_TOTAL:
            return self._last(said, messages.STATUS_BUSY)
        self._admit_head(head, said.number, expected)
        return None

    def _admit_head(self, head: Waiting, number: int, expected: Expected) -> None:
        expected.signed, expected.acting_since = number, 0
        expected.chains = {later: chain for later, chain in expected.chains.items() if later > number}
        expected.waiting += 1
        self.queue.append(head)

    def _out_of_order(self, said: Acted | Login, expected: Expected) -> Answer | None:
        player = self._player(said.entity)
        waits_already = player is not None and player.number < said.number <= expected.number
        return None if waits_already else self._last(said, messages.STATUS_LAST)

    def _admit(self, said: Acted | Login, gateway: str, expected: Expected, chain: bytes) -> None:
        expected.number, expected.chain = said.number, chain
        expected.chains[said.number] = chain
        expected.acting_since = expected.acting_since or self.region.state.tick
        expected.waiting += 1
        self.queue.append(Waiting(said, gateway, chain, _size(said)))

    def _certified(self, said: Login | Birth) -> bool:
        return verify(ED25519, said.wallet, login_message(self.world, said), said.signature)

    def _admissible(self, said: Input) -> bool:
        """Doors for inputs without a body: a birth its wallet signed, a confirmation a node of the roster signed."""
        if isinstance(said, Birth):
            return self._certified(said)
        if isinstance(said, Confirmed):
            return said.node in self.region.state.nodes and verify(
                ED25519, said.node, confirmed_message(self.world, said), said.signature
            )
        if isinstance(said, OwnerSaid):
            return owner_signed(said.item, self.region.state.owner)
        return not isinstance(said, Outside)

    def _last(self, said: Acted | Login | Head, status: int) -> Answer:
        expected = self._expect(said.entity)
        player = self._player(said.entity)
        assert player is not None
        # Only what a record holds is told as last: what merely waits here could still be lost.
        session = said.session if isinstance(said, Acted) else expected.session
        return Answer(said.entity, status, player.number, player.chain, 0, session)


def owner_signed(raw: bytes, owner: bytes) -> bool:
    """Whether bytes are an ANS-104 item signed by the world's owner (`owner`: SHA-256 of its public key)."""
    try:
        item = parse_item(raw)
        item.verify()
    except ArchiveError:
        return False
    return hashlib.sha256(item.owner).digest() == owner


def confirmed_message(world: bytes, said: Confirmed) -> bytes:
    """What the archivist's node signs about a checkpoint that was read back and verified."""
    ends = b"".join(region + n.to_bytes(8, "little") + trim.to_bytes(8, "little") for region, n, trim in said.ends)
    return b"everloom-confirmed-1\0" + world + said.number.to_bytes(8, "little") + said.manifest + ends


def _valuable(body: bytes) -> bool:
    try:
        return isinstance(decode_action(body), VALUABLE)
    except ValueError:
        return False


def _size(said: Input) -> int:
    if isinstance(said, Acted):
        return 32 + len(said.body)
    if isinstance(said, Outside | OwnerSaid):
        return 16 + len(said.item)
    if isinstance(said, Confirmed):
        return 192 + 64 * len(said.ends)
    return 256
