"""Where a machine's region processes come from: one that has loaded everything forks them, each in a moment.

To load the rules and their compiled kernels takes a processor for two seconds, and memory that every region would
otherwise hold for itself. The zygote does it once: it has no thread, no event loop, no connection, no key and nothing
of a world. Whoever is forked from it has pipes of its own for standard input and output, and goes on as
`regions.shell.region`. A zygote that was killed is started again when it is next needed; those it forked live on.

Between the agent and its zygote runs a socket: a byte asks for a fork, with the child's two pipe ends beside it; the
answer names its pid; a second byte says that the agent holds the child by a descriptor, so that its pid may be freed;
and each child's end is told with its exit status.
"""

import asyncio
import contextlib
import gc
import os
import select
import signal
import socket
import struct
import sys
from typing import Final

from setproctitle import setproctitle

FORK: Final = b"f"
HELD: Final = b"h"
FORKED, ENDED = range(2)
LOAD_S_MAX: Final = 60.0  # a machine that is busy with more than it can do loads for as long
FORK_S_MAX: Final = 5.0  # of one that has loaded: else it was stopped, and players may be waiting
TRIES: Final = 3
STATUS_S_MAX: Final = 1.0
LINE_BYTES_MAX: Final = 256 * 1024
_told: Final = struct.Struct("<Bii")  # FORKED or ENDED, pid, exit status


class Forked:
    """A process that a zygote has forked, for the agent: as `asyncio.subprocess.Process`, as far as it is needed."""

    def __init__(self, pid: int, stdin: asyncio.WriteTransport, stdout: asyncio.StreamReader) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[int | None] = self._loop.create_future()
        self._handle = os.pidfd_open(pid)  # a pid may be another process's one day, this is none but ours
        self._loop.add_reader(self._handle, self._ends)

    @property
    def returncode(self) -> int | None:
        """The exit status, below 0 by a signal; None while it runs, or where nobody is left who knows."""
        return self._over.result() if self._over.done() else None

    async def wait(self) -> int | None:
        """Until it has ended; as `returncode`."""
        return await asyncio.shield(self._over)

    def send_signal(self, number: int) -> None:
        """ProcessLookupError when it has ended."""
        if self._over.done():
            raise ProcessLookupError(self.pid)
        signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        """As `send_signal`."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """As `send_signal`."""
        self.send_signal(signal.SIGKILL)

    def ended(self, status: int | None) -> None:
        """It has ended with this exit status."""
        if not self._over.done():
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self.stdin.close()
            self._over.set_result(status)

    def _ends(self) -> None:
        """The system says that it has ended: its zygote tells the status, if it lives."""
        self._loop.remove_reader(self._handle)
        self._loop.call_later(STATUS_S_MAX, self.ended, None)


class Zygote:
    """The agent's side of it. `pid` is 0 while there is none."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._door: socket.socket | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._forks: dict[int, Forked] = {}
        self._answer: asyncio.Future[int] | None = None  # the pid, when one is asked for
        self._loaded = False
        self._one = asyncio.Lock()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid if self._process is not None else 0

    async def fork(self) -> Forked:
        """A new region process, which says when it is warm. OSError when zygotes do not live long enough for one."""
        async with self._one:
            for _ in range(TRIES):
                if self._process is None:
                    await self._start()
                with contextlib.suppress(OSError):
                    return await self._fork()
                await self.close()
        raise OSError(f"no region process: {TRIES} zygotes ended, or did not fork within {LOAD_S_MAX:.0f} s")

    async def close(self) -> None:
        """End it: it has nothing to lose. Those it forked end when their pipes are closed."""
        process, self._process = self._process, None
        if process is None:
            return
        assert self._hearing is not None and self._door is not None
        self._hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await self._hearing
        self._door.close()
        self._forks.clear()  # their ends are seen without it
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "regions.shell.zygote",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # whoever is forked has one thread alone
                start_new_session=True,
            )
        ours.setblocking(False)
        self._door, self._loaded = ours, False
        self._hearing = asyncio.get_running_loop().create_task(self._hear(ours))

    async def _hear(self, door: socket.socket) -> None:
        """Take what the zygote tells, until it is gone."""
        loop, held = asyncio.get_running_loop(), b""
        while data := await loop.sock_recv(door, 4096):
            held += data
            while len(held) >= _told.size:
                kind, pid, status = _told.unpack(held[: _told.size])
                held = held[_told.size :]
                if kind == FORKED and self._answer is not None and not self._answer.done():
                    self._answer.set_result(pid)
                elif pid in self._forks:
                    self._forks.pop(pid).ended(status)

    async def _fork(self) -> Forked:
        assert self._door is not None and self._hearing is not None
        loop = asyncio.get_running_loop()
        answer = self._answer = loop.create_future()
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        writes, reads = os.fdopen(ours_in, "wb", 0), os.fdopen(ours_out, "rb", 0)
        try:
            try:
                socket.send_fds(self._door, [FORK], [theirs_in, theirs_out])
            finally:
                os.close(theirs_in)
                os.close(theirs_out)
            limit_s = FORK_S_MAX if self._loaded else LOAD_S_MAX
            await asyncio.wait((answer, self._hearing), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise OSError("the zygote did not fork")
            reader = asyncio.StreamReader(LINE_BYTES_MAX)
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), reads)
            writer, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, writes)
        except BaseException:
            writes.close()
            reads.close()
            raise
        pid, self._loaded = answer.result(), True
        self._forks[pid] = child = Forked(pid, writer, reader)
        with contextlib.suppress(OSError):
            self._door.send(HELD)
        return child


def serve(door: socket.socket) -> bool:
    """Fork whenever the agent asks. True in a child, whose standard input and output are the agent's pipes then; False
    once the agent is gone."""
    awake, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    held = True  # no pid is freed before the agent holds the process by another name
    while True:
        ready, _, _ = select.select((door, awake), (), ())
        if awake in ready:
            awake.recv(4096)
        if door in ready:
            word, ends, _, _ = socket.recv_fds(door, 1, 2)
            if word == FORK:
                pid = os.fork()
                if not pid:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for one in (door, awake, wake):
                        one.close()
                    for end, standard in zip(ends, (0, 1), strict=True):
                        os.dup2(end, standard)
                        os.close(end)
                    os.setsid()
                    return True
                for end in ends:
                    os.close(end)
                door.sendall(_told.pack(FORKED, pid, 0))
                held = False
            elif word == HELD:
                held = True
            else:
                return False
        if held:
            _tell_ends(door)


def _tell_ends(door: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError, OSError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            door.sendall(_told.pack(ENDED, pid, os.waitstatus_to_exitcode(status)))


def main() -> None:
    """Load everything, then fork; each child takes a seat."""
    setproctitle("everloom: zygote")
    from regions.shell.region import load, take_seat  # noqa: PLC0415 - the agent needs none of it

    load()
    gc.collect()
    gc.freeze()  # what is loaded lives on: no child's collector touches its pages, so they stay shared
    if serve(socket.socket(fileno=int(sys.argv[1]))):
        take_seat()


if __name__ == "__main__":
    main()
