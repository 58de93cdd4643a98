"""Nobody starts a killed agent again but its keeper, and no agent outlives its keeper."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.regions.live_world import command_of, wait_for

AGENT = """
import os, select, sys, time
from clients.keeper import AGAIN, keep
from pathlib import Path
lives = Path(sys.argv[1])

def live(life):
    (lives / str(life.number)).write_text(str(os.getpid()))
    if life.number == 1:
        return AGAIN
    ended = select.select([life.keeper], [], [], 30)[0]
    return 7 if life.number < 3 else 3

status = keep(live)
print("over", status, flush=True)
sys.exit(status)
"""


def pid_of_life(lives: Path, number: int) -> int:
    path = lives / str(number)
    wait_for(lambda: path.exists() and path.read_text(), 10, f"life {number}")
    return int(path.read_text())


def test_a_killed_agent_begins_again_and_ends_with_its_keeper(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", AGENT, str(tmp_path)], stdout=subprocess.PIPE) as keeper:
        os.kill(pid_of_life(tmp_path, 0), signal.SIGKILL)
        second = pid_of_life(tmp_path, 2)  # life 1 could not begin yet
        assert keeper.poll() is None
        keeper.kill()
        wait_for(lambda: not command_of(second), 10, "the agent to end with its keeper")


def test_a_signal_to_the_keeper_is_the_agents_and_its_end_is_the_keepers(tmp_path: Path) -> None:
    script = AGENT.replace("ended =", "import signal; signal.signal(signal.SIGINT, lambda *_: os._exit(5)); ended =")
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) as keeper:
        pid_of_life(tmp_path, 0)
        wait_for(lambda: not _ignores(keeper.pid, signal.SIGINT), 10, "the keeper to listen")
        keeper.send_signal(signal.SIGINT)
        assert keeper.wait(10) == 5


def _ignores(pid: int, number: signal.Signals) -> bool:
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return not int(caught.split()[1], 16) >> (number - 1) & 1
