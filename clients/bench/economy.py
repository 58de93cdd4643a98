"""`everloom bench economy`: ten game days of a small world with 200 bots, over five seeds, as fast as they go.

Printed and judged: is the money bounded, are the prices, does every species live, are villagers at home by night, was
every trader in both of its villages, and do faucets less sinks (`world.faucets`) account for all that is held.
"""

import json
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from random import Random
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from clients.bench.economy_bots import EVERY, LIVES, Bot, decide
from world.faucets import TABLE, holdings, net
from world.generate import generate
from world.genesis import genesis
from world.invariants import check
from world.items import ITEMS
from world.kinds import PLAYER
from world.prices import TRADED, WORTH, price
from world.species import RAID, ROUTINE_OF, SLEEPS_OF, TRADE, name_of, npc_kinds
from world.state import COINS, GOODS_0, HOME_X, HOME_Y, KIND, OWED_KIND, WORK_X, WORK_Y, State, X, Y
from world.things import COIN_THING
from world.tick import Inputs, advance, warm
from world.units import DAY_TICKS, DUSK_TICKS

SIDE: Final = 128
NPCS: Final = (130, 90, 16)
DAYS: Final = 10
SEEDS: Final = 5
BOTS: Final = 200
HOME_TILES: Final = 4
MARKET_TILES: Final = 3
MONEY_FACTOR: Final = 8
"""Money is bounded when it never exceeds so many times what the world began with, and the second half of the days adds
less than the first."""
Row = dict[str, Any]


@dataclass
class Watch:
    """What was seen of one world so far."""

    coins: list[int] = field(default_factory=list)
    prices: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    fewest: dict[str, int] = field(default_factory=dict)
    extinct: set[str] = field(default_factory=set)
    at_home: list[float] = field(default_factory=list)
    visited: dict[int, set[tuple[int, int]]] = field(default_factory=lambda: defaultdict(set))
    since: dict[int, int] = field(default_factory=dict)
    raids: int = 0


def run(as_json: bool, days: int = DAYS, seeds: int = SEEDS, bots: int = BOTS) -> int:
    """Run all seeds side by side; the exit status is 1 when one of them broke a bound."""
    console = Console(stderr=True)
    with ProcessPoolExecutor(seeds, mp_context=get_context("spawn")) as pool:
        work = pool.map(one_world, range(1, seeds + 1), [days] * seeds, [bots] * seeds)
        rows = list(track(work, "worlds", seeds, console=console))
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        table = Table(title=f"{days} game days, {bots} bots, {SIDE} x {SIDE} tiles")
        for column in ("seed", "coins at each dawn", "prices", "fewest", "home by night", "traders", "judged"):
            table.add_column(column)
        for row in rows:
            prices = ", ".join(f"{name} {low}-{high}" for name, (low, high) in row["prices"].items())
            fewest = ", ".join(f"{name} {count}" for name, count in row["fewest"].items())
            traders = f"{row['traders_in_both']} of {row['traders']}"
            judged = "all bounds held" if row["held"] else ", ".join(row["broken"])
            home = f"{row['home_by_night']:.3f}"
            table.add_row(str(row["seed"]), str(row["coins"]), prices, fewest, home, traders, judged)
        console.print(table)
    return 0 if all(row["held"] for row in rows) else 1


def one_world(seed: int, days: int, bots: int, side: int = SIDE, npcs: tuple[int, int, int] = NPCS) -> Row:
    """One world from its first dawn on."""
    warm()
    state = genesis(generate(seed, side, side), (0, 0, side, side), [], 0, 1, npcs)
    random = Random(seed)  # noqa: S311  # a bot's whims are no secret
    players = [Bot(state.new_id(), LIVES[n % len(LIVES)], random) for n in range(bots)]
    began, first, watch = time.process_time(), holdings(state), Watch()
    for tick in range(days * DAY_TICKS):
        born = tuple((bot.entity, n) for n, bot in enumerate(players)) if tick == 0 else ()
        wishes = ((bot.entity, decide(bot, state)) for bot in players[tick % EVERY :: EVERY])
        actions = tuple((entity, action) for entity, action in wishes if action is not None)
        advance(state, Inputs(seed.to_bytes(16, "big") + tick.to_bytes(16, "big"), actions=actions, births=born))
        look(state, watch, tick)
    check(state)
    missing = holdings(state) - first - net(state.flows) + _genesis_flows(seed, side, npcs)
    return _report(state, watch, seed, days, missing, time.process_time() - began)


def _genesis_flows(seed: int, side: int, npcs: tuple[int, int, int]) -> Any:
    """What the founding itself counted: it is in the first holdings already."""
    return net(genesis(generate(seed, side, side), (0, 0, side, side), [], 0, 1, npcs).flows)


def look(state: State, watch: Watch, tick: int) -> None:
    """Note what there is to see at this tick."""
    rows, of_day = state.rows[:, : state.used], tick % DAY_TICKS
    routines = state.species[ROUTINE_OF]
    if of_day == 0:
        watch.coins.append(int(rows[COINS].sum(dtype=np.int64)))
    if tick % 200 == 0:
        traders = np.flatnonzero((routines[rows[KIND]] == TRADE) & (rows[KIND] > PLAYER))
        for row in traders.tolist():
            entity = int(state.ids[row])
            watch.since.setdefault(entity, tick)
            for x, y in ((HOME_X, HOME_Y), (WORK_X, WORK_Y)):
                place = int(rows[x, row]), int(rows[y, row])
                if max(abs((rows[X, row] >> 16) - place[0]), abs((rows[Y, row] >> 16) - place[1])) <= MARKET_TILES:
                    watch.visited[entity].add(place)
        if tick % 2_400 == 0:
            for item in TRADED if len(traders) else ():
                stock = rows[GOODS_0 + item, traders]
                watch.prices[item].append(float(np.mean([price(item, int(one)) / 100 for one in stock])))
            for kind in npc_kinds(state.species):
                alive = int((rows[KIND] == kind).sum())
                name = name_of(state.species, kind)
                watch.fewest[name] = min(watch.fewest.get(name, alive), alive)
                if not alive and not (state.owed[:, OWED_KIND] == kind).any():
                    watch.extinct.add(name)
    if of_day > DUSK_TICKS and (of_day - DUSK_TICKS) % 2_400 == 0:
        sleepers = (state.species[SLEEPS_OF, rows[KIND]] == 1) & (rows[KIND] > PLAYER)
        near_x, near_y = abs((rows[X] >> 16) - rows[HOME_X]), abs((rows[Y] >> 16) - rows[HOME_Y])
        home = sleepers & (near_x <= HOME_TILES) & (near_y <= HOME_TILES)
        watch.at_home.append(float(home.sum() / max(1, sleepers.sum())))
        out = (routines[rows[KIND]] == RAID) & (rows[KIND] > PLAYER)
        away = np.maximum(abs((rows[X] >> 16) - rows[HOME_X]), abs((rows[Y] >> 16) - rows[HOME_Y])) > 2 * HOME_TILES
        watch.raids += int((out & away).sum())


def _report(state: State, watch: Watch, seed: int, days: int, missing: Any, seconds: float) -> Row:
    coins = [*watch.coins, int(state.rows[COINS, : state.used].sum(dtype=np.int64))]
    half, end = len(coins) // 2, days * DAY_TICKS
    prices = {ITEMS[item]: (round(min(seen), 1), round(max(seen), 1)) for item, seen in watch.prices.items()}
    # A trader that lived for a whole day has had the time to walk to and fro.
    old = [entity for entity, since in watch.since.items() if end - since >= DAY_TICKS and entity in state.index]
    both = sum(len(watch.visited[entity]) == 2 for entity in old)
    judged = {
        "money": max(coins) <= MONEY_FACTOR * coins[0]
        and coins[-1] - coins[half] <= max(coins[half] - coins[0], coins[0]),
        # No trader buys what is worth less than a coin to it, and none asks more than for its last piece.
        "prices": all(min(seen) >= 1 and max(seen) <= 2 * WORTH[item] for item, seen in watch.prices.items()),
        "species": not watch.extinct and len(watch.fewest) >= 8,
        "home": min(watch.at_home, default=0.0) >= 0.9,
        "traders": bool(old) and both == len(old),
        "raids": watch.raids > 0,
        "conserved": not np.any(missing),
    }
    flows = {line.name: int(state.flows[line.flow, COIN_THING]) for line in TABLE if state.flows[line.flow, COIN_THING]}
    return {
        "seed": seed,
        "days": days,
        "coins": coins,
        "prices": prices,
        "fewest": watch.fewest,
        "home_by_night": round(min(watch.at_home, default=0.0), 3),
        "home_by_night_mean": round(sum(watch.at_home) / max(1, len(watch.at_home)), 3),
        "traders": len(old),
        "traders_in_both": both,
        "bandits_out_by_night": watch.raids,
        "coin_flows": flows,
        "held": all(judged.values()),
        "broken": [name for name, held in judged.items() if not held],
        "cpu_seconds": round(seconds, 1),
    }
