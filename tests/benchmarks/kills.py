"""`python -m tests.benchmarks.kills [--kills 20] [--bots 60]`: how long players wait when a region's process is killed.

A real world with bots; every few seconds one region is killed with -9. The last line is a JSON object: kills, the
longest time any bot went without a view frame (`gap_ms_max`), restarts seen, and what became of the bots' actions.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.regions.live_world import LiveWorld, wait_for

SETTLE_S = 3.0


def main() -> int:
    """Run it; exit status 1 when an action was lost or repeated, or a killed region did not come back."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--bots", type=int, default=60)
    arguments.add_argument("--regions", default="2x2")
    wishes = arguments.parse_args()
    columns, rows = map(int, wishes.regions.split("x"))
    names = [f"region {index}" for index in range(1, columns * rows + 1)]
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        world = LiveWorld(Path(folder) / "w", "--regions", wishes.regions, "--checkpoint-every", "10s")
        try:
            url = world.wait_until_it_lives()
            ledger = world.directory / "ledgers" / "kills.ledger"
            ledger.parent.mkdir(exist_ok=True)
            command = [sys.executable, "-m", "clients.cli", "bots", url, "-n", str(wishes.bots), "--json"]
            bots = subprocess.Popen([*command, "--ledger", str(ledger)], stdout=subprocess.PIPE, text=True)
            time.sleep(10)
            for number in range(wishes.kills):
                name = draw.choice(names)
                pid = world.kill(name)
                wait_for(lambda name=name, pid=pid: _pid(world, name) not in (0, pid), 20, f"{name} to come back")
                print(f"kill {number + 1}: {name} (pid {pid})", file=sys.stderr)
                time.sleep(SETTLE_S)
            bots.terminate()
            out, _ = bots.communicate(timeout=30)
            report = json.loads(out.strip().splitlines()[-1])
            ended = world.stop()
        finally:
            if world.process.poll() is None:
                world.kill_everything()
    found = {
        "kills": wishes.kills,
        "gap_ms_max": report["gap_ms_max"],
        "gap_ms_p50": report["gap_ms_p50"],
        "reconnects": report["reconnects"],
        "region_restarts": ended["region_restarts"],
        "actions_acked": report["actions_acked"],
        "actions_lost": ended["actions_lost"],
        "actions_repeated": ended["actions_repeated"],
    }
    print(json.dumps(found))
    return 1 if ended["actions_lost"] or ended["actions_repeated"] else 0


def _pid(world: LiveWorld, name: str) -> int:
    try:
        return world.pid_of(name)
    except LookupError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
