"""`advance(state, inputs) -> outputs`: the one place where the order of rules is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from world import births, borders, collision, economy, ghosts, movement
from world.actions import Action
from world.events import Event, Kind
from world.state import MODE, Counter, Int64s, State


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


def advance(state: State, inputs: Inputs) -> Outputs:
    """One tick: `state` is changed in place. ValueError or OverflowError for inputs that no honest neighbour or owner
    makes (see `world.borders`); the state is then half done and must be built again.
    """
    out = Outputs()
    land, tick = state.land_box, int(state.counters[Counter.TICK])
    for image in inputs.arrivals:
        _arrive(state, image, out)
    for entity, spawn in inputs.births:
        out.events.append(births.player_born(state, entity, spawn))
    across = ghosts.read_ghosts(state, inputs.ghosts)
    for entity, action in inputs.actions:
        out.verdicts.append(int(economy.act(state, across, entity, action, out.events, out.mail)))

    left, top = state.window
    room = _room(state, inputs.open)
    movement.walk(state.rows, state.used, state.terrain, left, top, tick)
    solid = ghosts.solid_ghosts(across)
    collision.settle(state.rows, state.used, solid, state.blocked, left, top, land, state.border_boxes, room)
    for neighbour, entity, image in borders.depart(state, room):
        out.departures.append((neighbour, entity, image))
        out.events.append(Event(Kind.LEFT, entity, borders.entity_of(image)[1], neighbour))
    out.events += births.pay_births(state)
    out.ghosts = ghosts.show(state)
    state.counters[Counter.TICK] += 1
    return out


def sleep(state: State, entity: int) -> bytes:
    """Take a player out of the world; the image that `Inputs.arrivals` brings it back from. KeyError if not here."""
    state.rows[MODE, state.index[entity]] = borders.ASLEEP
    return borders.remove(state, entity)


def _arrive(state: State, image: bytes, out: Outputs) -> None:
    row, wakes = borders.arrive(state, image)
    entity = int(state.ids[row])
    hop = borders.entity_of(image)[1]
    out.events.append(Event(Kind.WOKE, entity) if wakes else Event(Kind.ARRIVED, entity, hop))


def _room(state: State, room: Sequence[int]) -> Int64s:
    if len(room) > len(state.borders):
        raise ValueError(f"room in {len(room)} neighbours, there are {len(state.borders)}")
    padded = np.zeros(len(state.borders), np.int64)
    padded[: len(room)] = room
    return padded
