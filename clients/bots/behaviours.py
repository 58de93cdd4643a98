"""What bots do: each behaviour looks at what its bot was shown and says the next action, a few times a second.

A behaviour is made for one bot and draws from its own generator, so a seed repeats what it wants (what it meets is the
world's affair). Not here: recorded walks (`clients.bots.walks`), sockets and figures (`clients.bots.crowd`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import numpy as np

from clients.seen import Body, Seen
from world.actions import Action, Buy, Gather, Give, Move, Sell, Speak, Strike
from world.kinds import PILE, PLAYER
from world.movement import INTENT_MAX
from world.shown import BODY_KIND, LOOK, LOOK_CARRYING, PER_TILE, X, Y
from world.species import NAMES
from world.tilemap import BUSH, FIELD, ROCK, TREE, WALL, WATER
from world.units import COINS_MAX

TURN: Final = 0.25  # of a wanderer's decisions that turn
SOLID_FEATURES: Final = (TREE, ROCK)
WORK: Final = (TREE, BUSH, ROCK, FIELD)
REACH_TILES: Final = 1.8
STRIKE_TILES: Final = 1.3
GIVE_UP: Final = 24  # decisions spent on one goal
FAR: Final = 6.0  # tiles that a border-runner goes past a border
TRADER: Final = NAMES.index("trader")
LOAD: Final = 8  # goods with which a bot that trades looks for a trader
VISIT: Final = 40  # decisions spent with players before it gathers again, as many
SAYINGS: Final = ("hello", "fine day", "which way to the river?", "mind the wolves")


@dataclass(slots=True)
class Sight:
    """What a bot knows when it decides. `x`, `y` are tiles; `goods` and `coins` as told last, `refused` if its last
    action was."""

    entity: int
    seen: Seen
    body: Body
    goods: tuple[int, ...] = ()
    refused: bool = False
    coins: int = 0

    @property
    def x(self) -> float:
        return self.body.x / PER_TILE

    @property
    def y(self) -> float:
        return self.body.y / PER_TILE


Behaviour = Callable[[Sight], Action]


def whims(seed: int, name: str) -> Random:
    """A generator of its own for one bot, by seed and name."""
    return Random(f"{seed}/{name}")  # noqa: S311  # a bot's whims are no secret


def steer(sight: Sight, dx: float, dy: float, pace: float = 1.0) -> Move:
    """Walk that way, or as nearly that way as nothing solid stands in it. `pace` 1 is full speed."""
    size = math.hypot(dx, dy)
    if size == 0:
        return Move(0, 0)
    wanted = math.atan2(dy, dx)
    for turn in (0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.2, -2.2):
        if _open(sight, wanted + turn):
            wanted += turn
            break
    length = INTENT_MAX * min(max(pace, 0.0), 1.0)
    return Move(round(math.cos(wanted) * length), round(math.sin(wanted) * length))


def _open(sight: Sight, angle: float) -> bool:
    for ahead in (0.6, 1.2):
        tile = sight.seen.tile(int(sight.x + math.cos(angle) * ahead), int(sight.y + math.sin(angle) * ahead))
        if tile >= 0 and (tile & 15 in (WATER, WALL) or tile >> 4 in SOLID_FEATURES):
            return False
    return True


def nearest_body(sight: Sight, kinds: tuple[int, ...], carrying: bool = False) -> tuple[int, float, float, int] | None:
    """Id, distance along x and y in tiles, and kind of the nearest body of these kinds, or of those of them that carry
    goods; None if none is shown."""
    best: tuple[float, int, float, float, int] | None = None
    for region in sight.seen.regions.values():
        ids, cols = region.mirror.ids, region.mirror.cols
        if not len(ids):
            continue
        dx, dy = cols[:, X] - sight.body.x, cols[:, Y] - sight.body.y
        wanted = np.isin(cols[:, BODY_KIND], kinds) & (ids != sight.entity)
        if carrying:
            wanted &= cols[:, LOOK] & LOOK_CARRYING != 0
        far = np.where(wanted, dx * dx + dy * dy, 2**30)
        row = int(np.argmin(far))
        if far[row] < 2**30 and (best is None or far[row] < best[0]):
            at = dx[row] / PER_TILE, dy[row] / PER_TILE
            best = float(far[row]), int(ids[row]), float(at[0]), float(at[1]), int(cols[row, BODY_KIND])
    return best[1:] if best is not None else None


@dataclass(slots=True)
class Wander:
    """Walks about, turning now and then, and says something once in a while."""

    random: Random
    heading: float = field(default=0.0)
    last: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.heading = self.random.uniform(-math.pi, math.pi)

    def __call__(self, sight: Sight) -> Action:
        stuck = (sight.body.x, sight.body.y) == self.last
        self.last = (sight.body.x, sight.body.y)
        if stuck:
            self.heading = self.random.uniform(-math.pi, math.pi)
        elif self.random.random() < TURN:
            self.heading += self.random.gauss(0.0, 0.7)
        if self.random.random() < 0.002:
            return Speak(self.random.choice(SAYINGS))
        return steer(sight, math.cos(self.heading), math.sin(self.heading), self.random.uniform(0.6, 1.0))


@dataclass(slots=True)
class GatherGoods:
    """Goes to the nearest tree, bush, rock or field and takes from it; then to another."""

    random: Random
    goal: tuple[int, int] | None = None
    spent: int = 0
    tired: list[tuple[int, int]] = field(default_factory=list)
    wander: Wander = field(init=False)

    def __post_init__(self) -> None:
        self.wander = Wander(self.random)

    def __call__(self, sight: Sight) -> Action:
        self.spent += 1
        if self.goal is not None and (self.spent > GIVE_UP or self.random.random() < 0.02):
            self.tired = [*self.tired[-8:], self.goal]
            self.goal = None
        if self.goal is None:
            self.goal, self.spent = self._find(sight), 0
        if self.goal is None:
            return self.wander(sight)
        dx, dy = self.goal[0] + 0.5 - sight.x, self.goal[1] + 0.5 - sight.y
        if math.hypot(dx, dy) < REACH_TILES:
            if sight.refused and self.random.random() < 0.2:
                self.spent = GIVE_UP + 1
            return Gather(*self.goal)
        return steer(sight, dx, dy)

    def _find(self, sight: Sight) -> tuple[int, int] | None:
        x, y = int(sight.x), int(sight.y)
        for away in range(1, 9):
            ring = [(x + i, y + j) for i in range(-away, away + 1) for j in (-away, away)]
            ring += [(x + i, y + j) for j in range(1 - away, away) for i in (-away, away)]
            self.random.shuffle(ring)
            for one in ring:
                if one not in self.tired and sight.seen.tile(*one) >> 4 in WORK and sight.seen.tile(*one) >= 0:
                    return one
        return None


@dataclass(slots=True)
class Fight:
    """Goes after the nearest body and strikes at it."""

    random: Random
    wander: Wander = field(init=False)

    def __post_init__(self) -> None:
        self.wander = Wander(self.random)

    def __call__(self, sight: Sight) -> Action:
        found = nearest_body(sight, (PLAYER, *range(PLAYER + 1, PILE)))
        if found is None or self.random.random() < 0.05:
            return self.wander(sight)
        entity, dx, dy, _ = found
        if math.hypot(dx, dy) < STRIKE_TILES and self.random.random() < 0.7:
            return Strike(entity)
        return steer(sight, dx, dy)


@dataclass(slots=True)
class GiveAway:
    """Gathers, and hands what it has to the nearest player."""

    random: Random
    gather: GatherGoods = field(init=False)

    def __post_init__(self) -> None:
        self.gather = GatherGoods(self.random)

    def __call__(self, sight: Sight) -> Action:
        if sum(sight.goods) < 3:
            return self.gather(sight)
        found = nearest_body(sight, (PLAYER,))
        if found is None:
            return self.gather.wander(sight)
        entity, dx, dy, _ = found
        if math.hypot(dx, dy) < REACH_TILES:
            item = max(range(len(sight.goods)), key=lambda one: sight.goods[one])
            return Give(entity, item, 1)
        return steer(sight, dx, dy)


@dataclass(slots=True)
class TradeGoods:
    """Gathers; with its hands full it looks for a trader, and sells it what it has most of. Where no trader is it
    stands by a player who has something too: what it says to one is `clients.bots.trades`'s."""

    random: Random
    gather: GatherGoods = field(init=False)
    visit: int = 0

    def __post_init__(self) -> None:
        self.gather = GatherGoods(self.random)

    def __call__(self, sight: Sight) -> Action:
        full = sum(sight.goods) >= LOAD
        found = nearest_body(sight, (TRADER,)) if full else None
        if found is None:
            return (self._to_player(sight) if full else None) or self.gather(sight)
        entity, dx, dy, _ = found
        if math.hypot(dx, dy) >= REACH_TILES:
            return steer(sight, dx, dy)
        item = max(range(len(sight.goods)), key=lambda one: sight.goods[one])
        if sight.refused:  # it has enough of that, or no coins: buy something instead, or come back later
            item = self.random.randrange(len(sight.goods))
            return Buy(entity, item, 1, COINS_MAX) if self.random.random() < 0.5 else self.gather(sight)
        return Sell(entity, item, 1, 1)

    def _to_player(self, sight: Sight) -> Move | None:
        found = nearest_body(sight, (PLAYER,), carrying=True)
        self.visit = (self.visit + 1) % (2 * VISIT) if found is not None else 0
        if found is None or self.visit < VISIT:
            return None
        _, dx, dy, _ = found
        return steer(sight, dx, dy) if math.hypot(dx, dy) >= STRIKE_TILES else Move(0, 0)


@dataclass(slots=True)
class BorderRunner:
    """Runs across the nearest border between two regions, and back, for ever."""

    random: Random
    goal: tuple[float, float] | None = None
    spent: int = 0
    wander: Wander = field(init=False)

    def __post_init__(self) -> None:
        self.wander = Wander(self.random)

    def __call__(self, sight: Sight) -> Action:
        self.spent += 1
        if self.spent % GIVE_UP == 0 and self.random.random() < 0.3:
            return self.wander(sight)
        if self.goal is not None and math.dist(self.goal, (sight.x, sight.y)) < 1.5:
            self.goal = None
        if self.goal is None or self.spent > 4 * GIVE_UP:
            self.goal, self.spent = self._across(sight), 0
        if self.goal is None:
            return self.wander(sight)
        return steer(sight, self.goal[0] - sight.x, self.goal[1] - sight.y)

    def _across(self, sight: Sight) -> tuple[float, float] | None:
        """A place in another region, a little past the nearest border, where one can stand as far as is known."""
        found: list[tuple[float, float, float]] = []
        for index, region in sight.seen.regions.items():
            if index == sight.body.region:
                continue
            left, top, right, bottom = region.land
            depth = self.random.uniform(2.0, FAR)
            slide = self.random.uniform(-3.0, 3.0)
            x = min(max(sight.x + slide, left + depth), right - depth)
            y = min(max(sight.y + slide, top + depth), bottom - depth)
            found.append((math.dist((x, y), (sight.x, sight.y)), x, y))
        return min(found)[1:] if found else None


BEHAVIOURS: Final[dict[str, Callable[[Random], Behaviour]]] = {
    "wander": Wander,
    "gather": GatherGoods,
    "fight": Fight,
    "give": GiveAway,
    "trade": TradeGoods,
    "border-runner": BorderRunner,
}
