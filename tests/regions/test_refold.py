"""The Module alone: a golden log, folded again in an empty interpreter by the very Module it was made under; and what a
Module that is up to no good can do there.

What the golden log has caught: nothing yet. `python -m tests.regions.test_refold` writes it anew with the rules as they
are, which is right only when `regions.refold` speaks otherwise than before.
"""

import ast
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest

from archive.compression import compress, decompress
from archive.errors import ArchiveError
from regions import module
from regions.refold import Apply, Bodies, Did, Encode, Failed, Genesis, Load
from regions.shell import confinement
from regions.shell.confined import Confined, Limits
from tests.cluster import Cluster, Player
from world.actions import Gather, Move

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "log.zst"


def golden() -> dict[str, Any]:
    """Items (module, charter, map) and per region records, head, SHA-256 of the bodies' bytes."""
    found: dict[str, Any] = msgpack.unpackb(decompress(GOLDEN.read_bytes(), 1 << 24))
    return found


def module_of(files: dict[str, str]) -> bytes:
    """A Module's data with these files."""
    return compress(msgspec.msgpack.encode((1, "regions.compute.apply", sorted(files.items()), [])))


def strange(answering: str) -> bytes:
    """A Module whose answers are the business of this function body, given `raw`."""
    body = "\n".join("        " + line for line in answering.splitlines())
    refold = f"def answering():\n    def answer(raw):\n{body}\n    return answer\n"
    return module_of({"world/__init__.py": "", "regions/__init__.py": "", "regions/refold.py": refold})


def test_the_golden_log_is_folded_again_in_an_empty_interpreter() -> None:
    kept = golden()
    with Confined("the golden Module", kept["module"]) as far:
        place = Path(far.world)
        assert place.is_file() and not place.is_relative_to(ROOT) and place.parents[2] == Path(far.folder.name)
        for index, region in enumerate(kept["regions"]):
            last = far.ask(Genesis(index, kept["charter"], kept["map"]))
            for raw in region["records"]:
                last = far.ask(Apply(index, raw))
                assert isinstance(last, Did), last
            assert isinstance(last, Did) and last.head == region["head"] == sha256(region["records"][-1]).digest()
            bodies = far.ask(Encode(index))
            assert isinstance(bodies, Bodies) and sha256(bodies.raw).digest() == region["bodies"]
        changed = bytearray(kept["regions"][1]["records"][0])
        changed[-1] ^= 1
        far.ask(Genesis(1, kept["charter"], kept["map"]))
        refused = far.ask(Apply(1, bytes(changed)))
        assert isinstance(refused, Failed) and refused.kind in ("record", "diverged")
        assert isinstance(far.ask(Load(2, b"\x90", bytes(32))), Failed)
        folder = Path(far.folder.name)
    assert not folder.exists()


def test_the_module_is_closed() -> None:
    """Whatever its files import is the standard library, one of the locked packages, or among them."""
    files = dict(module.read_sources(module.module_bytes()))
    tops = {"Crypto": "pycryptodome", "nacl": "pynacl"}
    for name, text in files.items():
        for node in ast.walk(ast.parse(text if name.endswith(".py") else "")):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert not node.level and node.module, name
                found = [node.module]
            for one in found:
                top, path = one.split(".")[0], one.replace(".", "/")
                ours = f"{path}.py" in files or f"{path}/__init__.py" in files
                assert ours or top in sys.stdlib_module_names or tops.get(top, top) in module.LOCKED, (name, one)


def test_nothing_that_is_installed_here_can_be_imported_there() -> None:
    """`clients` is installed, and `msgpack`, which no Module is locked with; the answers are what could be imported."""
    body = (
        "found = []\nfor name in ('clients', 'regions.process', 'tests', 'world.tick', 'msgpack', 'site'):\n"
        "    try:\n        __import__(name)\n        found.append(name)\n    except ImportError:\n        pass\n"
        "import msgspec, os, sys\n"
        "return msgspec.msgpack.encode([3, 'found', repr((found, sorted(os.environ), sys.flags.isolated))])"
    )
    with Confined("strange", strange(body)) as far:
        answer = far.ask(Encode(0))
    assert isinstance(answer, Failed)
    found, surroundings, isolated = ast.literal_eval(answer.words)
    assert set(found) <= {"site"} and isolated  # `site` is the standard library's, and does nothing when imported so
    assert not {"HOME", "PATH", "PYTHONPATH"} & set(surroundings)


def test_a_module_that_loops_is_ended_at_the_limit() -> None:
    with Confined("strange", strange("while True: pass"), Limits(answer_s=20.0)) as far:
        far.limits = Limits(answer_s=0.5)
        process = far._process
        with pytest.raises(ArchiveError, match=r"strange.* no answer within 0\.5 s, and was ended"):
            far.ask(Encode(0))
        assert process.returncode == -9


def test_a_module_that_writes_is_ended_and_says_what_it_tried(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with (
        Confined("strange", strange(f"open({str(target)!r}, 'w')")) as far,
        pytest.raises(ArchiveError, match="tried what a Module may not, and was ended: open"),
    ):
        far.ask(Encode(0))
    assert not target.exists()


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/tmp/everloom-x', 'a')",
        "os.open('/tmp/everloom-x', os.O_CREAT | os.O_RDWR)",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.socketpair()",
        "import subprocess; subprocess.run(['true'])",
        "os.system('true')",
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
        "os.unlink('/tmp/everloom-none')",
        "os.mkdir('/tmp/everloom-x')",
        "os.symlink('a', '/tmp/everloom-x')",
        "import ctypes; ctypes.CDLL(None)",
        "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
    ],
)
def test_what_a_confined_process_tries_ends_it(attempt: str) -> None:
    """The same limits and hook, without the packages that take their time to load."""
    script = (
        f"import runpy, os, sys; ran = runpy.run_path({confinement.__file__!r}); import ctypes, socket, subprocess\n"
        "class Words:\n    def write(self, data): os.write(1, data)\n"
        "ran['confine'](1 << 33, 60, Words(), lambda words: repr(words).encode())\n"
        f"try:\n    {attempt}\nfinally:\n    os.write(1, b'went on')\n"
    )
    command = [sys.executable, "-I", "-S", "-B", "-c", script]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert b"'refused'" in done.stdout and b"went on" not in done.stdout, done
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"../x.py": ""}, "a file called"),
        ({"clients/cli.py": ""}, "a file called"),
        ({"world/__init__.py": "", "world/x.pyc": ""}, "a file called"),
        ({"world/__init__.py": ""}, "has no regions/refold.py"),
    ],
)
def test_a_module_with_other_files_is_not_unpacked(files: dict[str, str], words: str) -> None:
    with pytest.raises(ArchiveError, match=words):
        Confined("strange", module_of(files))
    for data in (b"", compress(b"\x90"), compress(msgspec.msgpack.encode((2, "x", [], [])))):
        with pytest.raises(ArchiveError, match="not a Module"):
            Confined("strange", data)


def main() -> None:
    """Write the golden log: two regions with NPCs, and two players who gather and cross."""
    cluster = Cluster(tiles=(64, 32), population=(6, 5, 3))
    players = [Player(cluster).enter(), Player(cluster, "q").enter()]
    for tick in range(200):
        for player in players:
            if tick % 3 == 0:
                player.act(Gather(1, 1))
            elif tick % 80 == 1:
                player.act(Move(127 if player.region == 1 else -127, 0))
            if tick % 8 == 7:
                player.send(player.head())
        cluster.ticks(1)
    items = {item.tag("Type"): item for item in cluster.founded.items}
    regions = []
    for index in cluster.processes:
        region = cluster.region(index)
        bodies = sha256(region.rules.encode(region.bodies)).digest()
        regions.append({"records": cluster.raws(index), "head": region.head, "bodies": bodies})
    kept = {"module": items["Module"].data, "charter": cluster.founded.charter_item.raw}
    kept |= {"map": items["Everloom-Map"].raw, "regions": regions}
    GOLDEN.write_bytes(compress(msgpack.packb(kept), 19))


if __name__ == "__main__":
    main()
