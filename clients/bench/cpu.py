"""What the processes of a world spend while a benchmark runs (Linux: read from /proc)."""

import os
from pathlib import Path

CLOCK_HZ = os.sysconf("SC_CLK_TCK")


def spent(root: int) -> dict[str, float]:
    """Seconds of CPU so far of this process and of those below `root`, by their titles without `everloom: `."""
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
    out = {"client": sum(os.times()[:2])}
    for pid in below - {root}:
        name = _title(pid)
        out[name] = out.get(name, 0.0) + seconds[pid]
    return out


def _title(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    except OSError:
        return "gone"
    if words[:1] == ["everloom:"]:
        return " ".join(words[1:])
    return "nats-server" if words and words[0].endswith("nats-server") else "other"
