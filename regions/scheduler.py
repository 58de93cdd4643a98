"""Admits or refuses inputs, keeps their order, and closes the inputs of a tick.

What is admitted waits here, in order, until a tick takes it. Nothing here is durable: an owner that dies forgets what
it had admitted, and the gateways send it again. So a number is spent only by the record that holds it.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from archive.keys import ED25519, verify
from regions import messages
from regions.config import (
    HEAD_TICKS_MAX,
    INPUT_BYTES_MAX,
    OUTSIDE_PER_TICK,
    QUEUE_PER_PLAYER,
    QUEUE_TOTAL,
    UNSIGNED_ACTIONS_MAX,
    UNSIGNED_KEPT_MAX,
)
from regions.items import Items
from regions.letters import WORLD
from regions.lift import lifts
from regions.messages import Answer
from regions.record import (
    Acted,
    Birth,
    Confirmed,
    Head,
    Input,
    Login,
    Order,
    Outside,
    OwnerSaid,
    login_body,
    login_message,
    player_chain,
    player_head_message,
)
from regions.region_state import Player, Region
from regions.waiting import Waiting
from world.actions import VALUABLE, decode_action
from world.units import ACTIONS_PER_PLAYER_PER_TICK, ACTIONS_PER_TICK


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

    def sign(self, number: int) -> None:
        """A head up to this number waits, too."""
        if number > self.signed:
            self.signed, self.acting_since = number, 0
            self.chains = {later: chain for later, chain in self.chains.items() if later > number}


class Scheduler:
    """Admission for one region. `world` is the world's id; `region` is read, never written."""

    def __init__(self, world: bytes, region: Region) -> None:
        self.world = world
        self.queue: deque[Waiting] = deque()
        self.items = Items(region)
        self.expected: dict[int, Expected] = {}

    @property
    def region(self) -> Region:
        """The region that is looked at; another one when its owner had to build it anew."""
        return self.items.region

    @region.setter
    def region(self, region: Region) -> None:
        self.items.region = region

    @property
    def waits(self) -> bool:
        """Whether anything waits for a record."""
        return bool(self.queue or self.items.queue)

    def offer_all(self, inputs: Iterable[Input], gateway: str) -> tuple[Answer, ...]:
        """Admit a batch, in its order; what is to be said at once.

        The same word is said once. After a refused action those that follow it in its session would leave a gap: they
        are passed over, as their gateway sends them again with it.
        """
        answers: dict[Answer, None] = {}
        refused: dict[tuple[int, int], int] = {}  # by body and session: the number
        for said in inputs:
            if type(said) is Acted:
                session = said.entity, said.session
                if said.number > refused.get(session, said.number):
                    continue
                answer = self._offer_action(said, gateway)
                if answer is None or answer.status == messages.STATUS_LAST:
                    refused.pop(session, None)
                else:
                    refused[session] = said.number
            else:
                answer = self.offer(said, gateway)
            if answer is not None:
                answers[answer] = None
        return tuple(answers)

    def offer(self, said: Input, gateway: str) -> Answer | None:
        """Admit an input, or say why not. None: it waits, and is answered when a record holds it."""
        # `type(x) is` here and below for the reason that `regions.compute` gives.
        if type(said) is Acted:
            return self._offer_action(said, gateway)
        if type(said) is Head:
            return self._offer_head(said, gateway)
        if type(said) is Login:
            return self._offer_login(said, gateway)
        if type(said) is Outside:
            return self.items.offer(said, gateway)
        if isinstance(said, OwnerSaid):
            full = any(isinstance(one.said, OwnerSaid) for one in self.queue)  # in a halt all the others wait for it
        else:
            full = len(self.queue) >= QUEUE_TOTAL
        if not full and self._admissible(said):
            self.queue.append(Waiting(said, gateway, size=_size(said)))
        return None

    def close(self, cautious: bool) -> list[Waiting]:
        """Take the inputs of a tick, in order, as far as its limits go; `cautious` takes one."""
        taken: list[Waiting] = []
        later: deque[Waiting] = deque()
        acted: dict[int, int] = {}
        held: set[int] = set()  # bodies of which something waits on: the rest does too
        size = actions = 0
        while self.queue and actions < ACTIONS_PER_TICK and not (cautious and taken):
            one = self.queue.popleft()
            entity = _entity(one.said)
            acts = type(one.said) is Acted or type(one.said) is Login
            parts = one.both()
            grown = size + sum([part.size for part in parts])
            if grown > INPUT_BYTES_MAX:
                later.append(one)
                break
            if entity in held or (acts and acted.get(entity, 0) >= ACTIONS_PER_PLAYER_PER_TICK):
                held.add(entity)
                later.append(one)
                continue
            if entity:
                acted[entity] = acted.get(entity, 0) + acts
                self._expect(entity).waiting -= len(parts)
            actions += acts
            size = grown
            taken += parts
        self.queue = later + self.queue
        if not (cautious and taken):
            taken += self.items.close(INPUT_BYTES_MAX - size, 1 if cautious else OUTSIDE_PER_TICK)
        return taken

    def put_back(self, taken: list[Waiting]) -> None:
        """No record will hold these after all: they wait again, before all others."""
        self.items.put_back([one for one in taken if isinstance(one.said, Outside)])
        taken = [one for one in taken if not isinstance(one.said, Outside)]
        heads = {id(one.head) for one in taken}
        self.queue.extendleft(one for one in reversed(taken) if id(one) not in heads)
        for one in taken:
            if _entity(one.said):
                self._expect(_entity(one.said)).waiting += 1

    def lift(self) -> Waiting | None:
        """Take what lifts the halt in which the region is, if it has come."""
        found = next((one for one in self.queue if isinstance(one.said, OwnerSaid)), None)
        self.queue = deque(one for one in self.queue if not isinstance(one.said, OwnerSaid))
        return found if found is not None and self._admissible(found.said) else None

    def settled(self) -> None:
        """A record is durable: forget what was expected of players for whom nothing waits."""
        self.items.settled()
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
        """Forget all that waits for a body, and what was expected of it: nothing of it is spent."""
        gone = [one for one in self.queue if _entity(one.said) == entity]
        if gone:
            self.queue = deque(one for one in self.queue if _entity(one.said) != entity)
        self.expected.pop(entity, None)
        return [part for one in gone for part in one.both()]

    def forget(self, said: Input) -> None:
        """No record can hold this input, admitted by mistake: what it was built on is forgotten with it."""
        if _entity(said):
            self.drop(_entity(said))

    def gone(self, entity: int) -> list[tuple[str, Answer]]:
        """A body has left or fallen asleep: what is to be told, to which gateway, about all that waited for it."""
        asleep = entity in self.region.state.sleepers
        items = [] if asleep else self.items.drop(entity)  # an item wakes whom it is for
        return items + [
            (one.gateway, self._last(one.said, messages.STATUS_SUPERSEDED) if asleep else self.moved(one.said))
            for one in self.drop(entity)
            if isinstance(one.said, Acted | Login | Head)
        ]

    def moved(self, said: Acted | Login | Head) -> Answer:
        """The answer to an input whose body is not here."""
        session = said.session if isinstance(said, Acted) else 0
        return Answer(said.entity, messages.STATUS_MOVED, said.number, bytes(32), 0, session)

    def _player(self, entity: int) -> Player | None:
        state = self.region.state
        if entity in state.players:
            return state.players[entity]
        return state.sleepers[entity].player if entity in state.sleepers else None

    def _expect(self, entity: int) -> Expected:
        expected = self.expected.get(entity)
        if expected is None:
            player = self._player(entity)
            assert player is not None
            chains = {player.signed + 1 + place: chain for place, chain in enumerate(player.tail)}
            expected = Expected(player.number, player.chain, player.session, player.signed, chains)
            self.expected[entity] = expected
        return expected

    def _offer_action(self, said: Acted, gateway: str) -> Answer | None:
        player = self.region.state.players.get(said.entity)
        if player is None:
            asleep = said.entity in self.region.state.sleepers
            return self._last(said, messages.STATUS_SUPERSEDED) if asleep else self.moved(said)
        expected = self._expect(said.entity)
        if said.session != expected.session:
            # While the login that ends this session only waits, nobody may learn of it.
            waits = said.session == player.session
            return self._last(said, messages.STATUS_BUSY if waits else messages.STATUS_SUPERSEDED)
        if said.number != expected.number + 1:
            return self._out_of_order(said, expected)
        chain = player_chain(expected.chain, said.number, said.body)
        head = expected.covering
        if head is None or head.chain != chain:
            head = None
            if valuable(said.body) or self._unsigned(expected):
                return self._last(said, messages.STATUS_UNSIGNED)
        if len(self.queue) >= QUEUE_TOTAL or expected.waiting >= QUEUE_PER_PLAYER:
            return self._last(said, messages.STATUS_BUSY)
        self._admit(said, gateway, expected, chain, head)
        expected.covering = None
        return None

    def _unsigned(self, expected: Expected) -> bool:
        """Whether the player owes a head before it may act again."""
        acting = self.region.state.tick - expected.acting_since if expected.acting_since else 0
        return expected.number - expected.signed >= UNSIGNED_ACTIONS_MAX or acting >= HEAD_TICKS_MAX

    def _offer_login(self, said: Login, gateway: str) -> Answer | None:
        player = self._player(said.entity)
        if player is None:
            return self.moved(said)
        if player.wallet != said.wallet or not self._certified(said):
            return self._last(said, messages.STATUS_INVALID)
        expected = self._expect(said.entity)
        if said.number != expected.number + 1:
            return self._out_of_order(said, expected)
        if len(self.queue) >= QUEUE_TOTAL or expected.waiting >= QUEUE_PER_PLAYER:
            return self._last(said, messages.STATUS_BUSY)
        self._admit(said, gateway, expected, player_chain(expected.chain, said.number, login_body(said)))
        expected.session = said.number
        expected.sign(max(expected.signed, said.number - UNSIGNED_KEPT_MAX))  # as regions.players does
        return None

    def _offer_head(self, said: Head, gateway: str) -> Answer | None:
        state = self.region.state
        player = state.players.get(said.entity)
        if player is None:
            return self.moved(said)
        expected = self._expect(said.entity)
        if said.number <= player.signed:
            chain = player.chain if player.signed == player.number else bytes(32)  # others are not kept
            return replace(self._last(said, messages.STATUS_HEAD), number=player.signed, chain=chain)
        if said.number <= expected.signed:
            return None  # a head that covers it waits, and will be answered
        if said.number > expected.number + 1:
            return self._last(said, messages.STATUS_GAP)
        message = player_head_message(self.world, state.era, said.entity, said.number, said.chain, said.seen)
        if not verify(ED25519, player.session_key, message, said.signature):
            return self._last(said, messages.STATUS_INVALID)
        head = Waiting(said, gateway, said.chain, _size(said))
        if said.number == expected.number + 1:
            expected.covering = head
            return None
        if expected.chains.get(said.number) != said.chain:
            return self._last(said, messages.STATUS_INVALID)
        if len(self.queue) >= QUEUE_TOTAL or expected.waiting >= 2 * QUEUE_PER_PLAYER:
            return self._last(said, messages.STATUS_BUSY)
        expected.sign(said.number)
        expected.waiting += 1
        self.queue.append(head)
        return None

    def _out_of_order(self, said: Acted | Login, expected: Expected) -> Answer | None:
        """A number that is spent, one that waits already, or one before which something is missing. Only the last is
        sent again: a repetition that was taken for a loss would be repeated in its turn."""
        if said.number > expected.number:
            return self._last(said, messages.STATUS_GAP)
        player = self._player(said.entity)
        waits_already = player is not None and player.number < said.number
        return None if waits_already else self._last(said, messages.STATUS_LAST)

    def _admit(
        self, said: Acted | Login, gateway: str, expected: Expected, chain: bytes, head: Waiting | None = None
    ) -> None:
        expected.number, expected.chain = said.number, chain
        expected.chains[said.number] = chain
        expected.acting_since = expected.acting_since or self.region.state.tick
        if head is not None:
            expected.sign(said.number)
        one = Waiting(said, gateway, chain, _size(said), head)
        expected.waiting += len(one.both())
        self.queue.append(one)

    def _certified(self, said: Login | Birth) -> bool:
        return verify(ED25519, said.wallet, login_message(self.world, said), said.signature)

    def _admissible(self, said: Input) -> bool:
        """Doors for inputs without a body: a birth its wallet signed, a confirmation a node of the roster signed, what
        the owner signed to lift a halt."""
        state = self.region.state
        if isinstance(said, OwnerSaid):
            return lifts(state, said.item)
        if state.index != WORLD:
            return False
        if isinstance(said, Birth):
            return self._certified(said)
        if isinstance(said, Confirmed):
            message = confirmed_message(self.world, said)
            return said.node in state.nodes and verify(ED25519, said.node, message, said.signature)
        return isinstance(said, Order)

    def _last(self, said: Acted | Login | Head, status: int) -> Answer:
        player = self._player(said.entity)
        assert player is not None
        # Only what a record holds is told as last: what merely waits here could still be lost.
        session = said.session if isinstance(said, Acted) else player.session
        return Answer(said.entity, status, player.number, player.chain, 0, session)


def confirmed_message(world: bytes, said: Confirmed) -> bytes:
    """What the archivist's node signs about a checkpoint that was read back and verified."""
    ends = b"".join(region + n.to_bytes(8, "little") + trim.to_bytes(8, "little") for region, n, trim in said.ends)
    return b"everloom-confirmed-1\0" + world + said.number.to_bytes(8, "little") + said.manifest + said.maker + ends


def _entity(said: Input) -> int:
    return said.entity if type(said) is Acted or type(said) is Head or type(said) is Login else 0


def valuable(body: bytes) -> bool:
    """Whether an action moves something of worth, so that a head which covers it must stand in its record."""
    try:
        return type(decode_action(body)) in VALUABLE
    except ValueError:
        return False


def _size(said: Input) -> int:
    if type(said) is Acted:
        return 32 + len(said.body)
    if isinstance(said, OwnerSaid):
        return 16 + len(said.item)
    if isinstance(said, Confirmed):
        return 192 + 64 * len(said.ends)
    return 256
