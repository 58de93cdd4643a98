"""`everloom bench whole`, `wire`: what they run does what they say, and their names are known."""

import pytest

from clients.bench import run as bench
from clients.bench import wire
from clients.bench.scaling import busiest
from clients.bench.whole import Crowd
from regions.config import SPAN
from world.kinds import PLAYER
from world.phases import Phase
from world.state import KIND, VX, VY


def test_a_crowd_of_players_and_npcs_ticks_and_every_part_of_it_is_counted() -> None:
    crowd = Crowd(entities=150, npcs=(60, 40, 10))
    for _ in range(2 * SPAN):
        crowd.tick()
    rows = crowd.state.rows
    assert int((rows[KIND] == PLAYER).sum()) == len(crowd.players) > 20
    assert ((rows[VX] != 0) | (rows[VY] != 0)).any()
    assert all(crowd.seconds[phase] > 0 for phase in (Phase.NPCS, Phase.PHYSICS, Phase.HASH, Phase.DELTAS))
    assert crowd.bytes_logged > 0 and crowd.bytes_shown > 0


def test_a_body_that_walks_costs_a_byte_or_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TICKS", 10)
    monkeypatch.setattr(wire, "WARM_TICKS", 30)
    row = wire.wire()
    assert " 44" in row["workload"]
    assert 0.5 < row["bytes_per_visible_body"] <= row["bytes_per_moving_body"] < 3


def test_the_busier_region_counts() -> None:
    spent = {"region 1": 2.0, "region 2": 3.0, "region world": 9.0, "gateway": 8.0}
    assert busiest({"cpu_ms_per_tick_by_process": spent}) == 3.0


def test_an_unknown_name_is_told_the_others() -> None:
    with pytest.raises(ValueError, match=r"physics.*whole.*wire.*history.*openworld"):
        bench.run("nothing", None, 1, True)
