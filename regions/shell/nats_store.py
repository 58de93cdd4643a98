"""The files of a log server that is not running. Reads none of them: their format is the server's."""

import os
from pathlib import Path


def sync_store(store: Path) -> None:
    """Sync what a server left behind that was killed between a write and its sync. Raises `OSError`.

    To be done before a server runs on it again. That server reads such a record back from the system's cache, tells
    whoever appends it once more that it is stored, shows it to readers, and never syncs it: a power cut would take it
    away from under all of them.
    """
    for path in (store, *store.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            continue
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
