"""A change of rules: a world lived under rules A, was upgraded to B, lived on; each span is proved by its own Module.

A is B, the installed rules, but for one constant: under A an utterance has at most 60 characters.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from archive import chronicle
from archive.data_item import parse_item, sign_item
from archive.errors import ArchiveError, Diverged, Forged
from archive.history import History
from archive.keys import Ed25519Key, b64, save_key, unb64
from archive.restore import fetch
from archive.snapshot import decode_file
from archive.stores.disk import DiskStore
from archive.stores.memory import MemoryStore
from archive.verify import verify
from clients.upgrade import upgraded
from clients.verify import Rules
from clients.verify import run as verify_command
from regions import founding, holdings, module, region_state
from regions.auditing import Auditor
from regions.charter import Charter, read_charter
from regions.compute import apply
from regions.errors import ConfigError, RecordError
from regions.revive import Revived, find, opening_of
from regions.shell import confined
from regions.shell.confined import Confined
from regions.shell.files import WorldDir
from tests.archived import OWNER_ADDRESS, Archived, Settler
from tests.cluster import NODE, OWNER, SCHEDULER
from world import deeds
from world.actions import Move, Speak
from world.events import Refusal

LINE = ("SPEECH_MAX: Final = 120", "SPEECH_MAX: Final = 60")
TILES, POPULATION = (64, 32), (5, 4, 2)
QUIET = Console(quiet=True)
Key: Any = OWNER  # an Ed25519 one: an RSA key takes seconds to make, and no rule knows the difference


def under_a(patch: pytest.MonkeyPatch) -> None:
    """From here on the installed rules are A."""
    ours = module.sources()
    files = [(name, text.replace(*LINE) if name == "world/units.py" else text) for name, text in ours]
    assert files != ours
    patch.setattr(module, "sources", lambda: files)
    patch.setattr(deeds, "SPEECH_MAX", 60)


@dataclass
class Lived:
    """A world's directory, the era charters, and the state it came to in each era."""

    home: Path
    store: DiskStore
    first: Charter
    first_item: str
    heads: list[int]
    second_item: str
    spoke: tuple[list[int], list[int]]
    state_hash: str
    checkpoints: tuple[int, int]  # the last of A, the first of B


def live(world: Archived, *players: Settler) -> list[int]:
    """Walk and talk; the verdicts on utterances of 80 characters. Ends with a planned stop."""
    for tick in range(100):
        for player in players:
            if tick % 40 == 1:
                player.act(Move(127 if player.region == 1 else -127, 0))
            elif tick % 10 == 5:
                player.act(Speak("la " * 26 + "!?"))
            if tick % 8 == 7:
                player.send(player.head())
        world.ticks(1)
    world.stop_in_order()
    return [answer.verdict for player in players for answer in player.answers]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    home = tmp_path_factory.mktemp("upgraded")
    store: Any = DiskStore(home / "store")
    with pytest.MonkeyPatch.context() as patch:
        under_a(patch)
        world = Archived(store, small=False, tiles=TILES, population=POPULATION)
        one, two = Settler(world), Settler(world, "q")
        one.enter(), two.enter()
        first = live(world, one, two)
    heads = [world.region(index).state.n for index in world.processes]
    directory = WorldDir(home)
    (home / "keys").mkdir()
    for name, key in (("node", NODE), ("scheduler", SCHEDULER)):
        save_key(home / "keys" / f"{name}.json", key)
    directory.write_about(world.charter.world, b64(world.charter_item.id), store.folder)
    last = world.told[-1]["checkpoint"]
    charter_id = upgraded(directory, store, Key, heads, None, QUIET)

    item = parse_item(store.get(charter_id))
    charter, _ = read_charter(item.raw)
    files = {index: next(directory.snapshot_files(index)) for index in world.processes}
    revived = Revived(charter, item, [], files, last, charter.checkpoint or "", b"")
    again = Archived(store, small=False, revived=revived, tiles=TILES, population=POPULATION)
    again.random.seed(2)
    for player in (one, two):
        player.cluster, again.gateways[player.name] = again, player._hear
        here = player.where()
        assert here is not None
        player.region = here.region
        player.login()
        again.ticks(2)
        player.send(player.head())
        again.ticks(2)
        player.answers.clear()
    second = live(again, one, two)
    told = again.told[-1]
    yield Lived(
        home, store, world.charter, b64(world.charter_item.id), heads, charter_id, (first, second),
        told["state_hash"], (last, last + 1),
    )  # fmt: skip


def say(capsys: pytest.CaptureFixture[str], *arguments: Any, **more: Any) -> tuple[int, dict[str, Any]]:
    """The exit status of `everloom verify --json`, and what it printed last."""
    status = verify_command(*arguments, True, **more)
    return status, json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_the_world_goes_on_under_the_new_rules(lived: Lived) -> None:
    assert Refusal.NOT_AN_ACTION in lived.spoke[0] and Refusal.NOT_AN_ACTION not in lived.spoke[1]
    charter, item = read_charter(lived.store.get(lived.second_item))
    found = find(lived.store, lived.first.world)
    assert (charter.era, charter.world, found.opening.id) == (2, lived.first.world, lived.second_item)
    assert charter.module != lived.first.module and [cut.n for cut in charter.cut or []] == lived.heads
    assert (
        module.differences(lived.store.get(charter.module) and parse_item(lived.store.get(charter.module)).data) == []
    )
    assert found.manifest.module == charter.module and item.owner == OWNER.public
    first = next(manifest for _, manifest in History.read(lived.store, opening_of).chain if manifest.era == 2)
    lines = chronicle.decode(fetch(lived.store, first.chronicle or "").data)
    assert [charter.module in line["text"] for line in lines if line["event"] == "rules_changed"] == [True]


def test_only_a_claim_under_the_new_module_follows_the_upgrade(lived: Lived) -> None:
    charter, _ = read_charter(lived.store.get(lived.second_item))
    directory = WorldDir(lived.home)
    for index in range(3):
        n, raw = next(directory.snapshot_files(index))
        file = decode_file(raw)
        region = region_state.decode(file.state, founding.rules_of(index), file.head)
        assert (n, region.state.module, region.state.era) == (lived.heads[index], unb64(charter.module), 2)
        with pytest.raises(RecordError):
            apply(region, b"\x90")
        told = [one for one in region.state.chronicle if "the rules change" in one.event[5]]
        assert len(told) == (index == 0)


def test_verify_refuses_the_older_span_by_name_and_begins_after_it(
    lived: Lived, capsys: pytest.CaptureFixture[str]
) -> None:
    status, words = say(capsys, "", lived.store.folder, "")
    assert status == 1 and words["diverged"]["object"] == lived.first.module
    assert "world/units.py differ" in words["diverged"]["reason"] and "--run-module" in words["diverged"]["reason"]
    status, words = say(capsys, "", lived.store.folder, str(lived.checkpoints[1]))
    assert status == 0 and words["state_hash"] == lived.state_hash and words["modules_run"] == []


def test_the_older_span_diverges_under_the_new_rules(lived: Lived) -> None:
    def kit_of(charter: Charter, charter_id: bytes, owner: bytes) -> holdings.Kit:
        world_map = founding.read_map(parse_item(lived.store.get(charter.map)))
        return holdings.kit(lambda index: founding.genesis(charter, charter_id, owner, index, world_map))

    with pytest.raises(Diverged, match="verdicts"):
        verify(lived.store, opening_of, Auditor(lived.store.get, kit_of))


def test_each_span_is_proved_by_its_own_module(
    lived: Lived, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path] = []
    start = Confined._start

    def started(self: Confined, home: Path) -> None:
        places.append(home)
        start(self, home)

    monkeypatch.setattr(confined.Confined, "_start", started)
    status, words = say(capsys, "", lived.store.folder, "", run_module=True)
    assert status == 0 and words["state_hash"] == lived.state_hash and words["era"] == 2
    assert words["modules_run"][0] == lived.first.module and places and not places[0].exists()


def test_a_module_that_another_signed_is_not_run(lived: Lived) -> None:
    ours = parse_item(lived.store.get(lived.first.module))
    foreign = sign_item(Ed25519Key(bytes(31) + b"\x09"), ours.data, list(ours.tags))
    store = Swapped(lived.store, {b64(foreign.id): foreign.raw})
    with Rules(store, run_module=True) as rules, pytest.raises(Forged, match="not by the world's owner: not run"):
        rules.kit_of(replace(lived.first, module=b64(foreign.id)), unb64(lived.first_item), OWNER_ADDRESS)


@pytest.mark.parametrize("from_end", [1, 200])
def test_a_module_with_a_changed_byte_is_not_run(lived: Lived, from_end: int) -> None:
    raw = bytearray(lived.store.get(lived.first.module))
    raw[-from_end] ^= 1
    store = Swapped(lived.store, {lived.first.module: bytes(raw)})
    with Rules(store, run_module=True) as rules:
        with pytest.raises(ArchiveError, match=lived.first.module):
            rules.kit_of(lived.first, unb64(lived.first_item), OWNER_ADDRESS)
        assert not rules.ran


class Swapped(MemoryStore):
    """A store that gives other bytes for some items."""

    def __init__(self, store: DiskStore, other: dict[str, bytes]) -> None:
        super().__init__()
        self.store, self.other = store, other

    def get(self, item_id: str) -> bytes:
        return self.other.get(item_id) or self.store.get(item_id)


def test_an_upgrade_that_was_stopped_half_way_is_done_by_the_next(lived: Lived) -> None:
    """The charter is in the store, `world.json` names the one before; and no checkpoint was made since."""
    old = WorldDir(lived.home)
    about = old.about.read_bytes()
    old.write_about(lived.first.world, lived.first_item, lived.store.folder)
    try:
        with pytest.raises(ConfigError, match="is not of the era"):
            upgraded(old, lived.store, Key, lived.heads, None, QUIET)
    finally:
        old.about.write_bytes(about)


def test_a_world_that_was_not_stopped_in_order_is_not_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = DiskStore(tmp_path / "store")
    with monkeypatch.context() as patch:
        under_a(patch)
        world = Archived(store, small=False, tiles=TILES, population=POPULATION)
        world.ticks(10)
        world.stop_in_order()
    heads = [world.region(index).state.n for index in world.processes]
    directory = WorldDir(tmp_path)
    (tmp_path / "keys").mkdir()
    for name, key in (("node", NODE), ("scheduler", SCHEDULER)):
        save_key(tmp_path / "keys" / f"{name}.json", key)
    directory.write_about(world.charter.world, b64(world.charter_item.id), store.folder)
    before, items = directory.about.read_bytes(), set(store.ids())
    with pytest.raises(ConfigError, match=r"region 1's log ends at record \d+, .* not stopped in order"):
        upgraded(directory, store, Key, [heads[0], heads[1] + 1, heads[2]], None, QUIET)
    with monkeypatch.context() as patch:
        patch.setattr(region_state, "_decoder", region_state.msgspec.msgpack.Decoder(tuple[int, bytes]))
        with pytest.raises(ConfigError, match="another form, and no migration is known"):
            upgraded(directory, store, Key, heads, None, QUIET)
    assert directory.about.read_bytes() == before and set(store.ids()) == items

    charter_id = upgraded(directory, store, Key, heads, None, QUIET)
    directory.about.write_bytes(before)  # as if it had been stopped before its last step
    assert upgraded(directory, store, Key, heads, None, QUIET) == charter_id
    assert directory.read_about()["charter"] == charter_id
