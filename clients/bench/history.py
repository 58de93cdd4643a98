"""`everloom bench history`: what the built-in world with 200 bots leaves behind, and what becomes of it.

A real world runs for a while. Measured are the delay of a player's action (by the probes among the bots), the memory of
a region's process, the archive's bytes for each moving body and tick (everything that is put again and again; the map,
the Module and such, put once, are told apart), `verify` on one core, and `restore` up to the first tick.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from archive.stores.disk import DiskStore
from clients.archive_cost import DAY_S, ONCE, day, measure
from clients.bench.conditions import conditions, tell
from clients.bench.cpu import memory
from world.units import TICKS_PER_SECOND

BOTS: Final = 200
SECONDS: Final = 100
SAMPLE_S: Final = 5.0
LAST_S_MAX: Final = 900.0
Row = dict[str, Any]


def run(as_json: bool, seconds: int = SECONDS, bots: int = BOTS) -> int:
    """Run it; exit status 1 when the history does not verify."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="everloom-history-") as folder:
        home = Path(folder) / "w"
        console.print(f"a world with {bots} bots runs for {seconds} s")
        lived, region_mb = _live(home, seconds, bots)
        found = measure(DiskStore(home / "store"))
        console.print("verifying")
        proved, verify_cpu = _command("verify", "--from", str(home / "store"), one_core=True)
        console.print("restoring")
        shutil.copytree(home / "store", Path(folder) / "copy")
        restored, restore_cpu = _command("restore", "--from", str(Path(folder) / "copy"), "--world", f"{folder}/r")
        again, _ = _command("up", "--world", f"{folder}/r", "--for", "2s", "--port", "0")
    ticks, moving = DAY_S * TICKS_PER_SECOND, max(1, lived["entities_moving"])
    row = {
        "bench": "history",
        "workload": f"built-in world in {lived['regions']} regions, {lived['entities']} bodies, {moving} moving, "
        f"{bots} bots, {lived['handovers']} handovers, {lived['ticks']} ticks of {seconds} s",
        "effect_ms_p50": lived["effect_ms_p50"],
        "effect_ms_p99": lived["effect_ms_p99"],
        "timer_late_ms_p50": lived["timer_late_ms_p50"],
        "timer_late_ms_p99": lived["timer_late_ms_p99"],
        "actions_lost": lived["actions_lost"],
        "actions_repeated": lived["actions_repeated"],
        "region_memory_mb": region_mb,
        "archived_bytes_per_moving_body_tick": round(sum(day(found, None).values()) / ticks / moving, 3),
        "archived_bytes_by_kind": {kind: round(size / ticks / moving, 3) for kind, size in day(found, None).items()},
        "archived_bytes_once": sum(found.bytes[kind] for kind in ONCE),
        "verified": proved.get("ok"),
        "verify_times_real_time": round(proved["world_seconds"] / verify_cpu, 1) if proved.get("ok") else None,
        "verify_cpu_s": round(verify_cpu, 1),
        "restore_s": restored.get("seconds"),
        "restore_cpu_s": round(restore_cpu, 1),
        "first_tick_s": again.get("first_tick_s"),
        **conditions(),
    }
    tell(row, as_json)
    return 0 if proved.get("ok") else 1


def _live(home: Path, seconds: int, bots: int) -> tuple[Row, float]:
    """What `up` said at its end, and the memory of a region's process in MB: the median of all samples."""
    command = [sys.executable, "-m", "clients.cli", "up", "--world", str(home), "--bots", str(bots), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--for", f"{seconds}s", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    sizes: list[float] = []
    while process.poll() is None:
        time.sleep(SAMPLE_S)
        sizes += [
            size for name, size in memory(process.pid).items() if name.startswith("region ") and name[-1].isdigit()
        ]
    assert process.stdout is not None
    lines = process.stdout.read().strip().splitlines()
    if process.returncode or not lines:
        raise OSError(f"the world ended with {process.returncode}")
    return json.loads(lines[-1]), round(statistics.median(sizes), 1) if sizes else 0.0


def _command(*arguments: str, one_core: bool = False) -> tuple[Row, float]:
    """What `everloom ... --json` said last, and the seconds of CPU it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    bound = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if one_core else []
    done = subprocess.run(
        [*bound, sys.executable, "-m", "clients.cli", *arguments, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=LAST_S_MAX,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = done.stdout.strip().splitlines()
    said = json.loads(lines[-1]) if lines else {"ok": False}
    return said, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
