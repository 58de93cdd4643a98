"""What a sweep showed, as Markdown to be committed."""

import itertools
import os
import platform
from typing import Any

from tests.simulation.sweep import Sweep


def markdown(result: dict[str, Any], found: Sweep, options: str) -> str:
    """The report of one sweep: what was run, where, what held, and how often each kind of fault changed an outcome."""
    kinds = sorted(result["faults"])
    at = ", ".join(f"{commit} ({seeds} seeds)" for commit, seeds in found.commits.items())
    lines = [
        "# The simulation",
        "",
        f"`python -m tests.simulation {options}` at commit {at}, Python {platform.python_version()},"
        f" {os.cpu_count()} cores that were shared with other work.",
        "",
        "| figure | seen |",
        "|---|---|",
        *(
            f"| {name.replace('_', ' ')} | {result[name]} |"
            for name in result
            if name not in ("faults", "failed", "rarest_pair")
        ),
        f"| rarest pair of kinds | {result['rarest_pair'][1]} with {result['rarest_pair'][2]}:"
        f" effective together in {result['rarest_pair'][0]} seeds |",
        "",
        "`virtual hours` are hours of a cluster of 4 regions and the world's process on 3 machines with 8 players;"
        " `restores` new eras opened in the middle of a run.",
        "",
        "| kind of fault | times it changed an outcome | seeds in which it did |",
        "|---|---|---|",
        *(f"| {kind} | {result['faults'][kind]} | {found.seeds_with[kind]} |" for kind in kinds),
        "",
        "Broken laws: " + (", ".join(f"seed {seed} ({law})" for seed, law in result["failed"]) or "none") + ".",
        "",
    ]
    few = [pair for pair in itertools.combinations(kinds, 2) if found.pairs[pair] < 20]
    if few:
        lines += ["Pairs in fewer than 20 seeds: " + "; ".join(f"{a} + {b} ({found.pairs[a, b]})" for a, b in few), ""]
    return "\n".join(lines)
