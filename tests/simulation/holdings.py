"""What a region holds, read from its folded state: bodies, coins, assets with their holders, and what is on its way."""

from dataclasses import dataclass, field

from regions import letters
from regions.letters import Handover
from regions.parcels import Left, Returned
from regions.record import Mail
from regions.region_state import Region
from regions.world_process import Registry
from tests.simulation import small_rules
from tests.simulation.small_rules import Line
from world import borders, invariants
from world.state import ASSET_HOLDER, ASSET_ID, COINS, Counter, State


@dataclass
class Image:
    """A body that is no row."""

    entity: int
    coins: int
    assets: list[int]


@dataclass
class Flight:
    """A handover in an outbox: it counts until its receiver has taken this number."""

    to: int
    number: int
    image: Image
    wallet: bytes  # of the player; empty for others


@dataclass
class OnItsWay:
    """An asset in mail between a region and the world's process."""

    to: int
    number: int
    asset: int
    holder: int


@dataclass
class Held:
    """What one region has. `made` are coins minted less burned, `minted` assets."""

    entities: list[int] = field(default_factory=list)
    players: list[int] = field(default_factory=list)
    wallets: list[bytes] = field(default_factory=list)  # theirs
    coins: int = 0
    made: int = 0
    minted: int = -1  # assets ever minted here; -1: these rules do not count them
    assets: list[tuple[int, int]] = field(default_factory=list)  # (asset, holder: a body, or `outsider`)
    parcels: list[OnItsWay] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)

    def add(self, image: Image) -> None:
        """Count a body that rests here without a row."""
        self.entities.append(image.entity)
        self.coins += image.coins
        self.assets += [(asset, image.entity) for asset in image.assets]


def held(region: Region) -> Held:
    """Everything in a region's state."""
    out = Held()
    bodies, state = region.bodies, region.state
    if isinstance(bodies, Line):
        for body in bodies.bodies.values():
            out.entities.append(body.entity)
            out.coins += body.coins
            out.assets += [(asset, body.entity) for asset, _, _ in body.assets]
        out.made = bodies.minted
    elif isinstance(bodies, State):
        out.entities = [int(entity) for entity in bodies.index]
        coins, _ = invariants.holdings(bodies)
        out.coins, out.minted = coins, int(bodies.counters[Counter.ASSETS_MINTED])
        out.made = int(bodies.counters[Counter.COINS_MINTED] - bodies.counters[Counter.COINS_BURNED])
        columns = bodies.assets[:, : bodies.assets_used][[ASSET_ID, ASSET_HOLDER]].T.tolist()
        out.assets = [(asset, holder) for asset, holder in columns]
    out.players = list(state.players)
    out.wallets = [player.wallet for player in state.players.values()]
    for entity, sleeper in state.sleepers.items():
        out.players.append(entity)
        out.wallets.append(sleeper.player.wallet)
        if sleeper.image:
            out.add(_image(sleeper.image, isinstance(bodies, State)))
    for _, mail in state.parked:
        flight = _flight(0, mail, isinstance(bodies, State))
        if flight is not None:
            out.add(flight.image)
            if flight.wallet:
                out.players.append(flight.image.entity)
                out.wallets.append(flight.wallet)
    for near in state.neighbours:
        flights = [_flight(near.index, mail, isinstance(bodies, State)) for mail in near.outbox]
        out.flights += [flight for flight in flights if flight is not None]
        for mail in near.outbox:
            body = letters.decode_body(mail) if mail.kind in (letters.LEFT, letters.RETURNED) else None
            if isinstance(body, Left | Returned):
                address = body.to if isinstance(body, Left) else body.address
                out.parcels.append(OnItsWay(near.index, mail.number, body.asset, outsider(address)))
    out.assets += [(one.asset, outsider(one.to)) for one in state.escrow]
    if isinstance(bodies, Registry):
        out.assets += [(asset, outsider(one.holder)) for asset, one in bodies.abroad.items() if one.holder]
    return out


def outsider(address: bytes) -> int:
    """A holder outside, as a number that no body has."""
    return -1 - int.from_bytes(address[:8], "big")


def _flight(to: int, mail: Mail, full: bool) -> Flight | None:
    body = letters.decode_body(mail) if mail.kind == letters.HANDOVER else None
    if not isinstance(body, Handover):
        return None
    return Flight(to, mail.number, _image(body.image, full), body.player.wallet if body.player is not None else b"")


def _image(raw: bytes, full: bool) -> Image:
    if full:
        read = borders.read_image(raw)
        return Image(read.entity, int(read.columns[COINS]), [asset for asset, _, _ in read.assets])
    body = small_rules.read(raw)
    return Image(body.entity, body.coins, [asset for asset, _, _ in body.assets])
