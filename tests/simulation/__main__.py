"""`python -m tests.simulation`: many seeds, or the mutants, or one seed again.

--seeds 1000 --first-seed 1 --jobs 2 --rules small|full    what it runs; a failing seed is printed with its command
--fresh --minutes 2                                        seeds nobody has run, for so long
--kept --minutes 3                                         seeds that once found a defect, newest first; no time: all
--report FILE                                              writes what came out as Markdown
--pieces FILE                                              a long sweep that may be broken off and goes on from there
--trace                                                    prints each run's trace hash
--mutant NAME                                              the same with one defect planted (tests.simulation.mutants)
--mutants --only NAME ... --markdown FILE                  each mutant until it is found, 500 seeds at most
--json                                                     the last line is one JSON object

From 500 seeds on it also prints the line coverage of the cores, from a few of them; --coverage does only that. --jobs 0
runs everything in this process.
"""

import argparse
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from tests.simulation import mutate
from tests.simulation.hunt import SEEDS_MAX, SLOW, Hunted, hunt, write_table
from tests.simulation.report import markdown
from tests.simulation.sweep import Job, kept, sweep

SEEDS = 100
COVERED_FROM = 500
COVERAGE_WANTED = 90


def run_seeds(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Run what was asked for; the figures, and whether a law was broken."""
    full, total = options.rules == "full", 0
    if options.kept:
        jobs = iter(kept())
    elif options.fresh:
        first = secrets.randbelow(2**40) + 1_000_000
        print(f"fresh seeds from {first} on", flush=True)
        jobs = (Job(seed, full, options.mutant) for seed in range(first, first + (options.seeds or 10**6)))
    else:
        total = options.seeds or SEEDS
        jobs = (Job(options.first_seed + place, full, options.mutant) for place in range(total))
    found = sweep(jobs, options.jobs, options.minutes, options.stop, total, options.pieces)
    if options.trace:
        for seed, trace in sorted(found.traces.items()):
            print(f"seed {seed} trace {trace}")
    from tests.simulation.faults import KINDS

    result = found.result(KINDS)
    if total >= COVERED_FROM and not options.no_coverage:
        result |= measure_coverage(options.first_seed)
    if options.report:
        options.report.write_text(markdown(result, found, " ".join(sys.argv[1:])), encoding="utf-8")
    return result, bool(found.failed)


def measure_coverage(first: int) -> dict[str, Any]:
    """The share of the cores' lines that ran."""
    from tests.simulation.coverage_of_cores import measure

    found = measure(first)
    for name, percent in found["files"].items():
        print(f"{percent:6.1f} %  {name}")
    return {"coverage_percent": found["coverage_percent"]}


def hunt_mutants(options: argparse.Namespace) -> dict[str, Any]:
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

    found = hunt(names, options.first_seed, max(1, options.jobs), told, options.seeds or SEEDS_MAX)
    return {
        "mutants": len(names),
        "missed": [one.name for one in found if not one.law],
        "more_than_ten_seeds": [one.name for one in found if one.seeds > SLOW],
        "innocent_seeds": sorted({seed for one in found for seed in one.innocent}),
        "found": {one.name: [one.seeds, one.law] for one in found},
    }


def main() -> int:
    """Run what was asked for; 1 when a law was broken or a mutant was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=0, help=f"{SEEDS}; with --mutants {SEEDS_MAX}, at most")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes; 0: this one")
    parser.add_argument("--rules", choices=("small", "full"), default="small")
    parser.add_argument("--minutes", type=float, default=0, help="begin no run later than this")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--kept", action="store_true")
    parser.add_argument("--stop", action="store_true", help="at the first violation")
    parser.add_argument("--report", type=Path, metavar="FILE")
    parser.add_argument("--pieces", type=Path, metavar="FILE", help="keep what was seen there, and go on from it")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--mutant", default="", metavar="NAME")
    parser.add_argument("--mutants", action="store_true")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="with --mutants: these")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="with --mutants: put the rows into its table")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--no-coverage", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.coverage:
        result = measure_coverage(options.first_seed)
        bad = result["coverage_percent"] < COVERAGE_WANTED
    elif options.mutants:
        result = hunt_mutants(options)
        bad = bool(result["missed"])
    else:
        result, bad = run_seeds(options)
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name}: {value}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
