"""No action raises, whatever it holds and whoever sends it; what it changes stays within the invariants."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.lands import flat, key, put
from world.actions import (
    Action,
    Build,
    Dig,
    Drop,
    Gather,
    Give,
    GiveAsset,
    GiveCoins,
    Move,
    PickUp,
    Speak,
    Strike,
    decode_action,
)
from world.borders import add_asset
from world.encoding import decode, encode
from world.events import Event, Kind, Refusal
from world.invariants import check, holdings
from world.kinds import DEER, PILE, PLAYER, VILLAGER, WOLF
from world.state import State
from world.tick import Inputs, advance
from world.tilemap import BUSH, GROUND, ROCK, WALL

NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.integers(-3, 40), st.sampled_from([127, 255, 999, 10**9, 2**63]))


def crowd() -> State:
    """Two players with something of everything, and one body of each kind, all within reach."""
    state = flat(32, 32)
    for n, kind in enumerate((PLAYER, PLAYER, VILLAGER, DEER, WOLF, PILE)):
        put(state, kind, 10.5 + n % 2, 10.5 + n // 2, coins=5, goods_0=6, mode=8 if kind == WOLF else 0, mode_ticks=900)
    for x, feature in ((9, BUSH), (8, ROCK)):
        state.set_tile(x, 11, GROUND, feature, 3)
    state.set_tile(9, 9, WALL, 0, 0)
    add_asset(state, 500, int(state.ids[0]), 1, 1)
    return state


CROWD = encode(crowd())
IDS = crowd().ids[:6].tolist()


def any_action() -> st.SearchStrategy[Action]:
    """Actions with any numbers at all, and often ones that mean something."""
    who = st.one_of(st.sampled_from([*IDS, 500, 501]), NUMBERS)
    near = st.one_of(st.integers(7, 13), NUMBERS)
    makers: list[tuple[Callable[..., Action], tuple[st.SearchStrategy[object], ...]]] = [
        (Move, (NUMBERS, NUMBERS)),
        (Strike, (who,)),
        (Gather, (near, near)),
        (Give, (who, NUMBERS, NUMBERS)),
        (GiveCoins, (who, NUMBERS)),
        (GiveAsset, (who, who)),
        (Drop, (NUMBERS, NUMBERS)),
        (PickUp, (who,)),
        (Build, (near, near, NUMBERS)),
        (Dig, (near, near)),
        (Speak, (st.text(max_size=200),)),
    ]
    return st.one_of([st.builds(make, *fields) for make, fields in makers])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.sampled_from(IDS), NUMBERS), any_action()), min_size=1, max_size=12))
def test_no_action_raises_and_nothing_is_made_of_nothing(actions: list[tuple[int, Action]]) -> None:
    state = decode(CROWD)
    coins = holdings(state)[0] - int(state.counters[4]) + int(state.counters[5])
    for tick in range(3):
        out = advance(state, Inputs(key(tick), actions=actions))
        assert len(out.verdicts) == len(actions)
        assert all(isinstance(verdict, int) and verdict in list(Refusal) for verdict in out.verdicts)
        check(state)
        assert holdings(state)[0] - int(state.counters[4]) + int(state.counters[5]) == coins
        assert holdings(state)[1][-1] >= 500


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
def test_strange_bytes_are_an_action_or_a_value_error(raw: bytes) -> None:
    try:
        action = decode_action(raw)
    except ValueError:
        return
    state = decode(CROWD)
    advance(state, Inputs(key(0), actions=[(IDS[0], action)]))
    check(state)


def test_only_players_who_are_here_act() -> None:
    state = decode(CROWD)
    for entity in (IDS[2], IDS[5], 99):
        assert advance(state, Inputs(key(0), actions=[(entity, Move(1, 1))])).verdicts == [Refusal.NO_SUCH_TARGET]


def test_speech_is_heard_as_it_was_said() -> None:
    state = decode(CROWD)
    out = advance(state, Inputs(key(0), actions=[(IDS[0], Speak("Grüße 🦌"))]))
    assert Event(Kind.SPOKE, IDS[0], text="Grüße 🦌") in out.events
