"""`everloom bench whole`: all that a region does in a tick with a crowd in which four of five bodies are NPCs.

The rules with players' actions, the record with its hash, the state's hash every 32nd tick, the deltas for clients:
what a region computes for a tick, but without a log and without neighbours. Seconds of this thread's CPU, told apart
by `world.phases`.
"""

import hashlib
import statistics
import time
from typing import Any, Final

from regions.compute import events_bytes
from regions.config import RECORD_FORMAT, SPAN
from regions.record import Acted, Record, encode, record_hash
from world.actions import Move, encode_action
from world.delta import encode_tick
from world.encoding import digest
from world.generate import generate
from world.genesis import genesis
from world.kinds import PLAYER
from world.land import hashed
from world.phases import Phase
from world.shown import wire_rows
from world.state import KIND, VX, VY, State
from world.tick import Inputs, advance

ENTITIES: Final = 7_000  # of the 8,192 rows of a region
NPCS: Final = (3_600, 1_700, 300)  # villagers, deer, wolves
PLAYERS_PER_TICK: Final = 100  # born; later as many change their direction every tick
WARM_TICKS: Final = 150
ROUNDS: Final = 7
TICKS: Final = 64
BUDGET_S: Final = 0.025
Row = dict[str, Any]


class Crowd:
    """One region and its players' moves; `seconds` by phase since it began."""

    def __init__(self, entities: int = ENTITIES, npcs: tuple[int, int, int] = NPCS) -> None:
        self.state: State = genesis(generate(1), (0, 0, 256, 256), (), 1, 1, npcs)
        self.players: list[int] = []
        self._wanted = entities - len(self.state.index)
        self._previous, self._tick = bytes(32), 0
        self._rows = wire_rows(self.state)
        self.seconds = dict.fromkeys(Phase, 0.0)
        self.bytes_shown = self.bytes_logged = 0
        self._phase, self._since = Phase.INPUTS, 0.0

    def _mark(self, phase: Phase) -> None:
        now = time.thread_time()
        self.seconds[self._phase] += now - self._since
        self._phase, self._since = phase, now

    def tick(self) -> None:
        """One tick of 50 ms."""
        self._tick += 1
        births = [(self.state.new_id(), one) for one in range(min(PLAYERS_PER_TICK, self._wanted))]
        self._wanted -= len(births)
        moves = self._moves()
        self._phase, self._since = Phase.INPUTS, time.thread_time()
        key = hashlib.sha256(self._previous).digest()
        out = advance(self.state, Inputs(key, actions=moves, births=births), self._mark)
        self._mark(Phase.HASH)
        events = hashlib.sha256(events_bytes(out.events)).digest() if out.events else b""
        state_hash = digest(self.state) if self._tick % SPAN == 0 else b""
        inputs = tuple(Acted(entity, self._tick, 1, encode_action(move)) for entity, move in moves)
        raw = encode(self._record(inputs, tuple(out.verdicts), events, state_hash))
        self._previous = record_hash(raw)
        self._mark(Phase.DELTAS)
        now = wire_rows(self.state, (), self._rows)
        _, data = encode_tick(self._rows, now, out.events)
        self._rows = now
        self._mark(Phase.INPUTS)
        self.bytes_shown, self.bytes_logged = self.bytes_shown + len(data), self.bytes_logged + len(raw)
        self.players += [entity for entity, _ in births]

    def _moves(self) -> list[tuple[int, Move]]:
        chosen = [one for one in self.players if one % 14 == self._tick % 14]
        ways = hashed(5, 5, chosen, self._tick)
        return [(one, Move(int(way % 255) - 127, int(way // 255 % 255) - 127)) for one, way in zip(chosen, ways)]

    def _record(self, inputs: tuple[Acted, ...], verdicts: tuple[int, ...], events: bytes, state_hash: bytes) -> Record:
        n, module = self._tick, bytes(32)
        return Record(
            RECORD_FORMAT, 1, 1, n, n, self._previous, 50 * n, module, 1, 1, None, module, inputs, (), 0, (), "",
            verdicts, (), (), events, state_hash, bytes(64) if state_hash else b"",
        )  # fmt: skip


def whole() -> Row:
    """One row."""
    crowd = Crowd()
    for _ in range(WARM_TICKS):
        crowd.tick()
    crowd.seconds = dict.fromkeys(Phase, 0.0)
    took = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(TICKS):
            crowd.tick()
        took.append((time.thread_time() - began) / TICKS)
    rows, bodies = crowd.state.rows, len(crowd.state.index)
    moving = int(((rows[VX] != 0) | (rows[VY] != 0)).sum())
    players = int((rows[KIND] == PLAYER).sum())
    per_body = statistics.median(took) / bodies
    return {
        "workload": f"built-in world in one region, {bodies} bodies, {players} of them players, all awake, {moving} "
        f"moving, line of sight on, no handovers; state hash every {SPAN} ticks; medians of {ROUNDS}",
        "entities_in_25_ms": round(BUDGET_S / per_body),
        "ms_per_tick": round(per_body * bodies * 1000, 2),
        "us_by_phase": {
            phase.name.lower(): round(seconds / ROUNDS / TICKS * 1e6) for phase, seconds in crowd.seconds.items()
        },
        "record_bytes": round(crowd.bytes_logged / (WARM_TICKS + ROUNDS * TICKS)),
        "delta_bytes": round(crowd.bytes_shown / (WARM_TICKS + ROUNDS * TICKS)),
    }
