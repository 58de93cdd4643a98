"""A real arlocal for a test, on a random port of 127.0.0.1; it and its packages must be there, or the test fails."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from tests.node_packages import node_with

FOLDER = Path(__file__).parent / "arlocal"
MAIN = "node_modules/arlocal/bin/index.js"
START_S = 60


class Arlocal:
    """One chain, in memory and a folder. `mine` makes a block; `mint` fills a wallet."""

    def __init__(self, folder: Path) -> None:
        node = node_with(FOLDER, MAIN)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            node,
            "-r",
            str(FOLDER / "loopback.cjs"),
            str(FOLDER / MAIN),
            str(self.port),
            "--hidelogs",
            "--dbpath",
            "db",
        ]
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env=os.environ | {"NODE_ENV": "production"}
            )
        self._await()

    def _await(self) -> None:
        ends = time.monotonic() + START_S
        while time.monotonic() < ends:
            assert self.process.poll() is None, f"arlocal ended: {self.log.read_text()}"
            try:
                self.ask("/info")
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"arlocal did not answer in {START_S} s: {self.log.read_text()}")

    def ask(self, path: str) -> str:
        """What it answers to a GET."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return str(answer.read().decode())

    def height(self) -> int:
        """The newest block's."""
        return int(json.loads(self.ask("/info"))["height"])

    def mine(self, blocks: int = 1) -> None:
        """Make blocks."""
        self.ask(f"/mine/{blocks}")

    def mint(self, address: str, winston: int = 10**16) -> None:
        """Give a wallet something to pay with."""
        self.ask(f"/mint/{address}/{winston}")

    def balance(self, address: str) -> int:
        """What a wallet has left."""
        return int(float(self.ask(f"/wallet/{address}/balance")))

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
