"""Keeps a machine's agent running: whoever calls `keep` becomes the keeper, the agent its child, begun again if killed.

The agent starts and watches every other process of the world, so it is the one that nobody would start again. The
keeper holds no connection, reads no file and decides nothing else, so that there is little it could die of. It forks
before there is a thread or an event loop; a child finds everything imported. Killed itself, it takes the agent along.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

AGAIN: Final = 75  # exit status of an agent that could not begin yet (sysexits.h: EX_TEMPFAIL)
YOUNG_S: Final = 10.0
PAUSES_S: Final = (0.0, 0.2, 1.0, 2.0, 5.0)
FORWARDED: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Life:
    """One of the agent's lives. `keeper` is a file descriptor that is at its end once the keeper is gone."""

    number: int  # 0: the first
    keeper: int
    began: float  # of the first life, on the monotonic clock


def keep(live: Callable[[Life], int]) -> int:
    """Run `live` in a child, and again in another one each time that a signal killed it; the last one's exit status.

    In the child, `live` is called and its result returned as well: the caller goes on as the agent would alone.
    """
    began = time.monotonic()
    number = young = 0
    while True:
        reading, writing = os.pipe()
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.close(writing)
            return live(Life(number, reading, began))
        os.close(reading)
        status = _wait(pid)
        os.close(writing)
        if status >= 0 and status != AGAIN:
            return status
        young = young + 1 if time.monotonic() - started < YOUNG_S else 0
        time.sleep(PAUSES_S[min(young, len(PAUSES_S) - 1)])
        number += 1


def _wait(pid: int) -> int:
    """Wait for the agent, handing on what a terminal or an operator says to its keeper; below 0: a signal killed it."""

    def hand_on(number: int, _: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    before = {number: signal.signal(number, hand_on) for number in FORWARDED}
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
