"""Storm: 2,000 players who are in play lose their connection and come back at once, while others play on.

Reports how long each waited for its Welcome, and the others' frame gaps in the storm beside those of the seconds before
it, when the same 2,000 were in play.
"""

import json
import os
import time
from typing import Any, Final

import numpy as np

from tests.doors.place import Onlookers, child, gateway, percentiles, place

PROCESSES: Final = 2
ADDRESSES: Final = 50
CALM_S: Final = 10.0
FIRST_S: Final = 30.0  # over which they come the first time, to be born
NICE: Final = 5


def storm(seconds: float, players: int, count: int) -> dict[str, Any]:
    """As many storms as fit the seconds, at least one."""
    rounds = max(round(seconds / (2 * CALM_S)), 1)
    with place() as (settings, folder), gateway(settings) as gate:
        onlookers = Onlookers(gate, players, folder / "gaps.npy")
        crowds = []
        for i in range(PROCESSES):
            addresses = [f"127.0.3.{1 + place}" for place in range(i, ADDRESSES, PROCESSES)]
            orders = {"port": gate.port, "addresses": addresses, "count": count // PROCESSES, "seed": i, "nice": NICE}
            crowds.append(child("tests.doors.returners", orders))
        for crowd in crowds:
            assert crowd.stdout is not None and crowd.stdout.readline() == "ready\n"
        _come(crowds, time.monotonic() + 1, FIRST_S)
        found, spans, load = [], [], []
        rss, cpu = gate.rss_mb(), gate.cpu_s()
        for _ in range(rounds):
            time.sleep(CALM_S)
            load.append(os.getloadavg()[0])
            at = time.monotonic() + 0.5
            rows = _come(crowds, at, 0.0)
            found.append(rows)
            spans.append((at, at + max(max(row["ms"], default=0.0) for row in rows) / 1000))
        cpu, grown = gate.cpu_s() - cpu, gate.rss_mb() - rss
        for crowd in crowds:
            assert crowd.stdin is not None
            crowd.stdin.close()
            crowd.wait(10)
        gaps = onlookers.gaps()
    calm = _within(gaps, [(at - CALM_S, at) for at, _ in spans])
    stormy = _within(gaps, spans)
    waits = np.concatenate([row["ms"] for rows in found for row in rows])
    report: dict[str, Any] = {
        "storms": rounds,
        "players": count,
        "onlookers": players,
        "onlooker_reconnects": onlookers.reconnects,
        "admitted_ms": percentiles(waits, (50, 90, 99, 100)),
        "last_admitted_ms_by_storm": [round(max(max(row["ms"], default=0.0) for row in rows)) for rows in found],
        "not_admitted": sum(row["not_in"] for rows in found for row in rows),
        "told_to_come_again": sum(row["again"] for rows in found for row in rows),
        "turned_away": sum(row["turned_away"] for rows in found for row in rows),
        "calm": {"gap_ms": percentiles(calm[:, 1]), "tick_to_client_ms": percentiles(calm[:, 2])},
        "storm": {"gap_ms": percentiles(stormy[:, 1]), "tick_to_client_ms": percentiles(stormy[:, 2])},
        "gateway_cpu_s": round(cpu, 1),
        "gateway_rss_mb_growth": round(grown, 1),
        "load_average": [round(min(load), 1), round(max(load), 1)],
    }
    for what in ("gap_ms", "tick_to_client_ms"):
        report[f"{what}_p99_moved"] = round(report["storm"][what]["p99"] - report["calm"][what]["p99"], 1)
    return report


def _come(crowds: list[Any], at: float, over_s: float) -> list[dict[str, Any]]:
    for crowd in crowds:
        crowd.stdin.write(json.dumps({"at": at, "over_s": over_s}) + "\n")
        crowd.stdin.flush()
    return [json.loads(crowd.stdout.readline()) for crowd in crowds]


def _within(gaps: Any, spans: list[tuple[float, float]]) -> Any:
    return np.concatenate([gaps[(gaps[:, 0] > begin) & (gaps[:, 0] <= end)] for begin, end in spans])
