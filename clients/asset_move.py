"""`everloom asset withdraw`, `transfer`, `deposit`: an asset out of the world, from wallet to wallet outside, and back.

A client of the world's AO door like any other: it signs one item with the wallet's key, posts it, and watches what the
world says. Whoever starts it again after it was cut off signs nothing that was done already. Not here: what the world
does with it (`regions.escrow`).
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console

from archive.data_item import sign_item
from archive.errors import ArchiveError
from archive.keys import Key, b64, load_key, unb64
from regions.errors import RecordError
from regions.outside import address_bytes, address_text, names

AO: Final = (("Data-Protocol", "ao"), ("Type", "Message"), ("Variant", "ao.TN.1"))
ASSET: Final = re.compile(r"[0-9a-f]{16}")
POLL_S: Final = 0.5
BODY_S: Final = 30.0  # for a wallet's body to be born, and awake
BACK_S: Final = 30.0  # for an asset to come back
ANSWER_BYTES_MAX: Final = 1 << 20


class Refused(Exception):
    """What the world, or its door, says no to."""


@dataclass
class Door:
    """A world's AO door, and the wallet that stands before it."""

    http: httpx.Client
    key: Key
    world: str
    regions: list[str]

    @property
    def address(self) -> str:
        """The wallet's, as AO writes it."""
        return address_text(names(self.key.signature_type, self.key.public)[1])

    def ask(self, process: str, action: str, **tags: str) -> dict[str, Any]:
        """A read that nobody signs: {"Data", "Tags"}, or {"Error"}."""
        words = [{"name": name, "value": value} for name, value in {"Action": action, **tags}.items()]
        told = self._json(
            "POST", "/compute/dry-run", {"process-id": process}, json.dumps({"Tags": words, "Owner": self.address})
        )
        if "Error" in told:
            return {"Error": told["Error"]}
        message = next(iter(told.get("Messages", ())), {"Tags": ()})
        return {
            "Data": message.get("Data", ""),
            "Tags": {one["name"]: one["value"] for one in message["Tags"]},
        }

    def send(self, process: str, action: str, number: str = "", **tags: str) -> str:
        """Sign and post an item; its id, once a durable record holds it. Raises Refused with the world's reason."""
        pairs = [("Action", action), *tags.items(), *AO, *([("Number", number)] if number else [])]
        item = sign_item(self.key, b" ", pairs, unb64(process))
        self._json("POST", "/messenger", {}, item.raw)
        result = self._json("GET", f"/compute/result/{b64(item.id)}", {"process-id": process})
        if "Error" in result:
            raise Refused(str(result["Error"]))
        return b64(item.id)

    def _json(self, method: str, path: str, query: dict[str, str], content: str | bytes = b"") -> dict[str, Any]:
        try:
            answer = self.http.request(method, path, params=query, content=content)
            if len(answer.content) > ANSWER_BYTES_MAX:
                raise Refused(f"{path}: an answer of {len(answer.content)} bytes, limit {ANSWER_BYTES_MAX}")
            if answer.status_code >= 400:
                raise Refused(f"{path} says {answer.status_code}: {answer.text[:300]}")
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Refused(f"{self.http.base_url}{path.lstrip('/')}: {type(error).__name__}: {error}") from None
        if not isinstance(told, dict):
            raise Refused(f"{path}: no JSON object")
        return told

    # What is where.

    def outside(self, asset: int) -> tuple[str, str]:
        """Who holds it outside, and the number of its next transfer; empty while it is not outside."""
        told = self.ask(self.world, "Holder", Asset=str(asset))
        return (told["Data"], told["Tags"].get("Next", "")) if "Error" not in told else ("", "")

    def escrow(self, asset: int) -> str:
        """For whom it waits in escrow; empty when it does not."""
        found = (self.ask(region, "Holder", Asset=str(asset)) for region in self.regions)
        return next((told["Tags"]["Escrow"] for told in found if "Escrow" in told.get("Tags", ())), "")

    def body(self) -> tuple[str, dict[str, Any]] | None:
        """The region in which the wallet's body is, and what it has."""
        for region in self.regions:
            told = self.ask(region, "Inventory")
            if "Error" not in told:
                return region, json.loads(told["Data"])
        return None


def withdraw(which: str, to: str, key: Path, url: str, wait_s: float, as_json: bool) -> int:
    """Send an asset out of the world, to an address; 0 once it is outside."""

    def work(door: Door, asset: int, say: Callable[[str], None]) -> dict[str, Any]:
        address_bytes(to)
        item = ""
        if not door.outside(asset)[0] and not door.escrow(asset):
            region, has = _body(door)
            item = door.send(region, "Withdraw", has["Next"], Asset=str(asset), Recipient=to)
        say("in escrow: it leaves when a confirmed checkpoint holds it")
        _until(lambda: bool(door.outside(asset)[0]), wait_s, "it is still in escrow; ask again, nothing is lost")
        return {"item": item, "holder": door.outside(asset)[0]}

    return _run(which, key, url, as_json, work)


def transfer(which: str, to: str, key: Path, url: str, as_json: bool) -> int:
    """Pass an asset that is outside to another address."""

    def work(door: Door, asset: int, say: Callable[[str], None]) -> dict[str, Any]:
        address_bytes(to)
        holder, number = door.outside(asset)
        if holder == to:
            return {"item": "", "holder": holder}
        if holder != door.address:
            raise Refused(f"{holder or 'nobody'} holds it outside; this wallet is {door.address}")
        item = door.send(door.world, "Transfer", number, Asset=str(asset), Recipient=to)
        return {"item": item, "holder": door.outside(asset)[0]}

    return _run(which, key, url, as_json, work)


def deposit(which: str, key: Path, url: str, as_json: bool) -> int:
    """Bring an asset back into the world, into the hands of the wallet's body, which is born if there is none yet."""

    def work(door: Door, asset: int, say: Callable[[str], None]) -> dict[str, Any]:
        holder, _ = door.outside(asset)
        item = ""
        if holder and holder != door.address:
            raise Refused(f"{holder} holds it outside; this wallet is {door.address}")
        if holder:
            if door.body() is None:
                say("the wallet has no body yet: it is born")
                door.send(door.world, "Join")
                _until(lambda: door.body() is not None, BODY_S, "the wallet's body is not born yet; try again")
            region, has = _body(door)
            if has["Asleep"]:
                door.send(region, "Join", has["Next"])
                _until(lambda: not _body(door)[1]["Asleep"], BODY_S, "the wallet's body does not wake; try again")
                region, has = _body(door)
            item = door.send(region, "Deposit", has["Next"], Asset=str(asset))
        _until(lambda: _has(door, asset), BACK_S, "it is not in this wallet's hands; look where it is, and try again")
        return {"item": item, "holder": door.address, "entity": f"{_body(door)[1]['Entity']:016x}"}

    return _run(which, key, url, as_json, work)


def _has(door: Door, asset: int) -> bool:
    found = door.body()
    return found is not None and any(one["Id"] == asset for one in found[1]["Assets"])


def _body(door: Door) -> tuple[str, dict[str, Any]]:
    found = door.body()
    if found is None:
        raise Refused(f"no region has a body of the wallet {door.address}")
    return found


def _until(holds: Callable[[], bool], wait_s: float, words: str) -> None:
    ends = time.monotonic() + wait_s
    while not holds():
        if time.monotonic() > ends:
            raise Refused(f"after {wait_s:.0f} s: {words}")
        time.sleep(POLL_S)


def _run(
    which: str,
    key: Path,
    url: str,
    as_json: bool,
    work: Callable[[Door, int, Callable[[str], None]], dict[str, Any]],
) -> int:
    console = Console(stderr=True, highlight=False)
    if not ASSET.fullmatch(which):
        console.print(f"{which[:40]!r} is no asset's id: 16 hex digits, as `everloom archive list` has them")
        return 2
    asset = int(which, 16)
    try:
        with httpx.Client(base_url=url, timeout=30.0) as http:
            door = Door(http, load_key(key), "", [])
            processes = [one["process"] for one in door._json("GET", "/", {})["processes"]]
            door.world, door.regions = processes[0], processes[1:]
            done = {"asset": which} | work(door, asset, console.print)
    except (ArchiveError, RecordError, Refused, KeyError) as error:
        console.print(f"asset {which[:40]}: {error}")
        return 1
    print(json.dumps(done) if as_json else "\n".join(f"{name:<7} {value}" for name, value in done.items() if value))
    return 0
