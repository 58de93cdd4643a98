"""Before anything imports numba: kernels come from the cache of this very source (clients.kernels)."""

from hypothesis import settings

from clients.kernels import use_cache

use_cache()

settings.register_profile("everloom", deadline=None)  # how long an example takes says nothing on a shared machine
settings.load_profile("everloom")
