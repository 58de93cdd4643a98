"""Runs each mutant until a seed finds it, and writes down how many seeds that took.

A find counts only when the same seed breaks no law without the mutant. Each mutant has a process of its own, as it must
be planted before the modules that it changes are imported.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Final

from tests.simulation import mutate

SEEDS_MAX: Final = 500
OTHERS: Final = ["coincurve", "cryptography", "msgspec", "nats", "numba", "numpy", "pytest", "zstandard"]
SLOW: Final = 10  # seeds that a subtle mutant needs more than
HEADER: Final = (
    "| mutant | what is wrong | to be found by | seeds | found by | in how many seeds before it broke other laws |\n"
    "|---|---|---|---|---|---|\n"
)


@dataclass
class Hunted:
    """What became of one mutant. `law` is empty when no seed found it; `others` are laws broken that were not named for
    it, and in how many seeds; `innocent` seeds that break a law without any mutant."""

    name: str
    seeds: int = 0
    law: str = ""
    words: str = ""
    others: Counter[str] = field(default_factory=Counter)
    innocent: list[int] = field(default_factory=list)

    @property
    def line(self) -> str:
        """For the terminal."""
        mark = "found" if self.law else "MISSED"
        return f"{mark:7}{self.name:46}{self.seeds:4} seeds  {self.law}: {self.words[:110]}"

    @property
    def row(self) -> str:
        """For the table."""
        one = mutate.mutant(self.name)
        others = ", ".join(f"{law} ({count})" for law, count in sorted(self.others.items()))
        cells = (f"`{self.name}`", one.says, ", ".join(one.laws), str(self.seeds), self.law or "**nobody**", others)
        return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def search(name: str, first: int, count: int) -> tuple[int, str, str, dict[str, int]]:
    """Seeds from `first` on with a mutant planted, in a fresh process, until a checker named for it speaks.

    The seed (0: none did), the law, its words, and the other laws broken on the way.
    """
    mutate.plant(name)
    from tests.simulation.simulation import simulate

    others: Counter[str] = Counter()
    for seed in range(first, first + count):
        if not could_find(name, seed):
            continue
        try:
            outcome = simulate(seed, mutate.mutant(name).full_rules)
        except Exception as error:  # it broke the simulation itself, which proves nothing
            others[f"raised {type(error).__name__}"] += 1
            continue
        if outcome.law in mutate.mutant(name).laws:
            return seed, outcome.law, outcome.words, dict(others)
        others[outcome.law] += bool(outcome.law)
    return 0, "", "", dict(+others)


def could_find(name: str, seed: int) -> bool:
    """Whether a seed draws one of the faults without which a mutant cannot show: the others count, but are not run."""
    from tests.simulation.faults import drawn

    needs = mutate.mutant(name).needs
    return not needs or not set(needs).isdisjoint(drawn(Random(f"{seed}/faults")))


@cache
def law_broken(seed: int, full_rules: bool) -> str:
    """Which law a seed breaks without a mutant; empty: none."""
    from tests.simulation.simulation import simulate

    return simulate(seed, full_rules).law


def hunt(
    names: Sequence[str], first: int, jobs: int, told: Callable[[Hunted], None], seeds_max: int = SEEDS_MAX
) -> list[Hunted]:
    """All these mutants; `told` hears of each as it is found or given up."""
    found: list[Hunted] = []
    # Two pools: the check of a find must not wait for all the searches that were begun before it.
    server = get_context("forkserver")
    server.set_forkserver_preload(OTHERS)
    with ProcessPoolExecutor(jobs, server, max_tasks_per_child=1) as pool, ProcessPoolExecutor(1, server) as innocent:
        waiting = {pool.submit(search, name, first, seeds_max): Hunted(name) for name in names}
        while waiting:
            done = next(as_completed(waiting))
            one = waiting.pop(done)
            seed, one.law, one.words, others = done.result()
            one.others.update(others)
            one.seeds = seed - first + 1 if seed else seeds_max
            if seed and law_broken_alone(innocent, one.name, seed):
                one.innocent.append(seed)
                one.law = ""
                if one.seeds < seeds_max:
                    waiting[pool.submit(search, one.name, seed + 1, seeds_max - one.seeds)] = one
                    continue
            found.append(one)
            told(one)
    return found


def law_broken_alone(pool: ProcessPoolExecutor, name: str, seed: int) -> str:
    """Which law the seed that found a mutant breaks without it."""
    return pool.submit(law_broken, seed, mutate.mutant(name).full_rules).result()


def write_table(path: Path, found: Iterable[Hunted]) -> None:
    """Put these mutants' rows into a table in a Markdown file, whose other rows and words stay as they are."""
    text = path.read_text(encoding="utf-8") if path.exists() else HEADER
    rows = dict(re.findall(r"^(?=\| `(\w+)`)(.*)$", text, re.MULTILINE)) | {one.name: one.row for one in found}
    begin = text.index(HEADER)
    end = begin + len(HEADER)
    while text.startswith("|", end):
        end = text.index("\n", end) + 1
    lines = "".join(rows[name] + "\n" for name in mutate.names() if name in rows)
    path.write_text(text[:begin] + HEADER + lines + text[end:], encoding="utf-8")
