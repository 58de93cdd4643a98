"""Sockets: thousands before their login, slow ones, half-open ones, and clients that read nothing or slowly.

Reports the gateway's memory with 10,000 sockets, how soon each kind of laggard is cut, and what others notice.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from archive.keys import Ed25519Key
from clients.session import Session
from regions.handshake import seal
from regions.protocol import FLAG_ANEW, FLAG_SLOWED, VIEW, LookAgain, encode
from tests.doors.idle import WAYS, Idle
from tests.doors.place import Gate, Onlookers, gateway, percentiles, place
from tests.doors.wire import REQUEST, frame, frames

COUNT: Final = 10_000
PER_ADDRESS: Final = 50
LONG_MS: Final = 600_000
HOLD_S: Final = 10.0
EACH_SLOW: Final = 40
SLOW_BYTES_A_SECOND: Final = 4_096
SLOW_S: Final = 30.0
STUCK_S_MAX: Final = 120.0
NAMESPACE: Final = "everloom-doors"


def sockets(players: int, count: int = COUNT) -> dict[str, Any]:
    """All scenes, one after another, at three gateways of one world."""
    report: dict[str, Any] = {}
    with place() as (settings, folder):
        with gateway(settings, opening_ms=LONG_MS, login_ms=LONG_MS) as gate:
            onlookers = Onlookers(gate, players, folder / "gaps.npy")
            report["before_login"] = _said(_many(gate, onlookers, count))
        with gateway(settings) as gate:
            report["cut_after_s"] = _said(_slow(gate))
            report["reads_nothing"] = _said(_stuck(gate))
            report["reads_slowly"] = _said(_reads_slowly(gate))
        with gateway(settings, host="0.0.0.0", quiet_ms=2_000) as gate:
            report["half_open"] = _said(_half_open(gate))
    return report


def _said(found: dict[str, Any]) -> dict[str, Any]:
    """Let whoever waits see what was found so far."""
    print(json.dumps(found), file=sys.stderr)
    return found


def _many(gate: Gate, onlookers: Onlookers, count: int) -> dict[str, Any]:
    """So many sockets before their login: memory, time, and what players notice."""
    time.sleep(HOLD_S)
    before, cpu, began = gate.rss_mb(), gate.cpu_s(), time.monotonic()
    idle = Idle(gate.port, ("says nothing", "begins a request", "opens and says nothing"), 0, PER_ADDRESS)
    idle.come(count)
    idle.watch(1.0)
    came, cpu = time.monotonic(), gate.cpu_s() - cpu
    figures, with_all = gate.newest(), gate.rss_mb()
    idle.watch(HOLD_S)
    held = time.monotonic()
    most = gate.rss_mb()
    idle.come(PER_ADDRESS)  # above the limit: the oldest give way
    idle.watch(1.0)
    gave_way = sum(map(len, idle.cut_s.values()))
    idle.leave()
    time.sleep(2)
    left = gate.newest()
    gaps = onlookers.gaps()
    calm = gaps[(gaps[:, 0] < began) & (gaps[:, 0] > began - HOLD_S)]
    coming = gaps[(gaps[:, 0] > began) & (gaps[:, 0] < came)]
    holding = gaps[(gaps[:, 0] > came) & (gaps[:, 0] < held)]
    return {
        "sockets": figures["strangers"],
        "refused": idle.refused,
        "gateway_rss_mb": {"before": round(before, 1), "with_all": round(max(with_all, most), 1)},
        "bytes_each": round((max(with_all, most) - before) * 2**20 / max(figures["strangers"], 1)),
        "seconds_to_come": round(came - began - 1, 1),
        "sockets_per_gateway_cpu_s": round(count / max(cpu, 1e-9)),
        "above_the_limit": {"came": PER_ADDRESS, "oldest_gave_way": gave_way},
        "left_afterwards": left["strangers"],
        "gap_ms": {
            "before": percentiles(calm[:, 1]),
            "coming": percentiles(coming[:, 1]),
            "with_all": percentiles(holding[:, 1]),
        },
        "load_average": round(os.getloadavg()[0], 1),
    }


def _slow(gate: Gate) -> dict[str, Any]:
    """Each way of being slow: after how many seconds it is cut, with the ordinary limits."""
    idle = Idle(gate.port, WAYS, 500, 40)
    idle.come(EACH_SLOW * len(WAYS))
    idle.watch(30)
    found: dict[str, Any] = {way: percentiles(idle.cut_s[way], (0, 50, 100)) for way in WAYS}
    found["still_open"] = len(idle.open)
    idle.leave()
    return found


class Thin:
    """A player on a plain socket, in play."""

    def __init__(self, host: str, port: int, receive_bytes: int = 0) -> None:
        self.stream = socket.socket()
        if receive_bytes:
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.stream.settimeout(20)
        self.stream.connect((host, port))
        self.session = Session(Ed25519Key.generate())
        self.held = b""
        self.stream.sendall(REQUEST + b"".join(map(frame, self.session.opened(os.urandom(32)))))
        while self.session.welcome is None:
            self.take(65_536)

    def take(self, size: int) -> list[bytes]:
        """Read so much, answer as a client must; the view frames that are whole now. EOFError when cut."""
        data = self.stream.recv(size)
        if not data:
            raise EOFError
        found, self.held = frames(self.held + data)
        views = []
        for opcode, payload in found:
            if opcode == 2 and payload[:1] == b"\1":
                for answer in self.session.told(int(time.time() * 1000), payload[1:])[0]:
                    self.stream.sendall(frame(answer))
            elif opcode == 2 and payload[0] == VIEW:
                views.append(payload)
            elif opcode == 9:
                self.stream.sendall(frame(payload, 10))
        return views

    def look_again(self) -> None:
        """Ask for everything in view."""
        self.session.frames_sent += 1
        self.stream.sendall(frame(seal(self.session._key, self.session.frames_sent, encode(LookAgain()))))


def _stuck(gate: Gate) -> dict[str, Any]:
    """A player who asks for everything and reads nothing."""
    before = gate.rss_mb()
    thin = Thin("127.0.0.1", gate.port, 4_096)
    began, most = time.monotonic(), before
    try:
        while time.monotonic() - began < STUCK_S_MAX:
            thin.look_again()
            time.sleep(0.05)
            most = max(most, gate.rss_mb())
    except OSError:
        pass
    return {"cut_after_s": round(time.monotonic() - began, 1), "gateway_rss_mb_growth": round(most - before, 1)}


def _reads_slowly(gate: Gate) -> dict[str, Any]:
    """A player who asks for everything again and again and reads slower than it comes: frames are left out."""
    before, most = gate.rss_mb(), 0.0
    thin = Thin("127.0.0.1", gate.port, 4_096)
    began = time.monotonic()
    views, behind = list[bytes](), 0
    while (passed := time.monotonic() - began) < SLOW_S:
        if passed < SLOW_S / 2:
            thin.look_again()
        for _ in range(max(int(SLOW_BYTES_A_SECOND * passed) // 512 - behind, 0)):
            views += thin.take(512)
            behind += 1
        most = max(most, gate.rss_mb())
        time.sleep(0.05)
    slowly = len(views)
    thin.stream.settimeout(0.5)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        views += thin.take(65_536)
    ticks = [int.from_bytes(one[4:8], "little") for one in views if one[1] == views[-1][1]]
    late = views[slowly:]
    return {
        "frames_read_slowly": slowly,
        "ticks_left_out": int(np.maximum(np.diff(ticks) - 1, 0).sum()),
        "frames_anew": sum(bool(one[2] & FLAG_ANEW) for one in views),
        "frames_that_say_slowed": sum(bool(one[2] & FLAG_SLOWED) for one in views),
        "frames_a_second_afterwards": round(len(late) / 5, 1),
        "gateway_rss_mb_growth": round(most - before, 1),
    }


@contextmanager
def _other_side() -> Iterator[str]:
    """A network namespace with a cable to it: its address there is 10.77.0.2, ours, yielded, 10.77.0.1."""

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True)

    run("ip", "netns", "add", NAMESPACE)
    try:
        run("ip", "link", "add", "doors0", "type", "veth", "peer", "name", "doors1", "netns", NAMESPACE)
        run("ip", "addr", "add", "10.77.0.1/24", "dev", "doors0")
        run("ip", "link", "set", "doors0", "up")
        run("ip", "-n", NAMESPACE, "addr", "add", "10.77.0.2/24", "dev", "doors1")
        run("ip", "-n", NAMESPACE, "link", "set", "doors1", "up")
        yield "10.77.0.1"
    finally:
        run("ip", "netns", "del", NAMESPACE)


def _half_open(gate: Gate) -> dict[str, Any]:
    """A player whose cable is pulled: nothing comes from it, not even the end."""
    try:
        with _other_side() as host:
            code = (
                "from tests.doors.sockets import Thin; import sys, time\n"
                f"thin = Thin({host!r}, {gate.port}); print('in', flush=True)\n"
                "while True: thin.take(65536)"
            )
            command = ["ip", "netns", "exec", NAMESPACE, sys.executable, "-c", code]
            child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            try:
                assert child.stdout is not None and child.stdout.readline() == "in\n"
                players = gate.newest()["players"]
                subprocess.run(["ip", "link", "set", "doors0", "down"], check=True)
                began = time.monotonic()
                while gate.newest()["players"] == players and time.monotonic() - began < STUCK_S_MAX:
                    time.sleep(0.1)
                return {"quiet_ms": 2_000, "cut_after_s": round(time.monotonic() - began, 1)}
            finally:
                child.kill()
                child.wait()
    except (OSError, subprocess.CalledProcessError) as error:
        return {"not_measured": f"no network namespace here: {error}"}
