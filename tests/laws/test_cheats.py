"""Cheats by speed, reach, rate and inventory: no message of a client can express them.

First every field of everything a client can say is decided upon, one by one, from the protocol's own types: a new
message, action or field fails here until somebody has said what it can express, and a test has shown it. Then the rules
and the real admission are given whatever can be said, at any rate, and the world is measured.
"""

import math
from collections.abc import Iterator
from enum import Enum, auto
from functools import lru_cache
from random import Random
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regions import protocol, record
from regions.compute import apply
from regions.config import QUEUE_PER_PLAYER
from regions.messages import Batch
from regions.record import Acted
from tests.cluster import Cluster, Player
from tests.world.lands import flat, key, put
from world import actions
from world.actions import (
    Accept,
    Action,
    AskPrices,
    Build,
    Buy,
    Craft,
    Dig,
    Drop,
    Eat,
    Equip,
    Gather,
    Give,
    GiveAsset,
    GiveCoins,
    Move,
    Offer,
    PickUp,
    Retract,
    Sell,
    Shoot,
    Speak,
    Strike,
    UseDoor,
    Wear,
)
from world.borders import add_asset
from world.collision import ITERATIONS
from world.crafting import RECIPES
from world.doors import DOOR_TICKS
from world.equipment import EQUIP_TICKS
from world.events import Kind, Refusal
from world.items import BUILD_COST, BUILD_ITEM, BUILD_TICKS, DIG_GIVES, DROP_TICKS, GATHER_TICKS, ITEMS, STONE
from world.kinds import PLAYER
from world.missiles import MISSILES
from world.species import RADIUS, SPEED, STRIKE_TICKS
from world.state import COINS, GOODS, GOODS_0, Counter, State, X, Y
from world.tick import Inputs, advance
from world.tilemap import FLOOR, ROCK, TREE, WALL, WATER
from world.units import (
    ACTIONS_PER_PLAYER_PER_TICK,
    COINS_MAX,
    GOODS_MAX,
    PUSH_MAX,
    REACH,
    SPEED_MAX,
    STRIKE_REACH,
    TILE,
)
from world.wounds import EAT_TICKS


class Says(Enum):
    """What a field can express; nothing else can be said."""

    WHO = auto()  # a key, a signature, a hash: proves who speaks and what was said before
    ORDER = auto()  # its place among one's own actions: admitted in order, without gaps, once
    VERSION = auto()  # of the protocol: another one ends the conversation
    WISH = auto()  # an action's bytes
    DIRECTION = auto()  # which way one wants to go; the rules know how fast
    BODY = auto()  # whom it is meant for; the rules look whether it is near
    TILE = auto()  # where to work; the rules look whether it is near
    WHICH = auto()  # which of one's own goods
    HOW_MANY = auto()  # of one's own goods or coins, up to what one has
    OWN_ASSET = auto()  # one of one's own assets
    MATERIAL = auto()  # what to build of one's own goods
    WORDS = auto()
    TERMS = auto()  # what one asks for in a trade; the other side must have it and agree, or the price decide
    OFFER = auto()  # an offer one made, or that was made to one


SAID: dict[str, dict[str, Says]] = {
    "Hello": {"version": Says.VERSION, "wallet": Says.WHO, "session": Says.WHO},
    "LoginSigned": {"signature": Says.WHO},
    "Act": {"number": Says.ORDER, "body": Says.WISH},
    "SignedHead": {"number": Says.ORDER, "chain": Says.WHO, "seen": Says.WHO, "signature": Says.WHO},
    "LookAgain": {},
}
ASKED: dict[str, dict[str, Says]] = {
    "Move": {"dx": Says.DIRECTION, "dy": Says.DIRECTION},
    "Strike": {"target": Says.BODY},
    "Gather": {"x": Says.TILE, "y": Says.TILE},
    "Give": {"target": Says.BODY, "item": Says.WHICH, "count": Says.HOW_MANY},
    "GiveCoins": {"target": Says.BODY, "coins": Says.HOW_MANY},
    "GiveAsset": {"target": Says.BODY, "asset": Says.OWN_ASSET},
    "Drop": {"item": Says.WHICH, "count": Says.HOW_MANY},
    "PickUp": {"target": Says.BODY},
    "Build": {"x": Says.TILE, "y": Says.TILE, "terrain": Says.MATERIAL},
    "Dig": {"x": Says.TILE, "y": Says.TILE},
    "Speak": {"text": Says.WORDS},
    "Shoot": {"dx": Says.DIRECTION, "dy": Says.DIRECTION},
    "Craft": {"recipe": Says.MATERIAL},
    "Equip": {"item": Says.WHICH},
    "Wear": {"asset": Says.OWN_ASSET},
    "UseDoor": {"x": Says.TILE, "y": Says.TILE, "what": Says.MATERIAL},
    "Eat": {"item": Says.WHICH},
    "Offer": {
        "target": Says.BODY,
        "gives_coins": Says.HOW_MANY,
        "gives_item": Says.WHICH,
        "gives_count": Says.HOW_MANY,
        "gives_asset": Says.OWN_ASSET,
        "wants_coins": Says.TERMS,
        "wants_item": Says.TERMS,
        "wants_count": Says.TERMS,
        "wants_asset": Says.TERMS,
    },
    "Accept": {"offer": Says.OFFER},
    "Retract": {"offer": Says.OFFER},
    "Buy": {"target": Says.BODY, "item": Says.TERMS, "count": Says.TERMS, "coins_max": Says.TERMS},
    "Sell": {"target": Says.BODY, "item": Says.WHICH, "count": Says.HOW_MANY, "coins_min": Says.TERMS},
    "AskPrices": {"target": Says.BODY},
}
TOLD_TO_REGIONS = {
    "Acted": {"entity": "the body that the login named", "number": "", "session": "the login's number", "body": ""},
    "Head": {"entity": "the body that the login named", "number": "", "chain": "", "seen": "", "signature": ""},
}
"""What a gateway makes of Act and SignedHead: it adds the body and the session, which it knows from the regions."""

TICKS_BETWEEN: dict[type, int] = {
    Strike: int(STRIKE_TICKS[PLAYER]),
    Gather: GATHER_TICKS,
    Build: BUILD_TICKS,
    Dig: BUILD_TICKS,
    Drop: DROP_TICKS,
    Shoot: min(one.cooldown for one in MISSILES.values()),
    Craft: min(recipe.ticks for recipe in RECIPES),
    Equip: EQUIP_TICKS,
    UseDoor: DOOR_TICKS,
    Eat: EAT_TICKS,
}
AT_ONCE = {
    Move, Give, GiveCoins, GiveAsset, PickUp, Speak, Wear, Offer, Accept, Retract, Buy, Sell, AskPrices,
}  # fmt: skip
"""They wait for nothing, as they do nothing that a second time would add to; the tick admits four of a player's."""
LENGTH = 2  # Q16 that rounding may add to a step, of 65,536 a tile
AROUND_A_CORNER = (
    RADIUS[PLAYER] * math.sqrt(2 * (1 - math.sqrt(1 - (SPEED[PLAYER] / RADIUS[PLAYER]) ** 2))) - SPEED[PLAYER]
)
"""Q16 that a step gains at most when it ends inside the circle around a wall's corner and is put back on it."""


def fields_of(struct: Any) -> set[str]:
    """The names of a message's fields."""
    return {field.name for field in msgspec.structs.fields(struct)}


# What can be said.


def test_every_field_of_every_message_of_a_client_is_decided_upon() -> None:
    assert {one.__name__: fields_of(one) for one in get_args(protocol.Said)} == {n: set(of) for n, of in SAID.items()}
    assert {one.__name__: fields_of(one) for one in get_args(actions.Action)} == {n: set(of) for n, of in ASKED.items()}


def test_every_action_has_a_decision_on_how_often() -> None:
    assert set(TICKS_BETWEEN) | AT_ONCE == set(get_args(actions.Action))
    assert not set(TICKS_BETWEEN) & AT_ONCE


def test_a_gateway_adds_nothing_that_a_client_could_choose() -> None:
    for name, of in TOLD_TO_REGIONS.items():
        assert fields_of(getattr(record, name)) == set(of)
    inputs = next(field.type for field in msgspec.structs.fields(Batch) if field.name == "inputs")
    assert {one.__name__ for one in get_args(get_args(inputs)[0])} == {
        *TOLD_TO_REGIONS, "Login", "Birth", "Outside", "Order", "Confirmed", "OwnerSaid",
    }  # fmt: skip


def test_no_field_says_where_one_is_how_fast_or_what_one_has_or_does_to_others() -> None:
    """A name is no proof, so each kind of field is shown below; this catches what is named as what it is."""
    told = {name for table in (SAID, ASKED) for of in table.values() for name in of}
    assert not told & {
        "position", "place", "velocity", "speed", "vx", "vy", "time", "tick", "damage", "health", "coins_left", "goods",
        "inventory", "cooldown", "reach", "hop", "region", "entity", "kind", "traits", "owner", "holder", "seed",
    }  # fmt: skip
    for name, of in ASKED.items():
        for field, says in of.items():
            assert (field in ("x", "y")) == (says is Says.TILE), f"{name}.{field}"


@pytest.mark.parametrize("bad", [128, -128, 2**31, 2**63, 1.5, None, "9"])
def test_a_direction_is_no_longer_than_a_direction(bad: object) -> None:
    raw = msgspec.msgpack.encode([1, bad, 0])
    with pytest.raises(ValueError, match="not an action"):
        actions.decode_action(raw)


def test_a_count_is_positive_and_no_more_than_a_purse_holds() -> None:
    for kind, fields, most in ((4, [9, 0], GOODS_MAX), (7, [0], GOODS_MAX), (5, [9], COINS_MAX)):
        assert actions.decode_action(msgspec.msgpack.encode([kind, *fields, most]))
        for bad in (0, -1, most + 1, 2**64 - 1):
            with pytest.raises(ValueError, match="not an action"):
                actions.decode_action(msgspec.msgpack.encode([kind, *fields, bad]))


# What comes of it, by the rules.


def land() -> tuple[State, list[int]]:
    """A small land with things to gather, to build on and to dig, and three players; the third stands far away."""
    state = flat(48, 48)
    for x, y, terrain, feature, stock in (
        (21, 20, 0, TREE, 20),
        (20, 22, 0, ROCK, 30),
        (23, 21, WALL, 0, 0),
        (19, 20, WATER, 0, 0),
        (22, 23, FLOOR, 0, 0),
    ):
        state.set_tile(x, y, terrain, feature, stock)
    people = [put(state, PLAYER, 20.5, 20.5, coins=30), put(state, PLAYER, 21.5, 21.7, coins=5)]
    people.append(put(state, PLAYER, 40.5, 40.5, coins=900))
    for entity, goods in zip(people, ((9, 0, 9, 0, 0), (0, 3, 0, 3, 0), (99, 99, 99, 99, 99)), strict=True):
        state.rows[GOODS_0 : GOODS_0 + len(goods), state.row(entity)] = goods
    for place, entity in enumerate(people):
        add_asset(state, 2**40 + place, entity, 1, 77)
    state.counters[Counter.COINS_MINTED] = 935
    state.counters[Counter.ASSETS_MINTED] = 3
    return state, people


@lru_cache(maxsize=1)
def names() -> tuple[int, ...]:
    """Ids that one could name: the players', those of piles that will be laid, and ones that nobody has."""
    state, people = land()
    return (*people, *(state.new_id() for _ in range(4)), 1, 2**63 - 1)


bodies = st.sampled_from(names())
tiles = st.integers(17, 25) | st.sampled_from([0, 40, 47, 48, 4095])
counts = st.integers(1, 12) | st.sampled_from([99, 100, GOODS_MAX])
coins, items = st.integers(0, 9), st.integers(1, 6)
relics = st.sampled_from([0, 2**40, 2**40 + 1])
offers = st.integers(1, 12).map(lambda number: names()[3] - 1 + number)  # the next ids that the region makes
anything: st.SearchStrategy[Action] = st.one_of(
    st.builds(Move, st.integers(-127, 127), st.integers(-127, 127)),
    st.builds(Strike, bodies),
    st.builds(Gather, tiles, tiles),
    st.builds(Give, bodies, st.integers(0, 6), counts),
    st.builds(GiveCoins, bodies, counts | st.just(COINS_MAX)),
    st.builds(GiveAsset, bodies, st.sampled_from([2**40, 2**40 + 1, 2**40 + 2, 5])),
    st.builds(Drop, st.integers(0, 6), counts),
    st.builds(PickUp, bodies),
    st.builds(Build, tiles, tiles, st.integers(0, 15)),
    st.builds(Dig, tiles, tiles),
    st.builds(Speak, st.just("x")),
    st.builds(Offer, bodies, coins, items, counts, relics, coins, items, counts, relics),
    st.builds(Accept, offers),
    st.builds(Retract, offers),
    st.builds(Buy, bodies, st.integers(0, 6), counts, coins),
    st.builds(Sell, bodies, st.integers(0, 6), counts, coins),
)
histories = st.lists(st.lists(st.tuples(st.integers(0, 2), anything), max_size=12), min_size=8, max_size=30)
often = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def goods_of(state: State) -> list[int]:
    """All goods of all bodies and piles, by item."""
    return [int(count) for count in state.rows[GOODS_0 : GOODS_0 + GOODS, : state.used].sum(axis=1)]


@often
@given(histories)
def test_goods_coins_and_assets_come_from_where_the_rules_let_them_come_from(history: list[Any]) -> None:
    state, people = land()
    for number, asked in enumerate(history):
        goods, stock = goods_of(state), int(state.stock.sum())
        counters = state.counters.copy()
        out = advance(state, Inputs(key(number), actions=[(people[who], action) for who, action in asked]))
        gathered, expected = 0, goods
        for event in out.events:
            if event.kind == Kind.GATHERED:
                gathered += 1
                expected[event.b] += 1
            elif event.kind == Kind.BUILT:
                expected[BUILD_ITEM[event.d]] -= BUILD_COST
        for (_, action), verdict in zip(asked, out.verdicts, strict=True):
            if isinstance(action, Dig) and verdict == Refusal.DONE:
                rock = (action.x, action.y) == (20, 22)
                was = next(
                    one.d for one in out.events if one.kind == Kind.DUG and (one.b, one.c) == (action.x, action.y)
                )
                expected[STONE if rock else BUILD_ITEM[was]] += DIG_GIVES
        assert goods_of(state) == expected, f"tick {number}"
        regrown = int(state.stock.sum()) - stock + gathered
        dug = sum(event.kind == Kind.DUG for event in out.events)
        assert regrown <= 2 and regrown >= -30 * dug
        minted = state.counters - counters
        assert 0 <= minted[Counter.COINS_MINTED] <= gathered
        coins = int(state.rows[COINS, : state.used].sum())
        assert coins == state.counters[Counter.COINS_MINTED] - state.counters[Counter.COINS_BURNED]
        assert minted[Counter.ASSETS_MINTED] <= gathered
        assert state.assets_used == state.counters[Counter.ASSETS_MINTED]
        assert (
            int(state.rows[GOODS_0 : GOODS_0 + GOODS, : state.used].min()) >= 0
            and int(state.rows[COINS, : state.used].min()) >= 0
        )


@often
@given(histories)
def test_nothing_is_done_to_what_is_out_of_reach(history: list[Any]) -> None:
    state, people = land()
    for number, asked in enumerate(history):
        spots = {entity: place_of(state, row) for entity, row in state.index.items()}
        out = advance(state, Inputs(key(number), actions=[(people[who], action) for who, action in asked]))
        laid = {event.b: event.a for event in out.events if event.kind == Kind.DROPPED}
        for (who, action), verdict in zip(asked, out.verdicts, strict=True):
            if verdict != Refusal.DONE:
                continue
            here = spots[people[who]]
            if isinstance(action, Gather | Build | Dig):
                middle = action.x * TILE + TILE // 2, action.y * TILE + TILE // 2
                assert math.dist(here, middle) <= REACH
            elif isinstance(action, Strike | Give | GiveCoins | GiveAsset | PickUp | Offer):
                there = spots.get(action.target) or spots[laid[action.target]]
                assert math.dist(here, there) <= (STRIKE_REACH if isinstance(action, Strike) else REACH)


def place_of(state: State, row: int) -> tuple[int, int]:
    """Where a body stands, in Q16."""
    return int(state.rows[X, row]), int(state.rows[Y, row])


@often
@given(histories)
def test_nobody_works_or_strikes_more_often_than_the_rules_let_them(history: list[Any]) -> None:
    state, people = land()
    ready = dict.fromkeys(people, 0)
    for number, asked in enumerate(history):
        out = advance(state, Inputs(key(number), actions=[(people[who], action) for who, action in asked]))
        for (who, action), verdict in zip(asked, out.verdicts, strict=True):
            if verdict == Refusal.DONE and type(action) in TICKS_BETWEEN:
                assert number >= ready[people[who]], f"{action} in tick {number}, ready in {ready[people[who]]}"
                ready[people[who]] = number + TICKS_BETWEEN[type(action)]


@often
@given(st.lists(st.lists(anything, max_size=12), min_size=8, max_size=30))
def test_whoever_is_alone_goes_no_farther_in_a_tick_than_at_a_walk(history: list[Any]) -> None:
    """Whatever is asked for, and however often: the step is at most 1/5 of a tile, and a little around a corner."""
    state, people = land()
    for entity in people[1:]:
        state.rows[X, state.row(entity)] += 8 * TILE
    for number, asked in enumerate(history):
        before = place_of(state, state.row(people[0]))
        advance(state, Inputs(key(number), actions=[(people[0], action) for action in asked]))
        assert math.dist(before, place_of(state, state.row(people[0]))) <= SPEED[PLAYER] + AROUND_A_CORNER + LENGTH


@often
@given(histories)
def test_whoever_is_struck_and_pushed_stays_below_the_worlds_limits(history: list[Any]) -> None:
    state, people = land()
    for number, asked in enumerate(history):
        before = [place_of(state, state.row(entity)) for entity in people]
        advance(state, Inputs(key(number), actions=[(people[who], action) for who, action in asked]))
        for entity, was in zip(people, before, strict=True):
            x, y = place_of(state, state.row(entity))
            assert max(abs(x - was[0]), abs(y - was[1])) <= SPEED_MAX + ITERATIONS * PUSH_MAX


def test_two_who_push_each_other_are_no_faster_than_one() -> None:
    """The runner is pushed from behind, in every way that two who agree could think of, for two minutes each."""
    for seed in range(6):
        random = Random(seed)
        state = flat(64, 64)
        pusher, runner = put(state, PLAYER, 8.2, 32.5), put(state, PLAYER, 8.5 + seed / 16, 32.5)
        start = state.rows[X, state.row(runner)]
        ticks = 250
        for number in range(ticks):
            way = Move(127, random.choice((0, 0, 40, -40)))
            asked: list[tuple[int, Action]] = [(runner, way), (pusher, Move(127, random.randint(-20, 20)))]
            if random.random() < 0.3:
                asked.append((pusher, Strike(runner)))
            advance(state, Inputs(key(number), actions=asked))
        assert state.rows[X, state.row(runner)] - start <= ticks * SPEED[PLAYER] + TILE


def test_one_does_not_have_what_one_says_one_has() -> None:
    state, people = land()
    asked: list[tuple[Action, Refusal]] = [
        (Give(people[1], STONE, 10), Refusal.NOT_ENOUGH),
        (Give(people[1], 1, 1), Refusal.NOT_ENOUGH),
        (GiveCoins(people[1], 31), Refusal.NOT_ENOUGH),
        (GiveAsset(people[1], 2**40 + 1), Refusal.NOT_YOURS),
        (GiveAsset(people[1], 2**40 + 2), Refusal.NOT_YOURS),
        (Drop(0, 10), Refusal.NOT_ENOUGH),
        (Give(people[1], len(ITEMS), 1), Refusal.NOT_AN_ACTION),
        (Build(20, 21, 0), Refusal.NOT_AN_ACTION),
        (Strike(people[2]), Refusal.OUT_OF_REACH),
        (GiveCoins(people[2], 1), Refusal.OUT_OF_REACH),
        (Gather(40, 40), Refusal.OUT_OF_REACH),
    ]
    out = advance(state, Inputs(key(1), actions=[(people[0], action) for action, _ in asked]))
    assert out.verdicts == [refusal for _, refusal in asked]


# And by the real admission, at any rate.


def flood(random: Random, player: Player, other: Player) -> Iterator[bytes]:
    """A tick's worth of what one could send: any number of actions, and bytes that are none."""
    for _ in range(random.choice((0, 1, 5, 30))):
        way = Move(random.randint(-127, 127), random.randint(-127, 127))
        ask = random.choice((way, way, way, GiveCoins(other.entity, 1), Speak("x"), Drop(0, 1), Strike(other.entity)))
        yield random.choice((actions.encode_action(ask), actions.encode_action(ask), random.randbytes(9)))


@pytest.mark.parametrize("seed", [1, 2])
def test_at_any_rate_a_player_acts_four_times_a_tick_and_walks_at_a_walk(seed: int) -> None:
    """Two players send as fast as they like through the real admission; every durable record is measured."""
    random = Random(seed)
    cluster = Cluster(shape=(1, 1), tiles=(64, 64), seed=seed)
    players = [Player(cluster).enter(), Player(cluster, "q").enter()]
    for _ in range(60):
        for player, other in zip(players, reversed(players), strict=True):
            player.number, player.chain = admitted(cluster, player)
            for body in flood(random, player, other):
                player.act_raw(body, covered=True)
        cluster.ticks(1)
    cluster.ticks(2 * QUEUE_PER_PLAYER // ACTIONS_PER_PLAYER_PER_TICK)
    busiest, fastest = measure(cluster, players)
    assert busiest == ACTIONS_PER_PLAYER_PER_TICK
    assert 0.9 * SPEED[PLAYER] < fastest <= SPEED_MAX + ITERATIONS * PUSH_MAX


def admitted(cluster: Cluster, player: Player) -> tuple[int, bytes]:
    """The last number that was admitted, and its chain: a client takes them from its receipts."""
    scheduler = cluster.cores[player.region].scheduler
    assert scheduler is not None
    expected = scheduler.expected.get(player.entity)
    state = cluster.region(player.region).state.players[player.entity]
    return (expected.number, expected.chain) if expected is not None else (state.number, state.chain)


def measure(cluster: Cluster, players: list[Player]) -> tuple[int, float]:
    """Fold the log again, record by record: how often a player acted at most in one, and how far one went."""
    region = cluster.genesis(1)
    busiest, fastest, number = 0, 0.0, dict.fromkeys((player.entity for player in players), 0)
    for raw in cluster.raws(1):
        was = {entity: place_of(region.bodies, row) for entity, row in region.bodies.index.items()}
        found, _ = apply(region, raw)
        for player in players:
            acted = [said for said in found.inputs if isinstance(said, Acted) and said.entity == player.entity]
            busiest = max(busiest, len(acted))
            for said in acted:
                assert said.number == number[player.entity] + 1 or not number[player.entity]
                number[player.entity] = said.number
            if player.entity in was:
                here = place_of(region.bodies, region.bodies.row(player.entity))
                fastest = max(fastest, math.dist(was[player.entity], here))
    assert min(number.values()) > 100
    return busiest, fastest
