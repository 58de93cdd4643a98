"""`everloom bench paths`: known optima matched by the NPCs' own A*, and a bench that can fail."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from clients.bench.paths import length, random_rate, run, run_file
from tests.shared_data import SHARED, needs_shared

MOVING_AI = SHARED / "data" / "movingai"
MAP = "type octile\nheight 3\nwidth 4\nmap\n....\n.@..\n....\n"
SCEN = "version 1\n0\ta.map\t4\t3\t0\t0\t3\t2\t{}\n"


@needs_shared
def test_all_reference_scenarios_match(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(MOVING_AI, as_json=True) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["scenarios"], figures["matched"]) == (3898, 3898)
    assert figures["worst"] <= 1e-3 and figures["paths_per_s"] > 0


def scenario(tmp_path: Path, optimum: float, text: str = SCEN) -> Path:
    (tmp_path / "a.map").write_text(MAP)
    file = tmp_path / "a.map.scen"
    file.write_text(text.format(optimum))
    return file


def test_a_wrong_optimum_or_too_small_a_bound_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario(tmp_path, 3 + math.sqrt(2))
    assert run(tmp_path, as_json=True) == 0
    capsys.readouterr()
    assert run(tmp_path, as_json=True, bound=2) == 1
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["scenarios"], figures["matched"], figures["worst"]) == (1, 0, None)
    result = run_file(scenario(tmp_path, 3 + math.sqrt(2) + 2e-3), None, Console(quiet=True))
    assert (result.matched, round(result.worst, 6)) == (0, 0.002)


def test_a_folder_that_cannot_be_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, as_json=True) == 1
    assert "holds no .scen file" in capsys.readouterr().err
    scenario(tmp_path, 1.0, SCEN.replace("\t4\t3", "\t400\t3"))
    assert run(tmp_path, as_json=True) == 1
    assert "for a map of 400 x 3 tiles" in capsys.readouterr().err
    (tmp_path / "a.map").unlink()
    assert run(tmp_path, as_json=False) == 1
    assert "there is no such file" in capsys.readouterr().err


def test_a_length_counts_steps_and_refuses_what_cannot_be_walked() -> None:
    blocked = np.zeros((3, 4), np.uint8)
    blocked[1, 1] = 1
    assert length(np.array([[0, 0], [1, 0], [2, 1]], np.int32), blocked) == math.inf  # cuts the corner at (1, 1)
    assert length(np.array([[0, 0], [1, 1]], np.int32), blocked) == math.inf
    assert length(np.array([[0, 0], [2, 0]], np.int32), blocked) == math.inf
    assert length(np.array([[0, 0], [0, 0]], np.int32), blocked) == math.inf
    assert length(np.array([[1, 0], [2, 0], [3, 1]], np.int32), blocked) == 1 + math.sqrt(2)
    assert length(np.array([[1, 0]], np.int32), blocked) == 0


def test_the_random_rate_is_measured() -> None:
    assert random_rate() > 0
