"""A real world with an AO door, and Node with the locked AO clients beside it: for the tests of this folder."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.node_packages import node_with
from tests.regions.live_world import LiveWorld, wait_for

FOLDER = Path(__file__).parent / "aoconnect"
ADDRESS = re.compile(r"AO and Arweave software finds it at (http://[0-9.]+:[0-9]+)")
START_S_MAX = 60.0
RUN_S_MAX = 120.0


def node() -> str:
    """Where Node is, with the clients installed."""
    return node_with(FOLDER, "node_modules/@permaweb/aoconnect/dist/index.js")


def run(script: str, *arguments: str, gateway: str = "") -> dict[str, Any]:
    """Run one of the scripts beside this to its end; the JSON object it printed. `gateway`: GRAPHQL_URL's prefix."""
    options = ["-r", "./offline.cjs"] if gateway else []
    environment = {"PATH": "/usr/bin:/bin"} | ({"GRAPHQL_URL": f"{gateway}graphql"} if gateway else {})
    command = [node(), *options, script, *arguments]
    done = subprocess.run(
        command, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
    )
    assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
    words: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return words


class Door:
    """The AO door of a world that lives, as plain HTTP."""

    def __init__(self, base: str, client: httpx.Client) -> None:
        self.base, self.client = base, client
        self.about: dict[str, Any] = client.get(base).json()
        self.world, *self.regions = (one["process"] for one in self.about["processes"])
        self.doors: dict[str, str] = self.about["doors"]

    def post(self, raw: bytes, door: str = "messenger", path: str = "") -> httpx.Response:
        """Post bytes."""
        headers = {"content-type": "application/octet-stream"}
        return self.client.post(self.doors[door] + path, content=raw, headers=headers)

    def dry(self, process: str, action: str, owner: str = "1234", **tags: str) -> dict[str, Any]:
        """A dry run's answer."""
        pairs = [{"name": name, "value": value} for name, value in ({"Action": action} | tags).items()]
        words: dict[str, Any] = self.client.post(
            f"{self.doors['compute']}/dry-run?process-id={process}", json={"Tags": pairs, "Owner": owner}
        ).json()
        return words

    def inventory(self, process: str, owner: str) -> dict[str, Any]:
        """What a wallet's body has, and its next number; empty where it is not."""
        words = self.dry(process, "Inventory", owner)
        found: dict[str, Any] = {} if "Error" in words else json.loads(words["Output"]["data"])
        return found

    def edges(self, process: str) -> list[dict[str, Any]]:
        """Everything that is assigned."""
        out: list[dict[str, Any]] = []
        while True:
            where = f"from-nonce={len(out) - 1}&" if out else f"to-nonce={2**40}&"
            page = self.client.get(f"{self.doors['scheduler']}/{process}?{where}limit=1000").json()
            out += page["edges"]
            if not page["page_info"]["has_next_page"]:
                return out

    def result(self, process: str, message: str) -> dict[str, Any]:
        """The result of a message."""
        words: dict[str, Any] = self.client.get(f"{self.doors['compute']}/result/{message}?process-id={process}").json()
        return words


@contextmanager
def open_door(directory: Path, *arguments: str) -> Iterator[tuple[LiveWorld, Door]]:
    """A world that lives, and its door; stopped in order at the end."""
    node()
    world = LiveWorld(directory, "--ao-port", "0", *arguments)
    try:
        world.wait_until_it_lives()
        wait_for(lambda: ADDRESS.search("".join(world.said)), START_S_MAX, "the door's address")
        found = ADDRESS.search("".join(world.said))
        assert found is not None
        with httpx.Client(timeout=20, trust_env=False) as client:
            wait_for(lambda: _answers(client, found[1]), START_S_MAX, "the door to open")
            yield world, Door(found[1], client)
        world.stop()
    finally:
        if world.process.poll() is None:
            world.kill_everything()


def _answers(client: httpx.Client, base: str) -> bool:
    try:
        return client.get(base).status_code == 200
    except httpx.TransportError:
        return False


def tag(tags: list[dict[str, str]], name: str) -> str:
    """The first tag of that name; empty when there is none."""
    return next((one["value"] for one in tags if one["name"] == name), "")
