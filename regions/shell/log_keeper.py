"""Keeps the log server of one machine serving: started again when it dies, ended when it is ill.

Ill is a server that hangs, or that gave up a log because its disk was full or failed: such a log answers no append
until the server is started again (and with room). Starts nothing the first time and stops nothing for good: who owns
the server does. Decides nothing about regions: to them a restart is an append without an answer.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from regions.shell.nats_server import NatsServer, ServerError

RETRY_S = 0.2
HEALTH_S = 1.0
AILING_MAX = 3
"""How many looks in a row must find the server ill before it is ended."""

PATIENCE_MAX = 60
"""The same, at most: each restart in vain doubles it, for a restart interrupts the healthy logs too."""

ROOM_BYTES_MIN = 64 << 20
"""Free on the log's disk; with less, starting the server again would not cure it."""


class LogKeeper:
    """`run()` lasts until it is cancelled. `say` gets a line for the operator; `restarts` counts."""

    def __init__(self, server: NatsServer, say: Callable[[str], None]) -> None:
        self.restarts = 0
        self._server = server
        self._say = say

    async def run(self) -> None:
        """Keep a started server."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._keep())
            both.create_task(self._watch())

    async def _keep(self) -> None:
        """The log server is a child like any other: killed, it is started again on the same store and port."""
        while True:
            status = await self._server.wait()
            self._say(f"the log server ended with status {status}; starting it again")
            self.restarts += 1
            while True:
                try:
                    await self._server.restart()
                    break
                except (ServerError, OSError) as error:
                    self._say(f"ALARM: {error}")
                    await asyncio.sleep(RETRY_S)

    async def _watch(self) -> None:
        patience, ailing, healthy, crowded = AILING_MAX, 0, 0, False
        while True:
            await asyncio.sleep(HEALTH_S)
            if not self._server.serving:
                continue
            ailment = await self._server.ailment()
            if not ailment:
                ailing, healthy, crowded = 0, healthy + 1, False
                patience = AILING_MAX if healthy >= patience else patience
                continue
            ailing, healthy = ailing + 1, 0
            if ailing < patience or not self._server.serving:
                continue
            free = _free_bytes(self._server.store_dir)
            if free < ROOM_BYTES_MIN:
                if not crowded:
                    self._say(
                        f"ALARM: the log server is ill: {ailment}; its disk has {free} bytes, not {ROOM_BYTES_MIN}"
                    )
                crowded = True
                continue
            self._say(f"the log server is ill: {ailment}; ending it")
            ailing, patience = 0, min(2 * patience, PATIENCE_MAX)
            # Whatever it acknowledged was synced, so killing it costs nothing but the time.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._server.pid, signal.SIGKILL)


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
