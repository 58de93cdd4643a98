"""The wall clock may jump; what cores are told may not."""

from regions.shell.steady import SLEW, SteadyClock

SECOND = 1_000_000_000


class Clocks:
    def __init__(self) -> None:
        self.wall_ns, self.monotonic_ns = 1_700_000_000 * SECOND, 5 * SECOND

    def pass_ns(self, ns: int) -> None:
        self.wall_ns += ns
        self.monotonic_ns += ns


def test_a_wall_clock_set_back_or_forth_by_an_hour_moves_no_timer() -> None:
    for jump_s in (-3600, 3600):
        clocks = Clocks()
        clock = SteadyClock(lambda: clocks.wall_ns, lambda: clocks.monotonic_ns)  # noqa: B023
        began_ms = clock.now_ms()
        assert began_ms == clocks.wall_ns // 1_000_000
        clocks.wall_ns += jump_s * SECOND
        for _ in range(200):
            before_ms = clock.now_ms()
            clocks.pass_ns(SECOND // 20)
            assert 49 <= clock.now_ms() - before_ms <= 51
        assert abs(clock.now_ms() - began_ms - 10_000) <= 10_000 // SLEW + 1
        assert abs(clock.seconds_until(clock.now_ms() + 500) - 0.5) < 0.002
        assert clock.seconds_until(began_ms) == 0


def test_it_walks_after_a_wall_clock_that_was_corrected_a_little() -> None:
    clocks = Clocks()
    clock = SteadyClock(lambda: clocks.wall_ns, lambda: clocks.monotonic_ns)
    clocks.wall_ns += 30_000_000  # 30 ms
    for _ in range(800):
        clocks.pass_ns(SECOND // 20)
        clock.now_ms()
    assert abs(clock.now_ms() - clocks.wall_ns // 1_000_000) <= 1
