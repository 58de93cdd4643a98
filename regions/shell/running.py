"""One machine for its operator: the agent's processes and what each has used, told on the bus once a second."""

import asyncio
import os
import time
from typing import TYPE_CHECKING, Final

from regions import spent
from regions.shell.nats import Bus
from regions.shell.usage import used
from regions.spent import Process, Running

if TYPE_CHECKING:
    from regions.shell.agent import Machine

RUNNING_S: Final = 1.0
WORDS_TOLD: Final = 5
WORD_CHARACTERS_MAX: Final = 300


async def tell_running(machine: "Machine", bus: Bus) -> None:
    """Say what runs, for ever."""
    while True:
        await bus.publish(f"{machine.short}.running", spent.encode(running(machine)))
        await asyncio.sleep(RUNNING_S)


def running(machine: "Machine") -> Running:
    """What runs here, what it has used, and what it counts."""
    pids = [(os.getpid(), "agent"), (machine.server.pid, "log"), (machine.zygote.pid, "zygote")]
    pids += [(child.process.pid, _name(child.role, child.index)) for child in machine.children.values()]
    usage = [(name, used(pid)) for pid, name in pids]
    return Running(
        at=time.monotonic_ns() // 1000,
        processes=tuple(Process(name, *one) for name, one in usage if one is not None),
        checkpoint=int(machine.archive.get("checkpoint", 0) or 0),
        lag_ms=int(machine.archive.get("lag_ms", 0) or 0),
        door=dict(machine.door),
        restarts=machine.core.restarts,
        words=tuple(text[:WORD_CHARACTERS_MAX] for text in list(machine.words)[-WORDS_TOLD:]),
    )


def _name(role: str, index: int) -> str:
    if role != "region":
        return role
    return "spare" if index < 0 else "world" if index == 0 else f"region {index}"
