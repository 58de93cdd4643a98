"""The shell of a simulated process: it can be killed between any two of its core's effects, or be paused and wake up
later with all it missed waiting for it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

BACKLOG_MAX: Final = 65_536
DISK_US: Final = 3_000


class Process:
    """One operating-system process of a machine: its clock, its backlog while it is paused, how it ends."""

    role = ""

    def __init__(self, machine: "Machine", child: int) -> None:
        self.machine, self.child = machine, child
        self.sim = machine.sim
        self.host = machine.host
        self.alive = True
        self.paused = False
        self.life = machine.lives
        self.fate = 0  # how many effects it may still carry out before it is killed; 0: it lives
        self.backlog: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._skew_us = machine.clock_off_us
        self._wake = 0

    def now_ms(self) -> int:
        """Its machine's clock as it was when the process began, and the time that has passed since."""
        return (self.sim.schedule.now_us + self._skew_us) // 1000

    def call(self, method: Callable[..., None], *args: Any) -> None:
        """Let something happen in this process: never if it is dead, later if it is paused."""
        if not self.alive:
            return
        if self.paused:
            self.sim.met("pause")
            if len(self.backlog) < BACKLOG_MAX:
                self.backlog.append((method, args))
            return
        method(*args)

    def wake_at(self, at_ms: int, method: Callable[..., None]) -> None:
        """The process's one timer."""
        self._wake += 1
        self.sim.schedule.at(at_ms * 1000 - self._skew_us, self._ring, self._wake, method)

    def _ring(self, wake: int, method: Callable[..., None]) -> None:
        if wake == self._wake:
            self.call(method)

    def spent(self) -> bool:
        """One more effect is carried out; whether the process was killed after it."""
        if not self.fate:
            return False
        self.fate -= 1
        if not self.fate:
            self.sim.met("crash")
            self.kill()
        return not self.alive

    def kill(self, reason: str = "") -> None:
        """The process is gone, without a word of its own."""
        if self.alive:
            self.alive = False
            self.machine.gone(self, reason)

    def resume(self) -> None:
        """A paused process goes on, with all that waits for it."""
        self.paused = False
        backlog, self.backlog = self.backlog, []
        for method, args in backlog:
            self.call(method, *args)
        if self.machine.dead or self.machine.lives != self.life:
            self.kill()  # whoever started it is gone
