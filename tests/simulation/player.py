"""A player of a simulation: the production client's session over a connection that may break, and a ledger of its own.

It moves, gathers, gives coins and assets to the others, sometimes from two places at once, and believes nothing but its
receipts. The ledger notes each of them as it was told.
"""

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from archive.keys import Ed25519Key
from clients.session import Acknowledged, News, Parted, Session, Undone, Unsure, Welcomed
from regions import gateway_verbs, protocol
from regions.errors import RecordError
from regions.protocol import Having
from tests.simulation.network import PLAYERS
from tests.simulation.small_rules import BREAKING, CURSE
from world.actions import Action, Gather, GiveAsset, GiveCoins, Move, Speak

if TYPE_CHECKING:
    from tests.simulation.gateway_process import GatewayProcess
    from tests.simulation.simulation import Simulation

ACT_US: Final = 300_000
SILENT_US: Final = 4_000_000
BROKEN_US: Final = 1_500_000


@dataclass(frozen=True)
class Receipt:
    """One line of the ledger."""

    era: int
    entity: int
    number: int
    chain: bytes
    body: bytes
    verdict: int
    status: int
    region: int
    n: int
    hash: bytes


class Connection:
    """A stream between a player and a gateway: nothing is lost or overtaken on it until it breaks."""

    def __init__(self, player: "Player", gateway: "GatewayProcess", number: int) -> None:
        self.player, self.gateway, self.number = player, gateway, number
        self.sim = player.sim
        self.open = True
        self._down_us = self._up_us = 0
        self._unread = 0
        gateway.clients[number] = self
        self._up(gateway_verbs.Connected(number, self.sim.randbytes(48)))

    def to_gateway(self, frames: list[bytes]) -> None:
        """What the client sends."""
        for frame in frames:
            self._up(gateway_verbs.Framed(self.number, frame))

    def _up(self, event: Any) -> None:
        network, schedule = self.sim.network, self.sim.schedule
        if network.cut(PLAYERS, self.gateway.host):
            self.lost()
            return
        slow_us = network.slowness_us(PLAYERS, self.gateway.host)
        self._up_us = max(self._up_us, schedule.now_us + slow_us)
        schedule.at(self._up_us, self.gateway.call, self._arrive, event)

    def _arrive(self, event: Any) -> None:
        if self.number in self.gateway.clients or isinstance(event, gateway_verbs.Connected):
            self.gateway.hear(event)

    def to_player(self, frame: bytes) -> None:
        """What the gateway sends."""
        if not self.open:
            return
        network, schedule = self.sim.network, self.sim.schedule
        if network.cut(self.gateway.host, PLAYERS):
            self.lost()
            return
        slow_us = network.slowness_us(self.gateway.host, PLAYERS)
        if self.player.slow_us:
            self.sim.met("slow player")
            slow_us += self.player.slow_us
            self._unread += len(frame)
            self._tell_backlog()
        self._down_us = max(self._down_us, schedule.now_us + slow_us)
        schedule.at(self._down_us, self._read, frame)

    def _read(self, frame: bytes) -> None:
        if self._unread:
            self._unread = max(0, self._unread - len(frame))
            self._tell_backlog()
        if self.open and self.player.connection is self:
            self.player.told(frame)

    def _tell_backlog(self) -> None:
        if self.gateway.alive:
            self.sim.schedule.after(
                0, self.gateway.call, self._arrive, gateway_verbs.Backlog(self.number, self._unread)
            )

    def lost(self) -> None:
        """Something did not get through: both ends notice in their own time."""
        if self.open:
            self.open = False
            self.sim.schedule.after(self.sim.random.randrange(BROKEN_US), self._notice)
            self.sim.schedule.after(self.sim.random.randrange(BROKEN_US), self._hang_up)

    def broken(self) -> None:
        """The gateway is dead."""
        self.open = False
        self.sim.schedule.after(1_000, self._notice)

    def closed(self, reason: str) -> None:
        """The gateway closes the connection, after what it has sent."""
        if self.open:
            self.sim.schedule.at(self._down_us + 1, self._notice)

    def leave(self) -> None:
        """The player closes the connection."""
        self.open = False
        self.sim.schedule.after(1_000, self._hang_up)

    def _notice(self) -> None:
        self.open = False
        if self.player.connection is self:
            self.player.parted()

    def _hang_up(self) -> None:
        if self.gateway.clients.pop(self.number, None) is not None:
            self.gateway.call(self.gateway.hear, gateway_verbs.Closed(self.number))


class Player:
    """One client of one wallet. Several may have the same wallet."""

    def __init__(self, sim: "Simulation", wallet: Ed25519Key, name: str) -> None:
        self.sim, self.wallet, self.name = sim, wallet, name
        self.random: Random = sim.stream(f"player {name}")
        self.session = Session(wallet, sim.era.world)
        self.connection: Connection | None = None
        self.ledger: list[Receipt] = []
        self.acting = True
        self.slow_us = 0
        self.away_until_us = 0  # long enough, and its body falls asleep
        self.flock = 0  # where it wants to go: -1 left, 1 right, 0 anywhere
        self.over = False
        self.out_since_us = 0  # when it was in the world last, while it is not
        self.coins = 0
        self.assets: list[int] = []
        self.sent: dict[
            tuple[int, bytes], list[tuple[int, int, int, bytes]]
        ] = {}  # by (when, what): under which numbers
        self._heard_us = 0
        sim.schedule.after(self.random.randrange(ACT_US), self._turn)

    def now_ms(self) -> int:
        """A player's clock is its own."""
        return self.sim.schedule.now_us // 1000

    def told(self, frame: bytes) -> None:
        """A frame from the gateway."""
        self._heard_us = self.sim.schedule.now_us
        if frame[0] == protocol.VIEW:
            self._send(self.session.signed_head(self.now_ms()))
            return
        before = self.session.era
        try:
            frames, news = self.session.told(self.now_ms(), frame[1:])
        except RecordError as error:
            self.sim.checker.door(self.name, str(error))
            self._leave()
            return
        for one in news:
            self._note(one)
        if before not in (0, self.session.era) and not any(isinstance(one, Undone) for one in news):
            self.sim.checker.not_told(self.name, before, self.session.era)
        if any(isinstance(one, Welcomed) for one in news):
            for number in self.session.pending:
                self._note_sent(number)
        self._send(frames)

    def _note_sent(self, number: int) -> None:
        """An action goes out; after a break perhaps once more, under another number."""
        session = self.session
        one = session.pending[number]
        self.sim.checker.asked(session.era, session.entity, number, one.body)
        name = session.era, session.entity, number, one.chain
        sent = self.sent.setdefault((one.acted_ms, one.body), [])
        sent += [] if name in sent else [name]

    def parted(self) -> None:
        """The connection is gone."""
        self.connection = None
        self._out()

    def _out(self) -> None:
        if self.session.welcome is not None:
            self.session.welcome, self.out_since_us = None, self.sim.schedule.now_us

    def kill(self) -> None:
        """The client dies and is started anew: what it was not told it does not know."""
        self._leave()
        self.session = Session(self.wallet, self.sim.era.world)

    def _leave(self) -> None:
        if self.connection is not None:
            connection, self.connection = self.connection, None
            connection.leave()
        self._out()

    def _note(self, news: News) -> None:
        session = self.session
        match news:
            case Acknowledged(entity, action, verdict, status, region, n, hash_):
                receipt = Receipt(
                    session.era, entity, action.number, action.chain, action.body, verdict, status, region, n, hash_
                )
                self.ledger.append(receipt)
                self.sim.checker.acked(self.name, receipt)
                self.sim.checker.done_twice(self.name, self.sent.pop((action.acted_ms, action.body), []))
            case Welcomed(entity, era, number, _):
                self.sim.checker.welcomed(self.name, era, entity, number)
                self.sim.entities[self.wallet.public] = entity
            case Undone(era, number, acked, _):
                self.sim.checker.undone(self.name, session.entity, era, number, acked)
            case Unsure():
                pass
            case Having(coins, _, assets):
                self.coins, self.assets = coins, [one[0] for one in assets]
            case Parted(_, superseded):
                self.over = self.over or superseded
                self._leave()
            case _:
                pass

    def _send(self, frames: list[bytes]) -> None:
        if self.connection is not None and frames:
            self.connection.to_gateway(frames)

    def _turn(self) -> None:
        """Connect, act, sign: every so often."""
        self.sim.schedule.after(self.random.randrange(ACT_US // 2, ACT_US * 2), self._turn)
        now_us = self.sim.schedule.now_us
        if self.connection is None:
            if not self.over and now_us >= self.away_until_us:
                self._connect()
            return
        if now_us - self._heard_us > SILENT_US:
            self._leave()
            return
        if self.acting and self.session.welcome is not None and self.session.room > 16:
            self._send(self.session.act(self.now_ms(), self._wish()))
            self._note_sent(self.session.number)
        self._send(self.session.signed_head(self.now_ms()))

    def _connect(self) -> None:
        doors = [door for door in self.sim.doors if door.alive]
        if not doors:
            return
        self._heard_us = self.sim.schedule.now_us
        self.connection = Connection(self, self.random.choice(doors), self.sim.next_client())
        self.connection.to_gateway(self.session.opened(self.random.randbytes(32)))

    def _wish(self) -> Action:
        chance = self.random.random()
        others = [entity for wallet, entity in self.sim.entities.items() if wallet != self.wallet.public]
        if chance < 0.45 or not others:
            way = self.flock or self.random.choice((-1, 1, 1, -1, 0))
            return Move(100 * way, self.random.choice((-100, 0, 100)))
        if chance < 0.65:
            return Gather(self.random.randrange(64), self.random.randrange(64))
        if chance < 0.8:
            return GiveCoins(self.random.choice(others), self.random.randrange(1, 5))
        if self.sim.poison and chance < 0.83:
            self.sim.met("poison")
            return Speak(self.random.choice((BREAKING, CURSE)))
        if self.assets and chance < 0.97:
            return GiveAsset(self.random.choice(others), self.random.choice(self.assets))
        return Gather(1, 1)
