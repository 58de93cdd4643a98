"""The Module: the locked import closure of the fold, so that history is re-run under the very rules that made it.

The bytes are zstd over one MessagePack array: [format 1, entry point, [[file, text] ... sorted by file], [[package,
version] ... sorted by name]]. The closure is found by reading the import statements, beginning at the entry point.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from archive.compression import compress, decompress

ENTRY: Final = ("regions.compute", "regions.land_rules", "regions.world_process", "regions.founding", "regions.refold")
OURS: Final = ("world", "regions", "archive")
LOCKED: Final = (
    "coincurve", "cryptography", "llvmlite", "msgspec", "numba", "numpy", "pycryptodome", "pynacl", "zstandard",
)  # fmt: skip
STATEMENTS: Final = ("body", "orelse", "handlers", "finalbody", "cases")  # where imports can stand
MODULE_BYTES_MAX: Final = 16 * 1024 * 1024
_NAME: Final = re.compile(
    r"(?:world|regions|archive)(?:/[a-z_][a-z0-9_]{0,63}){1,3}\.py|world/fauna/[a-z][a-z0-9_]{0,63}\.toml|world/recipes\.txt"
)
Locked = tuple[int, str, list[tuple[str, str]], list[tuple[str, str]]]
ROOT: Final = Path(__file__).resolve().parent.parent


def sources() -> list[tuple[str, str]]:
    """Every file of the closure with its text, sorted by file."""
    found: dict[str, str] = {}
    waiting = list(ENTRY)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is None or path in found:
            continue
        found[path] = (ROOT / path).read_text(encoding="utf-8")
        waiting += _imports(found[path])
        waiting += [name.rpartition(".")[0]]
    for data in (*sorted((ROOT / "world" / "fauna").glob("*.toml")), ROOT / "world" / "recipes.txt"):  # read at import
        found[data.relative_to(ROOT).as_posix()] = data.read_text(encoding="utf-8")
    return sorted(found.items())


def module_bytes() -> bytes:
    """The Module item's data."""
    packages = [(name, version(name)) for name in LOCKED]
    return compress(msgspec.msgpack.encode((1, "regions.compute.apply", sources(), packages)), 19)


def fingerprint() -> bytes:
    """SHA-256 of the closure's files: equal for two programs that fold alike."""
    return hashlib.sha256(msgspec.msgpack.encode(sources())).digest()


def read_sources(data: bytes) -> list[tuple[str, str]]:
    """The files of a Module item's data, names checked. Raises ArchiveError or ValueError for any other bytes."""
    files = _read(data)[2]
    for name, _ in files:
        if not _NAME.fullmatch(name):
            raise ValueError(f"a Module with a file called {name[:80]!r}; they lie in {', '.join(OURS)}")
    if len(dict(files)) != len(files):
        raise ValueError(f"a Module with {len(files)} files under {len(dict(files))} names")
    return files


def other_versions(data: bytes) -> list[str]:
    """The packages that a Module was locked with in other versions than are installed here, in words."""
    return [f"{name[:40]} {locked[:40]}" for name, locked in _read(data)[3] if _installed(name) != locked]


def _read(data: bytes) -> Locked:
    locked: Locked = msgspec.msgpack.decode(decompress(data, MODULE_BYTES_MAX), type=Locked)
    if locked[0] != 1:
        raise ValueError(f"a Module of format {locked[0]}; this program reads format 1")
    return locked


def _installed(name: str) -> str:
    try:
        return version(name) if name in LOCKED else ""
    except PackageNotFoundError:
        return ""


def differences(data: bytes) -> list[str]:
    """The files in which a Module differs from what is installed here; empty when both fold alike."""
    theirs, ours = dict(read_sources(data)), dict(sources())
    return sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))


def _file(name: str) -> str | None:
    if name.split(".", 1)[0] not in OURS:
        return None
    path = name.replace(".", "/")
    for candidate in (f"{path}.py", f"{path}/__init__.py"):
        if (ROOT / candidate).is_file():
            return candidate
    return None


def _imports(text: str) -> Iterator[str]:
    waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            waiting += [inner for part in STATEMENTS for inner in getattr(node, part, ())]
