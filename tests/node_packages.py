"""Node and the locked npm packages of a test's folder: without them such a test fails, as it would say nothing."""

import fcntl
import shutil
import subprocess
from pathlib import Path

INSTALL_S_MAX = 300
FINISHED = Path("node_modules", ".package-lock.json")  # npm writes it last


def node_with(folder: Path, start: str) -> str:
    """Where Node is. The folder's packages are installed unless a whole installation with the file `start` is there."""
    path = shutil.which("node")
    assert path, f"Node 18 or newer is needed to run what {folder.name} holds"
    with (folder / "package.json").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # tests run two files at a time
        if not all((folder / file).is_file() for file in (start, FINISHED)):
            command = ["npm", "ci", "--no-audit", "--no-fund"]
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_S_MAX
            )
            assert done.returncode == 0, f"npm ci failed in {folder.name}:\n{done.stdout}{done.stderr}"
    assert (folder / start).is_file(), f"npm ci in {folder.name} left no {start}"
    return path
