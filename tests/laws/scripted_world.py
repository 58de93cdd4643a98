"""A scripted run of two regions side by side: a function of its seed alone, with letters carried by hand.

`python -m tests.laws.scripted_world TICKS` prints the CPU target that numba resolved, the hash seed, and the digest of
both regions after so many ticks.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from world.actions import (
    Action,
    Build,
    Craft,
    Dig,
    Drop,
    Eat,
    Equip,
    Gather,
    Give,
    GiveAsset,
    GiveCoins,
    Move,
    PickUp,
    Shoot,
    Speak,
    Strike,
    UseDoor,
    Wear,
)
from world.borders import read_image
from world.crafting import RECIPES
from world.encoding import digest
from world.events import Event
from world.faucets import held_by, net
from world.faucets import holdings as things_of
from world.generate import generate
from world.genesis import genesis
from world.invariants import holdings, holdings_of
from world.items import BERRY, BOW, BREAD, COAT, MEAT, SWORD
from world.kinds import PLAYER
from world.state import ASSET_ID, GOODS, KIND, Counter, State, X, Y, make_id
from world.things import ASSET_THING
from world.tick import Inputs, Outputs, advance
from world.tilemap import DOOR, FLOOR, WALL
from world.units import TILE

LANDS = ((0, 0, 48, 96), (48, 0, 96, 96))
PLAYERS = 24


@dataclass
class TwoRegions:
    """Both states, and what is on its way: [to] -> images, mail, ghosts."""

    states: tuple[State, State]
    images: tuple[list[bytes], list[bytes]] = field(default_factory=lambda: ([], []))
    mail: tuple[list[bytes], list[bytes]] = field(default_factory=lambda: ([], []))
    ghosts: list[bytes] = field(default_factory=lambda: [b"", b""])

    def coins(self) -> int:
        flying = [holdings_of(image) for images in self.images for image in images]
        return sum(holdings(state)[0] for state in self.states) + sum(coins for coins, _ in flying)

    def assets(self) -> list[int]:
        flying = [holdings_of(image) for images in self.images for image in images]
        held = [asset for state in self.states for asset in holdings(state)[1]]
        return sorted(held + [asset for _, assets in flying for asset in assets])

    def things(self) -> list[int]:
        """All goods, coins and assets, by `world.things`, wherever they are."""
        held = sum(things_of(state) for state in self.states)
        for image in (read_image(raw) for images in self.images for raw in images):
            held = held + held_by(image.columns[:, None])
            held[ASSET_THING] += len(image.assets)
        return [int(count) for count in held]

    def flowed(self) -> list[int]:
        """What all faucets gave less what all sinks took, by `world.things`."""
        return [int(count) for count in sum(net(state.flows) for state in self.states)]

    def counted(self, counter: Counter) -> int:
        return sum(int(state.counters[counter]) for state in self.states)


def begin() -> TwoRegions:
    """Two regions of a small world with 220 NPCs, whose finds are plenty."""
    tilemap = generate(11, 96, 96)
    west, east = (genesis(tilemap, LANDS[n], [LANDS[1 - n]], n, 2, (90, 100, 30)) for n in range(2))
    for state in (west, east):
        state.counters[Counter.FINDS_BUDGET] = state.counters[Counter.FINDS_LEFT] = 500
    return TwoRegions((west, east))


def any_action(chance: Random, state: State, entity: int) -> Action:
    """Something a player might try, near enough to succeed now and then."""
    row = state.row(entity)
    x = int(state.rows[X, row]) // TILE + chance.randint(-1, 1)
    y = int(state.rows[Y, row]) // TILE + chance.randint(-1, 1)
    ids = sorted(state.index)
    near = [other for other in ids if abs(int(state.rows[X, state.row(other)]) - int(state.rows[X, row])) < 2 * TILE]
    other = chance.choice(near)
    assets = state.assets[ASSET_ID, : state.assets_used].tolist() or [1]
    item = chance.randrange(GOODS)
    return chance.choice(
        [
            Move(chance.randint(-127, 127), chance.randint(-127, 127)),
            Move(chance.choice((-127, 127)), chance.randint(-20, 20)),
            *(Gather(max(0, x), max(0, y)) for _ in range(4)),
            Strike(other),
            Give(other, item, 1),
            GiveCoins(other, chance.randint(1, 3)),
            GiveAsset(other, chance.choice(assets)),
            Drop(item, 1),
            PickUp(other),
            Build(max(0, x), max(0, y), chance.choice((WALL, FLOOR))),
            Dig(max(0, x), max(0, y)),
            Speak("hello"),
            Shoot(chance.randint(-127, 127), chance.randint(-127, 127)),
            Craft(chance.randrange(len(RECIPES))),
            Equip(chance.choice((BOW, SWORD, COAT))),
            Wear(chance.choice(assets)),
            Eat(chance.choice((BERRY, MEAT, BREAD))),
            Build(max(0, x), max(0, y), DOOR),
            UseDoor(max(0, x), max(0, y), chance.randrange(4)),
        ]
    )


def inputs_of(world: TwoRegions, side: int, tick: int) -> Inputs:
    """The inputs of one region at a tick: what was sent to it, and scripted actions of the players who are there."""
    chance = Random(tick * 2 + side)
    state = world.states[side]
    players = [int(entity) for entity in state.ids[: state.used][state.rows[KIND, : state.used] == PLAYER]]
    actions = []
    if players:
        for _ in range(12):
            entity = chance.choice(players)
            actions.append((entity, any_action(chance, state, entity)))
    births = ((make_id(1, 9, tick + 1), tick),) if tick % 2 == side and tick < PLAYERS else ()
    return Inputs(
        key=chance.randbytes(32),
        actions=tuple(actions),
        arrivals=tuple(world.images[side]),
        births=births,
        mail=tuple(world.mail[side]),
        ghosts=(world.ghosts[side],),
        open=(0 if tick % 50 < 10 else 3,),
    )


def step(world: TwoRegions, tick: int) -> tuple[tuple[Inputs, Outputs], tuple[Inputs, Outputs]]:
    """One tick of both regions; what leaves one reaches the other at its next tick."""
    done = []
    for side in range(2):
        inputs = inputs_of(world, side, tick)
        world.images[side].clear()
        world.mail[side].clear()
        out = advance(world.states[side], inputs)
        world.images[1 - side].extend(image for _, _, image in out.departures)
        world.mail[1 - side].extend(raw for _, raw in out.mail)
        world.ghosts[1 - side] = out.ghosts[0]
        done.append((inputs, out))
    return done[0], done[1]


def events(world: TwoRegions, ticks: int) -> Iterator[Event]:
    """All events of so many ticks from the world's beginning."""
    for tick in range(ticks):
        for _, out in step(world, tick):
            yield from out.events


def main() -> None:
    world = begin()
    for tick in range(int(sys.argv[1])):
        step(world, tick)
    from numba.core.registry import cpu_target

    cpu = cpu_target.target_context.codegen()._get_host_cpu_name()
    print(cpu, os.environ.get("PYTHONHASHSEED"), *(digest(state).hex() for state in world.states))


if __name__ == "__main__":
    main()
