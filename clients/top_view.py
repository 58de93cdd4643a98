"""How `everloom top` looks: made to fit 80 x 24, with bars where there is room for them."""

from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from world.units import TICK_MS

PHASES: Final = {
    "inputs": ("input", "cyan"),
    "letters": ("letters", "blue"),
    "npcs": ("npcs", "green"),
    "physics": ("physics", "yellow"),
    "rules": ("rules", "bright_black"),
    "hash": ("hash", "magenta"),
    "deltas": ("deltas", "red"),
}
WIDE: Final = 112
SHADES: Final = "▏▎▍▌▋▊▉█"


def view(sample: dict[str, Any], title: str, width: int, height: int) -> RenderableType:
    """One screen of a sample (`clients.pulse.Pulse.sample`)."""
    regions = sample["regions"]
    room = max(2, (height - 14) // 2)
    busiest = sorted(regions, key=lambda one: -one["work_ms_sum"])[:room]
    shown = sorted(busiest, key=lambda one: int(one["region"]))
    left_out = len(regions) - len(shown)
    parts: list[RenderableType] = [
        _head(sample, title, width),
        Text(""),
        _budget(shown, width),
        Text(""),
        _state(shown),
    ]
    if left_out:
        parts.append(Text(f"{left_out} regions with less work are not shown", style="dim"))
    parts += [Text(""), _processes(sample, width)]
    door = _door(sample["gateway"])
    if door is not None:
        parts.append(door)
    left = height - 13 - 2 * len(shown) - bool(left_out)
    parts += [_word(text, width) for text in sample["words"][-max(0, min(left, 5)) :]] if left > 0 else []
    return Group(*parts)


def _head(sample: dict[str, Any], title: str, width: int) -> Text:
    head = Text(title, style="bold")
    if sample["era"]:
        head.append(f"   era {sample['era']}", style="bold")
    head.append("\n")
    slow = sample["speed"] < 0.98
    head.append(f"{sample['players']:,} players  {sample['entities']:,} bodies  {sample['moving']:,} moving  ")
    head.append(f"speed {100 * sample['speed']:.0f} %", style="bold red" if slow else "bold green")
    head.append(f"  checkpoint {sample['checkpoint']}, {sample['archive_lag_ms'] / 1000:.0f} s behind")
    head.truncate(2 * width)
    return head


def _budget(regions: list[dict[str, Any]], width: int) -> Table:
    """Milliseconds of a tick by phase."""
    table = _table(f"work in a tick of {TICK_MS} ms, in ms; append: until the log has it")
    table.add_column("region")
    for short, colour in PHASES.values():
        table.add_column(short, justify="right", style=colour)
    for name in ("sum", "max", "append", "max", "late"):
        table.add_column(name, justify="right")
    bar = width >= WIDE
    longest = max((one["work_ms_sum"] for one in regions), default=0.0) or 1.0
    if bar:
        table.add_column("where it goes", no_wrap=True)
    for one in regions:
        cells: list[Any] = [Text(_ms(one["work_ms"][phase])) for phase in PHASES]
        cells += [_heat(one["work_ms_sum"], 15, 25), _heat(one["work_ms_max"], 25, 50)]
        cells += [_heat(one["append_ms"], 10, 50), _heat(one["append_ms_max"], 50, 200)]
        cells.append(_heat(one["late_ms_max"], 10, 50, whole=True))
        if bar:
            cells.append(_bar(one["work_ms"], longest, width - 82))
        table.add_row(_name(one), *cells)
    return table


def _state(regions: list[dict[str, Any]]) -> Table:
    table = _table("")
    for name in ("region", "state"):
        table.add_column(name)
    for name in ("tick", "bodies", "moving", "players", "crossed", "speed", "log lag", "unfiled"):
        table.add_column(name, justify="right")
    for one in regions:
        speed = Text("" if not one["region"] else f"{100 * one['speed']:.0f} %")
        speed.stylize("red" if one["speed"] < 0.98 else "green")
        lag = f"{one['log_lag_ms']:.0f} ms" if one["log_lag_ms"] >= 1 else "0"
        table.add_row(
            _name(one),
            Text(one["state"][:18], style="" if one["state"] == "serving" else "bold red"),
            *(f"{one[name]:,}" for name in ("tick", "entities", "moving", "players", "handovers")),
            speed,
            lag,
            f"{one['archive_lag_records'] * TICK_MS / 1000:.0f} s" if one["region"] else "",
        )
    return table


def _processes(sample: dict[str, Any], width: int) -> Text:
    """Each process with its share of a core and its memory, as many as fit two lines."""
    text = Text("")
    total = sum(one["cpu_percent"] for one in sample["processes"])
    memory = sum(one["memory_mb"] for one in sample["processes"])
    text.append(f"cpu {total:.0f} % of a core, {memory:,.0f} MB: ", style="bold")
    for one in sorted(sample["processes"], key=lambda one: -one["cpu_percent"]):
        text.append(f"{one['name']} ")
        text.append(f"{one['cpu_percent']:.0f} %", style="red" if one["cpu_percent"] > 80 else "green")
        text.append(f" {one['memory_mb']:.0f} MB  ", style="dim")
    text.truncate(2 * width - 2, overflow="ellipsis")
    return text


def _door(door: dict[str, float]) -> Text | None:
    if "players" not in door:
        return None
    sent, out = door.get("frames_sent_per_s", 0), door.get("frames_left_out_per_s", 0)
    text = Text(f"gateway: {door['players']:.0f} players, {door.get('strangers', 0):.0f} strangers, ")
    text.append(f"{sent:,.0f} frames/s out, {door.get('frames_read_per_s', 0):,.0f} in")
    if out:
        text.append(f", {out:,.0f}/s left out", style="yellow")
    return text


def _word(text: str, width: int) -> Text:
    word = Text(text, style="red" if text.startswith("ALARM") else "dim")
    word.truncate(width, overflow="ellipsis")
    return word


def _bar(work: dict[str, float], longest: float, room: int) -> Text:
    """A bar of `room` cells for `longest` ms, a colour for each phase."""
    bar = Text()
    cells = at = 0.0
    for phase, (_, colour) in PHASES.items():
        at += work[phase] / longest * room
        whole = int(at) - int(cells)
        bar.append("█" * whole, style=colour)
        cells = at
    return bar


def _table(title: str) -> Table:
    return Table(
        title=title or None, title_justify="left", title_style="dim", box=None, padding=(0, 1, 0, 0), header_style="dim"
    )


def _name(one: dict[str, Any]) -> str:
    return str(one["region"]) if one["region"] else "world"


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _heat(value: float, warm: float, hot: float, whole: bool = False) -> Text:
    style = "bold red" if value >= hot else "yellow" if value >= warm else ""
    return Text(f"{value:.0f}" if whole else _ms(value), style=style)
