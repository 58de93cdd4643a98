"""What a process has used, as Linux tells; nothing elsewhere."""

import os
from pathlib import Path
from typing import Final

CLOCK_HZ: Final[int] = os.sysconf("SC_CLK_TCK")
PAGE_KIB: Final = os.sysconf("SC_PAGE_SIZE") // 1024


def used(pid: int) -> tuple[int, int] | None:
    """CPU so far in microseconds and resident memory in KiB; None when there is no such process, or no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000 // CLOCK_HZ, int(fields[21]) * PAGE_KIB
    except (OSError, ValueError, IndexError):
        return None
