"""Gives each Python process of a chaos run a wall clock of its own: libfaketime reads the file named by this process.

Found by way of PYTHONPATH, so that the world's processes need not know of it. Without CHAOS_CLOCKS it does nothing.
"""

import os
import select
import time

if clocks := os.environ.get("CHAOS_CLOCKS"):
    os.environ["FAKETIME_TIMESTAMP_FILE"] = os.path.join(clocks, str(os.getpid()))
    # libfaketime 0.9.10 answers clock_nanosleep with EINVAL where the monotonic clock is left alone.
    time.sleep = lambda seconds: (select.select([], [], [], float(seconds)), None)[1]
