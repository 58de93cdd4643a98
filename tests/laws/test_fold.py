"""Law 1, Fold: the state follows from genesis and inputs alone, on any CPU, under any hash seed, split anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.laws.scripted_world import begin, step
from world.encoding import digest, encode

ROOT = Path(__file__).resolve().parents[2]
TICKS = 200


def start(tmp_path: Path, cpu: str, hash_seed: str) -> subprocess.Popen[str]:
    """A new process with kernels of its own, compiled for this CPU ("" is the host's)."""
    kernels = str(tmp_path / f"kernels-{cpu or 'host'}")
    surroundings = dict(os.environ, PYTHONHASHSEED=hash_seed, NUMBA_CACHE_DIR=kernels)
    surroundings.pop("NUMBA_CPU_NAME", None)
    if cpu:
        surroundings |= {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": ""}
    command = [sys.executable, "-m", "tests.laws.scripted_world", str(TICKS)]
    return subprocess.Popen(command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, text=True)


def printed(process: subprocess.Popen[str]) -> list[str]:
    """[CPU that numba resolved, hash seed, digest, digest]"""
    try:
        out, _ = process.communicate(timeout=400)
    finally:
        process.kill()
    assert process.returncode == 0
    return out.split()


def test_two_runs_give_the_same_bytes() -> None:
    one, two = begin(), begin()
    for tick in range(TICKS):
        for (_, first), (_, second) in zip(step(one, tick), step(two, tick)):
            assert first == second, f"tick {tick}"
    for first, second in zip(one.states, two.states):
        assert encode(first) == encode(second)


@pytest.mark.parametrize("seeds", [("0", "4711")])
def test_the_same_bytes_on_two_kinds_of_cpu_and_under_two_hash_seeds(tmp_path: Path, seeds: tuple[str, str]) -> None:
    both = start(tmp_path, "", seeds[0]), start(tmp_path, "generic", seeds[1])
    host, generic = (printed(process) for process in both)
    print(f"host: {host}\ngeneric: {generic}")
    assert generic[0] == "generic" and host[0] != "generic"
    assert (host[1], generic[1]) == seeds
    assert host[2:] == generic[2:]
    world = begin()
    for tick in range(TICKS):
        step(world, tick)
    mine = [digest(state).hex() for state in world.states]
    assert host[2:] == mine, "the kernels in numba's cache are older than the sources: remove them"
