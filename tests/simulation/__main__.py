"""`python -m tests.simulation`: many seeds, or the mutants, or one seed again.

--seeds 1000 --first-seed 1 --jobs 2 --rules small|full    what it runs; a failing seed is printed with its command
--trace                                                    prints each run's trace hash
--mutant NAME                                              the same with one defect planted (tests.simulation.mutants)
--mutants --only NAME ... --markdown FILE                  each mutant until it is found, 500 seeds at most
--coverage                                                 line coverage of the cores by these seeds, in one process
--json                                                     the last line is one JSON object
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulation import mutate
from tests.simulation.hunt import SEEDS_MAX, SLOW, Hunted, hunt, write_table

if TYPE_CHECKING:
    from tests.simulation.simulation import Outcome

CHUNK = 10
SEEDS = 100
ROOT = Path(__file__).resolve().parents[2]


def run_chunk(seeds: list[int], full_rules: bool, mutant: str) -> tuple[list["Outcome"], float]:
    """Run some seeds in this process; the outcomes, and the CPU seconds they took."""
    if mutant:
        mutate.plant(mutant)
    from tests.simulation.simulation import simulate

    begun = time.process_time()
    outcomes = [simulate(seed, full_rules) for seed in seeds]
    return outcomes, time.process_time() - begun


def chunks(first: int, count: int, size: int) -> Iterator[list[int]]:
    """Runs of seeds."""
    for begin in range(first, first + count, size):
        yield list(range(begin, min(begin + size, first + count)))


def command(seed: int, options: argparse.Namespace) -> str:
    """What runs one seed again."""
    more = f" --mutant {options.mutant}" if options.mutant else ""
    return f"python -m tests.simulation --seeds 1 --first-seed {seed} --rules {options.rules}{more}"


def sweep(options: argparse.Namespace) -> dict[str, Any]:
    """Run all seeds; what came out."""
    full, begun = options.rules == "full", time.monotonic()
    total: Counter[str] = Counter()
    effective: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    failed: list[Any] = []
    cpu_s = 0.0
    size = max(1, min(CHUNK, options.seeds // (4 * options.jobs) or 1))
    with ProcessPoolExecutor(options.jobs) as pool:
        work = [
            pool.submit(run_chunk, seeds, full, options.mutant)
            for seeds in chunks(options.first_seed, options.seeds, size)
        ]
        for done in as_completed(work):
            outcomes, used_s = done.result()
            cpu_s += used_s
            for one in outcomes:
                total.update(seeds=1, virtual_ms=one.virtual_ms, records=one.records, acks=one.acks, eras=one.eras - 1)
                total.update(checkpoints=one.checkpoints)
                effective.update(one.effective)
                kinds = sorted(one.effective)
                pairs.update((a, b) for place, a in enumerate(kinds) for b in kinds[place + 1 :])
                if options.trace:
                    print(f"seed {one.seed} trace {one.trace}")
                if one.law:
                    failed.append(one)
                    print(
                        f"seed {one.seed} at {one.at_ms} ms: {one.law}: {one.words}\n    {command(one.seed, options)}"
                    )
            if sys.stderr.isatty():
                rate = total["seeds"] / (time.monotonic() - begun)
                print(f"\r{total['seeds']} of {options.seeds} seeds, {rate:.1f}/s ", end="", file=sys.stderr)
            if options.stop and failed:
                for one in work:
                    one.cancel()
                break
    hours_per_minute = (total["virtual_ms"] / 3.6e6) / (cpu_s / 60) if cpu_s else 0.0
    return {
        "seeds": total["seeds"],
        "violations": len(failed),
        "cluster_hours_per_cpu_minute": round(hours_per_minute, 3),
        "faults": dict(sorted(effective.items())),
        "pairs_fewest": pairs_fewest(effective, pairs),
        "records": total["records"],
        "acks": total["acks"],
        "checkpoints": total["checkpoints"],
        "restores": total["eras"],
        "virtual_hours": round(total["virtual_ms"] / 3.6e6, 2),
        "cpu_minutes": round(cpu_s / 60, 2),
        "failed": [[one.seed, one.law] for one in sorted(failed, key=lambda one: one.seed)],
    }


def pairs_fewest(effective: Counter[str], pairs: Counter[tuple[str, str]]) -> tuple[int, str]:
    """In how many seeds the rarest pair of kinds was effective, and which it is."""
    kinds = sorted(effective)
    counts = [(pairs[a, b], f"{a} + {b}") for place, a in enumerate(kinds) for b in kinds[place + 1 :]]
    return min(counts, default=(0, ""))


def sweep_mutants(options: argparse.Namespace) -> dict[str, Any]:
    """Each mutant, until a seed finds it: which seed, and by which law."""
    names = [name for name in mutate.names() if not options.only or name in options.only]
    unknown = [name for name in options.only if name not in names]
    if unknown:
        raise SystemExit(f"no mutants {unknown}; there are {', '.join(mutate.names())}")

    def told(one: Hunted) -> None:
        print(one.line, flush=True)
        for seed in one.innocent:
            print(f"       seed {seed} breaks a law without a mutant", flush=True)
        if options.markdown:
            write_table(options.markdown, [one])

    found = hunt(names, options.first_seed, options.jobs, told, options.seeds)
    return {
        "mutants": len(names),
        "missed": [one.name for one in found if not one.law],
        "more_than_ten_seeds": [one.name for one in found if one.seeds > SLOW],
        "innocent_seeds": sorted({seed for one in found for seed in one.innocent}),
        "found": {one.name: [one.seeds, one.law] for one in found},
    }


def measure_coverage(options: argparse.Namespace) -> dict[str, Any]:
    """Run the seeds under `coverage`, with both sets of rules; the share of the cores' lines that ran."""
    from tests.simulation.covered import CORES

    data = ROOT / ".coverage.simulation"
    data.unlink(missing_ok=True)
    include = ",".join(str(ROOT / name) for name in CORES)
    environment = os.environ | {"COVERAGE_FILE": str(data)}
    for rules, count in (("small", options.seeds), ("full", max(1, options.seeds // 8))):
        code = (
            "from tests.simulation.simulation import simulate\n"
            f"for seed in range({options.first_seed}, {options.first_seed + count}): simulate(seed, {rules == 'full'})"
        )
        line = [sys.executable, "-m", "coverage", "run", "-a", f"--include={include}", "-m", "tests.simulation.alone"]
        subprocess.run([*line, code], cwd=ROOT, env=environment, check=True)
    report = [sys.executable, "-m", "coverage", "json", "-o", "-", f"--data-file={data}"]
    found = json.loads(subprocess.run(report, cwd=ROOT, env=environment, check=True, capture_output=True).stdout)
    data.unlink(missing_ok=True)
    files = {name: round(one["summary"]["percent_covered"], 1) for name, one in sorted(found["files"].items())}
    for name, percent in sorted(files.items(), key=lambda pair: pair[1]):
        print(f"{percent:6.1f} %  {name}")
    return {"coverage_percent": round(found["totals"]["percent_covered"], 2), "files": files}


def main() -> int:
    """Run what was asked for; 1 when a law was broken or a mutant was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, help=f"{SEEDS}; with --mutants {SEEDS_MAX}, at most")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--rules", choices=("small", "full"), default="small")
    parser.add_argument("--stop", action="store_true", help="at the first violation")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--mutant", default="", metavar="NAME")
    parser.add_argument("--mutants", action="store_true")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="with --mutants: these")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="with --mutants: put the rows into its table")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.seeds = options.seeds or (SEEDS_MAX if options.mutants else SEEDS)
    if options.coverage:
        result = measure_coverage(options)
        bad = result["coverage_percent"] < 90
    elif options.mutants:
        result = sweep_mutants(options)
        bad = bool(result["missed"])
    else:
        result = sweep(options)
        bad = bool(result["violations"])
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name}: {value}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
