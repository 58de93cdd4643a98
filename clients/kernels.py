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
WARM = "from world.tick import warm; warm()"


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
