"""Gathering, giving, dropping, picking up; coins and finds."""

import pytest

from tests.world.lands import column, flat, key, put, run, two_halves
from world.actions import Action, Build, Drop, Gather, Give, GiveAsset, GiveCoins, PickUp
from world.borders import add_asset
from world.events import Event, Kind, Refusal
from world.ghosts import show
from world.invariants import check, holdings
from world.items import (
    BERRY,
    COIN_ODDS,
    FIND,
    GATHER_TICKS,
    GRAIN,
    REGROW_TICKS,
    STOCK_MAX,
    STONE,
    WOOD,
    rarity,
)
from world.kinds import PILE, PLAYER, VILLAGER, WOLF
from world.species import PILE_TICKS
from world.state import ASSET_HOLDER, ASSET_TRAITS, COINS, COOLDOWN, GOODS_0, KIND, MODE_TICKS, Counter, State
from world.tick import Inputs, Outputs, advance
from world.tilemap import BUSH, FIELD, GROUND, ROCK, TREE, WALL
from world.units import ASSETS_PER_BODY, ASSETS_PER_REGION, COINS_MAX, GOODS_MAX, HOUR_TICKS


def act(state: State, entity: int, action: Action, tick: int = 0, **inputs: object) -> tuple[Refusal, Outputs]:
    out = advance(state, Inputs(key(tick), actions=((entity, action),), **inputs))  # type: ignore[arg-type]
    check(state)
    return Refusal(out.verdicts[0]), out


@pytest.mark.parametrize(("feature", "item"), [(TREE, WOOD), (BUSH, BERRY), (ROCK, STONE), (FIELD, GRAIN)])
def test_each_feature_gives_its_good_and_takes_time(feature: int, item: int) -> None:
    state = flat()
    state.set_tile(11, 10, GROUND, feature, 5)
    player = put(state, PLAYER, 9.6, 10.5)
    verdict, out = act(state, player, Gather(11, 10))
    assert verdict == Refusal.DONE
    assert Event(Kind.GATHERED, player, item, 1, 4) in out.events
    assert column(state, player, GOODS_0 + item) == 1 and state.stock[10, 11] == 4
    assert act(state, player, Gather(11, 10), 1)[0] == Refusal.TOO_SOON
    run(state, GATHER_TICKS - 1)
    assert act(state, player, Gather(11, 10), 2)[0] == Refusal.DONE


def test_what_cannot_be_gathered() -> None:
    state = flat(32, 32)
    player = put(state, PLAYER, 10.5, 10.5)
    state.set_tile(11, 10, GROUND, TREE, 0)
    state.set_tile(14, 10, GROUND, TREE, 9)
    for (x, y), reason in {
        (11, 10): Refusal.NOTHING_THERE,
        (10, 10): Refusal.NOTHING_THERE,
        (14, 10): Refusal.OUT_OF_REACH,
        (32, 10): Refusal.WRONG_PLACE,
        (4000, 4000): Refusal.WRONG_PLACE,
    }.items():
        assert act(state, player, Gather(x, y))[0] == reason
    state.set_tile(11, 10, GROUND, TREE, 9)
    state.rows[GOODS_0 + WOOD, state.row(player)] = GOODS_MAX
    assert act(state, player, Gather(11, 10))[0] == Refusal.NO_ROOM


def test_a_feature_across_the_border_is_the_neighbours() -> None:
    west, _ = two_halves()
    west.set_tile(32, 10, GROUND, BUSH, 5)
    player = put(west, PLAYER, 31.5, 10.5)
    assert act(west, player, Gather(32, 10))[0] == Refusal.ACROSS_BORDER


def test_stock_grows_back_no_further_than_full() -> None:
    state = flat(16, 16)
    state.set_tile(5, 5, GROUND, BUSH, 1)
    run(state, 2 * REGROW_TICKS)
    assert state.stock[5, 5] == 3
    run(state, 8 * REGROW_TICKS)
    assert state.stock[5, 5] == STOCK_MAX[BUSH]
    assert state.stock.sum() == STOCK_MAX[BUSH]


def gather_often(state: State, player: int, times: int, feature: int) -> list[Event]:
    """Gather again and again from a feature that never ends."""
    events = []
    for tick in range(times):
        state.set_tile(11, 10, GROUND, feature, 200)
        row = state.row(player)
        state.rows[COOLDOWN, row] = state.rows[GOODS_0 + STONE, row] = 0
        events += act(state, player, Gather(11, 10), tick)[1].events
    return events


def test_stones_hide_coins_and_they_are_counted() -> None:
    state = flat(32, 32)
    player = put(state, PLAYER, 9.6, 10.5)
    gather_often(state, player, 400, ROCK)
    coins = column(state, player, COINS)
    assert 400 // COIN_ODDS // 2 < coins < 400 // COIN_ODDS * 2
    assert state.counters[Counter.COINS_MINTED] == coins


def test_finds_are_minted_to_the_finder_until_the_budget_is_spent() -> None:
    state = flat(32, 32)
    state.counters[Counter.FINDS_LEFT] = state.counters[Counter.FINDS_BUDGET] = 4
    player = put(state, PLAYER, 9.6, 10.5)
    minted = [event for event in gather_often(state, player, 1500, BUSH) if event.kind == Kind.MINTED]
    assert len(minted) == 4 == state.counters[Counter.ASSETS_MINTED] == state.assets_used
    assert state.counters[Counter.FINDS_LEFT] == 0
    ids, traits = holdings(state)[1], state.assets[ASSET_TRAITS, :4].tolist()
    assert sorted(event.a for event in minted) == ids and len(set(traits)) == 4
    for event, drawn in zip(minted, traits):
        assert (event.b, event.c, event.d) == (player, FIND, rarity(drawn))
    state.counters[Counter.FINDS_TICKS_LEFT] = 1
    run(state, 1)
    assert state.counters[Counter.FINDS_LEFT] == 4
    assert state.counters[Counter.FINDS_TICKS_LEFT] == HOUR_TICKS


@pytest.mark.parametrize("held", [ASSETS_PER_BODY, ASSETS_PER_REGION])
def test_no_find_where_there_is_no_room_for_it(held: int) -> None:
    state = flat(32, 32)
    player, other = put(state, PLAYER, 9.6, 10.5), put(state, PLAYER, 20.5, 20.5)
    for number in range(held):
        add_asset(state, 10_000 + number, player if held == ASSETS_PER_BODY else other, FIND, 1)
    gather_often(state, player, 300, BUSH)
    assert state.assets_used == held


def test_goods_and_coins_change_hands_and_none_appear() -> None:
    state = flat()
    giver = put(state, PLAYER, 10.5, 10.5, coins=10, goods_0=5)
    taker = put(state, VILLAGER, 11.5, 10.5, mode_ticks=500, coins=0)
    state.rows[KIND, state.row(taker)] = VILLAGER
    verdict, out = act(state, giver, Give(taker, WOOD, 3))
    assert verdict == Refusal.DONE and Event(Kind.GAVE, giver, taker, WOOD, 3) in out.events
    verdict, out = act(state, giver, GiveCoins(taker, 4))
    assert verdict == Refusal.DONE and Event(Kind.GAVE, giver, taker, -1, 4) in out.events
    assert (column(state, giver, GOODS_0), column(state, taker, GOODS_0)) == (2, 3)
    assert (column(state, giver, COINS), column(state, taker, COINS)) == (6, 4)
    assert act(state, giver, Give(taker, WOOD, 3))[0] == Refusal.NOT_ENOUGH
    assert act(state, giver, GiveCoins(taker, 7))[0] == Refusal.NOT_ENOUGH
    state.rows[GOODS_0, state.row(taker)] = GOODS_MAX
    state.rows[COINS, state.row(taker)] = COINS_MAX
    assert act(state, giver, Give(taker, WOOD, 1))[0] == Refusal.NO_ROOM
    assert act(state, giver, GiveCoins(taker, 1))[0] == Refusal.NO_ROOM


def test_who_cannot_be_given_to() -> None:
    west, east = two_halves()
    giver = put(west, PLAYER, 31.5, 10.5, coins=10, goods_0=5)
    far, wolf = put(west, PLAYER, 28.5, 10.5), put(west, WOLF, 31.5, 11.5, mode=8, mode_ticks=999)
    ghost = put(east, PLAYER, 32.3, 10.5)
    ghosts = show(east)
    for target, reason in {
        far: Refusal.OUT_OF_REACH,
        wolf: Refusal.NO_SUCH_TARGET,
        giver: Refusal.NO_SUCH_TARGET,
        12345: Refusal.NO_SUCH_TARGET,
        ghost: Refusal.ACROSS_BORDER,
    }.items():
        for action in (Give(target, WOOD, 1), GiveCoins(target, 1), GiveAsset(target, 5)):
            assert act(west, giver, action, ghosts=ghosts)[0] == reason


def test_nothing_is_given_through_a_wall() -> None:
    state = flat()
    giver, taker = put(state, PLAYER, 10.6, 10.5, coins=1), put(state, PLAYER, 12.4, 10.5)
    state.set_tile(11, 10, WALL, 0, 0)
    assert act(state, giver, GiveCoins(taker, 1))[0] == Refusal.OUT_OF_REACH


def test_an_asset_changes_hands_only_by_its_holder() -> None:
    state = flat()
    holder, other = put(state, PLAYER, 10.5, 10.5), put(state, PLAYER, 11.5, 10.5)
    add_asset(state, 900, holder, FIND, 3)
    assert act(state, other, GiveAsset(holder, 900))[0] == Refusal.NOT_YOURS
    assert act(state, holder, GiveAsset(other, 901))[0] == Refusal.NOT_YOURS
    assert act(state, holder, GiveAsset(other, 2**63 - 1))[0] == Refusal.NOT_YOURS
    verdict, out = act(state, holder, GiveAsset(other, 900))
    assert verdict == Refusal.DONE and Event(Kind.GAVE, holder, other, -2, 900) in out.events
    assert state.assets[ASSET_HOLDER, 0] == other
    for number in range(ASSETS_PER_BODY):
        add_asset(state, 1000 + number, holder, FIND, 3)
    assert act(state, other, GiveAsset(holder, 900))[0] == Refusal.NO_ROOM


def test_what_is_dropped_lies_there_and_is_picked_up_whole() -> None:
    state = flat()
    player = put(state, PLAYER, 10.5, 10.5, goods_0=9)
    verdict, out = act(state, player, Drop(WOOD, 4))
    pile = next(event.b for event in out.events if event.kind == Kind.DROPPED)
    assert verdict == Refusal.DONE and column(state, pile, KIND) == PILE
    assert act(state, player, Drop(WOOD, 1))[0] == Refusal.TOO_SOON
    run(state, 4)
    assert act(state, player, Drop(WOOD, 2))[0] == Refusal.DONE
    assert column(state, pile, GOODS_0) == 6, "what is dropped onto a pile joins it"
    verdict, out = act(state, player, PickUp(pile))
    assert verdict == Refusal.DONE and Event(Kind.PICKED_UP, player, pile) in out.events
    assert column(state, player, GOODS_0) == 9 and state.row(pile) == -1
    assert act(state, player, PickUp(pile))[0] == Refusal.NO_SUCH_TARGET
    assert act(state, player, PickUp(player))[0] == Refusal.NO_SUCH_TARGET


def test_a_pile_too_big_for_the_purse_stays() -> None:
    state = flat()
    player, pile = put(state, PLAYER, 10.5, 10.5, goods_0=990), put(state, PILE, 11.5, 10.5, goods_0=10, mode_ticks=99)
    assert act(state, player, PickUp(pile))[0] == Refusal.NO_ROOM
    assert column(state, pile, GOODS_0) == 10


def test_a_pile_rots_and_its_coins_are_burned() -> None:
    state = flat()
    pile = put(state, PILE, 10.5, 10.5, coins=12, mode_ticks=PILE_TICKS)
    run(state, PILE_TICKS - 1)
    assert column(state, pile, MODE_TICKS) == 1
    run(state, 1)
    assert state.row(pile) == -1 and state.counters[Counter.COINS_BURNED] == 12


def test_building_burns_a_coin_if_there_is_one() -> None:
    state = flat()
    player = put(state, PLAYER, 10.5, 10.5, coins=1, goods_0=4)
    state.rows[GOODS_0 + STONE, state.row(player)] = 4
    assert act(state, player, Build(12, 10, WALL))[0] == Refusal.DONE
    assert (column(state, player, COINS), state.counters[Counter.COINS_BURNED]) == (0, 1)
    run(state, 10)
    assert act(state, player, Build(9, 10, WALL))[0] == Refusal.DONE
    assert state.counters[Counter.COINS_BURNED] == 1
