"""Law 7, Snapshot = arrays: restoring at any tick and going on gives the same bytes as never having stopped."""

from tests.laws.scripted_world import TwoRegions, begin, step
from world.encoding import decode, encode

TICKS = 160


def restored(world: TwoRegions) -> TwoRegions:
    """A copy through bytes: nothing of the old states is left in it."""
    states = decode(encode(world.states[0])), decode(encode(world.states[1]))
    images, mail = (tuple(list(waiting) for waiting in kind) for kind in (world.images, world.mail))
    return TwoRegions(states, (images[0], images[1]), (mail[0], mail[1]), list(world.ghosts))


def test_a_run_restored_at_every_tick_is_the_run_that_never_stopped() -> None:
    kept, stopped = begin(), begin()
    for tick in range(TICKS):
        stopped = restored(stopped)
        for (first_in, first), (second_in, second) in zip(step(kept, tick), step(stopped, tick)):
            assert first_in == second_in and first == second, f"tick {tick}"
        for first_state, second_state in zip(kept.states, stopped.states):
            assert encode(first_state) == encode(second_state), f"tick {tick}"


def test_a_run_restored_once_goes_on_the_same_from_anywhere() -> None:
    kept = begin()
    copies = {}
    for tick in range(TICKS):
        if tick % 20 == 7:
            copies[tick] = restored(kept)
        step(kept, tick)
    for start, copy in copies.items():
        for tick in range(start, TICKS):
            step(copy, tick)
        for first, second in zip(kept.states, copy.states):
            assert encode(first) == encode(second), f"restored at tick {start}"
