"""Before anything imports numba: kernels come from the cache of this very source (clients.kernels)."""

import pytest
from hypothesis import settings

from clients.kernels import use_cache

use_cache()

# How long an example takes says nothing on a shared machine. The examples are the same in every run, so that a check
# fails by what was changed alone; `pytest --hypothesis-profile explore` draws others.
settings.register_profile("everloom", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("everloom")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The simulation first: it takes five minutes, and while it runs the others have the other processor."""
    items.sort(key=lambda item: "simulation" not in item.path.parts)
