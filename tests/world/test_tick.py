"""One tick as a whole: what it takes, what it refuses, and that all kernels are compiled beforehand."""

import importlib
import pkgutil

import pytest
from numba.core.registry import CPUDispatcher

import world
from tests.laws import scripted_world
from tests.world.lands import count, flat, key, place, put, run, two_halves
from world import borders, collision, ghosts, movement, npc
from world.actions import Move, Speak
from world.births import player_born
from world.events import Event, Kind, Refusal
from world.invariants import check
from world.kinds import PILE, PLAYER
from world.mail import TileChange, decode_mail, encode_mail
from world.state import Counter
from world.tick import Inputs, advance, warm
from world.units import TICKS_PER_SECOND


def test_the_kernels_have_one_signature_each_after_warming_and_after_a_run() -> None:
    """A second one would be compiled in the middle of a tick, seconds late."""
    warm()
    west, east = two_halves()
    put(west, PLAYER, 31.5, 10.5, intent_x=127)
    for tick in range(20):
        out = advance(west, Inputs(key(tick), open=(1,), ghosts=ghosts.show(east)))
        advance(east, Inputs(key(tick), arrivals=[image for _, _, image in out.departures], ghosts=out.ghosts))
    for kernel in (npc.think, movement.walk, collision.settle, borders._leaving, ghosts._shown):
        assert len(kernel.signatures) == 1


def test_no_kernel_of_a_tick_is_compiled_after_warming() -> None:
    """Neither for the first arrow of a world nor for any other deed: that tick would come seconds late."""
    warm()
    modules = [importlib.import_module(f"world.{one.name}") for one in pkgutil.iter_modules(world.__path__)]
    kernels = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, CPUDispatcher)
    }
    two = scripted_world.begin()
    warmed = {name: set(kernel.signatures) for name, kernel in kernels.items()}
    for tick in range(160):
        scripted_world.step(two, tick)
    late = {name: set(kernel.signatures) - warmed[name] for name, kernel in kernels.items()}
    assert not {name: signatures for name, signatures in late.items() if signatures}


def test_births_are_players_at_the_regions_spawns() -> None:
    state = flat()
    out = advance(state, Inputs(key(0), births=((1 << 50, 0), ((1 << 50) + 1, 1))))
    assert [(event.kind, event.b) for event in out.events] == [(Kind.BORN, PLAYER)] * 2
    first, second = place(state, 1 << 50), place(state, (1 << 50) + 1)
    assert first == (32.5, 32.5) and first != second
    assert count(state, PLAYER) == 2
    with pytest.raises(ValueError, match="is here already"):
        player_born(state, 1 << 50, 0)


def test_actions_are_answered_in_order_and_an_unknown_one_is_refused() -> None:
    state = flat()
    player = put(state, PLAYER, 10.5, 10.5)
    actions = ((player, Move(127, 0)), (4711, Move(1, 1)), (player, Speak("a")), (player, Speak("")))
    out = advance(state, Inputs(key(0), actions=actions))
    expected = [Refusal.DONE, Refusal.NO_SUCH_TARGET, Refusal.DONE, Refusal.NOT_AN_ACTION]
    assert out.verdicts == expected
    assert [event for event in out.events if event.kind == Kind.SPOKE] == [Event(Kind.SPOKE, player, text="a")]
    assert advance(state, Inputs(key(0), actions=((player, object()),))).verdicts == [Refusal.NOT_AN_ACTION]  # type: ignore[arg-type]


def test_the_clock_is_the_tick_counter() -> None:
    state = flat()
    run(state, TICKS_PER_SECOND)
    assert state.counters[Counter.TICK] == TICKS_PER_SECOND


def test_more_room_or_ghosts_than_neighbours_is_a_bad_program() -> None:
    state, _ = two_halves()
    with pytest.raises(ValueError, match="2 neighbours"):
        advance(state, Inputs(key(0), open=(1, 1)))
    with pytest.raises(ValueError, match="2 neighbours"):
        advance(state, Inputs(key(0), ghosts=(b"", b"")))
    with pytest.raises(ValueError, match="32 bytes"):
        advance(state, Inputs(b""))


def test_any_number_of_piles_may_rot_at_once() -> None:
    state = flat()
    for n in range(60):
        put(state, PILE, 5.5 + n % 10, 5.5 + n // 10, mode_ticks=5)
    for tick in range(12):
        run(state, 1, tick)
        check(state)
    assert count(state, PILE) == 0


def test_mail_is_read_strictly() -> None:
    change = TileChange(5, 6, 1, 2, 3)
    raw = encode_mail(change)
    assert decode_mail(raw) == change
    for spoiled in (raw + b"\0", raw[:-1], raw.replace(b"\x02", b"\x05", 1), encode_mail(TileChange(5, 6, 9, 2, 3))):
        with pytest.raises(ValueError):
            decode_mail(spoiled)
