"""The logs of a chaos run as they show themselves: followed all the time, over every death of the log server."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Final

from regions.charter import Charter
from regions.record import decode, genesis_hash, record_hash
from regions.shell.log import LogError, LogGap
from regions.shell.nats import connect
from regions.shell.nats_log import Log

HASHES_KEPT: Final = 50_000  # of one log: what is not archived is far less
VIOLATIONS_MAX: Final = 50
RETRY_S: Final = 0.5


def tell(**words: object) -> None:
    """One JSON line."""
    print(json.dumps(words), flush=True)


class Violations:
    """What should never have happened, in words; the first few are kept."""

    def __init__(self) -> None:
        self.count = 0
        self.words: list[str] = []

    def add(self, law: str, words: str) -> None:
        """One more."""
        self.count += 1
        if len(self.words) < VIOLATIONS_MAX:
            self.words.append(f"{law}: {words}")
            tell(violation=f"{law}: {words}")


@dataclass
class Followed:
    """One region's log as it was shown."""

    n: int = 0
    head: bytes = b""
    term: int = 0
    hashes: dict[int, bytes] = field(default_factory=dict)
    skipped: int = 0


class Logs:
    """Every region's log. That one was set back, changed, or taken over without a claim is a violation."""

    def __init__(self, charter: Charter, violations: Violations) -> None:
        self.charter, self.violations = charter, violations
        self.followed = {i: Followed(head=genesis_hash(process)) for i, process in charter.processes().items()}

    async def follow(self, port: int, token: str) -> None:
        """Follow every log, for ever."""
        outside = await connect(f"nats://127.0.0.1:{port}", token, "auditor", 60.0)
        name = f"E{self.charter.era}-{self.charter.short}"
        await asyncio.gather(*(self._follow(Log(outside, f"{name}-{index}"), index) for index in self.followed))

    async def _follow(self, log: Log, index: int) -> None:
        position = 1
        while True:
            try:
                async for n, raw in log.follow(position):
                    self._shown(index, n, raw)
                    position = n + 1
            except LogGap as gap:
                if gap.last < position - 1:
                    self.violations.add("chain", f"the log of region {index} went back: {gap}")
                position = max(gap.first, 1)
            except LogError:
                pass  # it is being hurt, too; what it then shows must follow all the same
            await asyncio.sleep(RETRY_S)

    def _shown(self, index: int, n: int, raw: bytes) -> None:
        log, digest = self.followed[index], record_hash(raw)
        if n <= log.n:
            if log.hashes.get(n, digest) != digest:
                self.violations.add("chain", f"record {n} of region {index} is another than it was")
            return
        record = decode(raw)
        if n == log.n + 1 and record.previous != log.head:
            self.violations.add("chain", f"record {n} of region {index} does not follow record {log.n}")
        if record.n != n:
            self.violations.add("chain", f"record {record.n} of region {index} stands at {n}")
        if record.term != log.term + (record.claim is not None) and log.n and n == log.n + 1:
            self.violations.add("one owner", f"record {n} of region {index}: term {record.term} after {log.term}")
        log.skipped += n - log.n - 1
        log.n, log.head, log.term, log.hashes[n] = n, digest, record.term, digest
        if len(log.hashes) > HASHES_KEPT:
            del log.hashes[next(iter(log.hashes))]
