"""The simulation as part of every check: fresh seeds, those that once failed, and that a run depends on its seed."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.simulation.sweep import Job, kept

ROOT = Path(__file__).resolve().parents[2]
FRESH_MINUTES, KEPT_MINUTES = 2, 3


def simulate(*options: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "tests.simulation", *options]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)


def traces(hash_seed: str) -> list[str]:
    done = simulate("--seeds", "3", "--first-seed", "57", "--trace", "--jobs", "0", hash_seed=hash_seed)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if " trace " in line]


def test_a_seed_gives_the_same_trace_whatever_the_hash_seed() -> None:
    first = traces("1")
    assert len(set(first)) == 3 and first == traces("99")


def test_a_failing_run_says_its_seed_and_the_command_that_repeats_it() -> None:
    mutant = "ack_before_durable"
    done = simulate("--seeds", "20", "--mutant", mutant, "--stop", "--jobs", "0")
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    said = next(place for place, line in enumerate(lines) if line.startswith("seed "))
    seed = int(lines[said].split()[1])
    assert lines[said + 1].strip() == Job(seed, mutant=mutant).command


def test_fresh_seeds_hold_every_law() -> None:
    done = simulate("--fresh", "--minutes", str(FRESH_MINUTES), "--jobs", "1")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_seeds_that_once_failed_hold_every_law_now() -> None:
    assert len(set(kept())) == len(kept()) > 5
    done = simulate("--kept", "--minutes", str(KEPT_MINUTES), "--jobs", "1")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_a_sweep_goes_on_where_it_was_broken_off(tmp_path: Path) -> None:
    pieces = tmp_path / "sweep.json"
    options = ("--first-seed", "21", "--jobs", "0", "--pieces", str(pieces), "--json", "--trace")
    begun, whole = (simulate("--seeds", count, *options).stdout.splitlines() for count in ("1", "2"))
    assert json.loads(begun[-1])["seeds"] == 1
    told = json.loads(whole[-1])
    assert told["seeds"] == 2 and told["violations"] == 0
    assert [line.split()[1] for line in whole if " trace " in line] == ["22"], "what was seen is not run again"
    pieces.write_text(json.dumps(json.loads(pieces.read_text()) | {"commits": {"0000000": 2}}))
    report = tmp_path / "report.md"
    simulate("--seeds", "3", *options, "--report", str(report))
    assert "at commit 0000000 (2 seeds), " in report.read_text(), "a sweep may go on after a mend, and says so"
