"""Compiles the rules' kernels once for this machine, with a progress line; later starts find them cached."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WARM = "from world.tick import warm; warm(); from clients.kernels import warm_shown; warm_shown()"


def stamp() -> Path:
    """A file that is there once the kernels of this very source were compiled for this interpreter and CPU."""
    digest = hashlib.sha256(f"{sys.version} {version('numba')} {os.environ.get('NUMBA_CPU_NAME', '')}".encode())
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        flags = [line for line in cpu.read_text().splitlines() if line.startswith(("flags", "model name", "Features"))]
        digest.update("\n".join(flags[:2]).encode())
    for path in sorted((ROOT / "world").glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    digest.update(str(ROOT).encode())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "everloom"
    return cache / f"kernels-{digest.hexdigest()[:24]}"


def ensure_compiled(say: Callable[[str], None]) -> float:
    """Compile what is not cached yet; returns the seconds it took, 0.0 when nothing was to be done."""
    mark = stamp()
    if mark.exists():
        return 0.0
    began = time.monotonic()
    child = subprocess.Popen([sys.executable, "-c", WARM], stdout=subprocess.DEVNULL)
    while child.poll() is None:
        say(f"compiling the rules for this machine, once: {time.monotonic() - began:.0f} s (about a minute)")
        try:
            child.wait(1.0)
        except subprocess.TimeoutExpired:
            continue
    if child.returncode:
        raise RuntimeError(f"the rules did not compile: `{sys.executable} -c '{WARM}'` ended with {child.returncode}")
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    seconds = time.monotonic() - began
    say(f"compiled the rules in {seconds:.0f} s; later starts find them cached")
    return seconds


def warm_shown() -> None:
    """Compile, or load from the cache, what showing a region and reading what is shown need."""
    import numpy as np

    from clients.own_body import OwnBody
    from world.delta import encode_key, encode_tick
    from world.mirror import Mirror
    from world.shown import wire_rows
    from world.state import KIND, PLAYER, State, X

    empty = np.zeros((16, 16), np.uint8)
    state = State((0, 0, 16, 16), (16, 16), (), (0, 0), empty.copy(), empty.copy(), empty.copy())
    row = state.take_row(1)
    state.rows[KIND, row] = PLAYER
    before = wire_rows(state)
    state.rows[X, row] += 4096
    now = wire_rows(state, (), before)
    index, data = encode_tick(before, now)
    mirror = Mirror(state.land)
    mirror.apply([0], encode_key(before, 0))
    mirror.apply(index[:, 0], data)
    own = OwnBody()
    own.seen(0.0, 1, 1, (64, 64), (0, 0), 0.0, empty, empty)
    own.advance(50.0, empty, empty)
