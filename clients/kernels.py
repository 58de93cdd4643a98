"""Compiles the rules' kernels once for this machine, with a progress line; later starts find them cached.

numba notices a change in a kernel's own file, but not in a constant or a function it takes from another, so the cache
is a folder of its own for each state of `world/`: `<cache>/everloom/kernels-<digest>`. `use_cache` must run before
numba is imported; child processes inherit it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WARM = "from world.tick import warm; warm(); from clients.kernels import warm_shown; warm_shown()"
MARK = "compiled"
CACHES_KEPT = 3


def cache_folder() -> Path:
    """Where the kernels of this very source are cached, for this interpreter and numba."""
    digest = hashlib.sha256(f"{ROOT} {sys.version} {version('numba')}".encode())
    for path in sorted((ROOT / "world").glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "everloom" / f"kernels-{digest.hexdigest()[:24]}"


def use_cache() -> Path:
    """Have numba, imported later, use that folder; drop the caches of older sources."""
    folder = cache_folder()
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    others = sorted(folder.parent.glob("kernels-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in others[CACHES_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _mark(folder: Path) -> Path:
    """There once everything was compiled for this CPU."""
    cpu = os.environ.get("NUMBA_CPU_NAME", "")
    about = Path("/proc/cpuinfo")
    if about.exists():
        cpu += "".join(line for line in about.read_text().splitlines()[:30] if line.startswith(("model name", "flags")))
    return folder / f"{MARK}-{hashlib.sha256(cpu.encode()).hexdigest()[:16]}"


def ensure_compiled(say: Callable[[str], None]) -> float:
    """Compile what is not cached yet; returns the seconds it took, 0.0 when nothing was to be done."""
    mark = _mark(use_cache())
    if mark.exists():
        return 0.0
    began = time.monotonic()
    child = subprocess.Popen([sys.executable, "-c", WARM], stdout=subprocess.DEVNULL, cwd=ROOT)
    while child.poll() is None:
        say(f"compiling the rules for this machine, once: {time.monotonic() - began:.0f} s (about a minute)")
        try:
            child.wait(1.0)
        except subprocess.TimeoutExpired:
            continue
    if child.returncode:
        raise RuntimeError(f"the rules did not compile: `{sys.executable} -c '{WARM}'` ended with {child.returncode}")
    mark.touch()
    seconds = time.monotonic() - began
    say(f"compiled the rules in {seconds:.0f} s; later starts find them cached")
    return seconds


def warm_shown() -> None:
    """Compile, or load from the cache, what showing a region and reading what is shown need."""
    import numpy as np

    from clients.own_body import OwnBody
    from world.delta import encode_key, encode_tick
    from world.events import Event, Kind
    from world.kinds import PLAYER
    from world.mirror import Mirror
    from world.shown import wire_rows
    from world.state import KIND, State, X

    empty = np.zeros((16, 16), np.uint8)
    state = State((0, 0, 16, 16), (16, 16), (), (0, 0), empty.copy(), empty.copy(), empty.copy())
    row = state.take_row(1)
    state.rows[KIND, row] = PLAYER
    before = wire_rows(state)
    state.rows[X, row] += 4096
    now = wire_rows(state, (), before)
    encode_tick(before, now)
    index, data = encode_tick(before, now, (Event(Kind.SPOKE, 1, text="warm"),))  # whose bytes are read-only
    mirror = Mirror(state.land)
    mirror.apply([0], encode_key(before, 0))
    mirror.apply(index[:, 0], data)
    own = OwnBody()
    own.seen(0.0, 1, 1, (64, 64), (0, 0), 0.0, empty, empty)
    own.advance(50.0, empty, empty)
