"""Where the reference data lies: a folder `shared` beside the repository. Only where it is absent its tests skip."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
WHY = "no reference data: there is no folder `shared` beside the repository"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=WHY)
