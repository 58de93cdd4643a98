"""Law 10, Verify, then trust: the real rules, re-executed from the store, find out a node that cheats."""

from functools import lru_cache

import pytest
from msgspec.structs import replace

from archive.errors import Diverged, Forged
from regions.config import SPAN
from regions.record import Acted, Record
from tests.archived import Archived
from tests.audits import audited, fault
from tests.cluster import Player
from tests.forger import Change, retell
from world import births, economy
from world.actions import Gather, Move, encode_action

FROM = 60


@lru_cache(maxsize=1)
def walked() -> tuple[Archived, Player]:
    """A player who walks and tries to gather, a few heads, a planned stop."""
    world = Archived(small=False, population=(6, 6, 1), interval_ms=1_500)
    player = Player(world).enter()
    for tick in range(110):
        if tick % 3 == 0:
            player.act(Move((tick * 7) % 255 - 127, 20))
        if tick % 10 == 5:
            player.act(Gather(1, 1))
        if tick % 9 == 8:
            player.send(player.head())
        world.ticks(1)
    world.stop_in_order()
    return world, player


def another_way(at: list[tuple[int, int]]) -> Change:
    """The player's first move after record FROM goes another way; where it stands is put into `at`."""
    _, player = walked()

    def change(index: int, record: Record) -> Record:
        inputs = list(record.inputs)
        for place, said in enumerate(inputs):
            if isinstance(said, Acted) and said.entity == player.entity and record.n >= FROM and not at:
                at.append((index, record.n))
                inputs[place] = replace(said, body=encode_action(Move(-100, -100)))
        return replace(record, inputs=tuple(inputs))

    return change


def test_an_honest_history_is_proved() -> None:
    world, _ = walked()
    assert audited(world.store, world).state_hash == world.told[-1]["state_hash"]


def test_a_changed_input_diverges() -> None:
    world, _ = walked()
    at: list[tuple[int, int]] = []
    error = fault(retell(world, another_way(at), keep_state_hashes=True), world)
    assert isinstance(error, Diverged)
    assert error.region == str(at[0][0]) and at[0][1] <= (error.record or 0) <= at[0][1] + SPAN


def test_a_changed_input_with_its_consequences_is_forged() -> None:
    world, _ = walked()
    at: list[tuple[int, int]] = []
    error = fault(retell(world, another_way(at)), world)
    assert isinstance(error, Forged) and error.region == str(at[0][0]) and "covers other actions" in error.reason


def test_one_rule_constant_changed_diverges(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = walked()
    monkeypatch.setattr(economy, "COIN_ODDS", economy.COIN_ODDS + 1)
    assert fault(world.store, world) is None, "a constant that nobody met changes nothing"
    monkeypatch.setattr(births, "TILE", births.TILE + 2)
    error = fault(world.store, world)
    assert isinstance(error, Diverged) and error.record is not None
