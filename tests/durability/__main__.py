"""`python -m tests.durability --kills 50`: is anything lost when the power goes? Both settings, or one."""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.durability.mounted_disk import CannotMount
from tests.durability.trial import Report, Trial

WRONG_SHOWN = 10


def main() -> int:
    """Run the trials. 0: `always` lost nothing and `default` lost something; 1: otherwise; 2: cannot be run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.durability", description=main.__doc__)
    parser.add_argument(
        "--kills", type=int, default=50, help="how often the log server is killed and the power cut, for each setting"
    )
    parser.add_argument("--sync", choices=["always", "default"], help="only this setting of sync_interval")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    wishes = parser.parse_args()
    reports = []
    for sync in [wishes.sync] if wishes.sync else ["always", "default"]:
        with tempfile.TemporaryDirectory(prefix="everloom-durability-") as folder:
            try:
                reports.append(asyncio.run(Trial(Path(folder) / "world", sync, wishes.seed).run(wishes.kills)))
            except CannotMount as error:
                print(f"cannot be run here: {error}", file=sys.stderr)
                return 2
        _print(reports[-1])
    if wishes.json:
        print(json.dumps({report.sync: report.as_dict() for report in reports}))
    return 0 if all(as_promised(report) for report in reports) else 1


def as_promised(report: Report) -> bool:
    """Whether a trial went as the project promises, or, without syncs, as the disk threatens."""
    if report.sync == "always":
        return not report.wrong and not report.lost
    return report.lost > 0


def _print(report: Report) -> None:
    print(f"sync_interval {report.sync}:", "as promised" if as_promised(report) else "NOT AS PROMISED")
    for name, figure in report.as_dict().items():
        if name not in ("sync", "wrong"):
            print(f"  {name.replace('_', ' ')}: {figure}")
    for text in report.wrong[:WRONG_SHOWN]:
        print(f"  {text}")
    if len(report.wrong) > WRONG_SHOWN:
        print(f"  and {len(report.wrong) - WRONG_SHOWN} more")


if __name__ == "__main__":
    sys.exit(main())
