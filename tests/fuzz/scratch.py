"""A folder of this process's own for decoders that read files; gone when the process ends."""

import tempfile
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _holder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="everloom-fuzz-", ignore_cleanup_errors=True)


def folder() -> Path:
    """The folder."""
    return Path(_holder().name)
