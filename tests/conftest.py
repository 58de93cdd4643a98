"""Before anything imports numba: kernels come from the cache of this very source (clients.kernels)."""

from clients.kernels import use_cache

use_cache()
