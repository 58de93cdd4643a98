"""`everloom up`: one world on this machine, with bots and a live view, until it is stopped or its time is over.

The process that was started keeps the one that does this (`clients.keeper`): killed, the agent is started again.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from setproctitle import setproctitle

from archive.errors import ArchiveError
from clients.keeper import AGAIN, Life, keep
from clients.kernels import ensure_compiled
from clients.metrics import Metrics
from clients.status import archived_line, status_view
from regions.errors import ConfigError
from regions.looks import Look
from regions.shell.agent import Machine
from regions.shell.files import WorldDir
from regions.shell.log import LogError
from regions.shell.nats_server import DIE_WITH_PARENT, ServerError, free_port
from regions.shell.remote import Remote
from regions.shell.wiring import found_world

PLAIN_EVERY_S = 5.0
START_S_MAX = 90.0
BOTS_END_S_MAX = 30.0
PROBES = 4


@dataclass(frozen=True)
class Wishes:
    """What the operator asked for on the command line."""

    world: Path
    store: Path | None
    map_file: Path | None
    seed: int
    shape: tuple[int, int]
    population: tuple[int, int, int]
    bots: int
    seconds: float | None
    host: str
    port: int
    ao_port: int
    checkpoint_ms: int
    as_json: bool
    remote: Remote | None = None  # where else the archive is kept; None: as it was
    metrics: tuple[str, int] | None = None  # host and port for Prometheus
    species: Path | None = None  # a folder of species files


def run(wishes: Wishes) -> int:
    """Found the world if there is none, run it, stop it in order; returns the exit status."""
    console = Console(stderr=True)
    began = time.monotonic()
    directory = WorldDir(wishes.world)
    compiled = ensure_compiled(lambda text: _progress(console, text))
    if not directory.exists:
        console.print(f"founding a world in [bold]{wishes.world}[/]")
        world_map = _map(wishes)
        looks: tuple[Look, ...] = ()
        if wishes.species is not None:
            from clients.species_files import read_looks

            looks = read_looks(wishes.species, world_map.species)
        found_world(
            directory,
            world_map,
            wishes.shape,
            wishes.population,
            wishes.store,
            lambda text: console.print(f"  {text}"),
            looks,
        )
    elif wishes.map_file is not None or wishes.store is not None or wishes.species is not None:
        told = "its map, species and store were chosen when it was founded"
        raise ConfigError(f"{wishes.world} holds a world already; {told}")
    if wishes.remote is not None:
        wishes.remote.choose(wishes.world)
    # Chosen here, as whoever plays must find the world at the same address after the agent was killed.
    fixed = replace(wishes, port=wishes.port or free_port(), ao_port=wishes.ao_port or free_port())
    return keep(lambda life: _live(fixed, directory, console, began + compiled, life))


def _live(wishes: Wishes, directory: WorldDir, console: Console, began: float, life: Life) -> int:
    """One life of the agent."""
    setproctitle("everloom: agent")
    if life.number:
        console.print(f"the agent was killed; it begins its life number {life.number + 1}")
        left_s = wishes.seconds and max(1.0, wishes.seconds - (time.monotonic() - life.began))
        wishes = replace(wishes, seconds=left_s)
    try:
        return asyncio.run(_run(wishes, directory, console, began, life))
    except (ServerError, LogError, OSError, ConfigError, ArchiveError) as error:
        if not life.number:
            raise
        # It ran before, so what is in the way is none of the operator's wishes: a disk that is full, a store away.
        console.print(f"[bold red]ALARM: the agent cannot begin yet: {error}[/]", highlight=False)
        return AGAIN


def _progress(console: Console, text: str) -> None:
    if console.is_terminal:
        console.print(f"\r{text:<78}", end="" if text.startswith("compiling") else "\n", highlight=False)
    else:
        console.print(text, highlight=False)


def _map(wishes: Wishes) -> Any:
    if wishes.species is not None:
        from clients.species_files import read_folder

        return replace(_map(replace(wishes, species=None)), species=read_folder(wishes.species))
    if wishes.map_file is not None:
        from clients.map_files import load_map

        return load_map(wishes.map_file)
    from world.generate import generate

    return generate(wishes.seed)


async def _run(wishes: Wishes, directory: WorldDir, console: Console, began: float, life: Life) -> int:
    asyncio.get_running_loop().add_reader(life.keeper, os._exit, 1)  # whoever would start this again is gone
    machine = Machine(directory, wishes.host, wishes.port, wishes.checkpoint_ms, wishes.ao_port)
    running = asyncio.ensure_future(machine.run())
    stopping, metrics = asyncio.Event(), Metrics()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    try:
        port = await _or_end(running, machine.listening, machine)
        first = await _or_end(running, machine.first_tick, machine)
        url = f"ws://{wishes.host}:{port}"
        console.print(f"the world lives: [bold]{url}[/]  (first tick after {first - began:.1f} s; Ctrl-C stops it)")
        console.print(f"AO and Arweave software finds it at [bold]http://{wishes.host}:{wishes.ao_port}[/]")
        await _serve_metrics(metrics, machine, wishes, console)
        crowd = await Crowd.start(url, wishes, directory) if wishes.bots else None
        timer = asyncio.ensure_future(_bare_timer(stopping))
        await _watch(machine, console, wishes, stopping, running, url)
        report = await crowd.end() if crowd is not None else {}
        stopping.set()
        lateness = await timer
        machine.stop()
        status = await running
        summary = summarise(machine, directory, report, lateness)
        summary |= {"first_tick_s": round(first - began, 2), "agent_restarts": life.number}
        _print(console, wishes, summary, machine)
        return status
    finally:
        await metrics.end()
        if not running.done():
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def _serve_metrics(metrics: Metrics, machine: Machine, wishes: Wishes, console: Console) -> None:
    if wishes.metrics is None:
        return
    host, port = wishes.metrics
    try:
        port = await metrics.begin(machine.server.url, machine.server.token, machine.short, host, port)
    except OSError as error:
        raise ConfigError(f"the metrics cannot listen at {host}:{port}: {error}") from None
    console.print(f"Prometheus finds its figures at [bold]http://{host}:{port}/metrics[/]")


async def _or_end(life: "asyncio.Future[int]", wanted: "asyncio.Future[Any]", machine: Machine) -> Any:
    """Wait for a future of the machine, or for its end, which is then the error."""
    done, _ = await asyncio.wait({life, wanted}, timeout=START_S_MAX, return_when=asyncio.FIRST_COMPLETED)
    if wanted in done:
        return wanted.result()
    if life in done:
        life.result()
    raise ConfigError("the world did not start: " + ("; ".join(list(machine.words)[-3:]) or "no process said why"))


async def _watch(
    machine: Machine,
    console: Console,
    wishes: Wishes,
    stopping: asyncio.Event,
    life: "asyncio.Future[int]",
    url: str,
) -> None:
    """Show what goes on until the time is over, a signal comes, or the machine ends by itself."""
    ends = time.monotonic() + wishes.seconds if wishes.seconds is not None else float("inf")
    shown = 0
    live = Live(console=console, refresh_per_second=2) if console.is_terminal else None
    with live or contextlib.nullcontext():
        next_plain = time.monotonic() + PLAIN_EVERY_S
        while time.monotonic() < ends and not stopping.is_set() and not life.done():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stopping.wait(), min(0.5, max(0.01, ends - time.monotonic())))
            if live is not None:
                live.update(status_view(machine, url))
            elif time.monotonic() >= next_plain:
                next_plain += PLAIN_EVERY_S
                console.print(_line(machine), highlight=False)
                for text in list(machine.words)[-(machine.said - shown) :] if machine.said > shown else []:
                    console.print(f"  {text}", highlight=False)
                shown = machine.said


def _line(machine: Machine) -> str:
    beats = [beat for index, beat in sorted(machine.beats.items()) if index]
    ticks = ", ".join(f"{beat.region}: tick {beat.tick}" for beat in beats)
    entities, moving = sum(beat.entities for beat in beats), sum(beat.moving for beat in beats)
    players = sum(beat.players for beat in beats)
    return f"{ticks} | {entities} bodies, {moving} moving, {players} players | {archived_line(machine.archive)}"


async def _bare_timer(stopping: asyncio.Event) -> list[float]:
    """How late a bare 50 ms timer is on this machine: what the machine takes, not the world."""
    late: list[float] = []
    due = time.monotonic()
    while not stopping.is_set():
        due += 0.05
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        late.append((time.monotonic() - due) * 1000)
        if late[-1] > 1000:
            due = time.monotonic()
        if len(late) > 100_000:
            del late[:50_000]
    return late


@dataclass
class Crowd:
    """The bots and the probes, each a process of its own."""

    bots: asyncio.subprocess.Process
    probes: asyncio.subprocess.Process

    @classmethod
    async def start(cls, url: str, wishes: Wishes, directory: WorldDir) -> "Crowd":
        """Start them against a gateway."""
        ledger = directory.path / "ledgers" / f"{time.time_ns()}.ledger"
        ledger.parent.mkdir(parents=True, exist_ok=True)
        bots = await _child("bots", url, "-n", str(wishes.bots), "--ledger", str(ledger), "--json")
        probes = await _child("probe", url, "-n", str(PROBES), "--json")
        return cls(bots, probes)

    async def end(self) -> dict[str, Any]:
        """Ask both to end; returns their reports."""
        reports = await asyncio.gather(_end(self.bots), _end(self.probes))
        return {"bots": reports[0], "probes": reports[1]}


async def _child(*arguments: str) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "clients.cli", *arguments]
    if sys.platform == "linux":
        # The agent's next life lets in a crowd of its own.
        command = [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), *command]
    return await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        limit=1 << 20,
    )


async def _end(child: asyncio.subprocess.Process) -> dict[str, Any]:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        out, _ = await asyncio.wait_for(child.communicate(), BOTS_END_S_MAX)
    except TimeoutError:
        child.kill()
        await child.wait()
        return {}
    lines = out.decode(errors="replace").strip().splitlines()
    try:
        last = json.loads(lines[-1]) if lines else {}
    except ValueError:
        last = {}
    return last if isinstance(last, dict) else {}


def percentile(values: list[float], share: float) -> float | None:
    """The value below which this share of the values lies; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)


def summarise(machine: Machine, directory: WorldDir, report: dict[str, Any], lateness: list[float]) -> dict[str, Any]:
    """The figures of a run, as `--json` prints them; None for what the bots did when they did not tell in time."""
    from clients.ledger_check import check_ledgers

    none = {"actions_sent": 0, "actions_acked": 0}
    bots, probes = report.get("bots", none), report.get("probes", {})
    if not bots:
        machine.say(f"ALARM: the bots told no figures within {BOTS_END_S_MAX:.0f} s of their end")
    landed = [figures for index, figures in machine.figures.items() if index]
    ledgers = sorted((directory.path / "ledgers").glob("*.ledger"))
    audit = check_ledgers(ledgers, machine.store, machine.charter.world)
    for problem in audit.problems:
        machine.say(f"ALARM: {problem}")
    return {
        "world": machine.charter.world,
        "era": machine.charter.era,
        "regions": len(machine.charter.seats) - 1,
        "ticks": sum(figures.get("ticks", 0) for figures in landed),
        "ticks_late": sum(figures.get("ticks_late", 0) for figures in landed),
        "entities": sum(beat.entities for index, beat in machine.last_beats.items() if index),
        "entities_moving": sum(beat.moving for index, beat in machine.last_beats.items() if index),
        "actions_sent": bots.get("actions_sent"),
        "actions_acked": bots.get("actions_acked"),
        "actions_lost": audit.lost,
        "actions_repeated": audit.repeated,
        "handovers": sum(figures.get("handovers", 0) for figures in landed),
        "region_restarts": machine.core.restarts,
        "log_restarts": machine.log_restarts,
        "effect_ms_p50": probes.get("effect_ms_p50"),
        "effect_ms_p99": probes.get("effect_ms_p99"),
        "timer_late_ms_p50": percentile(lateness, 0.5),
        "timer_late_ms_p99": percentile(lateness, 0.99),
        "bytes_per_visible_entity_tick": bots.get("bytes_per_visible_entity_tick"),
        "checkpoints": machine.final.get("checkpoints", machine.archive.get("checkpoint", 0)),
        "checkpoint": machine.final.get("manifest"),
        "state_hash": machine.final.get("state_hash"),
    }


def _print(console: Console, wishes: Wishes, summary: dict[str, Any], machine: Machine) -> None:
    for text in machine.words:
        if text.startswith("ALARM"):
            console.print(f"[bold red]{text}[/]")
    if wishes.as_json:
        print(json.dumps(summary))
        return
    console.print(f"stopped in order; checkpoint {summary['checkpoint']}, state {summary['state_hash']}")
    for name in ("ticks", "ticks_late", "handovers", "actions_acked", "actions_lost", "actions_repeated"):
        console.print(f"  {name.replace('_', ' ')}: {summary[name]}", highlight=False)
