"""What a region says to an outside wallet's read, as part of the record that holds the item, and so for ever.

A reply is one JSON object {"Data": text, "Tags": {name: text}}, at most REPLY_BYTES_MAX bytes; where a read names
something that is not here, {"Error": text}. It is taken of the state after the record. Acts have no reply: their
verdict says all.

    Info        of the region, and the wallet's own next Number where its body is here
    Balance     of Recipient, or the asker: its coins
    Balances    {address: coins} of the players here, BALANCES_MAX at a time; the tag Cursor begins the next page
    Holder      of Asset: the address of who holds it; of one in escrow, empty, with the tag Escrow: for whom. At the
                world's own process: who holds it outside, with the tag Next: the Number of its next Transfer
    Inventory   of Recipient, or the asker: coins, goods, assets
    Chronicle   the newest key events, as [number, record, time, kind, a, b, c, d, text]
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from archive.keys import b64
from regions.config import REPLY_BYTES_MAX
from regions.errors import RecordError
from regions.messages import Own, Question, Told
from regions.outside import Request, address_text, asset_of, recipient
from regions.region_state import Player, Region

TICKER: Final = "COIN"
BALANCES_MAX: Final = 16
TOLD_MAX: Final = 16
ASSETS_MAX: Final = 24
_encoder: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True)
class Unsigned:
    """A request of nobody in particular."""

    kind: str
    tags: tuple[tuple[str, str], ...]

    def tag(self, name: str) -> str:
        """The first tag of that name."""
        return next((value for key, value in self.tags if key == name), "")


def answer(region: Region, asked: Question) -> Told:
    """The reply to a question that no record holds."""
    sleepers = (sleeper.player for sleeper in region.state.sleepers.values())
    own = next((one.entity for one in (*region.state.players.values(), *sleepers) if one.address == asked.asker), 0)
    raw = reply(region, Unsigned(asked.kind, asked.tags), own)
    return Told(asked.reference, region.state.n, raw)


def reply(region: Region, asked: Request, own: int) -> bytes:
    """The reply to a read, taken of the region as it is. `own`: the asker's body here; 0 when it has none."""
    try:
        if asked.kind not in READERS:
            raise RecordError(f"{asked.kind!r} is none of {', '.join(READERS)}")
        data, tags = READERS[asked.kind](region, asked, own)
    except RecordError as error:
        return _encoder.encode({"Error": str(error)})
    text = data if isinstance(data, str) else _encoder.encode(data).decode()
    raw = _encoder.encode({"Data": text, "Tags": tags})
    return raw if len(raw) <= REPLY_BYTES_MAX else _encoder.encode({"Error": f"{len(raw)} bytes are too many to tell"})


Words = tuple[Any, dict[str, str]]


def _info(region: Region, asked: Request, own: int) -> Words:
    state = region.state
    bodies, moving = region.rules.counts(region.bodies)
    words: dict[str, Any] = {
        "Era": state.era,
        "Record": state.n,
        "Tick": state.tick,
        "Index": state.index,
        "Bodies": bodies,
        "Moving": moving,
        "Players": len(state.players),
        "Asleep": len(state.sleepers),
        "Checkpoint": state.checkpoint,
    }
    player = _player(region, own)
    if player is not None:
        words |= {"Entity": player.entity, "Next": f"{state.era}.{player.outside + 1}"}
    name = f"everloom region {state.index}" if state.index else "everloom world"
    return words, {"Name": name, "Ticker": TICKER, "Denomination": "0"}


def _player(region: Region, entity: int) -> Player | None:
    state = region.state
    if entity in state.sleepers:
        return state.sleepers[entity].player
    return state.players.get(entity)


def _whom(region: Region, asked: Request, own: int) -> tuple[Player, Own]:
    """Whose goods are asked for, and what they are. Who sleeps is found by the id of its body alone."""
    state, name = region.state, asked.tag("Recipient") or asked.tag("Target")
    entity = recipient(state.players.values())(name) if name else own
    player = _player(region, entity)
    if player is None:
        raise RecordError(f"{name or 'the asker'} is nobody whose body is awake in this region")
    if entity in state.players:
        return player, region.rules.own(region.bodies, entity)
    image = state.sleepers[entity].image
    return player, region.rules.carried(image) if image else Own(entity, 0, (), ())


def _balance(region: Region, asked: Request, own: int) -> Words:
    player, has = _whom(region, asked, own)
    account = address_text(player.address)
    return str(has.coins), {"Balance": str(has.coins), "Account": account, "Ticker": TICKER}


def _balances(region: Region, asked: Request, own: int) -> Words:
    state = region.state
    cursor = asked.tag("Cursor")
    entities = sorted(state.players)
    if cursor:
        entities = [one for one in entities if address_text(state.players[one].address) > cursor]
    named = sorted((address_text(state.players[one].address), one) for one in entities)
    page = {address: str(region.rules.own(region.bodies, one).coins) for address, one in named[:BALANCES_MAX]}
    more = {"Cursor": named[BALANCES_MAX - 1][0]} if len(named) > BALANCES_MAX else {}
    return page, {"Ticker": TICKER} | more


def _holder(region: Region, asked: Request, own: int) -> Words:
    asset = asset_of(asked)
    text = str(asset)
    abroad = region.rules.abroad(region.bodies, asset)
    if abroad is not None:
        address = address_text(abroad.holder)
        next_move = f"{region.state.era}.{abroad.moves + 1}"
        return address, {"Asset": text, "Holder": address, "Next": next_move, "Item": b64(abroad.id)}
    parcel = next((one for one in region.state.escrow if one.asset == asset), None)
    if parcel is not None:
        return "", {"Asset": text, "Escrow": address_text(parcel.to), "Record": str(parcel.n), "Item": b64(parcel.id)}
    entity = region.rules.holder(region.bodies, asset)
    player = region.state.players.get(entity)
    if player is None:
        raise RecordError(f"asset {text} is with nobody who is awake in this region")
    address = address_text(player.address)
    return address, {"Asset": text, "Holder": address, "Entity": str(entity)}


def _inventory(region: Region, asked: Request, own: int) -> Words:
    player, has = _whom(region, asked, own)
    words = {
        "Entity": player.entity,
        "Coins": has.coins,
        "Goods": has.goods,
        "Assets": [{"Id": asset, "Kind": kind, "Traits": traits} for asset, kind, traits in has.assets[:ASSETS_MAX]],
        "AssetsInAll": len(has.assets),
        "Asleep": player.entity in region.state.sleepers,
        "Next": f"{region.state.era}.{player.outside + 1}",
    }
    return words, {"Account": address_text(player.address)}


def _chronicle(region: Region, asked: Request, own: int) -> Words:
    return [(told.number, told.n, told.time_ms, *told.event) for told in region.state.chronicle[-TOLD_MAX:]], {}


READERS: Final = {
    "Info": _info,
    "Balance": _balance,
    "Balances": _balances,
    "Holder": _holder,
    "Inventory": _inventory,
    "Chronicle": _chronicle,
}
