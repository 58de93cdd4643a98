"""Under which conditions a figure was measured, where figures are kept, and how two sets of them compare."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
Row = dict[str, Any]


def conditions() -> Row:
    """The machine's load just now, the CPU that kernels are compiled for, the commit, the time."""
    from llvmlite.binding import get_host_cpu_name

    return {
        "load": round(os.getloadavg()[0], 2),
        "cpu": os.environ.get("NUMBA_CPU_NAME") or get_host_cpu_name(),
        "cores": os.cpu_count(),
        "commit": _commit(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _commit() -> str:
    """The commit of the source that runs, with a plus when it was changed since; `unknown` outside a repository."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return asked.stdout.strip()


def keep(rows: list[Row]) -> Path:
    """Write the rows of one run to a file of their own under the user's cache; the file."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "everloom" / "bench"
    base.mkdir(parents=True, exist_ok=True)
    file = base / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.json"
    file.write_text(json.dumps(rows, indent=1) + "\n")
    return file


def tell(row: Row, as_json: bool) -> None:
    """Keep a row by itself, and print it: one JSON object, or a table of its figures and where they are kept."""
    file = keep([row])
    if as_json:
        print(json.dumps(row))
        return
    table = Table("figure", "value")
    for name, value in row.items():
        table.add_row(name, str(value))
    Console().print(table)
    Console(stderr=True).print(f"kept in {file}", markup=False, highlight=False, soft_wrap=True)


def compared(rows: list[Row], file: Path) -> Table:
    """Each figure beside the one of an earlier run. Raises ValueError when the file is not one that `keep` wrote."""
    try:
        earlier = {row["bench"]: row for row in json.loads(file.read_text())}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{file}: not the figures of an earlier run ({error})") from None
    table = Table(title=f"beside {file}")
    for column in ("bench", "figure", "then", "now", "now / then"):
        table.add_column(column)
    for row in rows:
        before = earlier.get(row["bench"], {})
        for name, now in row.items():
            then = before.get(name)
            if isinstance(now, int | float) and isinstance(then, int | float):
                table.add_row(row["bench"], name, f"{then}", f"{now}", f"{now / then:.2f}" if then else "")
    return table
