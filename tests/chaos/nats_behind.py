"""Stands in for the nats-server binary of a chaos run: the real one, but reached through the run's proxy.

`nats_behind.py REAL PORT FACE -c CONFIG`: starts REAL with the world's configuration, except that it listens on PORT,
and reports FACE, where the proxy listens, in the ports file that `regions.shell.nats_server` waits for. Its process is
the server's: whoever supervises it sees the server itself die.
"""

import json
import os
import re
import select
import sys
import time
from pathlib import Path

WAIT_S = 60.0


def main() -> None:
    """Become the server."""
    real, port, face, *arguments = sys.argv[1:]
    if "-c" not in arguments:
        os.execv(real, [real, *arguments])
    config = Path(arguments[arguments.index("-c") + 1])
    text = config.read_text(encoding="utf-8")
    run = Path(json.loads(re.search(r"^ports_file_dir: (.*)$", text, re.MULTILINE)[1]))  # type: ignore[index]
    behind = run / "behind"
    behind.mkdir(exist_ok=True)
    text = re.sub(r"^port: .*$", f"port: {port}", text, flags=re.MULTILINE)
    text = re.sub(r"^ports_file_dir: .*$", f"ports_file_dir: {json.dumps(str(behind))}", text, flags=re.MULTILINE)
    changed = Path(f"{config}.behind")
    changed.write_text(text, encoding="utf-8")
    ours = os.getpid()
    if os.fork() == 0:
        _report(behind / f"nats-server_{ours}.ports", run / f"nats-server_{ours}.ports", face, ours)
        os._exit(0)
    os.execv(real, [real, "-c", str(changed)])


def _report(found: Path, told: Path, face: str, server: int) -> None:
    """Wait for the server's own ports file, and tell it with the proxy's port instead of the server's."""
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends and os.getppid() == server:
        try:
            ports = json.loads(found.read_text())
            ports["nats"] = [f"nats://127.0.0.1:{face}"]
            if ports["monitoring"]:
                told.write_text(json.dumps(ports))
                return
        except (OSError, ValueError, KeyError):
            select.select([], [], [], 0.005)  # see clock/sitecustomize.py: time.sleep may not work here


if __name__ == "__main__":
    main()
