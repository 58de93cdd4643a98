"""The ground a chaos run stands on: small disks in memory, a store that can lie, clocks that can jump, a proxied log
server, and the real `everloom up` on top of them.

    DIR/world        a small tmpfs: keys, snapshots, spool          DIR/world/log    another: the log server's
    DIR/below        a third, under the store                       DIR/store        the lying store over it
    DIR/clocks       one file per process, for libfaketime          DIR/players      wallets, ledgers, waits
    DIR/said         what `up` said, with times on the monotonic clock

Production code runs unchanged: the disks are mounts, the clocks a preloaded library, the proxy a stand-in binary.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Final

from regions.shell.files import WorldDir
from regions.shell.nats_server import server_binary
from regions.shell.wiring import found_world
from tests.regions.live_world import command_of
from world.generate import generate

HERE: Final = Path(__file__).resolve().parent
FAKETIME: Final = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)
DISK_MB: Final = {"world": 384, "world/log": 768, "below": 1024}  # filling one must not take long
LIVES: Final = re.compile(r"the world lives: (ws://[0-9.]+:[0-9]+)")


def free_port() -> int:
    """A port that nobody has now, below the range of client ports."""
    for port in range(15_000 + os.getpid() % 5_000, 30_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError("no free port")


def mount(path: Path, megabytes: int) -> None:
    """A disk in memory. Needs root."""
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "chaos", str(path)], check=True)


def below(pid: int) -> set[int]:
    """All processes that a process, or one that it started, has started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = {pid}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def favour(nice: int, pid: int) -> None:
    """Where each session has its own share of the processors (autogroups), niceness counts only if its group has it:
    give it to the groups of a process and of all that it started."""
    for one in {pid, *below(pid)}:
        with contextlib.suppress(OSError):
            Path(f"/proc/{one}/autogroup").write_text(str(nice))


class Ground:
    """One world, its mounts and its processes; `close` ends and unmounts all of it."""

    def __init__(self, folder: Path, shape: tuple[int, int], npcs: int, seed: int, checkpoint_s: int) -> None:
        self.folder = folder
        self.world, self.store, self.below = folder / "world", folder / "store", folder / "below" / "store"
        self.clocks, self.players = folder / "clocks", folder / "players"
        self.shape, self.npcs, self.seed, self.checkpoint_s = shape, npcs, seed, checkpoint_s
        self.log_port, self.log_face, self.door = free_port(), 0, 0
        self.said: list[tuple[float, str]] = []
        self.url = ""
        self.lives = 0  # of the agent, as `up` says
        self._disk: subprocess.Popen[str] | None = None
        self.up: subprocess.Popen[str] | None = None

    # Making it.

    def make(self) -> None:
        """Mount the disks and found the world."""
        for path in (self.clocks, self.players, self.store):
            path.mkdir(parents=True, exist_ok=True)
        mount(self.world, DISK_MB["world"])
        mount(self.folder / "below", DISK_MB["below"])
        self.below.mkdir()
        command = [sys.executable, "-m", "tests.chaos.lying_store", str(self.below), str(self.store)]
        self._disk = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._disk.stdout is not None and self._disk.stdout.readline() == "mounted\n"
        third = self.npcs * 9 // 20
        population = (third, third, self.npcs - 2 * third)
        found_world(WorldDir(self.world), generate(self.seed), self.shape, population, self.store)
        mount(self.world / "log", DISK_MB["world/log"])

    def start(self, log_face: int) -> None:
        """Start `up`; `log_face` is where the proxy to the log server listens."""
        self.log_face = log_face
        stand_in = self.folder / "nats-server"
        behind = f"{sys.executable} -I -S {HERE / 'nats_behind.py'} {server_binary()} {self.log_port} {log_face}"
        stand_in.write_text(f'#!/bin/sh\nexec {behind} "$@"\n')
        stand_in.chmod(0o755)
        library = next((path for path in FAKETIME if os.path.exists(path)), None)
        if library is None:
            raise OSError("libfaketime is not there: apt-get install libfaketime")
        environment = os.environ | {
            "NATS_SERVER": str(stand_in),
            "LD_PRELOAD": library,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
            "NO_FAKE_STAT": "1",
            "CHAOS_CLOCKS": str(self.clocks),
            "PYTHONPATH": os.pathsep.join([str(HERE / "clock"), str(HERE.parents[1])]),
            "COLUMNS": "400",
        }
        command = [sys.executable, "-m", "clients.cli", "up", "--world", str(self.world), "--port", "0", "--json"]
        command += ["--checkpoint-every", f"{self.checkpoint_s}s"]
        self.up = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=environment,
        )
        assert self.up.stderr is not None
        threading.Thread(target=self._listen, args=(self.up.stderr,), daemon=True).start()

    def _listen(self, pipe: IO[str]) -> None:
        with (self.folder / "said").open("a") as kept:
            for line in pipe:
                words = re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip()
                now = time.monotonic()
                kept.write(f"{now:.3f} {words}\n")
                kept.flush()
                if "| checkpoint" not in words:
                    self.said.append((now, words.strip()))
                if found := LIVES.search(words):
                    self.url, self.lives = found[1], self.lives + 1
                    self.door = int(self.url.rpartition(":")[2])

    # What is there.

    def pids(self) -> dict[str, int]:
        """The world's processes by name: agent, world, region 1 ..., gateway, archivist, nats; of spares, one."""
        assert self.up is not None
        found: dict[str, int] = {}
        for pid in below(self.up.pid):
            name = command_of(pid)
            if name.startswith("everloom: "):
                found[name.removeprefix("everloom: ")] = pid
            elif "nats.conf.behind" in name:
                found["nats"] = pid
        return found

    def token(self) -> str:
        """What the log server asks for."""
        return (self.world / "keys" / "nats-token").read_text().strip()

    # Hurting it.

    def lie(self, mode: str) -> None:
        """Say what the store does from now on."""
        assert self._disk is not None and self._disk.stdin is not None and self._disk.stdout is not None
        self._disk.stdin.write(mode + "\n")
        self._disk.stdin.flush()
        assert self._disk.stdout.readline() == mode + "\n"

    def set_clock(self, pid: int, seconds: int) -> None:
        """Set one process's wall clock off by so much, within about a second."""
        path = self.clocks / str(pid)
        path.with_suffix(".new").write_text(f"{seconds:+d}\n")
        path.with_suffix(".new").replace(path)

    def fill(self, disk: str) -> None:
        """Leave no room on `world`, `world/log` or `below`."""
        path = self.folder / disk
        with (path / "filler").open("wb", buffering=0) as file:
            size = 1 << 20
            while size >= 1:
                try:
                    if file.write(bytes(size)) < size:
                        size //= 2
                except OSError:
                    size //= 2

    def free(self, disk: str) -> None:
        """Give the room back."""
        (self.folder / disk / "filler").unlink(missing_ok=True)

    def used_mb(self, disk: str) -> int:
        """How much of a disk is in use."""
        return shutil.disk_usage(self.folder / disk).used >> 20

    # Ending it.

    def stop(self, seconds: float) -> tuple[int | None, dict[str, object]]:
        """A planned stop: exit status (None: it did not end in time) and the JSON object it ends with."""
        assert self.up is not None and self.up.stdout is not None
        self.up.send_signal(signal.SIGINT)
        lines: list[str] = []
        pipe = self.up.stdout
        reader = threading.Thread(target=lambda: lines.extend(pipe), daemon=True)
        reader.start()
        reader.join(seconds)
        if reader.is_alive():
            return None, {}
        self.up.wait(10)
        return self.up.returncode, json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}

    def close(self) -> None:
        """End everything that still runs, and take the mounts away."""
        if self.up is not None and self.up.poll() is None:
            pids = [self.up.pid, *self.pids().values()]
            for pid in pids:
                for number in (signal.SIGKILL, signal.SIGCONT):
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        continue
            self.up.wait(10)
        if self._disk is not None and self._disk.stdin is not None:
            subprocess.run(["umount", "-l", str(self.store)], check=False, stderr=subprocess.DEVNULL)
            self._disk.stdin.close()
            self._disk.wait(10)
        for path in (self.world / "log", self.world, self.folder / "below"):
            subprocess.run(["umount", "-l", str(path)], check=False, stderr=subprocess.DEVNULL)
