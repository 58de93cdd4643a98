"""What the processes of a world spend while a benchmark runs (Linux: read from /proc)."""

import os
from pathlib import Path

CLOCK_HZ = os.sysconf("SC_CLK_TCK")


def spent(root: int) -> dict[str, float]:
    """Seconds of CPU so far of this process and of those below `root`, by their titles without `everloom: `."""
    out = {"client": sum(os.times()[:2])}
    for pid, seconds in _below(root).items():
        name = _title(pid)
        out[name] = out.get(name, 0.0) + seconds
    return out


def memory(root: int) -> dict[str, float]:
    """MB of the processes below `root` by title; of several with one title the largest. Pages that processes share
    count by share (Pss); what is gone meanwhile is left out.
    """
    out: dict[str, float] = {}
    for pid in _below(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        size = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
        out[_title(pid)] = max(size, out.get(_title(pid), 0.0))
    return out


def _below(root: int) -> dict[int, float]:
    """The processes below `root`, with the seconds of CPU of each."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            seconds[int(entry.name)] = (int(fields[11]) + int(fields[12])) / CLOCK_HZ
    below = {root}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return {pid: seconds[pid] for pid in below - {root} if pid in seconds}


def _title(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    except OSError:
        return "gone"
    if words[:1] == ["everloom:"]:
        return " ".join(words[1:])
    return "nats-server" if words and words[0].endswith("nats-server") else "other"
