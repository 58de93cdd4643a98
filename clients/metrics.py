"""The figures of `everloom top` for Prometheus: its text format at /metrics, by hand, as it is a few lines.

Counters are sums since this process began to listen: what was told while it was away is missing from them, which is
what rate() expects of a process that was started again.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from clients.pulse import Pulse
from regions.shell.nats import Outside, connect
from world.phases import Phase

REQUEST_BYTES_MAX: Final = 8_192
REQUEST_S_MAX: Final = 5.0
CONTENT: Final = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[dict[str, str], float]


def text(pulse: Pulse) -> str:
    """Everything, in Prometheus' text format 0.0.4."""
    lines: list[str] = []
    for name, kind, about, samples in _families(pulse):
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        for labels, value in samples:
            inside = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels.items())
            lines.append(f"{name}{{{inside}}} {value:.10g}" if inside else f"{name} {value:.10g}")
    return "\n".join(lines) + "\n"


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


Family = tuple[str, str, str, Iterable[Sample]]


def _families(pulse: Pulse) -> Iterator[Family]:
    sample = pulse.sample()
    owners = [({"region": str(index)}, owner) for index, owner in sorted(pulse.owners.items())]
    yield (
        "everloom_tick_work_seconds_total",
        "counter",
        "Time that a region's owner worked, by phase of the tick.",
        [(labels | {"phase": phase.name.lower()}, one.work[phase] / 1e6) for labels, one in owners for phase in Phase],
    )
    yield "everloom_ticks_total", "counter", "Ticks made durable.", [(labels, one.ticks) for labels, one in owners]
    yield (
        "everloom_append_seconds_total",
        "counter",
        "Time until the log had a record.",
        [(labels, one.append / 1e6) for labels, one in owners],
    )
    yield "everloom_appends_total", "counter", "Records appended.", [(labels, one.appends) for labels, one in owners]
    for name, kind, about, key, unit in GAUGES:
        yield (
            f"everloom_{name}",
            kind,
            about,
            [({"region": str(one["region"])}, one[key] * unit) for one in sample["regions"]],
        )
    yield "everloom_checkpoint", "gauge", "Newest stored checkpoint.", [({}, sample["checkpoint"])]
    yield (
        "everloom_archive_lag_seconds",
        "gauge",
        "What losing everything but the store would undo now.",
        [({}, sample["archive_lag_ms"] / 1000)],
    )
    yield "everloom_restarts_total", "counter", "Processes of regions started again.", [({}, sample["restarts"])]
    yield from _processes(sample["processes"])
    yield from _door(pulse)


GAUGES: Final = (
    ("tick_work_seconds", "gauge", "Work of a mean tick over the last seconds.", "work_ms_sum", 1e-3),
    ("tick_work_seconds_max", "gauge", "Work of the longest tick of the last seconds.", "work_ms_max", 1e-3),
    ("tick_late_seconds_max", "gauge", "Latest begin of a tick in the last seconds.", "late_ms_max", 1e-3),
    ("ticks_late_total", "counter", "Ticks of this owner that began more than 10 ms late.", "ticks_late", 1),
    ("append_seconds_max", "gauge", "Longest append of the last seconds.", "append_ms_max", 1e-3),
    ("log_lag_seconds", "gauge", "For how long the record in flight waits for the log.", "log_lag_ms", 1e-3),
    ("archive_lag_records", "gauge", "Records that no confirmed checkpoint holds.", "archive_lag_records", 1),
    ("speed_ratio", "gauge", "World time over wall time; below 1 time is dilated.", "speed", 1),
    ("entities", "gauge", "Bodies.", "entities", 1),
    ("entities_moving", "gauge", "Bodies that move.", "moving", 1),
    ("players", "gauge", "Players awake.", "players", 1),
    ("handovers_total", "counter", "Bodies that left for a neighbour, of this owner.", "handovers", 1),
)


def _processes(processes: list[dict[str, Any]]) -> Iterator[Family]:
    """By title; those with one title (spares) are summed."""
    cpu: dict[str, float] = {}
    memory: dict[str, float] = {}
    for one in processes:
        cpu[one["name"]] = cpu.get(one["name"], 0.0) + one["cpu_s"]
        memory[one["name"]] = memory.get(one["name"], 0.0) + one["memory_mb"] * 2**20
    yield (
        "everloom_process_cpu_seconds_total",
        "counter",
        "CPU of a process, by its title.",
        [({"process": name}, value) for name, value in cpu.items()],
    )
    yield (
        "everloom_process_resident_bytes",
        "gauge",
        "Resident memory of a process.",
        [({"process": name}, value) for name, value in memory.items()],
    )


def _door(pulse: Pulse) -> Iterator[Family]:
    door = pulse.running[-1].door if pulse.running else {}
    for name, count in sorted(door.items()):
        now = name in ("players", "strangers")
        about = "Sockets now, by kind." if now else "Counted by the gateway since it began."
        yield f"everloom_gateway_{name}{'' if now else '_total'}", "gauge" if now else "counter", about, [({}, count)]


class Metrics:
    """Listens to a world, and serves what it hears."""

    def __init__(self) -> None:
        self.pulse = Pulse()
        self._outside: Outside | None = None
        self._server: asyncio.Server | None = None

    async def begin(self, bus_url: str, token: str, short: str, host: str, port: int) -> int:
        """Serve at http://host:port/metrics until `end`; the port, any free one for 0. OSError."""
        self._outside = await connect(bus_url, token, "metrics")
        await self.pulse.listen(self._outside, short)
        self._server = await asyncio.start_server(self._answer, host, port, limit=REQUEST_BYTES_MAX)
        return int(self._server.sockets[0].getsockname()[1])

    async def end(self) -> None:
        """Serve no more."""
        if self._server is not None:
            self._server.close()
        if self._outside is not None:
            await self._outside.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(REQUEST_S_MAX):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(response(head, self.pulse))
                await writer.drain()
        writer.close()


def response(head: bytes, pulse: Pulse) -> bytes:
    """The whole answer to a request's head, whatever its bytes; the connection ends after it."""
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3 or words[0] not in (b"GET", b"HEAD"):
        status, body = "405 Method Not Allowed", "GET /metrics\n"
    elif words[1].partition(b"?")[0] not in (b"/metrics", b"/"):
        status, body = "404 Not Found", "the metrics are at /metrics\n"
    else:
        status, body = "200 OK", text(pulse)
    raw = body.encode()
    lead = f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT}\r\nContent-Length: {len(raw)}\r\nConnection: close\r\n\r\n"
    return lead.encode() + (b"" if words[0] == b"HEAD" else raw)
