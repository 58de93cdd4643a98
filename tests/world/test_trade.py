"""Trade: between players both sides at once and signed by both, with traders at prices that follow from their stock."""

import numpy as np
import pytest

from tests.world.lands import column, flat, key, put, run, two_halves
from world.actions import Accept, Action, AskPrices, Buy, Offer, Retract, Sell, decode_action, encode_action
from world.borders import add_asset
from world.encoding import decode, digest, encode
from world.events import Event, Kind, Refusal
from world.ghosts import show
from world.habits import AT_HOME
from world.invariants import check, holdings
from world.items import BERRY, FIND, STONE, WOOD
from world.kinds import PLAYER, VILLAGER
from world.prices import PAR, WORTH, ask, bid, cost, price, proceeds
from world.species import NAMES
from world.state import ASSET_HOLDER, COINS, GOODS_0, Counter, State
from world.tick import Inputs, Outputs, advance
from world.units import OFFER_TICKS

TRADER = NAMES.index("trader")


def act(state: State, *actions: tuple[int, Action], number: int = 0) -> Outputs:
    return advance(state, Inputs(key(number), actions=actions))


def one(outputs: Outputs, kind: Kind) -> Event:
    return next(event for event in outputs.events if event.kind == kind)


def two_players(**columns: int) -> tuple[State, int, int]:
    state = flat()
    ann = put(state, PLAYER, 20.5, 20.5, coins=30, **columns)
    bob = put(state, PLAYER, 21.6, 20.5, coins=9)
    state.rows[GOODS_0 + WOOD, state.row(ann)] = 12
    state.rows[GOODS_0 + STONE, state.row(bob)] = 4
    return state, ann, bob


def owns(state: State, entity: int) -> tuple[int, int, int, list[int]]:
    assets = state.assets[:, : state.assets_used]
    held = assets[0, assets[ASSET_HOLDER] == entity].tolist()
    return column(state, entity, COINS), column(state, entity, GOODS_0), column(state, entity, GOODS_0 + STONE), held


def test_an_accepted_offer_changes_both_sides_in_one_tick() -> None:
    state, ann, bob = two_players()
    relic = state.new_id()
    add_asset(state, relic, bob, FIND, 77)
    before = holdings(state)
    made = act(state, (ann, Offer(bob, 5, WOOD + 1, 10, 0, 0, STONE + 1, 3, relic)))
    assert made.verdicts == [0]
    offered = one(made, Kind.OFFERED)
    assert (offered.b, offered.c, offered.text) == (ann, bob, f"5 1 10 0 0 3 3 {relic}")
    assert owns(state, ann) == (30, 12, 0, []) and owns(state, bob) == (9, 0, 4, [relic]), "nothing moves yet"
    done = act(state, (bob, Accept(offered.a)), number=1)
    assert done.verdicts == [0] and one(done, Kind.TRADED)[1:4] == (offered.a, ann, bob)
    assert owns(state, ann) == (25, 2, 3, [relic]) and owns(state, bob) == (14, 10, 1, [])
    assert holdings(state) == before and not len(state.offers)
    check(state)


def test_nobody_accepts_for_another_and_no_asset_moves_without_both_signatures() -> None:
    """Law 13: the maker cannot accept, a third cannot, and an offer that wants an asset moves nothing by itself."""
    state, ann, bob = two_players()
    eve = put(state, PLAYER, 20.5, 21.6)
    relic = state.new_id()
    add_asset(state, relic, bob, FIND, 77)
    number = one(act(state, (ann, Offer(bob, 1, 0, 0, 0, 0, 0, 0, relic))), Kind.OFFERED).a
    for other in (ann, eve):
        assert act(state, (other, Accept(number))).verdicts == [Refusal.NO_SUCH_OFFER]
    assert owns(state, bob)[3] == [relic]
    assert act(state, (ann, Offer(bob, 0, 0, 0, relic, 1, 0, 0, 0))).verdicts == [Refusal.NOT_YOURS]


@pytest.mark.parametrize("lacks", ["maker", "taker"])
def test_an_offer_that_one_side_cannot_keep_any_more_moves_nothing(lacks: str) -> None:
    state, ann, bob = two_players()
    number = one(act(state, (ann, Offer(bob, 0, WOOD + 1, 10, 0, 0, STONE + 1, 3, 0))), Kind.OFFERED).a
    who, item = (ann, WOOD) if lacks == "maker" else (bob, STONE)
    state.rows[GOODS_0 + item, state.row(who)] = 1
    before = owns(state, ann), owns(state, bob)
    assert act(state, (bob, Accept(number))).verdicts == [Refusal.NOT_ENOUGH]
    assert (owns(state, ann), owns(state, bob)) == before and len(state.offers) == 1


def test_an_offer_ends_when_retractn_turned_down_replaced_or_too_old() -> None:
    state, ann, bob = two_players()
    for ender, why in ((ann, 0), (bob, 1)):
        number = one(act(state, (ann, Offer(bob, 1, 0, 0, 0, 0, 0, 0, 0))), Kind.OFFERED).a
        assert one(act(state, (ender, Retract(number))), Kind.OFFER_ENDED)[1:5] == (number, ann, bob, why)
    first = one(act(state, (ann, Offer(bob, 1, 0, 0, 0, 0, 0, 0, 0))), Kind.OFFERED).a
    again = act(state, (ann, Offer(bob, 2, 0, 0, 0, 0, 0, 0, 0)))
    assert one(again, Kind.OFFER_ENDED).a == first and len(state.offers) == 1
    restored = decode(encode(state))
    assert restored.offers.tolist() == state.offers.tolist() and digest(restored) == digest(state)
    ended = [event for out in run(state, OFFER_TICKS) for event in out.events if event.kind == Kind.OFFER_ENDED]
    assert [event.d for event in ended] == [2] and not len(state.offers)


def test_offers_across_a_border_wait_until_one_steps_over() -> None:
    west, east = two_halves()
    ann, bob = put(west, PLAYER, 31.0, 10.5, coins=5), put(east, PLAYER, 32.3, 10.5)
    out = advance(west, Inputs(key(1), actions=((ann, Offer(bob, 1, 0, 0, 0, 0, 0, 0, 0)),), ghosts=show(east)))
    assert out.verdicts == [Refusal.ACROSS_BORDER]


@pytest.mark.parametrize(
    "wrong", [Offer(2, 0, 0, 0, 0, 0, 0, 0, 0), Offer(2, 0, 1, 0, 0, 0, 0, 0, 0), Offer(2, 0, 99, 3, 0, 0, 0, 0, 0)]
)
def test_an_offer_of_nothing_or_of_no_item_is_no_action(wrong: Offer) -> None:
    state, ann, bob = two_players()
    action = Offer(bob, *[getattr(wrong, name) for name in wrong.__struct_fields__[1:]])
    assert act(state, (ann, action)).verdicts == [Refusal.NOT_AN_ACTION]


def with_trader(stock: int = PAR, purse: int = 300) -> tuple[State, int, int]:
    state = flat()
    player = put(state, PLAYER, 20.5, 20.5, coins=200)
    trader = put(state, TRADER, 21.6, 20.5, coins=purse, mode=AT_HOME, mode_ticks=9_000)
    state.rows[GOODS_0 : GOODS_0 + 7, state.row(trader)] = stock
    state.rows[GOODS_0 + WOOD, state.row(player)] = 20
    return state, player, trader


def test_prices_follow_stock_and_a_trader_never_sells_below_what_it_pays() -> None:
    for item in (WOOD, BERRY, STONE):
        asked = [ask(item, stock) for stock in range(1, 500)]
        paid = [bid(item, stock) for stock in range(500)]
        assert asked == sorted(asked, reverse=True) and paid == sorted(paid, reverse=True)
        assert all(ask(item, stock + 1) > bid(item, stock) for stock in range(400))
        assert price(item, PAR) == 100 * WORTH[item] and price(item, 0) == 2 * price(item, PAR)
        assert cost(item, 30, 10) > proceeds(item, 20, 10)


def test_buying_and_selling_change_both_purses_and_the_next_price() -> None:
    state, player, trader = with_trader()
    before = holdings(state)
    price_before = ask(WOOD, column(state, trader, GOODS_0 + WOOD))
    coins = cost(WOOD, PAR, 8)
    out = act(state, (player, Buy(trader, WOOD, 8, coins)))
    assert out.verdicts == [0] and one(out, Kind.BOUGHT)[1:] == (player, trader, WOOD, 8, str(coins))
    assert column(state, player, COINS) == 200 - coins and column(state, trader, COINS) == 300 + coins
    assert column(state, player, GOODS_0) == 28 and ask(WOOD, PAR - 8) > price_before
    earned = proceeds(WOOD, PAR - 8, 8)
    assert act(state, (player, Sell(trader, WOOD, 8, earned))).verdicts == [0]
    assert column(state, player, COINS) == 200 - coins + earned < 200
    assert holdings(state) == before
    check(state)


def test_what_a_trader_refuses() -> None:
    state, player, trader = with_trader(purse=3)
    villager, far = put(state, VILLAGER, 20.5, 21.5, mode_ticks=900), put(state, TRADER, 40.5, 20.5, mode_ticks=900)
    wrong = {
        Buy(trader, WOOD, 8, 1): Refusal.PRICE_MOVED,
        Buy(trader, WOOD, 99, 10**6): Refusal.NOTHING_THERE,
        Sell(trader, WOOD, 5, 10**6): Refusal.PRICE_MOVED,
        Sell(trader, WOOD, 5, 1): Refusal.NOT_WANTED,  # its purse is empty
        Sell(trader, STONE, 5, 1): Refusal.NOT_ENOUGH,
        Buy(villager, WOOD, 1, 99): Refusal.NO_TRADER,
        Buy(far, WOOD, 1, 99): Refusal.OUT_OF_REACH,
        Buy(trader, 250, 1, 99): Refusal.NOT_AN_ACTION,
    }
    for action, refusal in wrong.items():
        assert act(state, (player, action)).verdicts == [refusal], action
        assert decode_action(encode_action(action)) == action


def test_a_trader_says_what_it_has() -> None:
    state, player, trader = with_trader()
    told = one(act(state, (player, AskPrices(trader))), Kind.QUOTED)
    assert (told.a, told.b, told.c) == (trader, player, 300)
    assert [int(word) for word in told.text.split()][:7] == [PAR] * 7


def test_credit_and_dues_keep_the_money_within_bounds() -> None:
    state, _, trader = with_trader(purse=0)
    rich = put(state, TRADER, 30.5, 30.5, coins=5_000, mode=AT_HOME, mode_ticks=9_000)
    run(state, 4_000)
    assert 1 <= column(state, trader, COINS) <= 40
    assert column(state, rich, COINS) < 900
    coins, _ = holdings(state)
    assert coins == 200 + 5_000 + int(state.counters[Counter.COINS_MINTED] - state.counters[Counter.COINS_BURNED]) - 600
    assert np.all(state.flows >= 0)
