"""No decoder is forgotten: every function that takes bytes apart is fuzzed, or stands here with the reason why not."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.replay import lines_of
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("archive", "clients", "regions", "world")

PARTING = {
    "b64decode", "decode", "decompress", "decompressobj", "exchange", "feed", "from_buffer", "from_bytes",
    "from_public_bytes", "fromhex", "fromisoformat", "fromstring", "frombuffer", "iter_unpack", "literal_eval", "load",
    "load_der_private_key", "loads", "loadtxt", "parse_object", "parse_tileset", "stream_reader", "unpack",
    "unpack_from", "urlsafe_b64decode",
}  # fmt: skip
"""What takes bytes or a text apart. Calls of our own functions do not count: those are looked at themselves."""

OUT = "makes bytes of values of ours: nothing comes in"
OWN = "lines of JSON between this program's own processes, over pipes that nobody else holds"
LOG = "answers of the log server: this program's own child on 127.0.0.1; a strange one is an error of starting it"

LENGTH = (
    "four bytes, any of which are a length, held against a limit; the rest is read by regions.refold (target refold)"
)

MEASURED = "what a world said that this benchmark started itself, beside it"

TEXT = "decodes text, other bytes replaced: any bytes are one"

ELSEWHERE = {
    "archive.__main__:_plain": OUT,
    "archive.keys:b64": OUT,
    "archive.lookup:Lookup.grow": TEXT,
    "archive.possession:offsets": "a hash computed here",
    "clients.archive_audit:run": "hex digits that the user of this program types",
    "clients.archive_cost:_price": TEXT,
    "clients.asset_show:_words": "json.loads alone, every error of which it handles",
    "clients.asset_move:Door.body": "what the door says that the user of this program chose",
    "clients.bench.ao:_join": MEASURED,
    "clients.bench.ao:_measure": MEASURED,
    "clients.bench.conditions:compared": "figures of an earlier run, a file that the user of this program names",
    "clients.bench.cpu:_title": TEXT,
    "clients.bench.history:_command": MEASURED,
    "clients.bench.history:_live": MEASURED,
    "clients.bench.engines:Chipmunk._read": "numbers of a library in this very process",
    "clients.bench.crowds:_crowd": MEASURED,
    "clients.bench.crowds:_up": MEASURED,
    "clients.bench.crowds:_up.read": TEXT,
    "clients.bench.crowds:measure": MEASURED,
    "clients.bench.light_bot:Bot._write": OUT,
    "clients.bench.light_bot:Bot.data_received": MEASURED,
    "clients.bench.plain_http:Answered.json": MEASURED,
    "clients.draw.panel:Overlay.portrait": "loads the PNG that the line before drew (target asset-drawn)",
    "clients.draw.pictures:load": "pictures of this program's own folder",
    "clients.history:History._asset": "json.loads alone, every error of which it handles",
    "clients.history:_utc_ms": "a time that the user of this program types",
    "clients.species_files:_texts": "decodes text, refuses others by name; world.species_text and look_files read it",
    "clients.up:_end": OWN,
    "regions.filing:file_checkpoint": "hashes that the caller computed",
    "regions.handshake:to_point": "the public half of a key made here",
    "regions.refold:_done": "a state's bodies, read as every state's are (targets of the rules), in a confined process",
    "regions.revive:adopt": "the world's process's own state, read as everywhere (target of the rules)",
    "regions.shell.agent:Machine._listen": OWN,
    "regions.shell.ao:_main": OWN,
    "regions.shell.archivist:_commands": OWN,
    "regions.shell.archivist:_main": OWN,
    "regions.shell.confined:Confined._answer": LENGTH,
    "regions.shell.confinement:Frames.read": LENGTH,
    "regions.shell.gateway:Settings.door": OWN,
    "regions.shell.gateway:_main": OWN,
    "regions.shell.nats_log:Log.append": LOG,
    "regions.shell.nats_log:Log._ask": LOG,
    "regions.shell.nats_monitor:ask_monitor": LOG,
    "regions.shell.nats_server:NatsServer._await_ports": LOG,
    "regions.shell.nats_server:_command_of": "what the kernel says of a process, compared with a text",
    "regions.shell.region:_commands": OWN,
    "regions.shell.region:_main": OWN,
    "regions.shell.seals:seal": "the owner's public key, read before",
    "regions.shell.zygote:Zygote._hear": "three numbers at a time of this program's own child, over a socket of theirs",
    "regions.websocket:closing": OUT,
    "world.delta:_place_events": OUT,
    "world.draws:seeds": "a hash computed here",
    "world.species:_write_name": OUT,
    "world.species:name_of": TEXT,
}


def parting() -> Iterator[tuple[str, str]]:
    """(module, function) of everything that calls one of PARTING."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            tree = ast.parse(path.read_text())
            yield from dict.fromkeys((module, name) for name in _within(tree, "", set(_ours(tree))))


def _ours(tree: ast.Module) -> Iterator[str]:
    """Names that stand for functions and modules of this repository."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PACKAGES:
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.FunctionDef):
            yield node.name


def _within(node: ast.AST, name: str, ours: set[str]) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _within(child, f"{name}.{child.name}".removeprefix("."), ours)
            continue
        if isinstance(child, ast.Call) and name and _parts(child.func, ours):
            yield name
        yield from _within(child, name, ours)


def _parts(called: ast.expr, ours: set[str]) -> bool:
    if isinstance(called, ast.Attribute):
        if called.attr in ("load", "loads"):  # names of much else, too
            return ast.unparse(called.value) in ("json", "np", "pygame.image")
        return called.attr in PARTING and getattr(called.value, "id", "") not in ours
    return isinstance(called, ast.Name) and called.id in PARTING - ours


def covered() -> set[tuple[str, str]]:
    """(module, function or class) that some target covers."""
    return {(module, name) for target in TARGETS.values() for module, names in target.covers.items() for name in names}


def test_every_function_that_takes_bytes_apart_is_fuzzed_or_named_with_a_reason() -> None:
    known = covered()
    forgotten = [
        f"{module}:{name}"
        for module, name in parting()
        if (module, name) not in known
        and (module, name.split(".")[0]) not in known
        and f"{module}:{name}" not in ELSEWHERE
    ]
    assert not forgotten, f"fuzz these (tests/fuzz/targets.py) or say why not: {forgotten}"


def test_no_reason_outlives_its_function() -> None:
    there = {f"{module}:{name}" for module, name in parting()}
    assert set(ELSEWHERE) <= there, set(ELSEWHERE) - there
    assert not {f"{module}:{name}" for module, name in covered()} & set(ELSEWHERE)


def test_every_target_covers_functions_that_exist_and_allows_a_bounded_output() -> None:
    for target in TARGETS.values():
        assert all(lines_of(target).values()), target.name
        assert target.permitted(target.longest) <= 1 << 30, target.name
