"""Small rules in plain Python: bodies on a line, coins, assets, giving, crossing. What the protocol needs, no more.

A state is a value of `Line`; its bytes are MessagePack. Regions lie one after another along x, `SPAN_X` long each.
`GATHERED` is the rule constant that tests change to see whether re-execution notices.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from archive.assets import Face
from regions import letters
from regions.holdings import Holding, outside
from regions.letters import Handover
from regions.messages import Own
from regions.parcels import Abroad
from regions.region_state import Command, Commanded, Region, Told
from world.actions import Action, Gather, GiveAsset, GiveCoins, Move, Speak
from world.events import Event, Kind, Refusal
from world.phases import Mark, unmarked
from world.png import png
from world.state import make_id
from world.tick import Inputs, Outputs

SPAN_X: Final = 1000
ROWS: Final = 64
STEP: Final = 23
GATHERED = 1  # coins of one gathering
FIND_ODDS: Final = 3
BREAKING: Final = "break"  # whoever says this makes the rules raise
CURSE: Final = "curse"  # whoever says this makes a wanderer of its region one that no other region can take in
CURSED: Final = 3


class Struct(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A MessagePack array with exactly these fields."""


class Body(Struct):
    """Who stands where with what; `assets` are [id, kind, traits]."""

    entity: int
    kind: int  # 1 player, 2 wanderer, 3 a cursed one
    x: int
    way: int
    hop: int
    coins: int
    assets: list[tuple[int, int, int]]


class Line(Struct):
    """One region: bodies by id, the next id's number, coins minted."""

    index: int
    regions: int
    era: int
    made: int
    minted: int
    bodies: dict[int, Body]


_state: Final = msgspec.msgpack.Decoder(Line)
_body: Final = msgspec.msgpack.Decoder(Body)
_encoder: Final = msgspec.msgpack.Encoder()


class SmallRules:
    """`regions.region_state.Rules` over `Line`."""

    def __init__(self, regions: int = 2, wanderers: int = 3, rows: int = ROWS, gathered: int | None = None) -> None:
        self.regions, self.wanderers, self.rows, self.gathered = regions, wanderers, rows, gathered

    def fresh(self, index: int) -> Line:
        """A region's first state."""
        line = Line(index, self.regions, 1, 0, 0, {})
        for number in range(self.wanderers):
            entity = _id(line)
            line.bodies[entity] = Body(entity, 2, (index - 1) * SPAN_X + 300 * (number + 1), 0, 0, 5, [])
            line.minted += 5
        return line

    def advance(self, state: Line, inputs: Inputs, mark: Mark = unmarked) -> Outputs:
        out = Outputs()
        for image in inputs.arrivals:
            body = read(image)
            if body.kind == CURSED:
                raise ZeroDivisionError("a rule with a fault for some who arrive")
            state.bodies[body.entity] = body
            out.events.append(Event(Kind.ARRIVED, body.entity, body.hop))
        for entity, spawn in inputs.births:
            state.bodies[entity] = Body(entity, 1, (state.index - 1) * SPAN_X + 500 + spawn % 7, 0, 0, 0, [])
            out.events.append(Event(Kind.BORN, entity, 1))
        for entity, action in inputs.actions:
            out.verdicts.append(int(self._act(state, inputs.key, entity, action, out.events)))
        room = list(inputs.open)
        for entity, body in sorted(state.bodies.items()):
            if body.kind == 2:
                body.way = draw(inputs.key, entity, 1) % 3 - 1
            elif body.kind == CURSED:
                body.way = 1 if state.index < state.regions else -1  # it must meet a border to do harm
            self._walk(state, body, room, out)
        out.ghosts = [self._ghosts(state)] * len(inputs.open)
        state.bodies = dict(sorted(state.bodies.items()))
        return out

    def _act(self, state: Line, key: bytes, entity: int, action: Action, events: list[Event]) -> Refusal:
        body = state.bodies.get(entity)
        if body is None:
            return Refusal.NO_SUCH_TARGET
        if isinstance(action, Move):
            body.way = (action.dx > 0) - (action.dx < 0)
            return Refusal.DONE
        if isinstance(action, Gather):
            gathered = GATHERED if self.gathered is None else self.gathered
            body.coins += gathered
            state.minted += gathered
            if draw(key, entity, 2) % FIND_ODDS == 0:
                asset, traits = _id(state), draw(key, entity, 3) >> 1
                body.assets.append((asset, 1, traits))
                events.append(Event(Kind.MINTED, asset, entity, 1, 0))
            return Refusal.DONE
        if isinstance(action, GiveCoins | GiveAsset):
            other = state.bodies.get(action.target)
            return Refusal.NO_SUCH_TARGET if other is None else _give(body, other, action)
        if isinstance(action, Speak) and action.text == BREAKING:
            raise ZeroDivisionError("a rule with a fault")
        if isinstance(action, Speak) and action.text == CURSE:
            for wanderer in [one for one in state.bodies.values() if one.kind == 2][:1]:
                wanderer.kind = CURSED
            return Refusal.DONE
        return Refusal.NOT_AN_ACTION

    def _walk(self, state: Line, body: Body, room: list[int], out: Outputs) -> None:
        left, right = (state.index - 1) * SPAN_X, state.index * SPAN_X
        body.x += body.way * STEP
        there = state.index - 1 if body.x < left else state.index + 1 if body.x >= right else state.index
        place = 0 if there < state.index or state.index == 1 else 1
        if there == state.index:
            return
        if not 1 <= there <= state.regions or place >= len(room) or room[place] < 1:
            body.x = min(max(body.x, left), right - 1)
            return
        room[place] -= 1
        body.hop += 1
        del state.bodies[body.entity]
        out.departures.append((place, body.entity, _encoder.encode(body)))
        out.events.append(Event(Kind.LEFT, body.entity, body.hop, place))

    def _ghosts(self, state: Line) -> bytes:
        left, right = (state.index - 1) * SPAN_X, state.index * SPAN_X
        near = [(one.entity, one.x) for one in state.bodies.values() if one.x - left < 50 or right - one.x < 50]
        return bytes(_encoder.encode(near)) if near else b""

    def command(self, state: Line, era: int, said: Command) -> Commanded:
        return Commanded(Refusal.NOT_AN_ACTION, [])

    def encode(self, state: Line) -> bytes:
        return bytes(_encoder.encode(state))

    def decode(self, raw: bytes) -> Line:
        try:
            return _state.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise ValueError(f"not a line: {error}") from None

    def free_rows(self, state: Line) -> int:
        return self.rows - len(state.bodies)

    def has(self, state: Line, entity: int) -> bool:
        return entity in state.bodies

    def ghosts_fit(self, state: Line, ghosts: bytes) -> bool:
        return True

    def sleep(self, state: Line, entity: int) -> bytes:
        return bytes(_encoder.encode(state.bodies.pop(entity)))

    def entity_of(self, image: bytes) -> tuple[int, int, int]:
        body = read(image)
        return body.entity, body.hop, body.kind

    def own(self, state: Line, entity: int) -> Own:
        body = state.bodies.get(entity)
        return Own(entity, body.coins, (), tuple(body.assets)) if body else Own(entity, 0, (), ())

    def carried(self, image: bytes) -> Own:
        body = read(image)
        return Own(body.entity, body.coins, (), tuple(body.assets))

    def holder(self, state: Line, asset: int) -> int:
        held = (body.entity for body in state.bodies.values() if any(one[0] == asset for one in body.assets))
        return next(held, 0)

    def take_out(self, state: Line, entity: int, asset: int) -> tuple[int, int] | None:
        body = state.bodies.get(entity)
        held = [one for one in body.assets if one[0] == asset] if body is not None else []
        if body is None or not held:
            return None
        body.assets.remove(held[0])
        return held[0][1:]

    def put_in(self, state: Line, entity: int, asset: int, kind: int, traits: int) -> bool:
        if entity not in state.bodies:
            return False
        state.bodies[entity].assets.append((asset, kind, traits))
        return True

    def abroad(self, state: Line, asset: int) -> Abroad | None:
        return None

    def hop(self, state: Line, entity: int) -> int:
        return state.bodies[entity].hop if entity in state.bodies else 0

    def counts(self, state: Line) -> tuple[int, int]:
        return len(state.bodies), sum(body.way != 0 for body in state.bodies.values())

    def begin_era(self, state: Line, era: int) -> None:
        state.era, state.made = era, 0


def read(image: bytes) -> Body:
    """A body on its way."""
    try:
        return _body.decode(image)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a body: {error}") from None


def draw(key: bytes, entity: int, purpose: int) -> int:
    """64 bits."""
    return int.from_bytes(sha256(key + entity.to_bytes(8, "little") + bytes([purpose])).digest()[:8], "little")


def _id(state: Line) -> int:
    state.made += 1
    return make_id(state.era, state.index, state.made)


def _give(body: Body, other: Body, action: GiveCoins | GiveAsset) -> Refusal:
    if isinstance(action, GiveCoins):
        if body.coins < action.coins:
            return Refusal.NOT_ENOUGH
        body.coins -= action.coins
        other.coins += action.coins
        return Refusal.DONE
    held = [asset for asset in body.assets if asset[0] == action.asset]
    if not held:
        return Refusal.NOT_YOURS
    body.assets.remove(held[0])
    other.assets.append(held[0])
    return Refusal.DONE


# What the archive names one by one.


def holdings(region: Region) -> list[Holding]:
    """`regions.holdings.Kit.holdings`."""
    bodies: list[tuple[Body, tuple[int, int] | None]] = []
    if isinstance(region.bodies, Line):
        bodies += [(body, None) for body in region.bodies.bodies.values()]
    bodies += [(read(sleeper.image), None) for sleeper in region.state.sleepers.values() if sleeper.image]
    for near in region.state.neighbours:
        for mail in near.outbox:
            body = letters.decode_body(mail) if mail.kind == letters.HANDOVER else None
            if isinstance(body, Handover):
                bodies.append((read(body.image), (near.index, mail.number)))
    held = [
        Holding(asset, kind, traits, body.entity, mail) for body, mail in bodies for asset, kind, traits in body.assets
    ]
    return held + outside(region)


def face(asset: int, kind: int, traits: int) -> Face:
    """`regions.holdings.Kit.face`: four pixels."""
    pixels = [[traits & 1, traits >> 1 & 1], [traits >> 2 & 1, traits >> 3 & 1]]
    return Face(asset, f"Thing {traits % 997}", "A thing.", ("thing",), png(pixels, [(0, 0, 0), (255, 255, 255)], 1))


def metadata(world: str, asset: int, kind: int, traits: int, image: str) -> bytes:
    """`regions.holdings.Kit.metadata`."""
    return bytes(msgspec.json.encode({"name": f"Thing {traits % 997}", "image": image, "description": world}))


def line(index: int, told: Told) -> dict[str, Any]:
    """`regions.holdings.Kit.line`."""
    what: Sequence[int] = told.event[1:5]
    return {"region": index, "number": told.number, "record": told.n, "what": list(what), "kind": told.event[0]}
