"""Which lines of the production cores a simulation reaches: a few seeds with both sets of rules under `coverage`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.simulation.covered import CORES

ROOT: Final = Path(__file__).resolve().parents[2]
SMALL, FULL = 100, 10


def measure(first: int, small: int = SMALL, full: int = FULL) -> dict[str, Any]:
    """Run seeds from `first` on; `coverage_percent` of all lines, and `files` with each one's share."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"COVERAGE_FILE": f"{folder}/lines", "PYTHONPATH": str(ROOT)}
        include = ",".join(str(ROOT / name) for name in CORES)
        begin = [sys.executable, "-m", "coverage", "run", "-a", f"--include={include}", "-m", "tests.simulation"]
        for rules, count in (("small", small), ("full", full)):
            options = ["--seeds", str(count), "--first-seed", str(first), "--jobs", "0", "--rules", rules]
            subprocess.run(
                [*begin, *options, "--no-coverage"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False
            )
        report = [sys.executable, "-m", "coverage", "json", "-q", "-o", f"{folder}/report.json"]
        subprocess.run(report, cwd=ROOT, env=environment, check=True)
        found = json.loads(Path(folder, "report.json").read_text())
    files = {name: round(one["summary"]["percent_covered"], 1) for name, one in found["files"].items()}
    return {
        "coverage_percent": round(found["totals"]["percent_covered"], 2),
        "files": dict(sorted(files.items(), key=lambda pair: pair[1])),
    }
