"""Bots on a real gateway: each behaviour does what its name says, and the report's figures are those of the ledger."""

import asyncio
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from clients.bots import probe
from clients.bots.behaviours import BEHAVIOURS, Sight, nearest_body, steer, whims
from clients.bots.crowd import Crowd, run
from clients.bots.ledger import Entry, read
from clients.bots.report import framed, percentile, reason_name, table
from clients.bots.trades import Trades, fair
from clients.bots.walks import Follow, Walk, read_walks
from clients.seen import Body, Seen
from tests.clients.little_door import door
from tests.regions import little_world
from tests.regions.little_world import LittleWorld
from tests.regions.test_gateway import acts_of
from tests.shared_data import SHARED, needs_shared
from world.actions import Accept, Action, Gather, Give, Move, Offer, Retract, Strike, decode_action
from world.events import Event, Kind
from world.items import BERRY, BREAD, STONE, SWORD, WOOD
from world.kinds import DEER, PLAYER
from world.shown import BODY_COLUMNS, LOOK, LOOK_CARRYING, PER_TILE
from world.tilemap import BUSH, FIELD, ROCK, TREE, WALL, WATER, TileMap, make_map

REGIONS = ((0, 0, 0, 0), (0, 0, 4, 4), (4, 0, 8, 4))


def place(x: float = 32.5, y: float = 32.5, **tiles: int) -> Sight:
    """A bot on grass at x, y (tiles); `tiles` are t<x>_<y>=value."""
    seen = Seen(REGIONS)
    for region in seen.regions.values():
        region.mirror.tiles = {chunk: np.zeros(256, np.uint8) for chunk in range(16)}
    for name, value in tiles.items():
        tx, ty = (int(part) for part in name[1:].split("_"))
        index = 1 if tx < 64 else 2
        left = 0 if tx < 64 else 64
        seen.regions[index].mirror.tiles[ty // 16 * 4 + (tx - left) // 16][ty % 16 * 16 + (tx - left) % 16] = value
    body = Body(1 if x < 64 else 2, int(x * PER_TILE), int(y * PER_TILE), 0, 0, 0, 0, 0)
    return Sight(5, seen, body)


def add_body(sight: Sight, entity: int, x: float, y: float, kind: int, look: int = 0) -> None:
    mirror = sight.seen.regions[1].mirror
    mirror.ids = np.append(mirror.ids, entity)
    row = np.zeros((1, BODY_COLUMNS), np.int32)
    row[0, [0, 1, 4, LOOK]] = int(x * PER_TILE), int(y * PER_TILE), kind, look
    mirror.cols = np.concatenate([mirror.cols, row])


def test_steering_goes_straight_over_grass_and_round_what_is_solid() -> None:
    assert steer(place(), 1, 0) == Move(127, 0)
    assert steer(place(), 0, 0) == Move(0, 0)
    for tile in (WATER, WALL, TREE << 4, ROCK << 4):
        move = steer(place(t33_32=tile), 1, 0)
        assert move != Move(127, 0) and abs(move.dy) > 20


def test_a_gatherer_goes_to_what_grows_and_takes_from_it() -> None:
    sight = place(t38_32=TREE << 4)
    bot = BEHAVIOURS["gather"](Random(1))
    assert bot(sight).dx > 100  # type: ignore[union-attr]
    near = place(36.9, 32.5, t38_32=TREE << 4)
    assert bot(near) == Gather(38, 32)


def test_a_fighter_goes_after_the_nearest_body_and_strikes_it() -> None:
    sight = place()
    add_body(sight, 9, 40.0, 32.5, DEER)
    add_body(sight, 8, 35.0, 32.5, DEER)
    add_body(sight, 5, 32.5, 32.5, PLAYER)
    assert nearest_body(sight, (PLAYER, DEER))[0] == 8  # type: ignore[index]
    bot = BEHAVIOURS["fight"](Random(3))
    assert any(isinstance(one, Move) and one.dx > 100 for one in [bot(sight) for _ in range(5)])
    add_body(sight, 7, 33.0, 32.5, DEER)
    assert Strike(7) in [bot(sight) for _ in range(10)]


def test_a_giver_hands_over_what_it_has_most_of() -> None:
    sight = place()
    sight.goods = (1, 4, 0, 0, 0)
    add_body(sight, 6, 33.0, 32.5, PLAYER)
    assert BEHAVIOURS["give"](Random(1))(sight) == Give(6, 1, 1)


def test_a_border_runner_heads_for_the_other_region_and_turns_round_there() -> None:
    bot = BEHAVIOURS["border-runner"](Random(1))
    assert bot(place(60.0)).dx > 60  # type: ignore[union-attr]
    bot(place(67.5))
    bot = BEHAVIOURS["border-runner"](Random(1))
    assert bot(place(67.5)).dx < -60  # type: ignore[union-attr]


def offered(number: int, maker: int, me: int, gives: tuple[int, ...], wants: tuple[int, ...]) -> Event:
    return Event(Kind.OFFERED, number, maker, me, text=" ".join(str(one) for one in (*gives, *wants)))


def test_a_fair_offer_is_accepted_and_any_other_turned_down() -> None:
    bread, wood = (0, 1 + BREAD, 1, 0), (0, 1 + WOOD, 2, 0)
    asset, nothing = (0, 0, 0, 1 << 48 | 5), (0, 0, 0, 0)
    for gives, wants, answer in (
        (bread, wood, Accept),  # worth 9 for 8
        (wood, bread, Retract),  # it loses one
        (nothing, wood, Retract),
        (wood, nothing, Accept),
        ((7, 0, 0, 0), wood, Retract),
        ((8, 0, 0, 0), wood, Accept),
        (bread, (0, 1 + STONE, 1, 0), Retract),  # it has none
        ((900, 0, 0, 0), asset, Retract),  # that is never sold
        ((5, 0, 0, 0), (4, 0, 0, 0), Accept),
        ((9, 0, 0, 0), (6, 0, 0, 0), Retract),  # it has but five coins
    ):
        trades, sight = Trades(Random(1)), place()
        sight.goods, sight.coins = (2, 0, 0, 0, 0, 0, 1), 5
        add_body(sight, 9, 33.0, 32.5, PLAYER)
        trades.heard(offered(77, 9, 5, gives, wants), 5)
        assert trades.answer(sight) == answer(77), (gives, wants)
        assert trades.answer(sight) is None, "once"


def test_offers_to_others_or_that_are_over_or_from_afar_are_not_accepted() -> None:
    trades, sight = Trades(Random(1)), place()
    add_body(sight, 9, 39.0, 32.5, PLAYER)
    gift = offered(77, 9, 5, (9, 0, 0, 0), (0, 0, 0, 0))
    trades.heard(gift._replace(c=6), 5)
    trades.heard(gift, 5)
    trades.heard(Event(Kind.OFFER_ENDED, 77, 9, 5, 2), 5)
    assert trades.answer(sight) is None
    trades.heard(gift, 5)
    assert trades.answer(sight) == Retract(77)
    for number in range(1000):
        trades.heard(gift._replace(a=number), 5)
    assert len(trades.waiting) <= 8
    trades.heard(gift._replace(text="rubbish"), 5)


def test_a_bot_seldom_offers_some_of_what_it_has_to_the_player_beside_it() -> None:
    trades, sight = Trades(Random(1)), place()
    sight.goods = (0, 5, 0, 0, 0, 0, 0)
    add_body(sight, 9, 39.0, 32.5, PLAYER)
    assert not any(trades.offer(sight) for _ in range(2000)), "nobody who carries anything is beside it"
    add_body(sight, 7, 32.6, 32.5, PLAYER)
    add_body(sight, 8, 33.0, 32.5, PLAYER, LOOK_CARRYING)
    made = [(n, one) for n in range(40_000) if (one := trades.offer(sight)) is not None]
    assert 40 < len(made) < 40_000 / 120 and all(b[0] - a[0] >= 120 for a, b in pairwise(made))
    offers = [one for _, one in made]
    assert {one.target for one in offers} == {8} and {one.gives_item for one in offers} == {1 + BERRY}
    assert {one.gives_count for one in offers} == {1, 2, 3} and not any(one.gives_asset for one in offers)
    fairs = [
        fair((0, one.gives_item, one.gives_count, 0), (one.wants_coins, one.wants_item, one.wants_count, 0))
        for one in offers
    ]
    assert 0.2 < sum(fairs) / len(fairs) < 0.9, "some are fair, some are not"
    trades.rest, sight.goods = 0, (0,) * 7
    assert not any(trades.offer(sight) for _ in range(2000))


def test_a_trader_with_full_hands_goes_to_a_player_who_carries_something_where_no_trader_is() -> None:
    sight, bot = place(), BEHAVIOURS["trade"](Random(1))
    sight.goods = (8, 0, 0, 0, 0, 0, 0)
    add_body(sight, 9, 30.0, 32.5, PLAYER)
    add_body(sight, 8, 38.0, 32.5, PLAYER, LOOK_CARRYING)
    did = [bot(sight) for _ in range(160)]
    assert 40 <= sum(isinstance(one, Move) and one.dx == 127 for one in did) <= 120, "and gathers in between"
    beside = place(37.5)
    add_body(beside, 8, 38.0, 32.5, PLAYER, LOOK_CARRYING)
    beside.goods = sight.goods
    assert Move(0, 0) in [bot(beside) for _ in range(80)]


def test_an_offer_turned_down_is_answered_with_a_fair_one_for_what_was_offered() -> None:
    trades, sight = Trades(Random(1)), place()
    sight.goods = (0, 5, 0, 0, 0, 0, 0)
    add_body(sight, 9, 33.0, 32.5, PLAYER)
    trades.heard(offered(77, 9, 5, (0, 1 + STONE, 2, 0), (0, 1 + BREAD, 1, 0)), 5)  # it has no bread
    assert trades.answer(sight) == Retract(77)
    assert trades.offer(sight) == Offer(9, 0, 1 + BERRY, 3, 0, 0, 1 + STONE, 2, 0)  # worth 12 for 12
    trades.heard(offered(78, 9, 5, (0, 1 + STONE, 1, 0), (0, 1 + BREAD, 1, 0)), 5)
    assert trades.answer(sight) == Retract(78)
    assert trades.offer(sight) is None, "it has just made one: nobody haggles without end"
    trades.rest = 0
    trades.heard(offered(79, 9, 5, (0, 1 + SWORD, 1, 0), (0, 1 + BREAD, 1, 0)), 5)
    assert trades.answer(sight) == Retract(79) and not trades.offer(sight), "a sword is beyond its means"


SCENES = 5


def test_bots_trade_with_each_other_and_their_ledger_and_the_logs_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gatherers among bushes: what is offered is answered, and what was agreed changed hands in the world."""
    monkeypatch.setattr(little_world, "meadow", grove)
    monkeypatch.setattr("clients.bots.trades.OFFERS", 0.5)
    monkeypatch.setattr("clients.bots.trades.REST", 8)
    offered: Counter[type[Action]] = Counter()

    async def scene(world: LittleWorld, ledger: Path) -> dict[str, Any]:
        async with door(world) as (url, _):
            return await run(Crowd(url, 10, ("gather",), None, 3, ledger), asyncio.Event(), 12.0)

    for seed in range(4, 4 + SCENES):  # who meets whom is a matter of time, and of the machine's load
        world, ledger = LittleWorld(seed=seed), tmp_path / f"crowd-{seed}.ledger"
        summary = asyncio.run(scene(world, ledger))
        entries = [one for one in read(ledger) if isinstance(one, Entry)]
        assert summary["actions_sent"] == summary["actions_acked"] == len(entries)
        logged = {entity: dict(acts_of(world, entity)) for entity in {entry.entity for entry in entries}}
        assert all(logged[entry.entity][entry.number] == entry.body for entry in entries)
        done = Counter(type(decode_action(entry.body)) for entry in entries if entry.verdict == 0)
        assert done[Offer] == summary["offers_made"]
        assert done[Accept] == summary["offers_accepted"]
        assert done[Retract] == summary["offers_turned_down"]
        offered += done
        if offered[Accept] and offered[Retract]:
            break
    assert offered[Offer] > 3 and offered[Accept] > 0 and offered[Retract] > 0


def grove(width: int, height: int, spawn: tuple[int, int]) -> TileMap:
    """The little world's meadow, full of bushes and trees."""
    feature = np.zeros((height, width), np.uint8)
    feature[::3, ::3], feature[1::6, 1::6] = BUSH, FIELD
    return make_map(np.zeros((height, width), np.uint8), feature, player_spawns=[spawn])


def test_the_same_seed_wants_the_same() -> None:
    for name in BEHAVIOURS:
        sight = place()
        one, two = (BEHAVIOURS[name](whims(7, "3")) for _ in range(2))
        assert [one(sight) for _ in range(50)] == [two(sight) for _ in range(50)]


def test_a_walker_stays_on_its_way() -> None:
    """Walked by a body that does exactly what it is asked: the error is that of asking ten times a second."""
    times = np.arange(0, 20, 0.1)
    walk = Walk(times, np.stack([1.4 * times, np.sin(times)], axis=1))
    bot, sight, now = Follow(Random(1), walk), place(20.0, 32.5), 0.0
    for _ in range(180):
        move = bot.decide(sight, now)
        x, y = sight.x + move.dx / 127 * 0.4, sight.y + move.dy / 127 * 0.4  # type: ignore[union-attr]
        sight.body = Body(1 if x < 64 else 2, int(x * PER_TILE), int(y * PER_TILE), 0, 0, 0, 0, 0)
        now += 0.1
    assert bot.off_sum / bot.off_count < 0.3


@needs_shared
@pytest.mark.parametrize(
    "name, people, speed",
    [("uo-050-180-180.txt", 61, 1.41), ("uni_corr_500_01.txt", 148, 1.47), ("ucy_zara01/annotation.vsp", 148, None)],
)
def test_recorded_walks_are_read_with_the_speeds_of_their_readme(name: str, people: int, speed: float | None) -> None:
    walks = read_walks(SHARED / "data" / "motion" / name)
    assert people * 0.95 <= len(walks) <= people
    lengths = [float(np.hypot(*np.diff(walk.points, axis=0).T).sum()) for walk in walks]
    mean = sum(lengths) / sum(walk.seconds for walk in walks)
    assert 1.0 < mean < 1.8 and (speed is None or abs(mean - speed) < 0.1)


@pytest.mark.parametrize("text", ["", "1 2 3\n", "1 2 x y z\n", "# only words\n"])
def test_other_files_are_refused_with_the_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "walks.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"walks\.txt"):
        read_walks(path)
    (tmp_path / "H.txt").write_text("1 0 0\n0 1 0\n0 0 1\n")
    spline = tmp_path / "walks.vsp"
    spline.write_text("3 - the number\n2 - points\n1 2 3 4\n")
    with pytest.raises(ValueError, match="spline"):
        read_walks(spline)


def test_figures_of_a_report() -> None:
    assert [framed(size) for size in (1, 125, 126, 65_535, 65_536)] == [3, 127, 130, 65_539, 65_546]
    assert percentile([], 50) is None and percentile([1.0, 3.0], 50) == 2.0
    assert reason_name(2) == "out_of_reach" and reason_name(999) == "reason 999"


def test_a_crowd_reports_what_its_ledger_holds_and_the_logs_agree(tmp_path: Path) -> None:
    world = LittleWorld(seed=4)
    ledger = tmp_path / "crowd.ledger"

    async def scene() -> dict[str, Any]:
        async with door(world) as (url, _):
            return await run(Crowd(url, 6, ("wander", "border-runner"), None, 3, ledger), asyncio.Event(), 4.0)

    summary = asyncio.run(scene())
    entries = [one for one in read(ledger) if isinstance(one, Entry)]
    assert summary["connected"] == 6 and summary["frames_bad"] == summary["foreign_acks"] == 0
    assert summary["actions_sent"] == summary["actions_acked"] == len(entries) > 50
    assert all(entry.safe for entry in entries)
    for entity in {entry.entity for entry in entries}:
        logged = dict(acts_of(world, entity))
        assert all(logged[entry.number] == entry.body for entry in entries if entry.entity == entity)
    assert summary["bytes_per_visible_entity_tick"] > 0
    assert table(summary).row_count > 10


def test_a_crowd_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for crowd in (Crowd("ws://127.0.0.1:9", 2, ("fly",)), Crowd("ws://127.0.0.1:9", 2, (), tmp_path / "none.txt")):
        with pytest.raises((ValueError, OSError)):
            asyncio.run(run(crowd, asyncio.Event(), 1.0))


def test_a_crowd_that_is_not_let_in_says_why() -> None:
    summary = asyncio.run(run(Crowd("ws://127.0.0.1:9", 2), asyncio.Event(), 0.5))
    assert summary["connected"] == 0 and summary["ended_early"] == {"Connection refused": 2}


def test_probes_see_their_effect() -> None:
    async def scene() -> list[float]:
        async with door(LittleWorld()) as (url, _):
            one = probe.Probe(url, Random(1))
            task = asyncio.create_task(one.connection.run())
            async with asyncio.timeout(20):
                while len(one.effect_ms) < 4:
                    await asyncio.sleep(0.05)
            await one.connection.stop()
            await asyncio.wait_for(task, 5)
            return one.effect_ms

    assert all(0 < effect < 2000 for effect in asyncio.run(scene()))
