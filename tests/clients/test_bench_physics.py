"""`everloom bench physics`: the scene is as described, the measure sees what overlaps, figures are kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from clients.bench.conditions import compared, conditions, keep
from clients.bench.engines import Everloom
from clients.bench.scene import RADIUS, make_scene, overlaps
from world.units import TILE


def test_bodies_press_on_one_another_and_stay_off_walls() -> None:
    scene = make_scene(1000)
    assert (scene.bodies, scene.side) == (1000, 63)
    assert 0.15 < scene.blocked[1:-1, 1:-1].mean() < 0.25
    engine = Everloom(scene)
    for _ in range(150):
        engine.aim()
        engine.tick()
    xs, ys = engine.places()
    found = overlaps(xs, ys, scene.side)
    assert found.pairs / scene.bodies > 0.2 and found.mean < 0.005
    assert not scene.blocked[ys >> 16, xs >> 16].any()


def test_overlaps_are_what_they_are() -> None:
    xs = np.array([TILE, TILE + RADIUS, 5 * TILE, 5 * TILE + 2 * RADIUS - TILE // 100, 9 * TILE], np.int64)
    found = overlaps(xs, np.full(5, 3 * TILE, np.int64), 12)
    assert (found.pairs, found.deep) == (2, 1)
    assert found.worst == pytest.approx(0.4, abs=1e-4) and found.mean == pytest.approx(0.205, abs=1e-4)


def test_figures_are_kept_and_put_beside_later_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    row = {"bench": "x", "workload": "w", "figure": 4, **conditions()}
    file = keep([row])
    assert json.loads(file.read_text()) == [row]
    assert row["cpu"] and row["commit"]
    table = compared([row | {"figure": 6}], file)
    assert [list(column.cells) for column in table.columns][1:][0][0] == "figure"
    assert "1.50" in list(table.columns[-1].cells)
    (tmp_path / "other").write_text("[1]")
    with pytest.raises(ValueError, match="not the figures"):
        compared([row], tmp_path / "other")
