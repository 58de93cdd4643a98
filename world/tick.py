"""`advance(state, inputs) -> outputs`: the one place where the order of rules is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from world import (
    births,
    borders,
    collision,
    combat,
    deeds,
    economy,
    ghosts,
    mail,
    markets,
    missiles,
    movement,
    npc,
    piles,
    routes,
    trade,
)
from world.actions import Action, Gather, Move, Shoot, Strike
from world.draws import seeds
from world.events import Event, Kind
from world.genesis import genesis
from world.items import STONE
from world.kinds import PLAYER
from world.phases import Mark, Phase, unmarked
from world.state import GOODS_0, HOP, KIND, MODE, Counter, Int64s, State
from world.tilemap import TREE, WALL, make_map
from world.turn import Turn

PERCEIVE = 1
"""1: the NPCs perceive. The control tests of behaviour set 0 and see them fail."""


@dataclass(frozen=True)
class Inputs:
    """What one tick may depend on beside the state, in canonical order.

    `key` is 32 bytes that no player could foresee, from which every draw of the tick follows. `actions` are admitted
    ones: (entity id, action). `arrivals` are bodies as `outputs.departures` of a neighbour carried them, or as `sleep`
    returned them. `births` are new players: (entity id, spawn number). `mail` is what a neighbour's rules sent.
    `ghosts` are the neighbours' images, one packed array each. `open` says per neighbour how many bodies may leave for
    it now; at 0 the border is solid.
    """

    key: bytes
    actions: Sequence[tuple[int, Action]] = ()
    arrivals: Sequence[bytes] = ()
    births: Sequence[tuple[int, int]] = ()
    mail: Sequence[bytes] = ()
    ghosts: Sequence[bytes] = ()
    open: Sequence[int] = ()


@dataclass
class Outputs:
    """What a tick says to the outside: a verdict per action (`Refusal`), events, and what goes to which neighbour.

    `departures` are (neighbour index, entity id, body bytes), their rows already freed; `mail` is (neighbour index,
    bytes); `ghosts` one packed array per neighbour.
    """

    verdicts: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    departures: list[tuple[int, int, bytes]] = field(default_factory=list)
    mail: list[tuple[int, bytes]] = field(default_factory=list)
    ghosts: list[bytes] = field(default_factory=list)


def advance(state: State, inputs: Inputs, mark: Mark = unmarked) -> Outputs:
    """One tick: `state` is changed in place. ValueError or OverflowError for inputs that no honest neighbour or owner
    makes (see `world.borders`); the state is then half done and must be built again. `mark` is told what is begun.
    """
    mark(Phase.INPUTS)
    out = Outputs()
    for image in inputs.arrivals:
        _arrive(state, image, out)
    for entity, spawn in inputs.births:
        out.events.append(births.player_born(state, entity, spawn))
    turn = Turn(state, ghosts.read_ghosts(state, inputs.ghosts), seeds(inputs.key), out.events, out.mail)
    for raw in inputs.mail:
        _receive(turn, raw)
    for entity, action in inputs.actions:
        out.verdicts.append(int(deeds.act(turn, entity, action)))
    trade.expire(turn)
    routes.refresh(state)
    mark(Phase.NPCS)
    for biter, bitten in _minds(turn):
        combat.bite(turn, biter, bitten)
    markets.hold(turn)
    mark(Phase.PHYSICS)
    room = _room(state, inputs.open)
    _motion(turn, room)
    mark(Phase.LETTERS)
    for neighbour, entity, hop, image in borders.depart(state, room):
        out.departures.append((neighbour, entity, image))
        out.events.append(Event(Kind.LEFT, entity, hop, neighbour))
    mark(Phase.RULES)
    out.events += births.pay_births(state)
    economy.regrow(state)
    economy.refill_finds(state)
    mark(Phase.LETTERS)
    out.ghosts = ghosts.show(state)
    state.counters[Counter.TICK] += 1
    return out


def _minds(turn: Turn) -> list[tuple[int, int]]:
    """Let the NPCs decide; (biter id, bitten id) of those that bite."""
    state, table = turn.state, turn.ghosts.table
    (seed_0, seed_1), (left, top), tick = turn.seeds, state.window, int(state.counters[Counter.TICK])
    bites = npc.think(
        PERCEIVE,
        tick,
        seed_0,
        seed_1,
        state.rows,
        state.ids,
        state.used,
        table,
        state.blocked,
        state.opaque,
        state.feature,
        state.stock,
        left,
        top,
        state.land_box,
        state.paths,
        state.species,
        state.flows,
        state.counters,
        state.goals,
        state.ways,
    )
    ids, across = state.ids, turn.ghosts.ids
    return [(int(ids[biter]), int(ids[row] if row >= 0 else across[-1 - row])) for biter, row in bites.tolist()]


def _motion(turn: Turn, room: Int64s) -> None:
    """Timers, velocities, positions; piles whose time is over go."""
    state, solid = turn.state, ghosts.solid_ghosts(turn.ghosts)
    (left, top), tick = state.window, int(state.counters[Counter.TICK])
    over = movement.walk(state.rows, state.used, state.terrain, left, top, tick, state.species)
    ground = collision.Ground(state.blocked, state.walls, left, top, state.land_box, state.border_boxes, room)
    collision.settle(state.rows, state.used, solid, ground, state.species)
    missiles.move(turn)
    piles.rot(state, over)


def _receive(turn: Turn, raw: bytes) -> None:
    match mail.decode_mail(raw):
        case mail.Blow() as blow:
            combat.receive(turn, blow)
        case mail.TileChange() as change:
            mail.apply_tile(turn.state, change)


def sleep(state: State, entity: int) -> bytes:
    """Take a body out of the world; the image that `Inputs.arrivals` brings it back from. KeyError if not here."""
    row = state.index[entity]
    if state.rows[KIND, row] == PLAYER:
        state.rows[MODE, row] = borders.ASLEEP
    return borders.remove(state, entity)


def _arrive(state: State, image: bytes, out: Outputs) -> None:
    row, wakes = borders.arrive(state, image)
    entity = int(state.ids[row])
    hop = int(state.rows[HOP, row])
    out.events.append(Event(Kind.WOKE, entity) if wakes else Event(Kind.ARRIVED, entity, hop))


def _room(state: State, room: Sequence[int]) -> Int64s:
    if len(room) > len(state.borders):
        raise ValueError(f"room in {len(room)} neighbours, there are {len(state.borders)}")
    padded = np.zeros(len(state.borders), np.int64)
    padded[: len(room)] = room
    return padded


def warm() -> None:
    """Compile every kernel, or load it from the cache: a few ticks of a tiny world that uses them all."""
    terrain, feature = np.zeros((32, 32), np.uint8), np.zeros((32, 32), np.uint8)
    terrain[4, 2:10] = WALL
    feature[8, 8] = TREE
    ways = {"homes": [(6, 6)], "fields": [(12, 12)], "deer_spawns": [(4, 2)], "wolf_spawns": [(4, 6)]}
    tilemap = make_map(terrain, feature, player_spawns=[(14, 8)], markets=[(7, 12), (24, 12)], **ways)
    west = genesis(tilemap, (0, 0, 16, 32), [(16, 0, 32, 32)], 0, 2, (2, 2, 2))
    one, two = west.new_id(), west.new_id()
    advance(west, Inputs(bytes(32), births=((one, 0), (two, 0))))
    west.rows[GOODS_0 + STONE, west.row(two)] = 1
    actions = ((one, Strike(two)), (one, Gather(8, 8)), (two, Shoot(127, 0)), (two, Move(127, 0)))
    advance(west, Inputs(bytes(32), actions=actions))
    east = genesis(tilemap, (16, 0, 32, 32), [(0, 0, 16, 32)], 1, 2, (0, 0, 0))
    stranger = east.new_id()
    here = advance(east, Inputs(bytes(32), births=((stranger, 0),)))
    for _ in range(40):
        there = advance(west, Inputs(bytes(32), ghosts=here.ghosts, open=(1,)))
        crossing = tuple(image for _, _, image in there.departures)
        here = advance(east, Inputs(bytes(32), arrivals=crossing, ghosts=there.ghosts))
