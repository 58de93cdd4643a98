"""A chaos run in figures and in words."""

import platform
import subprocess
from collections import Counter
from typing import Any

from tests.chaos.run import Seen, Wishes
from tests.chaos.site import Fault
from tests.chaos.waits import CLASSES, judge, spread

Waits = dict[str, list[float]]


def summary(seen: Seen) -> dict[str, Any]:
    """As `--json` prints it."""
    judged = {fault.number: judge(fault, seen.players, seen.crowd_of) for fault in seen.faults}
    done = [fault for fault in seen.faults if "not done" not in fault.seen]
    kinds = Counter(fault.kind for fault in done)
    killed = [fault for fault in done if fault.kind == "kill region"]
    alone = [fault for fault in killed if not _disturbed(fault, done)]
    busy = sum(seen.busy) / max(1, len(seen.busy))
    return {
        "minutes": round(seen.seconds / 60, 1),
        "faults": len(done),
        "kinds": dict(sorted(kinds.items())),
        "violations": len(seen.violations),
        "words": seen.violations,
        "killed_region": spread(wait for fault in killed for wait in judged[fault.number].get("owner", [])),
        "killed_region_alone": spread(wait for fault in alone for wait in judged[fault.number].get("owner", [])),
        "killed_regions_alone": len(alone),
        "waits": {
            name: spread(wait for fault in done for wait in judged[fault.number].get(name, [])) for name in CLASSES
        },
        "audit": seen.audit,
        "verify": {name: seen.verify.get(name) for name in ("ok", "records", "objects", "state_hash", "seconds")},
        "bots": {
            name: sum(one[name] for one in seen.bots) for name in ("sent", "acked", "given", "reconnects", "pending")
        },
        "agent_restarts": seen.up.get("agent_restarts"),
        "load_mean": round(sum(seen.load) / max(1, len(seen.load)), 2),
        "load_max": round(max(seen.load, default=0.0), 2),
        "cpu_busy_mean": round(busy, 2),
    }


def _disturbed(fault: Fault, others: list[Fault]) -> bool:
    """Whether another fault, or what came of one, was going on when this one was done."""
    before, after = 8.0, 2.0
    return any(
        one is not fault and one.began < fault.began + after and one.ended + before > fault.began for one in others
    )


def markdown(seen: Seen, wishes: Wishes, command: str) -> str:
    """The report that is committed."""
    found = summary(seen)
    judged = {fault.number: judge(fault, seen.players, seen.crowd_of) for fault in seen.faults}
    lines = [
        "# Chaos on real processes",
        "",
        f"Commit {_commit()}, seed {wishes.seed}, {platform.machine()}, `{command}`.",
        "",
        f"{found['minutes']} minutes, {wishes.bots} bots, {wishes.shape[0]} x {wishes.shape[1]} regions, {wishes.npcs}"
        f" NPCs, a checkpoint every {wishes.checkpoint_s} s. Load average {found['load_mean']} (at most"
        f" {found['load_max']}), processors {found['cpu_busy_mean']:.0%} busy on average, everything else that ran on"
        " this machine included.",
        "",
        f"**{found['faults']} faults, {found['violations']} violations.**",
        "",
        *[f"- VIOLATION: {words}" for words in seen.violations],
        "",
        "## Invariants, as the auditor found them",
        "",
        *_table([("what", "figure")], [(name, seen.audit[name]) for name in sorted(seen.audit) if name != "words"]),
        "",
        f"`everloom verify` of the archive alone: {found['verify']}. The bots: {found['bots']}.",
        "",
        "## How long players waited for their next frame, in seconds",
        "",
        "Apart: those whose region's owner died or was kept from work, whose log died, whose own way in was touched,"
        " and those to whom none of this happened. Gaps below 0.1 s count as 0.1. After `kill region` it is the time"
        " from the kill to the next frame; else the longest gap that touches the fault or the two seconds after it.",
        "",
        f"The killed regions' players: {found['killed_region']}; of the {found['killed_regions_alone']} kills with no"
        f" other fault within 8 s before: {found['killed_region_alone']}.",
        "",
        *_kinds(seen, judged),
        "",
        "## Every fault",
        "",
        *_table(
            [("#", "at s", "kind", "target", "detail", "recovered s", "replaced", "waits: players, median, longest")],
            [_row(fault, seen, judged[fault.number]) for fault in seen.faults],
        ),
        "",
    ]
    return "\n".join(lines)


def _kinds(seen: Seen, judged: dict[int, Waits]) -> list[str]:
    rows = []
    for kind in sorted({fault.kind for fault in seen.faults}):
        mine = [fault for fault in seen.faults if fault.kind == kind and "not done" not in fault.seen]
        back = spread(fault.seen["recovered_s"] for fault in mine if fault.seen.get("recovered_s") is not None)
        cells = [kind, len(mine), f"{back.get('p50', '')} / {back.get('max', '')}"]
        for name in CLASSES:
            figures = spread(wait for fault in mine for wait in judged[fault.number].get(name, []))
            cells.append(f"{figures['p50']} / {figures['p99']} / {figures['max']}" if figures["players"] else "")
        rows.append(tuple(cells))
    return _table(
        [("kind", "faults", "recovered: median / longest", *(f"{name}: p50 / p99 / max" for name in CLASSES))], rows
    )


def _row(fault: Fault, seen: Seen, found: Waits) -> tuple[object, ...]:
    told = "; ".join(
        f"{name} {len(values)}, {spread(values)['p50']}, {spread(values)['max']}"
        for name, values in sorted(found.items())
    )
    during = f" (with {', '.join(map(str, fault.seen['during']))})" if fault.seen.get("during") else ""
    back = fault.seen.get("recovered_s", fault.seen.get("not done", ""))
    replaced = ", ".join(fault.seen.get("replaced", ()))
    return (
        fault.number,
        round(fault.began - seen.began),
        fault.kind + during,
        fault.target,
        fault.detail,
        back,
        replaced,
        told,
    )


def _table(head: list[tuple[str, ...]], rows: list[Any]) -> list[str]:
    width = len(head[0])
    lines = ["| " + " | ".join(head[0]) + " |", "|" + "---|" * width]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)]


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
