"""Runs kept inputs again, outside the fuzzer: which lines of the decoder they reach, and how much memory each takes.

`python -m tests.fuzz.replay TARGET FOLDER` prints one line of JSON. Memory is what tracemalloc counts at its peak,
numpy's arrays included; what C libraries take for themselves is watched by the fuzzing process.
"""

import importlib
import json
import sys
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.fuzz.target import SMALL, Target

MEASURED_MAX = 3000
REPLAY_S_MAX = 15.0


def lines_of(target: Target) -> dict[tuple[str, str], set[int]]:
    """The lines of the functions that a target covers, by (module, function)."""
    found: dict[tuple[str, str], set[int]] = {}
    for module, names in target.covers.items():
        for name in names:
            value: Any = importlib.import_module(module)
            for part in name.split("."):
                value = getattr(value, part)
            found[module, name] = {line for code in _codes(value) for line in _lines(code)}
    return found


def _codes(value: Any) -> Iterator[CodeType]:
    if isinstance(value, type):
        for one in vars(value).values():
            if callable(one) or isinstance(one, property):
                yield from _codes(one)
        return
    value = getattr(value, "py_func", value)  # a kernel's
    value = getattr(value, "fget", value)
    value = getattr(value, "__wrapped__", value)
    code = getattr(getattr(value, "__func__", value), "__code__", None)
    if code is not None:
        yield code


def _lines(code: CodeType) -> Iterator[int]:
    yield from (line for _, _, line in code.co_lines() if line is not None and line > code.co_firstlineno)
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from (line for _, _, line in one.co_lines() if line is not None)


def reached(target: Target, inputs: Iterable[bytes]) -> dict[tuple[str, str], tuple[int, list[int]]]:
    """Per function how many lines it has, and which were not reached."""
    wanted = lines_of(target)
    files = {importlib.import_module(module).__file__ for module in target.covers}
    seen: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    began = time.monotonic()
    for one in inputs:
        if time.monotonic() - began > REPLAY_S_MAX:
            break
        sys.settrace(trace)
        try:
            target.run(one)
        except target.errors:
            pass
        except Exception:
            pass
        finally:
            sys.settrace(None)
    result = {}
    for (module, name), lines in wanted.items():
        file = importlib.import_module(module).__file__ or ""
        result[module, name] = len(lines), sorted(line for line in lines if (file, line) not in seen)
    return result


def weigh(target: Target, one: bytes) -> tuple[int, int]:
    """(peak memory of a run, how much is allowed): 2 x (input + permitted output) + SMALL."""
    allowed = 2 * (len(one) + target.permitted(len(one))) + SMALL
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        try:
            kept = target.run(one)
            del kept
        except target.errors:
            pass
        except Exception:
            pass
        return tracemalloc.get_traced_memory()[1] - before, allowed
    finally:
        tracemalloc.stop()


def main(name: str, folder: str) -> int:
    """Print what the inputs in a folder reach and take."""
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    inputs = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    for one in inputs[:20]:  # what a target sets up once is not what an input takes
        weigh(target, one)
    lines = reached(target, inputs)
    total = sum(count for count, _ in lines.values())
    missed = {f"{module}:{function}": left for (module, function), (_, left) in lines.items() if left}
    began, worst = time.monotonic(), (0, 1)
    measured = 0
    for one in sorted(inputs, key=len, reverse=True)[:MEASURED_MAX]:
        if time.monotonic() - began > REPLAY_S_MAX:
            break
        worst = max(worst, weigh(target, one), key=lambda found: found[0] / found[1])
        measured += 1
    print(
        json.dumps(
            {
                "inputs": len(inputs),
                "lines": total,
                "reached": total - sum(map(len, missed.values())),
                "missed": missed,
                "measured": measured,
                "memory_peak": worst[0],
                "memory_allowed": worst[1],
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
