"""`python -m tests`: format, lint, types, import contracts, tests; stops at the first that fails.

Options go to pytest; without any, two files of tests run at a time, as the simulation alone takes five minutes.
"""

import subprocess
import sys
import time
from pathlib import Path

BESIDE_PYTHON = Path(sys.executable).parent
WHOLE = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "--durations", "12")

CHECKS = (
    ("format", [sys.executable, "-m", "ruff", "format", "--check", "."]),
    ("lint", [sys.executable, "-m", "ruff", "check", "."]),
    ("types", [sys.executable, "-m", "mypy"]),
    ("imports", [str(BESIDE_PYTHON / "lint-imports"), "--no-cache"]),
    ("tests", [sys.executable, "-m", "pytest", *(sys.argv[1:] or WHOLE)]),
)


def main() -> int:
    """Run every check in order; the exit status is that of the first that fails."""
    for name, command in CHECKS:
        began = time.monotonic()
        print(f"== {name}", flush=True)
        status = subprocess.run(command, check=False).returncode
        seconds = time.monotonic() - began
        print(f"== {name} {'failed' if status else 'passed'} in {seconds:.0f} s", flush=True)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
