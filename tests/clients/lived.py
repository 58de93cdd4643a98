"""Small worlds under the real rules, lived for some seconds and archived: for tests of what shows the past."""

from functools import lru_cache

from tests.archived import Archived, restored
from tests.cluster import Player
from world.actions import Move, Speak

HOUR_MS = 3_600_000


def walk_across(world: Archived, player: Player, ticks: int) -> None:
    """Walk east and west in turn, heads signed as a client would."""
    for leg in range(0, ticks, 20):
        player.act(Move(-127 if leg % 160 >= 80 else 127, 0))
        player.send(player.head())
        world.ticks(20)


@lru_cache(maxsize=1)
def lived() -> tuple[Archived, Player]:
    """Two regions, a player who spoke and crossed the border and back; stopped in order. Not to be
    changed."""
    world = Archived(small=False, population=(12, 12, 2), interval_ms=3_000)
    player = Player(world, "walker").enter(1)
    player.act(Speak("good morning"))
    player.send(player.head())
    walk_across(world, player, 240)
    world.checkpoint(3)
    world.stop_in_order()
    return world, player


@lru_cache(maxsize=1)
def lived_twice() -> tuple[Archived, Archived]:
    """A world that was lost after some unarchived ticks and restored; both eras in one store."""
    first = Archived(small=False, population=(6, 6, 0), interval_ms=2_000)
    first.checkpoint(2)
    first.ticks(11)
    second = restored(first)
    second.checkpoint(4)
    return first, second


def slept() -> Archived:
    """A world that stood still for an hour between two claims."""
    world = Archived(small=False, population=(4, 4, 0), interval_ms=2_000)
    world.checkpoint(1)
    for index in world.processes:
        world.kill(index)
    world.now_ms += HOUR_MS
    for index in world.processes:
        world.start(index)
    world.checkpoint(3)
    return world
