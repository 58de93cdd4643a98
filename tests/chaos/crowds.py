"""The bots' processes of a chaos run: started, killed, started again, and ended in order."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

CROWDS: Final = 2
END_S_MAX: Final = 60.0


class Crowds:
    """All bots, in CROWDS processes; `folder` is where they keep wallets, ledgers and waits."""

    def __init__(self, folder: Path, bots: int, seed: int) -> None:
        self.folder, self.each, self.seed = folder, bots // CROWDS, seed
        self.names = tuple(f"crowd {number + 1}" for number in range(CROWDS))
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.url = ""

    def members(self) -> dict[int, str]:
        """Which crowd each bot is in."""
        return {bot: self.names[bot // self.each] for bot in range(self.each * CROWDS)}

    def pid(self, name: str) -> int:
        """A crowd's process."""
        return self.processes[name].pid

    async def start(self, url: str) -> None:
        """Let all of them in."""
        self.url = url
        for name in self.names:
            await self._let_in(name)

    async def revive(self, name: str) -> None:
        """Start a killed crowd again: the same wallets."""
        await self.processes[name].wait()
        await self._let_in(name)

    async def _let_in(self, name: str) -> None:
        first = self.names.index(name) * self.each
        self.processes[name] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.players", self.url, str(self.folder)),
            *("--first", str(first), "--count", str(self.each), "--seed", str(self.seed)),
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    async def end(self) -> list[dict[str, Any]]:
        """Let them wait for their last receipts and end; what they did. One that does not is missing."""
        found: list[dict[str, Any]] = []
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
            try:
                out, _ = await asyncio.wait_for(process.communicate(), END_S_MAX)
                found.append(json.loads(out.decode().strip().splitlines()[-1]))
            except (TimeoutError, IndexError, ValueError):
                continue
        return found

    async def close(self) -> None:
        """End what still runs."""
        for process in self.processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()
