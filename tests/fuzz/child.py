"""One target under atheris, in a process of its own: `python -m tests.fuzz.child` with its orders as JSON.

The decoder's modules are instrumented as they are imported. What is raised beside the documented errors is noted with
its input, once for each place that raises, and the run goes on; so is memory that grows beyond what is allowed.
"""

import gc
import json
import os
import resource
import sys
import time
import traceback
import warnings
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

FINDINGS_MAX = 20


def main(orders: dict[str, Any]) -> None:
    """Fuzz until the time is up; findings go to orders["out"]."""
    import atheris

    from clients.kernels import use_cache

    use_cache()
    with atheris.instrument_imports(include=orders["modules"] or ["atheris"], exclude=orders["others"]):
        from tests.fuzz.targets import TARGETS
    from tests.fuzz.mutations import mutate
    from tests.fuzz.target import SMALL

    warnings.simplefilter("error")
    target = TARGETS[orders["target"]]
    out, corpus = Path(orders["out"]), Path(orders["corpus"])
    seeds = [path.read_bytes() for path in sorted(corpus.iterdir())]
    for one in seeds:  # what a target makes once is made now
        try:
            target.run(one)
        except target.errors:
            pass
        except Exception:
            pass
    gc.collect()
    gc.freeze()
    found: set[str] = set()
    runs = 0
    began = time.monotonic()

    def note(what: str, where: str, text: str, data: bytes) -> None:
        key = f"{what} {where}"
        if key in found or len(found) >= FINDINGS_MAX:
            return
        found.add(key)
        name = sha256(key.encode()).hexdigest()[:12]
        (out / f"{name}.input").write_bytes(data)
        words = {"what": what, "where": where, "text": text, "after_s": round(time.monotonic() - began, 2), "run": runs}
        (out / f"{name}.json").write_text(json.dumps(words))
        if orders["stop_first"]:
            os._exit(0)

    def run(data: bytes) -> None:
        nonlocal runs
        runs += 1
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            target.run(data)
        except target.errors:
            pass
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            note(type(error).__name__, where, "".join(traceback.format_exception(error))[-1500:], data)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        allowed = 2 * (len(data) + target.permitted(len(data))) + SMALL
        if grown > allowed + (16 << 20):  # the process itself grows a little, by the fuzzer's tables
            note("Memory", "rss", f"grew by {grown} bytes; {allowed} are allowed for an input of {len(data)}", data)

    def change(data: bytes, size: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, size))
        return mutate(data, random, target.shape, seeds, target.words)[:size]

    flags = [
        "-print_final_stats=1",
        f"-max_total_time={orders['seconds']}",
        f"-max_len={target.longest}",
        "-timeout=20",
    ]
    flags += [f"-seed={orders['seed']}", f"-artifact_prefix={out}/", "-rss_limit_mb=3000", "-close_fd_mask=0"]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], run, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
