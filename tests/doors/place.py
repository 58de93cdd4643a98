"""Where strangers come: a real small world (`everloom up`) and before it a gateway process of our own, so that its
settings can be chosen and its memory and figures be seen."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from archive.keys import Ed25519Key
from clients.connection import Connection
from clients.seen import warm
from tests.regions.live_world import LiveWorld, wait_for

REGIONS: Final = "2x1"
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
TICKS: Final = os.sysconf("SC_CLK_TCK")


def child(module: str, orders: dict[str, Any]) -> "subprocess.Popen[str]":
    """A process of this project that takes its orders as a line of JSON."""
    process = subprocess.Popen([sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(orders) + "\n")
    process.stdin.flush()
    return process


class Gate:
    """A gateway process, started with the given settings."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.figures: dict[str, int] = {}
        self.process = child("regions.shell.gateway", settings)
        assert self.process.stdout is not None
        self.port = int(json.loads(self.process.stdout.readline())["listening"])
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        """For players."""
        return f"ws://127.0.0.1:{self.port}"

    def rss_mb(self) -> float:
        """Resident memory, shared libraries included."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE_BYTES / 2**20

    def cpu_s(self) -> float:
        """Processor seconds so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def newest(self) -> dict[str, int]:
        """Its figures, told within the last moment."""
        self.figures = {}
        wait_for(lambda: self.figures, 20, "the gateway to tell its figures")
        return self.figures

    def stop(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.figures = json.loads(line)


class Onlookers:
    """Bots in play, in a process of their own (`tests.doors.onlookers`)."""

    def __init__(self, gate: Gate, count: int, file: Path) -> None:
        self.file, self.reconnects = file, 0
        orders = {"url": gate.url, "count": count, "file": str(file)}
        orders |= {name: gate.settings[name] for name in ("bus", "token", "short")}
        self.process = child("tests.doors.onlookers", orders)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "in\n"

    def gaps(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """End them: what they noted, [n, 3]."""
        out, _ = self.process.communicate("", timeout=60)
        self.reconnects = int(out)
        return np.asarray(np.load(self.file))


@contextmanager
def place() -> Iterator[tuple[dict[str, Any], Path]]:
    """A world: what a gateway must be told to stand before it, and a folder for files."""
    with tempfile.TemporaryDirectory(prefix="doors") as folder:
        world = LiveWorld(Path(folder) / "w", "--regions", REGIONS)
        try:
            yield _settings(world, world.wait_until_it_lives()), Path(folder)
        finally:
            if world.process.poll() is None:
                world.kill_everything()


@contextmanager
def gateway(settings: dict[str, Any], host: str = "127.0.0.1", **limits: object) -> Iterator[Gate]:
    """A gateway before a place's world, at `host`, whose `limits` differ so much from the ordinary."""
    gate = Gate(settings | {"limits": limits, "host": host, "name": f"doors{time.monotonic_ns() % 10**12}"})
    try:
        yield gate
    finally:
        gate.stop()


def _settings(world: LiveWorld, url: str) -> dict[str, Any]:
    """What a gateway must be told of a running world, as a client and the world's own files say it."""
    found = re.search(r"^port: (\d+)$", (world.directory / "log" / "nats.conf").read_text(), re.MULTILINE)
    assert found is not None
    connection = asyncio.run(_look(url))
    welcome = connection.session.welcome
    assert welcome is not None
    return {
        "bus": f"nats://127.0.0.1:{found[1]}",
        "token": (world.directory / "keys" / "nats-token").read_text().strip(),
        "world": connection.session.world.hex(),
        "short": connection.session.world.hex()[:12],
        "regions": len(welcome.regions),
        "rectangles": welcome.regions,
        "tiles": welcome.world_tiles,
        "port": 0,
    }


async def _look(url: str) -> Connection:
    warm()
    connection = Connection(url, Ed25519Key.generate())
    task = asyncio.create_task(connection.run())
    async with asyncio.timeout(60):
        while connection.session.welcome is None:
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return connection


def percentiles(values: Any, shares: tuple[float, ...] = (50, 90, 99, 100)) -> dict[str, float]:
    """In a report: {"p50": ...}; empty when there are no values."""
    found = np.asarray(values, np.float64)
    found = found[~np.isnan(found)]
    return {f"p{share:g}": round(float(np.percentile(found, share)), 1) for share in shares if len(found)}
