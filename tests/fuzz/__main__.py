"""`python -m tests.fuzz [TARGET ...] --seconds 600 [--json] [--plant]`: fuzz decoders, one after another.

Needs atheris (the `fuzz` extra, or `dev`). For each target: executions, lines of the decoder reached by what was kept,
the largest memory that an input took, and what was found. Inputs that raise are kept in --keep. Exit status 1 when
anything was found; with --plant, when anything was NOT found: then a bug is put into a copy of a decoder first.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from clients.kernels import use_cache

use_cache()

from tests.fuzz.target import Plant, Target  # noqa: E402 - after the cache is chosen
from tests.fuzz.targets import TARGETS  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Fuzz what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", nargs="*", help=f"any of: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one object for each target")
    parser.add_argument("--plant", action="store_true", help="put an IndexError into a copy of each decoder first")
    parser.add_argument("--keep", type=Path, help="a folder for inputs that raise")
    asked = parser.parse_args()
    unknown = set(asked.target) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    chosen = [TARGETS[name] for name in asked.target] or list(TARGETS.values())
    bad = False
    for target in chosen:
        plants: tuple[Plant | None, ...] = target.plants if asked.plant else (None,)
        for plant in plants:
            words = fuzz(target, asked.seconds, asked.seed, plant, asked.keep)
            planted = any(one["what"] == "IndexError" for one in words["findings"])
            bad |= not planted if plant else bool(words["findings"] or words["broken"])
            print(json.dumps(words) if asked.json else told(words), flush=True)
    return int(bad)


def fuzz(
    target: Target, seconds: int, seed: int = 1, plant: Plant | None = None, keep: Path | None = None
) -> dict[str, Any]:
    """Fuzz one target; what came of it."""
    with tempfile.TemporaryDirectory(prefix="everloom-fuzz-") as temporary:
        place = Path(temporary)
        corpus, out, copied = place / "corpus", place / "out", place / "copy"
        for one in (corpus, out, copied):
            one.mkdir()
        for seed_input in target.seeds():
            (corpus / sha256(seed_input).hexdigest()).write_bytes(seed_input)
        if plant:
            put(plant, copied)
        orders = {
            "target": target.name,
            "modules": instrumented(target),
            "others": [name for name in modules() if name not in instrumented(target)],
            "seconds": seconds,
            "seed": seed,
            "corpus": str(corpus),
            "out": str(out),
            "stop_first": plant is not None,
        }
        environment = os.environ | {"PYTHONPATH": f"{copied}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
        if not target.jit:
            environment["NUMBA_DISABLE_JIT"] = "1"
        command = [sys.executable, "-m", "tests.fuzz.child", json.dumps(orders)]
        log = place / "log"
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        with log.open("wb") as written:
            status = subprocess.run(
                command, cwd=copied, env=environment, stdout=written, stderr=written, check=False, timeout=seconds + 300
            ).returncode
        said = log.read_text(errors="replace")
        spent = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 1)
        words = {"target": target.name, "seconds": seconds, "cpu_seconds": spent} | _figures(said)
        words["seeds"] = len(target.seeds())
        words["findings"] = [json.loads(path.read_text()) for path in sorted(out.glob("*.json"))]
        words["broken"] = "" if status == 0 else f"status {status}: {said[-1500:]}"
        if keep is not None and (words["findings"] or words["broken"]):
            shutil.copytree(out, keep / target.name, dirs_exist_ok=True)
        if plant is None:
            command = [sys.executable, "-m", "tests.fuzz.replay", target.name, str(corpus)]
            again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, text=True)
            words |= json.loads(again.stdout) if again.returncode == 0 else {"replay": again.stderr[-500:]}
            peak, allowed = words.get("memory_peak", 0), words.get("memory_allowed", 0)
            if peak > allowed:
                text = f"{peak} bytes where {allowed} are allowed"
                words["findings"].append({"what": "Memory", "where": "replay", "text": text, "after_s": seconds})
        else:
            words["planted"] = f"{plant.module}: {plant.bug.strip()}"
        return words


def modules() -> dict[str, str]:
    """The repository's modules and their texts."""
    files = [path for package in ("archive", "clients", "regions", "world") for path in (ROOT / package).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files]
    return {name: path.read_text() for name, path in zip(names, files, strict=True)}


def instrumented(target: Target) -> list[str]:
    """The modules whose branches guide the fuzzer: those covered, but for kernels that numba is to compile."""
    texts = modules()
    return [name for name in target.covers if not target.jit or "@njit" not in texts[name]]


def put(plant: Plant, folder: Path) -> None:
    """Copy the module's package into a folder, with the bug in it."""
    package = plant.module.split(".", 1)[0]
    shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / (plant.module.replace(".", "/") + ".py")
    text = path.read_text()
    if text.count(plant.line + "\n") != 1:
        raise ValueError(
            f"{plant.module} has the line {plant.line.strip()!r} {text.count(plant.line)} times, expected 1"
        )
    path.write_text(text.replace(plant.line + "\n", plant.bug + "\n"))


def _figures(said: str) -> dict[str, int]:
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    features = re.findall(r"cov: (\d+) ft: (\d+)", said)
    edges, found = features[-1] if features else (0, 0)
    return {"executions": int(runs[1]) if runs else 0, "edges": int(edges), "features": int(found)}


def told(words: dict[str, Any]) -> str:
    """A target's run in a few lines."""
    spent = f"{words['seconds']} s ({words['cpu_seconds']} of CPU)"
    lines = [f"{words['target']}: {words['executions']} executions in {spent} from {words['seeds']} seeds"]
    if "lines" in words:
        share = f"{words['reached']} of {words['lines']} lines"
        lines.append(
            f"  reached {share} ({100 * words['reached'] // max(words['lines'], 1)} %), {words['inputs']} inputs kept"
        )
        lines += [f"    not {where}: lines {left}" for where, left in words["missed"].items()]
        lines.append(f"  memory: at most {words['memory_peak']} bytes, where {words['memory_allowed']} are allowed")
    if "planted" in words:
        lines.append(f"  planted in {words['planted']}")
    for one in words["findings"]:
        lines.append(
            f"  FOUND {one['what']} at {one['where']} after {one['after_s']} s: {one['text'].splitlines()[-1]}"
        )
    lines += [f"  BROKEN {words['broken']}"] if words["broken"] else []
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
