"""The live view of `everloom up`: what each region does, who plays, what the archive holds."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from regions.shell.agent import Machine

WORDS_SHOWN = 6


def archived_line(archive: Mapping[str, Any]) -> str:
    """How far the archive is; what is stored, submitted and permanent is never one number."""
    stores = archive.get("stores")
    if stores is None or "submitted" not in stores:
        return f"checkpoint {archive.get('checkpoint', 0)} stored"
    stored, submitted, permanent = (stores[state] for state in ("stored", "submitted", "permanent"))
    return f"checkpoint {stored} stored, {submitted} submitted to Arweave, {permanent} permanent"


def status_view(machine: Machine, url: str) -> RenderableType:
    """One screen."""
    table = Table(title=f"Everloom  {machine.charter.world}  era {machine.charter.era}", title_justify="left")
    columns = ("region", "state", "tick", "record", "late", "bodies", "moving", "players", "handovers", "restarts")
    for name in columns:
        table.add_column(name, justify="left" if name in ("region", "state") else "right")
    for index, seat in sorted(machine.core.seats.items()):
        beat = machine.beats.get(index)
        name = "world" if index == 0 else str(index)
        if beat is None:
            table.add_row(name, "starting" if seat.child else "nobody", *[""] * 7, str(seat.restarts))
            continue
        late = f"{100 * beat.ticks_late / beat.ticks:.1f} %" if beat.ticks else ""
        figures = (beat.tick, beat.n, late, beat.entities, beat.moving, beat.players, beat.handovers, seat.restarts)
        table.add_row(name, beat.state, *map(str, figures))
    archive = machine.archive
    lag = archive.get("lag_ms")
    filed = Text(f"archive: {archived_line(archive)}")
    if lag is not None:
        filed.append(f"; losing everything but the store now would undo the last {lag / 1000:.0f} s")
    door = Text(f"play: everloom play {url}    bots: everloom bots {url} -n 50    stop: Ctrl-C")
    words = [
        Text(text, style="red" if text.startswith("ALARM") else "dim") for text in list(machine.words)[-WORDS_SHOWN:]
    ]
    return Group(table, filed, door, *words)
