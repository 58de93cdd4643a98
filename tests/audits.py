"""A small world that was played in and stopped in order, and what the auditor says of a store."""

from functools import lru_cache

from archive.errors import ArchiveError
from archive.restore import fetch
from archive.stores import Store
from archive.verify import Checked, Verified, verify
from regions.auditing import Auditor
from regions.revive import opening_of
from tests.archived import Archived
from tests.cluster import Player
from world.actions import Gather, GiveAsset, GiveCoins, Move


def audited(
    store: Store,
    world: Archived,
    of: str | None = None,
    until: str | None = None,
    since: int | None = None,
    checked: Checked | None = None,
) -> Verified:
    """What the auditor says of a store, with the rules of `world`. Raises ArchiveError."""
    auditor = Auditor(lambda item_id: fetch(store, item_id).raw, lambda charter, item_id, owner: world.kit)
    return verify(store, opening_of, auditor, of, until, since, checked)


def fault(store: Store, world: Archived) -> ArchiveError | None:
    """What the auditor finds wrong, or None."""
    try:
        audited(store, world)
    except ArchiveError as error:
        return error
    return None


def play(world: Archived, ticks: int, *players: Player) -> None:
    """Players gather, give, and cross the border, and sign a head now and then."""
    for tick in range(ticks):
        for place, player in enumerate(players):
            if tick % 3 == 0:
                player.act(Gather(1, 1))
            elif tick % 100 == 1 + place * 30:
                player.act(Move(127 if player.region == 1 else -127, 0))
            elif tick % 50 == 25 and place:
                player.act(GiveCoins(players[0].entity, 1), covered=True)
            elif tick % 50 == 28:
                _give_asset(player, players[place - 1].entity)
            if tick % 8 == 7:
                player.send(player.head())
        world.ticks(1)


def _give_asset(player: Player, to: int) -> None:
    body = player.cluster.region(player.region).bodies.bodies.get(player.entity)
    if body is not None and body.assets:
        player.act(GiveAsset(to, body.assets[0][0]), covered=True)


@lru_cache(maxsize=1)
def small_world() -> tuple[Archived, tuple[Player, ...]]:
    """Two players, five checkpoints and the last one; not to be changed."""
    world = Archived()
    players = (Player(world).enter(), Player(world, "q").enter())
    play(world, 240, *players)
    world.checkpoint(5)
    world.stop_in_order()
    return world, players
