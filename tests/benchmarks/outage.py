"""`python -m tests.benchmarks.outage [--seconds 120] [--bots 20]`: how fast the archive catches up after an outage.

A real world with bots keeps its archive at a gateway of our own on 127.0.0.1, which then answers nothing but 502 for so
many seconds; all but that is real: transactions, chunks, and every item read back. The last line is a JSON object: what
waited when the gateway came back, in seconds of the world and in bytes, how long it took until all of it was there, and
how many times real time that is (`factor`; the wait for the try that was due next is part of it).
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from archive.keys import RsaKey, save_key
from tests.archive.lying_gateway import LyingGateway
from tests.regions.live_world import LiveWorld, wait_for

FACTOR_MIN = 5.0
CATCH_UP_S_MAX = 600.0


def main() -> int:
    """Run it; exit status 1 when it caught up at less than FACTOR_MIN times real time, or the world waited."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=120.0)
    arguments.add_argument("--bots", type=int, default=20)
    arguments.add_argument("--checkpoint-every", default="10s")
    wishes = arguments.parse_args()
    gateway = LyingGateway()
    with tempfile.TemporaryDirectory() as folder:
        save_key(Path(folder) / "payer.json", RsaKey.generate())
        chosen = ("--arweave", gateway.url, "--payer", str(Path(folder) / "payer.json"), "--depth", "2")
        world = LiveWorld(Path(folder) / "w", "--checkpoint-every", wishes.checkpoint_every, *chosen)
        try:
            command = [sys.executable, "-m", "clients.cli", "bots", world.wait_until_it_lives(), "-n", str(wishes.bots)]
            bots = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(lambda: gateway.whole() and not _waiting(world), 120, "the first checkpoint to be at the gateway")
            before, held = _tick(world), sum(map(len, gateway.whole().values()))
            gateway.turn("broken")
            time.sleep(wishes.seconds)
            wait_for(lambda: _waiting(world) > 1, 120, "checkpoints to wait")
            waited, lived_s = _waiting(world), (_tick(world) - before) / 20
            gateway.turn("honest")
            began = time.monotonic()
            wait_for(lambda: _waiting(world) == 0, CATCH_UP_S_MAX, "the archive to catch up")
            took_s = time.monotonic() - began
            brought = sum(map(len, gateway.whole().values())) - held
            bots.terminate()
            bots.wait(30)
            world.stop()
        finally:
            gateway.close()
            if world.process.poll() is None:
                world.kill_everything()
    found = {
        "outage_s": wishes.seconds,
        "world_s": round(lived_s, 1),
        "checkpoints_waiting": waited,
        "bytes": brought,
        "caught_up_s": round(took_s, 1),
        "factor": round(lived_s / took_s, 1),
    }
    print(json.dumps(found))
    return 1 if lived_s < FACTOR_MIN * took_s or lived_s < 0.9 * wishes.seconds else 0


def _waiting(world: LiveWorld) -> int:
    spool = world.directory / "spool"
    return len(list(spool.glob("0*"))) if spool.is_dir() else 0


def _tick(world: LiveWorld) -> int:
    return max((int(found) for found in re.findall(r"1: tick (\d+)", " ".join("".join(world.said).split()))), default=0)


if __name__ == "__main__":
    sys.exit(main())
