"""A real world for tests: `everloom up` as a child, its processes found, listened to, killed by pid."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regions import messages
from regions.messages import Beat, Letter, Message
from regions.shell.nats import Bus, connect

START_S_MAX = 240.0  # kernels may have to be compiled
LIVES = re.compile(r"the world lives: (ws://[0-9.]+:[0-9]+)")


def everloom(*arguments: str, timeout_s: float = 300.0) -> tuple[int, dict[str, Any], str]:
    """Run a command to its end: exit status, the JSON object of its last line, everything it said."""
    command = [sys.executable, "-m", "clients.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    lines = done.stdout.strip().splitlines()
    last = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    return done.returncode, last, done.stdout + done.stderr


class LiveWorld:
    """One running `everloom up`."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        command = [sys.executable, "-m", "clients.cli", "up", "--world", str(directory), "--port", "0", "--json"]
        self.process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.said: list[str] = []
        self.url = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := LIVES.search(re.sub(r"\x1b\[[0-9;]*m", "", line)):
                self.url = found[1]

    def wait_until_it_lives(self) -> str:
        """The gateway's address, once players may come."""
        wait_for(lambda: self.url or self.process.poll() is not None, START_S_MAX, "the world to live")
        assert self.url, "".join(self.said)
        return self.url

    def pids(self) -> dict[int, str]:
        """Every process of this world below `up`, with what `ps` shows of it."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                parents[int(entry.name)] = int(fields[1])
        below = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in below} - below:
            below |= more
        return {pid: name for pid in below - {self.process.pid} if (name := command_of(pid))}

    def pid_of(self, name: str) -> int:
        """The pid of the process whose title is `everloom: name`. LookupError when there is none."""
        for pid, title in self.pids().items():
            if title == f"everloom: {name}" or (name == "nats-server" and "nats-server -c" in title):
                return pid
        raise LookupError(f"no {name} among {sorted(self.pids().values())}")

    def kill(self, name: str) -> int:
        """kill -9 one process by its title; its pid."""
        pid = self.pid_of(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_everything(self) -> None:
        """kill -9 every process of this world at once, `up` first."""
        pids = [self.process.pid, *self.pids()]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(10)
        self._close()
        wait_for(lambda: not any(command_of(pid) for pid in pids[1:]), 10, "every process to be gone")

    def stop(self) -> dict[str, Any]:
        """A planned stop; the JSON object it ends with."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        status = self.process.wait(60)
        self._close()
        assert status == 0, "".join(self.said) + out
        return json.loads(out.strip().splitlines()[-1])

    def _close(self) -> None:
        self._reader.join(10)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    @contextmanager
    def listening(self, subjects: tuple[str, ...], heard: Callable[[Message], None]) -> Iterator[None]:
        """Hear the world's bus in a thread: `subjects` such as `letter.*` below the world's short name."""
        ended = threading.Event()

        async def listen() -> None:
            config = (self.directory / "log" / "nats.conf").read_text()
            token = (self.directory / "keys" / "nats-token").read_text().strip()
            found = re.search(r"^port: (\d+)$", config, re.MULTILINE)
            assert found is not None
            outside = await connect(f"nats://127.0.0.1:{found[1]}", token, "test")
            try:
                bus = Bus(outside)
                for subject in subjects:
                    await bus.subscribe(f"*.{subject}", lambda _, data: heard(messages.decode(data)))
                while not ended.is_set():
                    await asyncio.sleep(0.02)
            finally:
                await outside.close()

        thread = threading.Thread(target=lambda: asyncio.run(listen()))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def command_of(pid: int) -> str:
    """What `ps` shows of a process; empty when it is gone or a zombie."""
    try:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return ""
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Poll until a condition holds; AssertionError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


__all__ = ["Beat", "Letter", "LiveWorld", "everloom", "wait_for"]
