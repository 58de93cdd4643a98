"""`python -m tests.doors flood|sockets|storm [--seconds 60] [--json]`: strangers at a real gateway's door, in figures.

A small world, its gateway and players are started for it, all on this machine. With --json the last line is an object.
"""

import argparse
import json
import sys

from tests.doors.flood import flood
from tests.doors.sockets import sockets
from tests.doors.storm import storm


def main() -> int:
    """Run one scene."""
    arguments = argparse.ArgumentParser(prog="python -m tests.doors", description=__doc__)
    arguments.add_argument("scene", choices=("flood", "sockets", "storm"))
    arguments.add_argument("--seconds", type=float, default=60.0)
    arguments.add_argument("--players", type=int, default=20, help="who play meanwhile and look at their clock")
    arguments.add_argument("--from-proxy", action="store_true", help="flooders come from an address not counted")
    arguments.add_argument("--count", type=int, default=2_000, help="players of a storm")
    arguments.add_argument("--json", action="store_true")
    wishes = arguments.parse_args()
    if wishes.scene == "storm":
        found = storm(wishes.seconds, wishes.players, wishes.count)
    elif wishes.scene == "sockets":
        found = sockets(wishes.players)
    else:
        found = flood(wishes.seconds, wishes.players, wishes.from_proxy)
    print(json.dumps(found) if wishes.json else json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
