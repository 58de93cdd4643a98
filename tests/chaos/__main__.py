"""`python -m tests.chaos --minutes 60 [--seed S] [--json]`: a real world on this machine, hurt again and again.

Needs Linux, root (mounts), libfaketime, libfuse 3 and mfusepy. Prints each fault with what was seen of it, then how
long players waited, and the invariants; the exit status is 1 when anything was violated. `--report FILE`
writes it all down.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from clients.kernels import ensure_compiled
from tests.chaos.faults import KINDS
from tests.chaos.ground import favour
from tests.chaos.report import markdown, summary
from tests.chaos.run import Run, Wishes


def main() -> int:
    """Run it."""
    arguments = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    arguments.add_argument("--minutes", type=float, default=5.0)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--bots", type=int, default=100)
    arguments.add_argument("--regions", default="2x2")
    arguments.add_argument("--npcs", type=int, default=400)
    arguments.add_argument("--every", type=float, default=20.0, help="seconds between faults, on average")
    arguments.add_argument("--checkpoint-every", type=int, default=10, help="seconds")
    arguments.add_argument("--kind", action="append", choices=sorted(KINDS), help="only these kinds")
    arguments.add_argument("--report", type=Path, help="a Markdown file to write")
    arguments.add_argument("--keep", type=Path, help="leave what was said and noted, and the store, here")
    arguments.add_argument("--nice", type=int, default=0, help="added to the niceness of all that runs")
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    os.nice(given.nice)
    if given.nice:
        favour(given.nice, os.getpid())
    columns, rows = map(int, given.regions.split("x"))
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    wishes = Wishes(
        folder,
        given.minutes,
        given.seed,
        given.bots,
        (columns, rows),
        given.npcs,
        given.every,
        given.checkpoint_every,
        tuple(given.kind or KINDS),
        given.keep,
        given.nice,
    )
    print(f"chaos: seed {given.seed}; the same wishes again: --seed {given.seed}; working in {folder}", file=sys.stderr)
    ensure_compiled(lambda text: print(text, file=sys.stderr))
    try:
        seen = asyncio.run(Run(wishes, sys.stderr).go())
    finally:
        if given.keep is not None:
            given.keep.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder / "players", given.keep / "players", dirs_exist_ok=True)
            if (folder / "said").exists():
                shutil.copy(folder / "said", given.keep / "said")
        shutil.rmtree(folder, ignore_errors=True)
    if given.keep is not None:
        seen_all = {name: value for name, value in vars(seen).items() if name not in ("faults", "players")}
        whole = seen_all | {"faults": [vars(fault) | {"owners": sorted(fault.owners)} for fault in seen.faults]}
        (given.keep / "seen.json").write_text(json.dumps(whole))
    text = markdown(seen, wishes, " ".join(["python -m tests.chaos", *sys.argv[1:]]))
    if given.report is not None:
        given.report.write_text(text, encoding="utf-8")
    if given.json:
        print(json.dumps(summary(seen)))
    else:
        print(text)
    return 1 if seen.violations else 0


if __name__ == "__main__":
    sys.exit(main())
