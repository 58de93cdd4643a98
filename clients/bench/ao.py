"""`everloom bench ao`: items of outside wallets that a real world takes in a second, each durable, its result checked.

A world of two regions begins; wallets join it; their items are signed before the clock runs: numbered Moves, one at a
time for each wallet, and Says, many at once. Then, for SECONDS, each is posted at the messenger's door, and when that
has answered (it does so once a durable record holds the item), its result is fetched and checked. At the end the
archive must hold every one of them. The client runs on the same cores as the world.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import track
from rich.table import Table

from archive.data_item import sign_item
from archive.keys import Ed25519Key, Key, RsaKey, unb64
from archive.stores.disk import DiskStore
from clients.bench.cpu import spent
from clients.bench.plain_http import Answered, Plain
from clients.bench.ticks import Ticks
from clients.ledger_check import archived_records
from regions.outside import address_text, names
from regions.record import Outside
from regions.shell.nats_server import free_port

KINDS: Final = ("RSA-4096", "Ed25519")
SECONDS: Final = 30.0
ITEMS: Final = 45_000  # prepared for each kind of key: 1,500/s
WALLETS: Final = 8
IN_FLIGHT: Final = 480
SIGNED_AT_ONCE: Final = 250
START_S_MAX: Final = 240.0
STOP_S_MAX: Final = 120.0
AO: Final = (("Data-Protocol", "ao"), ("Type", "Message"), ("Variant", "ao.TN.1"))
Row = dict[str, Any]


@dataclass
class Body:
    """A wallet, where its body is, and its items: `moves` must go in order."""

    key: Key
    process: str
    number: int
    moves: deque[bytes] = field(default_factory=deque)


def run(as_json: bool, items: int = ITEMS, seconds: float = SECONDS, kinds: tuple[str, ...] = KINDS) -> int:
    """Measure with both kinds of key; the exit status is 1 when an item had another result than it should."""
    console = Console(stderr=True)
    rows: list[Row] = []
    for name in kinds:
        with tempfile.TemporaryDirectory(prefix="everloom-ao-") as folder:
            keys: list[Key] = [
                (RsaKey if name == KINDS[0] else Ed25519Key).generate()
                for _ in track(range(WALLETS), f"{name}: making wallets", console=console)
            ]
            rows.append(
                {"bench": "ao", "keys": name} | asyncio.run(_measure(Path(folder) / "w", keys, items, seconds, console))
            )
    if as_json:
        print(json.dumps(rows))
    else:
        table = Table(
            title=f"items of outside wallets, for {seconds:.0f} s, the client on the same {os.cpu_count()} cores"
        )
        for column in rows[0]:
            table.add_column(column.replace("_", " "))
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        Console().print(table)
    return 0 if all(row["wrong"] == 0 and row["archived"] == row["items"] for row in rows) else 1


async def _measure(home: Path, keys: list[Key], items: int, seconds: float, console: Console) -> Row:
    port = free_port()
    with _up(home, port) as process:
        about = await _about(port, process)
        async with Plain.pool("127.0.0.1", port, 1) as (client,):
            bodies = [await _join(client, about, key) for key in keys]
        says = _sign(bodies, items, console)
        ticks = await Ticks.listen(home)
        async with Plain.pool("127.0.0.1", port, IN_FLIGHT) as pool:
            load = Load(pool, bodies, says)
            before = spent(process.pid)
            took, late, rates = await ticks.during(load.run(seconds))
            after = spent(process.pid)
        await ticks.close()
    out, _ = process.communicate(timeout=STOP_S_MAX)
    summary = json.loads(out.strip().splitlines()[-1])
    held = {
        said.item
        for _, record in archived_records(DiskStore(home / "store"), summary["world"])
        for said in record.inputs
        if isinstance(said, Outside)
    }
    load.took_ms.sort()
    return {
        "items_per_s": round(load.done / took),
        "items": load.done,
        "numbered": load.numbered,
        "wrong": len(load.wrong),
        "archived": len(held & load.sent),
        "seconds": round(took, 1),
        "ms_p50": round(load.took_ms[len(load.took_ms) // 2]) if load.took_ms else None,
        "ms_p99": round(load.took_ms[len(load.took_ms) * 99 // 100]) if load.took_ms else None,
        "ticks_per_s": rates,
        "ticks_late": late,
        "cpu_us_per_item": {
            name: round((after[name] - before.get(name, 0.0)) * 1e6 / max(1, load.done))
            for name in sorted(after)
            if after[name] - before.get(name, 0.0) > 0.05
        },
        "first_wrong": load.wrong[:1],
    }


@contextmanager
def _up(home: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "clients.cli", "up", "--world", str(home), "--port", "0", "--json"]
    process = subprocess.Popen(
        [*command, "--ao-port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
        process.terminate()
    except BaseException:
        process.terminate()
        process.wait(STOP_S_MAX)
        raise


async def _about(port: int, process: "subprocess.Popen[str]") -> dict[str, Any]:
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError):
            async with Plain.pool("127.0.0.1", port, 1) as pool:
                about: dict[str, Any] = (await pool[0].get("/")).json()
                return about
        await asyncio.sleep(0.2)
    raise OSError(f"the world's door did not open within {START_S_MAX:.0f} s")


# What is prepared.


def _item(key: Key, process: str, action: str, number: str = "", data: bytes = b" ", **more: str) -> bytes:
    tags = [("Action", action), *more.items(), *AO, *([("Number", number)] if number else [])]
    return sign_item(key, data, tags, unb64(process)).raw


async def _join(client: Plain, about: dict[str, Any], key: Key) -> Body:
    """Have a body, awake."""
    world, *regions = (one["process"] for one in about["processes"])
    owner = address_text(names(key.signature_type, key.public)[1])
    await _taken(client, _item(key, world, "Join"))
    for _ in range(200):
        for region in regions:
            asked = json.dumps({"Tags": [{"name": "Action", "value": "Inventory"}], "Owner": owner}).encode()
            told = (await client.post(f"/compute/dry-run?process-id={region}", asked)).json()
            if "Error" not in told:
                era, _, number = json.loads(told["Output"]["data"])["Next"].partition(".")
                await _taken(client, _item(key, region, "Join", f"{era}.{number}"))
                return Body(key, region, int(number) + 1)
        await asyncio.sleep(0.1)
    raise OSError("a wallet that joined got no body within 20 s")


async def _taken(client: Plain, raw: bytes) -> None:
    answer = await client.post("/messenger", raw)
    if answer.status != 202:
        raise OSError(f"the door says {answer.status}: {answer.body[:200]!r}")


def _sign(bodies: list[Body], items: int, console: Console) -> deque[tuple[str, bytes]]:
    """Sign everything, on all cores: the clock does not run yet."""
    says: deque[tuple[str, bytes]] = deque()
    orders: list[tuple[dict[str, str], str, str, int, int]] = []
    each = items // len(bodies)
    for body in bodies:
        words = body.key.to_jwk()
        numbered = each // 4
        for first in range(0, numbered, SIGNED_AT_ONCE):
            orders.append((words, body.process, "Move", body.number + first, min(SIGNED_AT_ONCE, numbered - first)))
        for first in range(0, each - numbered, SIGNED_AT_ONCE):
            orders.append((words, body.process, "Say", first, min(SIGNED_AT_ONCE, each - numbered - first)))
    owners = {json.dumps(body.key.to_jwk()): body for body in bodies}
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        signed = pool.map(_signed, orders)
        for order, raws in track(zip(orders, signed, strict=True), "signing", len(orders), console=console):
            if order[2] == "Move":
                owners[json.dumps(order[0])].moves += raws
            else:
                says += [(order[1], raw) for raw in raws]
    by_turns = sorted(range(len(says)), key=lambda at: at % each)
    return deque(says[at] for at in by_turns)


def _signed(order: tuple[dict[str, str], str, str, int, int]) -> list[bytes]:
    words, process, action, first, count = order
    key: Key = Ed25519Key.from_jwk(words) if words["kty"] == "OKP" else RsaKey.from_jwk(words)
    if action == "Move":
        steps = [("1", "0"), ("-1", "0"), ("0", "1"), ("0", "-1")]  # so slowly that nobody comes to a border
        return [
            _item(key, process, action, f"1.{number}", X=steps[number % 4][0], Y=steps[number % 4][1])
            for number in range(first, first + count)
        ]
    return [_item(key, process, action, "", b"word %d" % number) for number in range(first, first + count)]


# What is measured.


@dataclass
class Load:
    """The clients: one for each wallet sends its Moves in order, the others send Says."""

    pool: list[Plain]
    bodies: list[Body]
    says: deque[tuple[str, bytes]]
    done: int = 0
    numbered: int = 0
    sent: set[bytes] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)

    async def run(self, seconds: float) -> float:
        """Send for so long; the seconds it took until the last result was checked."""
        began = time.perf_counter()
        ends = began + seconds
        movers = [self._moves(client, body, ends) for client, body in zip(self.pool, self.bodies, strict=False)]
        sayers = [self._says(client, ends) for client in self.pool[len(self.bodies) :]]
        await asyncio.gather(*movers, *sayers)
        return time.perf_counter() - began

    async def _moves(self, client: Plain, body: Body, ends: float) -> None:
        while body.moves and time.perf_counter() < ends:
            if await self._one(client, body.process, body.moves.popleft(), "Move: done", "Move: you are down"):
                self.numbered += 1

    async def _says(self, client: Plain, ends: float) -> None:
        while self.says and time.perf_counter() < ends:
            await self._one(client, *self.says.popleft(), "Say: done")

    async def _one(self, client: Plain, process: str, raw: bytes, wanted: str, refused: str = "") -> bool:
        """`refused`: what an item's result may say as well, in a world with wolves."""
        began = time.perf_counter()
        taken = await client.post("/messenger", raw)
        if taken.status != 202:
            return self._wrong(taken)
        name = taken.json()["id"]
        told = await client.get(f"/compute/result/{name}?process-id={process}")
        result = told.json()
        if told.status != 200 or (result.get("Error") or result.get("Output", {}).get("data")) not in (wanted, refused):
            return self._wrong(told)
        self.sent.add(raw)
        self.done += 1
        self.took_ms.append((time.perf_counter() - began) * 1000)
        return True

    def _wrong(self, answer: Answered) -> bool:
        self.wrong.append(f"{answer.status} {answer.body[:200]!r}")
        return False
