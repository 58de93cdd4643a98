"""Many seeds, in one process or several, for so many or for so long; and the seeds that once failed, newest first."""

import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.simulation import mutate

if TYPE_CHECKING:
    from tests.simulation.simulation import Outcome

CHUNK: Final = 8
KEPT: Final = Path(__file__).with_name("kept.txt")


@dataclass(frozen=True)
class Job:
    """A run: its seed, the rules, and the mutant planted, if any."""

    seed: int
    full_rules: bool = False
    mutant: str = ""

    @property
    def command(self) -> str:
        """What runs it again."""
        rules = "full" if self.full_rules else "small"
        more = f" --mutant {self.mutant}" if self.mutant else ""
        return f"python -m tests.simulation --seeds 1 --first-seed {self.seed} --rules {rules}{more}"


def run(jobs: list[Job]) -> tuple[list[tuple[Job, "Outcome"]], float]:
    """Run some in this process; the outcomes, and the CPU seconds they took."""
    if jobs[0].mutant:
        mutate.plant(jobs[0].mutant)
    from tests.simulation.simulation import simulate

    begun = time.process_time()
    return [(job, simulate(job.seed, job.full_rules)) for job in jobs], time.process_time() - begun


def kept() -> list[Job]:
    """Seeds that have found a defect once, the newest first: lines of `seed rules # what it found`."""
    lines = [line.partition("#")[0].split() for line in KEPT.read_text(encoding="utf-8").splitlines()]
    jobs = [Job(int(line[0]), line[1] == "full") for line in lines if line]
    return jobs[::-1]


@dataclass
class Sweep:
    """What many runs showed together."""

    failed: list[tuple[Job, "Outcome"]] = field(default_factory=list)
    traces: dict[int, str] = field(default_factory=dict)
    total: Counter[str] = field(default_factory=Counter)
    effective: Counter[str] = field(default_factory=Counter)
    seeds_with: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    commits: Counter[str] = field(default_factory=Counter)  # how many seeds ran at each: mends come in between
    cpu_s: float = 0.0
    done: set[int] = field(default_factory=set)

    def save(self, path: Path) -> None:
        """Keep what was seen so far, whole or not at all: a long sweep may be run in pieces."""
        words = {
            "commits": self.commits,
            "done": sorted(self.done),
            "cpu_s": self.cpu_s,
            "total": self.total,
            "effective": self.effective,
            "seeds_with": self.seeds_with,
            "pairs": [[*pair, count] for pair, count in sorted(self.pairs.items())],
            "failed": [[job.seed, job.full_rules, one.at_ms, one.law, one.words] for job, one in self.failed],
        }
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(words), encoding="utf-8")
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Sweep":
        """What `save` kept; nothing, where there is no file."""
        from tests.simulation.simulation import Outcome

        if not path.exists():
            return cls()
        words = json.loads(path.read_text(encoding="utf-8"))
        failed = [
            (Job(seed, full), Outcome(seed, law, text, at_ms)) for seed, full, at_ms, law, text in words["failed"]
        ]
        return cls(
            failed,
            total=Counter(words["total"]),
            effective=Counter(words["effective"]),
            seeds_with=Counter(words["seeds_with"]),
            pairs=Counter({(a, b): count for a, b, count in words["pairs"]}),
            commits=Counter(words["commits"]),
            cpu_s=words["cpu_s"],
            done=set(words["done"]),
        )

    def take(self, done: list[tuple[Job, "Outcome"]], cpu_s: float) -> None:
        """Add some runs; say which failed."""
        self.cpu_s += cpu_s
        self.commits[commit()] += len(done)
        for job, one in done:
            self.total.update(seeds=1, virtual_ms=one.virtual_ms, records=one.records, acks=one.acks)
            self.total.update(checkpoints=one.checkpoints, restores=one.eras - 1)
            self.effective.update(one.effective)
            self.seeds_with.update(one.effective.keys())
            self.pairs.update(itertools.combinations(sorted(one.effective), 2))
            self.traces[one.seed] = one.trace
            self.done.add(one.seed)
            if one.law:
                self.failed.append((job, one))
                print(f"seed {one.seed} at {one.at_ms} ms: {one.law}: {one.words}\n    {job.command}", flush=True)

    def result(self, kinds: Iterable[str]) -> dict[str, Any]:
        """The figures; `kinds` are all there are."""
        total = self.total
        cpu_minutes = self.cpu_s / 60 or 1e-9
        pairs = {pair: self.pairs[pair] for pair in itertools.combinations(sorted(kinds), 2)}
        rarest = min(pairs, key=lambda pair: pairs[pair])
        return {
            "seeds": total["seeds"],
            "violations": len(self.failed),
            "cluster_hours_per_cpu_minute": round(total["virtual_ms"] / 3.6e6 / cpu_minutes, 3),
            "faults": {kind: self.effective[kind] for kind in sorted(kinds)},
            "pairs": len(pairs),
            "pairs_below_20": sum(count < 20 for count in pairs.values()),
            "rarest_pair": [pairs[rarest], *rarest],
            "records": total["records"],
            "acks": total["acks"],
            "checkpoints": total["checkpoints"],
            "restores": total["restores"],
            "virtual_hours": round(total["virtual_ms"] / 3.6e6, 2),
            "cpu_minutes": round(cpu_minutes, 2),
            "failed": sorted([job.seed, one.law] for job, one in self.failed),
        }


@cache
def commit() -> str:
    """The commit of this checkout, when it was first asked for."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=KEPT.parent, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def sweep(
    jobs: Iterator[Job],
    processes: int,
    minutes: float = 0,
    stop: bool = False,
    total: int = 0,
    pieces: Path | None = None,
) -> Sweep:
    """Run jobs until there are none left, or the time is up (then no new ones begin), or one failed if `stop`.

    `pieces`: a file that keeps what was seen, where a sweep goes on after it was broken off, or after a mend.
    """
    found, begun = Sweep.load(pieces) if pieces else Sweep(), time.monotonic()
    jobs = (job for job in jobs if job.seed not in found.done)

    def more() -> list[Job]:
        late = minutes and time.monotonic() - begun > 60 * minutes
        return [] if late or (stop and found.failed) else list(itertools.islice(jobs, CHUNK if not minutes else 2))

    def take(done: list[tuple[Job, "Outcome"]], cpu_s: float) -> None:
        found.take(done, cpu_s)
        if pieces:
            found.save(pieces)

    if not processes:
        while chunk := more():
            take(*run(chunk))
        return found
    with ProcessPoolExecutor(processes) as pool:
        running: set[Future[Any]] = set()
        while True:
            while len(running) < processes + 1 and (chunk := more()):
                running.add(pool.submit(run, chunk))
            if not running:
                return found
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for one in finished:
                take(*one.result())
            if sys.stderr.isatty():
                rate = found.total["seeds"] / (time.monotonic() - begun)
                rest = f", {(total - found.total['seeds']) / rate / 60:.0f} minutes more" if total and rate else ""
                print(f"\r{found.total['seeds']} seeds, {rate:.1f}/s{rest}   ", end="", file=sys.stderr)
