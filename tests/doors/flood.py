"""Flood: four clients send malformed frames as fast as they can, to the gateway and a sink in turn, while others play.

Reports frames a second, how soon offenders were cut, how the players' frame gaps differ between the flood and the same
load sent to the sink, and how the gateway's memory grew.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from typing import Any, Final

import numpy as np

from tests.doors.place import Onlookers, child, gateway, percentiles, place

FLOODERS: Final = 4
PERIOD_S: Final = 5.0
PAUSE_S: Final = 1.0
LEAD_S: Final = 3.0
REFEREE_S: Final = 0.1


def flood(seconds: float, players: int, from_proxy: bool) -> dict[str, Any]:
    """Run it for so many seconds of flood; `from_proxy`: the flooders' address is one that is not counted."""
    addresses = ["127.0.0.1" if from_proxy else f"127.0.2.{i + 1}" for i in range(FLOODERS)]
    with place() as (settings, folder), gateway(settings) as gate:
        sink = subprocess.Popen(
            [sys.executable, "-m", "tests.doors.sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert sink.stdout is not None and sink.stdin is not None
        sunk = int(sink.stdout.readline())
        onlookers = Onlookers(gate, players, folder / "gaps.npy")
        rounds = max(round(seconds / PERIOD_S), 1)
        periods = _periods(time.monotonic() + LEAD_S, rounds, gate.port, sunk)
        orders = {"nice": 19, "every_s": 0, "periods": periods}
        children = [
            child("tests.doors.flooder", orders | {"address": one, "seed": i}) for i, one in enumerate(addresses)
        ]
        always = [(begin, end, gate.port) for begin, end, _ in periods]
        watch = {"address": "127.0.0.1", "seed": 99, "nice": 0, "every_s": REFEREE_S, "periods": always}
        referee = child("tests.doors.flooder", watch)
        found, rss, figures = [list[dict[str, Any]]() for _ in children], [gate.rss_mb()], gate.newest()
        cpu = gate.cpu_s()
        load = list[float]()
        for _, end, _ in periods:
            while time.monotonic() < end:
                time.sleep(0.25)
                rss.append(gate.rss_mb())
            load.append(os.getloadavg()[0])
        for one, rows in zip(children, found, strict=True):
            rows += _told(one)
        cuts = _told(referee)
        cpu, last = gate.cpu_s() - cpu, gate.newest()
        gaps = onlookers.gaps()
        sink.stdin.close()
        sink.wait(5)
    report = _report(periods, found, gaps, gate.port) | _cuts(cuts, [period[2] == gate.port for period in periods])
    return report | {
        "players": players,
        "player_reconnects": onlookers.reconnects,
        "gateway_rss_mb_before": round(rss[0], 1),
        "gateway_rss_mb_growth": round(max(rss) - rss[0], 1),
        "gateway_cpu_s": round(cpu, 1),
        "gateway": {name: last[name] - figures[name] for name in ("arrived", "turned_away", "faults", "frames_read")},
        "load_average": [round(min(load), 1), round(max(load), 1)],
    }


def _periods(begin: float, rounds: int, flooded: int, sunk: int) -> list[tuple[float, float, int]]:
    """Flood, sink, sink, flood, flood, sink ...: so that what drifts falls on both."""
    ports = [port for i in range(rounds) for port in ((flooded, sunk) if i % 2 == 0 else (sunk, flooded))]
    begins = [begin + i * (PERIOD_S + PAUSE_S) for i in range(len(ports))]
    return [(at, at + PERIOD_S, port) for at, port in zip(begins, ports, strict=True)]


def _told(one: "subprocess.Popen[str]") -> list[dict[str, Any]]:
    out, _ = one.communicate(timeout=60)
    return [json.loads(line) for line in out.splitlines()]


def _cuts(rows: list[dict[str, Any]], flooded: list[bool]) -> dict[str, Any]:
    """How soon the gateway cut the one offender who looks at the clock, during the flood and otherwise."""
    during = [one for row, is_flood in zip(rows, flooded, strict=True) for one in row["cut_ms"] if is_flood]
    otherwise = [one for row, is_flood in zip(rows, flooded, strict=True) for one in row["cut_ms"] if not is_flood]
    return {
        "cut_ms_in_flood": percentiles(during, (50, 99, 100)) | {"offences": len(during)},
        "cut_ms_otherwise": percentiles(otherwise, (50, 99, 100)) | {"offences": len(otherwise)},
        "not_cut": sum(row["not_cut"] for row in rows),
    }


def _report(
    periods: list[tuple[float, float, int]], found: list[list[dict[str, Any]]], gaps: Any, port: int
) -> dict[str, Any]:
    report: dict[str, Any] = {}
    p99 = dict[str, list[float]]()
    for name, mine in (("flood", True), ("sink", False)):
        places = [i for i, period in enumerate(periods) if (period[2] == port) is mine]
        rows = [flooder[i] for flooder in found for i in places]
        lasted = len(places) * PERIOD_S
        inside = [gaps[(gaps[:, 0] > periods[i][0]) & (gaps[:, 0] < periods[i][1])] for i in places]
        p99[name] = [float(np.percentile(one[:, 1], 99)) for one in inside]
        every = np.concatenate(inside)
        report[name] = {
            "frames_sent_per_second": round(sum(row["frames"] for row in rows) / lasted),
            "connections_per_second": round(sum(row["connections"] for row in rows) / lasted),
            "mb_sent_per_second": round(sum(row["bytes"] for row in rows) / lasted / 1e6, 1),
            "gap_ms": percentiles(every[:, 1]),
            "tick_to_client_ms": percentiles(every[:, 2]),
            "gap_ms_p99_by_period": [round(one, 1) for one in p99[name]],
        }
        if mine:
            report["logins"] = sum(row["logins"] for row in rows)
            report["kinds"] = dict(sum((Counter(row["by_kind"]) for row in rows), Counter()))
    for what in ("gap_ms", "tick_to_client_ms"):
        flooded, sunk = report["flood"][what], report["sink"][what]
        report[f"{what}_moved"] = {share: round(flooded[share] - sunk[share], 1) for share in ("p50", "p90", "p99")}
    moved = np.median(p99["flood"]) - np.median(p99["sink"])
    report["gap_ms_p99_moved_median_of_periods"] = round(float(moved), 1)
    return report
