"""What a crowd of bots met, in figures: counted while it runs, told at the end."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from rich.table import Table

from world.actions import Accept, Action, Offer, Retract
from world.events import REASONS, Refusal

FRAMING_BYTES: Final = (2, 4)  # of a websocket frame up to 125 bytes, and above


def framed(size: int) -> int:
    """Bytes of a websocket message of this size as a server sends it, framing included."""
    return size + (FRAMING_BYTES[0] if size <= 125 else FRAMING_BYTES[1] if size < 65_536 else 10)


@dataclass(slots=True)
class Figures:
    """Of all bots together; the lists have one entry per bot."""

    connected: int = 0
    reconnects: int = 0
    actions_sent: int = 0
    actions_acked: int = 0
    refused: Counter[int] = field(default_factory=Counter)  # by verdict
    unsure: int = 0
    undone: int = 0
    foreign_acks: int = 0
    frames: int = 0
    frames_bad: int = 0
    frame_bytes: int = 0
    moving_seen: int = 0  # bodies that moved, summed over all frames
    keyframes: int = 0
    handovers: int = 0
    offers_made: int = 0
    offers_accepted: int = 0
    offers_turned_down: int = 0
    ack_ms: list[float] = field(default_factory=list)
    gap_ms: list[float] = field(default_factory=list)  # each bot's longest
    walk_off: list[float] = field(default_factory=list)  # each walker's mean distance from its walk, in tiles
    over: Counter[str] = field(default_factory=Counter)  # why bots ended early, or never came in

    def done(self, action: Action) -> None:
        """An action was acknowledged as done."""
        self.offers_made += isinstance(action, Offer)
        self.offers_accepted += isinstance(action, Accept)
        self.offers_turned_down += isinstance(action, Retract)

    def summary(self, bots: int, seconds: float) -> dict[str, Any]:
        """As `--json` prints it."""
        per = round(self.frame_bytes / self.moving_seen, 3) if self.moving_seen else None
        return {
            "bots": bots,
            "seconds": round(seconds, 1),
            "connected": self.connected,
            "reconnects": self.reconnects,
            "actions_sent": self.actions_sent,
            "actions_acked": self.actions_acked,
            "actions_refused": {reason_name(verdict): count for verdict, count in sorted(self.refused.items())},
            "actions_unsure": self.unsure,
            "actions_undone": self.undone,
            "foreign_acks": self.foreign_acks,
            "ack_ms_p50": percentile(self.ack_ms, 50),
            "ack_ms_p99": percentile(self.ack_ms, 99),
            "frames": self.frames,
            "frames_bad": self.frames_bad,
            "frames_per_second_per_bot": round(self.frames / max(seconds * bots, 1e-9), 2),
            "bytes_per_second_per_bot": round(self.frame_bytes / max(seconds * bots, 1e-9), 1),
            "bytes_per_visible_entity_tick": per,
            "keyframes": self.keyframes,
            "handovers": self.handovers,
            "offers_made": self.offers_made,
            "offers_accepted": self.offers_accepted,
            "offers_turned_down": self.offers_turned_down,
            "gap_ms_p50": percentile(self.gap_ms, 50),
            "gap_ms_p99": percentile(self.gap_ms, 99),
            "gap_ms_max": percentile(self.gap_ms, 100),
            "walk_off_tiles": round(float(np.mean(self.walk_off)), 3) if self.walk_off else None,
            "ended_early": dict(self.over),
        }


def percentile(values: list[float], share: float) -> float | None:
    """The value below which `share` percent of the values lie; None when there are none."""
    return round(float(np.percentile(values, share)), 1) if values else None


def reason_name(verdict: int) -> str:
    """A verdict in lower-case words."""
    try:
        return Refusal(verdict).name.lower()
    except ValueError:
        return f"reason {verdict}"


def table(summary: dict[str, Any]) -> Table:
    """The summary for a reader."""
    rows = Table(title="what the bots were told", show_header=False, title_justify="left")
    rows.add_column(style="bold")
    rows.add_column(justify="right")
    for name, value in summary.items():
        if name == "actions_refused":
            for reason, count in value.items():
                words = (
                    REASONS.get(Refusal[reason.upper()], reason) if reason.upper() in Refusal.__members__ else reason
                )
                rows.add_row(f"refused: {words}", str(count))
        elif name == "ended_early":
            for why, count in value.items():
                rows.add_row("ended early, or never came in", f"{count} x {why}")
        elif value is not None:
            rows.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value))
    return rows
