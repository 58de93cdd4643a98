"""An asset that a player found goes to an outside wallet and, by one Give of unmodified aoconnect, back; then out of
the world, from wallet to wallet there, and into the hands of another player.

The player sees it, `result` tells it, the archive holds the very bytes that were posted; and when only the store is
left, the restored world has the asset where it was given to, and its AO door shows the same assignments and results.
"""

import asyncio
import base64
import json
import math
import shutil
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from archive.data_item import sign_item
from archive.keys import Ed25519Key, RsaKey, address, save_key, unb64
from archive.restore import search
from archive.stores.disk import DiskStore
from clients.asset_show import story_of
from clients.bots.behaviours import GatherGoods, Sight, steer
from clients.connection import Connection
from clients.ledger_check import archived_records
from clients.seen import Body, Frame, warm
from clients.session import Acknowledged, News
from regions.holdings import holdings
from regions.protocol import Having
from regions.record import Outside
from regions.shell.files import WorldDir
from regions.shell.wiring import found_world
from tests.ao.open_door import Door, open_door, run, tag
from tests.regions.live_world import everloom, wait_for
from tests.wallets import AO
from world.actions import Action, GiveAsset
from world.shown import PER_TILE
from world.tilemap import FIELD, make_map
from world.units import COINS_MAX

FINDERS = (
    24  # each gathers once a second, and one gathering in 64 is a find: nobody finds one in 60 s once in e^22 runs
)
FIND_S_MAX = 90.0
SEEN_S_MAX = 20.0
SIDE = 32


class Finder:
    """A bot of the project's kit: gathers; and once told to whom, goes there and hands over what it found."""

    def __init__(self, url: str, number: int) -> None:
        self.key = Ed25519Key(b"finder".ljust(31, b".") + bytes([number]))
        self.connection = Connection(url, self.key, heard=self._heard, shown=self._shown)
        self.gather = GatherGoods(Random(number))
        self.assets: list[set[int]] = [set()]  # what it was told it has, each time that it was told
        self.goods: tuple[int, ...] = ()
        self.refused = self.resting = False
        self.gift: tuple[int, int] | None = None  # (entity, asset)
        self.verdicts: list[int] = []
        self._frames = 0

    def _heard(self, news: News) -> None:
        if isinstance(news, Having):
            self.goods, one = news.goods, {asset for asset, _, _ in news.assets}
            assert news.coins <= COINS_MAX
            if one != self.assets[-1]:
                self.assets.append(one)
        elif isinstance(news, Acknowledged):
            self.refused = news.verdict != 0
            self.verdicts.append(news.verdict)

    def _shown(self, frame: Frame, size: int) -> None:
        self._frames += 1
        seen, session = self.connection.seen, self.connection.session
        body = seen.find(session.entity) if seen is not None else None
        if seen is None or body is None or self._frames % 5 or self.resting or session.pending:
            return
        sight = Sight(session.entity, seen, body, self.goods, self.refused)
        action = self.gather(sight) if self.gift is None else self._hand_over(sight, *self.gift)
        if action is not None:
            self.connection.act(action)

    def _hand_over(self, sight: Sight, entity: int, asset: int) -> Action | None:
        to: Body | None = sight.seen.find(entity)
        if to is None or asset not in self.assets[-1]:
            return None
        dx, dy = (to.x - sight.body.x) / PER_TILE, (to.y - sight.body.y) / PER_TILE
        return GiveAsset(entity, asset) if math.hypot(dx, dy) < 1.7 else steer(sight, dx, dy)


async def until(what: str, holds: Any, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.05)
    assert holds(), what


def found(home: Path) -> None:
    """A field of corn, and nobody in it but who comes."""
    ground = np.zeros((SIDE, SIDE), np.uint8)
    corn = np.full((SIDE, SIDE), FIELD, np.uint8)
    middle = [(SIDE // 2, SIDE // 2)]
    land = make_map(ground, corn, homes=middle, fields=middle, player_spawns=middle)
    found_world(WorldDir(home), land, (1, 1), (0, 0, 0))


async def to_and_fro(url: str, door: Door, key: Path) -> dict[str, Any]:
    """Somebody finds an asset and gives it to the outside wallet, which gives it back."""
    warm()
    wallet = await asyncio.to_thread(run, "give.mjs", door.base, str(key), "join")
    finders = [Finder(url, number) for number in range(FINDERS)]
    tasks = [asyncio.create_task(one.connection.run()) for one in finders]
    try:
        await until("a find", lambda: any(one.assets[-1] for one in finders), FIND_S_MAX)
        finder = next(one for one in finders if one.assets[-1])
        for one in finders:
            one.resting = one is not finder
        asset = min(finder.assets[-1])
        finder.gift = wallet["Entity"], asset
        await until("the gift to be gone", lambda: asset not in finder.assets[-1], SEEN_S_MAX)
        finder.resting = True
        assert finder.verdicts[-1] == 0
        recipient = address(finder.key.public)
        given = await asyncio.to_thread(run, "give.mjs", door.base, str(key), "give", str(asset), recipient)
        await until("the gift to be back", lambda: asset in finder.assets[-1], SEEN_S_MAX)
        assert [asset in one for one in finder.assets[-3:]] == [True, False, True]
        heir = next(one for one in finders if one is not finder)
        around = await asyncio.to_thread(around_outside, key, finder.key, heir.key, asset, door.base)
        await until("the asset to be back", lambda: asset in heir.assets[-1], SEEN_S_MAX)
        assert asset not in finder.assets[-1]
        entity = heir.connection.session.entity
    finally:
        await asyncio.gather(*(one.connection.stop() for one in finders))
        await asyncio.gather(*tasks, return_exceptions=True)
    assert given["holder"] == recipient
    return given | {
        "wallet": wallet,
        "asset": asset,
        "recipient": recipient,
        "entity": entity,
        "heir": address(heir.key.public),
        "around": around,
    }


def around_outside(key: Path, holder: Ed25519Key, heir: Ed25519Key, asset: int, door: str) -> list[dict[str, Any]]:
    """Out to the outside wallet, from it to the heir, who alone can bring it back; each step twice, as in doubt."""
    files = [key.with_name(name) for name in ("holder.json", "heir.json")]
    for file, one in zip(files, (holder, heir), strict=True):
        save_key(file, one)
    outside = address(RsaKey.from_jwk(json.loads(key.read_text())).public)
    steps = (
        ("withdraw", files[0], ("--to", outside), 0),
        ("withdraw", files[0], ("--to", outside), 0),
        ("deposit", files[0], (), 1),
        ("transfer", key, ("--to", address(heir.public)), 0),
        ("transfer", key, ("--to", address(heir.public)), 0),
        ("deposit", key, (), 1),
        ("deposit", files[1], (), 0),
        ("deposit", files[1], (), 0),
    )
    done = []
    for action, file, more, wanted in steps:
        status, told, said = everloom(
            "asset", action, f"{asset:016x}", "--key", str(file), *more, "--door", door, "--json"
        )
        assert status == wanted, f"{action}: {said}"
        done.append(told)
    return done


def test_one_give_moves_an_asset_for_good(tmp_path: Path) -> None:
    home, key = tmp_path / "w", tmp_path / "wallet.json"
    found(home)
    with open_door(home, "--checkpoint-every", "4s") as (world, door):
        given = asyncio.run(to_and_fro(world.url, door, key))
        region, message = given["region"], given["message"]
        check_the_result(given["result"], given)
        wait_for(lambda: any(edge["node"]["message"]["id"] == message for edge in door.edges(region)), 20, "its nonce")
        shown = {process: door.edges(process) for process in (door.world, *door.regions)}
        answered = {
            edge["node"]["message"]["id"]: door.result(process, edge["node"]["message"]["id"])
            for process, edges in shown.items()
            for edge in edges[1:]
        }
        about = door.about

    check_the_archive(home / "store", about["world"], given)
    check_the_hands(home / "store", given)
    store, owner = tmp_path / "store", tmp_path / "owner.json"
    shutil.copytree(home / "store", store)
    shutil.copy(home / "keys" / "owner.json", owner)
    home.rename(tmp_path / "gone")
    again = tmp_path / "again"
    status, restored, said = everloom(
        "restore", "--from", str(store), "--world", str(again), "--owner-key", str(owner), "--json"
    )
    assert status == 0, said
    assert restored["world"] == about["world"]
    check_the_holder(again, given["asset"], given["entity"])

    with open_door(again, "--checkpoint-every", "4s") as (_, door):
        assert door.about["era"] == 2
        assert [door.about[name] for name in ("world", "module", "scheduler", "processes")] == [
            about[name] for name in ("world", "module", "scheduler", "processes")
        ]
        for process, edges in shown.items():
            assert door.edges(process)[: len(edges)] == edges
        for process, edges in shown.items():
            for edge in edges[1:]:
                name = edge["node"]["message"]["id"]
                assert door.result(process, name) == answered[name]
        run("chain.mjs", door.base)
        holder = door.dry(region, "Holder", Asset=str(given["asset"]))
        assert "Error" in holder or holder["Output"]["data"] == given["heir"]  # unless who holds it sleeps
        check_the_old_era_is_over(door, given, RsaKey.from_jwk(json.loads(key.read_text())))


def check_the_result(result: dict[str, Any], given: dict[str, Any]) -> None:
    """Told as tokens tell it."""
    assert "Error" not in result
    debit, credit = result["Messages"]
    assert debit["Target"] == given["wallet"]["address"]
    assert credit["Target"] == given["recipient"]
    assert [tag(one["Tags"], "Action") for one in (debit, credit)] == ["Debit-Notice", "Credit-Notice"]
    assert [tag(one["Tags"], "Asset") for one in (debit, credit)] == [str(given["asset"])] * 2


def check_the_archive(store: Path, world: str, given: dict[str, Any]) -> None:
    """One record holds the item, byte for byte as it was posted, and says that it was done."""
    raw = base64.b64decode(given["posted"])
    held = [
        (region, verdict)
        for region, record in archived_records(DiskStore(store), world)
        for said, verdict in zip(record.inputs, record.verdicts, strict=True)
        if isinstance(said, Outside) and said.item == raw
    ]
    assert held == [(given["region"], 0)]


def check_the_hands(store: Path, given: dict[str, Any]) -> None:
    """Every hand is told, those outside among them; and the item by which it left stands in the archive, once."""
    source = DiskStore(store)
    story = story_of(source, f"{given['asset']:016x}")
    outside = given["wallet"]["address"]
    assert [hand.holder for hand in story.hands[-3:]] == [outside, given["heir"], given["entity"]]
    assert [hand.giver for hand in story.hands[-2:]] == [outside, given["heir"]]
    asked = [one["item"] for one in given["around"] if one and one["item"]]
    assert len(asked) == 3 and [hand.item for hand in story.hands[-3:-1]] == asked[:2]
    left = search(source, {"Action": "Credit-Notice", "Asset": f"{given['asset']:016x}"})
    assert len(list(left)) == 1


def check_the_holder(home: Path, asset: int, entity: int) -> None:
    """In the restored state the asset is with the player."""
    directory = WorldDir(home)
    region, _ = directory.newest_region(1, directory.store())
    assert [one.holder for one in holdings(region) if one.asset == asset] == [entity]


def check_the_old_era_is_over(door: Door, given: dict[str, Any], wallet: RsaKey) -> None:
    """What was signed for era 1 does nothing in era 2, whether it was used or not; what is signed for era 2 does."""
    region, owner = given["region"], given["wallet"]["address"]
    before = door.inventory(region, owner)
    era, _, number = before["Next"].partition(".")
    assert era == "2"
    used = door.post(base64.b64decode(given["posted"]))
    assert used.status_code in (400, 409), used.text
    body = door.dry(region, "Info", owner)
    assert json.loads(body["Output"]["data"])["Era"] == 2
    for spelled, status in ((f"1.{number}", 400), (f"2.{number}", 202)):
        tags = [("Action", "Join"), *AO, ("Number", spelled)]
        answer = door.post(sign_item(wallet, b" ", tags, unb64(region)).raw)
        assert answer.status_code == status, answer.text
        assert (door.inventory(region, owner) == before) == (status == 400)
