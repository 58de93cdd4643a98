"""Blows, falls, and blows across a border."""

import pytest

from tests.world.lands import column, count, flat, key, place, put, run, two_halves
from tests.world.test_economy import act
from world.actions import Gather, Move, Speak, Strike
from world.borders import add_asset
from world.events import Event, Kind, Refusal
from world.ghosts import show
from world.invariants import check, holdings
from world.items import FIND, MEAT
from world.kinds import DEER, PILE, PLAYER, VILLAGER, WOLF
from world.mail import Blow, encode_mail
from world.species import BUILT_IN, COINS_OF, DAMAGE, DOWN_TICKS_PLAYER, HEALTH_MAX, RESPAWN_TICKS, STRIKE_TICKS
from world.state import COINS, DOWN_TICKS, GOODS_0, HEALTH, HURT_TICKS, KIND, Counter
from world.tick import Inputs, advance
from world.tilemap import WALL


def test_a_blow_wounds_knocks_back_and_takes_time() -> None:
    state = flat()
    striker, victim = put(state, PLAYER, 10.5, 10.5), put(state, PLAYER, 11.5, 10.5)
    verdict, out = act(state, striker, Strike(victim))
    left = int(HEALTH_MAX[PLAYER] - DAMAGE[PLAYER])
    assert verdict == Refusal.DONE and Event(Kind.HIT, striker, victim, int(DAMAGE[PLAYER]), left) in out.events
    assert column(state, victim, HEALTH) == left and column(state, victim, HURT_TICKS) > 0
    run(state, 5)
    assert place(state, victim)[0] > 11.6 and place(state, striker) == (10.5, 10.5)
    assert act(state, striker, Strike(victim))[0] == Refusal.TOO_SOON


def test_whom_one_cannot_strike() -> None:
    state = flat()
    striker = put(state, PLAYER, 10.5, 10.5)
    far, pile = put(state, PLAYER, 13.5, 10.5), put(state, PILE, 10.5, 11.5, mode_ticks=99)
    lying = put(state, PLAYER, 11.5, 10.5, health=0, down_ticks=50)
    hidden = put(state, PLAYER, 9.2, 9.2)
    state.set_tile(9, 10, WALL, 0, 0)
    state.set_tile(10, 9, WALL, 0, 0)
    for target, reason in {
        far: Refusal.OUT_OF_REACH,
        pile: Refusal.NO_SUCH_TARGET,
        lying: Refusal.TARGET_DOWN,
        striker: Refusal.NO_SUCH_TARGET,
        hidden: Refusal.OUT_OF_REACH,
        4711: Refusal.NO_SUCH_TARGET,
    }.items():
        assert act(state, striker, Strike(target))[0] == reason


def test_a_fallen_player_drops_goods_and_coins_keeps_assets_and_stands_again() -> None:
    state = flat()
    striker = put(state, PLAYER, 10.5, 10.5)
    victim = put(state, PLAYER, 11.5, 10.5, health=1, coins=8, goods_0=2, intent_x=5)
    add_asset(state, 66, victim, FIND, 1)
    state.counters[Counter.COINS_MINTED] = 8
    _, out = act(state, striker, Strike(victim))
    assert Event(Kind.DIED, victim, striker, 11, 10) in out.events
    assert column(state, victim, DOWN_TICKS) == DOWN_TICKS_PLAYER - 1
    assert column(state, victim, COINS) == column(state, victim, GOODS_0) == 0
    assert holdings(state) == (8, [66]) and count(state, PILE) == 1
    for action in (Move(1, 1), Gather(11, 11), Strike(striker)):
        assert act(state, victim, action)[0] == Refusal.NOT_ALIVE
    assert act(state, victim, Speak("help"))[0] == Refusal.DONE
    run(state, DOWN_TICKS_PLAYER)
    assert column(state, victim, HEALTH) == HEALTH_MAX[PLAYER]
    assert act(state, victim, Move(1, 1))[0] == Refusal.DONE


@pytest.mark.parametrize("kind", [DEER, VILLAGER, WOLF])
def test_a_dead_npc_leaves_what_it_had_and_another_is_born_at_its_home(kind: int) -> None:
    state = flat()
    striker = put(state, PLAYER, 10.5, 10.5)
    victim = put(state, kind, 11.5, 10.5, health=1, coins=3, home_x=40, home_y=41)
    state.counters[Counter.COINS_MINTED] = 3
    act(state, striker, Strike(victim))
    assert state.row(victim) == -1 and count(state, kind) == 0
    pile = int(state.ids[state.rows[KIND] == PILE][0])
    assert column(state, pile, COINS) == 3
    assert column(state, pile, GOODS_0 + MEAT) == {DEER: 3, VILLAGER: 0, WOLF: 1}[kind]
    assert not any(event.kind == Kind.BORN for out in run(state, RESPAWN_TICKS - 1) for event in out.events)
    born = [event for out in run(state, 2) for event in out.events if event.kind == Kind.BORN]
    assert [(event.b, event.c, event.d) for event in born] == [(kind, 40, 41)]
    assert count(state, kind) == 1 and column(state, born[0].a, COINS) == BUILT_IN[COINS_OF, kind]
    check(state)


def test_an_npc_that_dies_away_from_home_is_replaced_where_it_fell() -> None:
    west, _ = two_halves()
    striker = put(west, PLAYER, 10.5, 10.5)
    stranger = put(west, DEER, 11.5, 10.5, health=1, home_x=50, home_y=10)
    act(west, striker, Strike(stranger))
    run(west, RESPAWN_TICKS + 1)
    assert count(west, DEER) == 1
    check(west)


def test_births_owed_come_one_after_the_other_in_the_order_of_deaths() -> None:
    state = flat()
    striker = put(state, PLAYER, 10.5, 10.5)
    born: list[Event] = []
    for n in range(3):
        victim = put(state, DEER, 11.5, 10.5, health=1, home_x=30 + n, home_y=30)
        born += act(state, striker, Strike(victim), n)[1].events
        born += [event for out in run(state, int(STRIKE_TICKS[PLAYER])) for event in out.events]
    born += [event for out in run(state, RESPAWN_TICKS) for event in out.events]
    assert [event.c for event in born if event.kind == Kind.BORN] == [30, 31, 32]
    assert len(state.owed) == 0


def test_a_blow_on_a_ghost_is_mailed_and_lands_once() -> None:
    west, east = two_halves()
    striker, victim = put(west, PLAYER, 31.5, 10.5), put(east, DEER, 32.4, 10.5)
    verdict, out = act(west, striker, Strike(victim), ghosts=show(east))
    assert verdict == Refusal.DONE
    assert [neighbour for neighbour, _ in out.mail] == [0]
    assert not any(event.kind == Kind.HIT for event in out.events)
    there = advance(east, Inputs(key(1), mail=[raw for _, raw in out.mail]))
    left = int(HEALTH_MAX[DEER] - DAMAGE[PLAYER])
    assert [event for event in there.events if event.kind == Kind.HIT] == [
        Event(Kind.HIT, striker, victim, int(DAMAGE[PLAYER]), left)
    ]
    assert column(east, victim, HEALTH) in (left, left + 1), "wounded, and perhaps healed by one since"


def test_a_blow_for_somebody_who_is_not_here_does_nothing() -> None:
    state = flat()
    pile = put(state, PILE, 10.5, 10.5, mode_ticks=50)
    mail = [encode_mail(Blow(target, 9, 10, 0, 0)) for target in (123456, pile)]
    out = advance(state, Inputs(key(1), mail=mail))
    assert out.events == [] and column(state, pile, HEALTH) == 1


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x91\x03", b"\x96\x01\x00\x01\x01\x00\x00", b"\x90" * 500])
def test_damaged_mail_is_a_bad_peer(raw: bytes) -> None:
    with pytest.raises(ValueError):
        advance(flat(), Inputs(key(1), mail=[raw]))


def test_a_player_at_full_purse_falls_without_losing_a_coin() -> None:
    state = flat()
    striker = put(state, PLAYER, 10.5, 10.5)
    for _ in range(4):
        put(state, PILE, 11.5, 10.5, coins=900_000_000, mode_ticks=2000, goods_0=999)
    victim = put(state, PLAYER, 11.5, 10.5, health=1, coins=999_999_999, goods_0=999)
    before = holdings(state)[0]
    act(state, striker, Strike(victim))
    assert holdings(state)[0] == before
