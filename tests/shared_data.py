"""Where the reference data lies: a folder `shared` beside the repository; absent elsewhere, and only then do its tests skip."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no reference data at {SHARED.name}/ beside the repository")
