"""`everloom asset show`, and the script of the README that proves an asset with nothing of Everloom."""

import io
import json
import os
import runpy
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from archive import assets
from archive.checkpoint import AssetFiled
from archive.errors import ArchiveError, Damaged, Diverged, Missing
from archive.history import History
from archive.keys import Ed25519Key, b64
from archive.library import Library
from archive.restore import fetch
from archive.stores.disk import DiskStore
from archive.stores.local_weave import LocalWeave
from clients.asset_show import run, story_of
from regions.ao.gateway import Endpoints
from regions.collecting import collected, follow
from regions.revive import opening_of
from tests.audits import audited
from tests.clients.served_store import served
from tests.clients.treasure import on_disk, treasure
from tests.cluster import NODE, OWNER
from world import economy

SCRIPT = Path(__file__).parent / "check_asset.py"
LINES_MAX = 80


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> DiskStore:
    return on_disk(treasure()[0], tmp_path_factory.mktemp("treasure") / "store")


@pytest.fixture(scope="module")
def url(disk: DiskStore) -> Iterator[str]:
    local = LocalWeave(disk)
    local.extend()
    with served(Endpoints(Library(local.weave, disk), local.extend)) as address:
        yield address


def filed(disk: DiskStore, asset: int) -> AssetFiled:
    history = History.read(disk, opening_of)
    name = assets.asset_name(asset)
    return next(one for _, manifest in history.chain for one in manifest.assets if one.asset == name)


def test_every_hand_an_asset_passed_through_is_told_with_its_record(disk: DiskStore) -> None:
    world, (finder, friend), asset = treasure()
    story = story_of(disk, assets.asset_name(asset))
    assert [(hand.giver, hand.holder) for hand in story.hands] == [
        (None, finder.entity),
        (finder.entity, friend.entity),
        (friend.entity, finder.entity),
    ]
    assert [hand.region for hand in story.hands] == [1, 1, 2]
    assert (story.holder, story.region) == (finder.entity, 2)
    assert story.wallets[finder.entity] == b64_address(finder.wallet) and len(story.wallets) == 2
    times = [hand.time_ms for hand in story.hands]
    assert times == sorted(times) and story.hands[0].checkpoint < story.hands[2].checkpoint
    for hand in story.hands:
        record = world.records(hand.region)[hand.record - 1]
        assert record.n == hand.record and record.time_ms == hand.time_ms
        after = world.records(hand.region)[hand.record]
        assert b64(after.previous) == hand.record_hash
    by_item = story_of(disk, filed(disk, asset).metadata)
    assert by_item.hands == story.hands and story_of(disk, filed(disk, asset).picture).asset == asset


def b64_address(key: Ed25519Key) -> str:
    from archive.keys import address

    return address(key.public)


def test_people_and_programs_are_shown_the_same(disk: DiskStore, capsys: pytest.CaptureFixture[str]) -> None:
    _, (finder, _), asset = treasure()
    assert run(assets.asset_name(asset), disk.folder, True) == 0
    words = json.loads(capsys.readouterr().out)
    assert words["holder"] == assets.asset_name(finder.entity) and len(words["hands"]) == 3
    assert run(assets.asset_name(asset), disk.folder, False) == 0
    text = capsys.readouterr().out
    assert words["words"]["name"] in text and words["metadata"] in text
    for hand in words["hands"]:
        assert hand["record_hash"] in text and hand["segment"] in text
    for trait in words["words"]["attributes"]:
        assert trait["value"] in text


def test_a_terminal_with_colours_is_shown_the_picture(disk: DiskStore) -> None:
    asset = assets.asset_name(treasure()[2])
    command = [sys.executable, "-m", "clients.cli", "asset", "show", asset, "--from", str(disk.folder)]
    environment = os.environ | {"FORCE_COLOR": "1", "COLORTERM": "truecolor"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    assert done.stdout.count("▀") == 32 * 16


def test_an_asset_is_shown_from_a_server_as_from_a_folder(
    disk: DiskStore, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asset = assets.asset_name(treasure()[2])
    assert run(asset, disk.folder, True) == 0
    here = json.loads(capsys.readouterr().out)
    assert run(asset, url, True) == 0
    assert json.loads(capsys.readouterr().out) == here


def test_what_is_no_asset_is_named(disk: DiskStore) -> None:
    for which in ("0" * 16, "x" * 43, "nonsense", "\x1b[31m"):
        with pytest.raises(ArchiveError):
            story_of(disk, which)
    with pytest.raises(Missing, match="no asset of this id"):
        story_of(disk, treasure()[0].charter.module)


def test_hands_that_do_not_lead_to_the_holder_are_refused(disk: DiskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they would not where a segment lacks a record, or a table lies."""
    from clients import asset_show

    monkeypatch.setattr(asset_show, "gifts", lambda records, asset: list(real(records, asset))[:1])
    real = __import__("regions.provenance", fromlist=["gifts"]).gifts
    with pytest.raises(Damaged, match="the records lead to"):
        story_of(disk, assets.asset_name(treasure()[2]))


# The collection.


def test_the_collection_lists_what_was_filed_and_verify_holds_it_to_that(disk: DiskStore) -> None:
    history = History.read(disk, opening_of)
    ids = [one.metadata for _, manifest in history.chain for one in manifest.assets]
    newest = history.chain[-1][1]
    assert newest.collection is not None and len(ids) >= 3
    item = fetch(disk, newest.collection, [NODE.public])
    assert assets.decode_collection(item.data) == ids[: len(assets.decode_collection(item.data))]
    have = collected(lambda item_id: fetch(disk, item_id), newest)
    assert list(have.ids) == ids and have.item == newest.collection and not have.due
    step = collected(lambda item_id: fetch(disk, item_id), history.chain[0][1])
    for _, manifest in history.chain[1:]:
        step = follow(step, manifest)
    assert step == have
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(economy, "FIND_ODDS", 1)
        audited(treasure()[0].store, treasure()[0])


def test_a_collection_that_leaves_an_asset_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.forger import retell

    monkeypatch.setattr(economy, "FIND_ODDS", 1)
    world = treasure()[0]
    whole = assets.encode_collection
    monkeypatch.setattr(assets, "encode_collection", lambda name, ids: whole(name, ids[1:]))
    store = retell(world, lambda index, record: record)
    monkeypatch.setattr(assets, "encode_collection", whole)
    with pytest.raises(Diverged, match="not the list of the"):
        audited(store, world)


# The script.


def test_the_script_is_short_and_imports_nothing_of_everloom() -> None:
    lines = SCRIPT.read_text().splitlines()
    assert len(lines) <= LINES_MAX and max(map(len, lines)) <= 120
    imported = [line for line in lines if line.startswith(("import ", "from "))]
    for package in ("archive", "regions", "world", "clients", "assets", "tests"):
        assert not any(package in line.split() for line in imported)


def test_the_script_proves_an_asset_over_http(disk: DiskStore, url: str) -> None:
    world, (finder, _), asset = treasure()
    name = filed(disk, asset).metadata
    owner = b64_address(OWNER)
    for given in ((), (owner,)):
        command = [sys.executable, "-I", str(SCRIPT), url, name, *given]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        story = story_of(disk, name)
        assert f"found by {finder.entity:016x} in record {story.hands[0].record} of region" in done.stdout
        assert world.charter.world in done.stdout and owner in done.stdout
    command = [sys.executable, "-I", str(SCRIPT), url, name, "x" * 43]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and f"NOT PROVED: the world's owner is {owner}" in done.stderr


Answers = dict[tuple[str, bytes], bytes]


def told(
    url: str, name: str, answers: Answers, monkeypatch: pytest.MonkeyPatch, lies: Mapping[tuple[str, bytes], bytes]
) -> str:
    """What the script finds wrong when it is told `answers` (asked for, the first time), but for the `lies`."""
    real = urllib.request.urlopen

    def open_url(asked: urllib.request.Request, timeout: float) -> io.BytesIO:
        key = asked.full_url, asked.data if isinstance(asked.data, bytes) else b""
        if key not in answers:
            answers[key] = real(asked, timeout=timeout).read()
        return io.BytesIO(lies.get(key, answers[key]))

    with monkeypatch.context() as patched:
        patched.setattr(urllib.request, "urlopen", open_url)
        patched.setattr(sys, "argv", [str(SCRIPT), url, name])
        try:
            runpy.run_path(str(SCRIPT))
        except SystemExit as ended:
            return str(ended.code)
        except (InvalidSignature, ValueError, KeyError, TypeError, StopIteration) as error:
            return type(error).__name__
    return ""


def test_the_script_fails_on_any_changed_byte(
    disk: DiskStore, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, answers = filed(disk, treasure()[2]).metadata, Answers()
    assert told(url, name, answers, monkeypatch, {}) == ""
    assert "PROVED" in capsys.readouterr().out
    items = {key: raw for key, raw in answers.items() if "/raw/" in key[0]}
    assert len(items) >= 7, "metadata, owner's process, charter, manifest, picture, chronicle, segments"
    for key, raw in items.items():
        size = len(raw)
        for place in sorted({0, 1, size // 2, size - 1, *range(0, size, max(size // 9, 1))}):
            changed = bytearray(raw)
            changed[place] ^= 1 << place % 8
            assert told(url, name, answers, monkeypatch, {key: bytes(changed)}), f"byte {place} of {key[0]}"
        for other in (raw[:-1], raw + b"\0", b""):
            assert told(url, name, answers, monkeypatch, {key: other})
    assert "PROVED" not in capsys.readouterr().out


def test_the_script_fails_on_any_changed_field(disk: DiskStore, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, answers = filed(disk, treasure()[2]).metadata, Answers()
    assert told(url, name, answers, monkeypatch, {}) == ""
    for asked in [key for key in answers if b"transaction(id" in key[1]]:
        for change in CHANGES:
            words = json.loads(answers[asked])
            change(words["data"]["transaction"])
            assert told(url, name, answers, monkeypatch, {asked: json.dumps(words).encode()}), asked
    for asked in [key for key in answers if b"transactions(" in key[1]]:
        for other in (name, treasure()[0].charter.world):
            lied = json.dumps({"data": {"transactions": {"edges": [{"node": {"id": other}}]}}}).encode()
            assert told(url, name, answers, monkeypatch, {asked: lied})


def _bend(text: str) -> str:
    return ("A" if text[:1] != "A" else "B") + text[1:]


CHANGES: list[Callable[[dict[str, Any]], object]] = [
    lambda node: node.update(signature=_bend(node["signature"])),
    lambda node: node.update(anchor="A" * 43),
    lambda node: node.update(recipient="A" * 43),
    lambda node: node["owner"].update(key=_bend(node["owner"]["key"])),
    lambda node: node["tags"].pop(),
    lambda node: node["tags"].append({"name": "more", "value": "x"}),
    lambda node: node["tags"].reverse(),
    lambda node: node["tags"][0].update(value=_bend(node["tags"][0]["value"])),
    lambda node: node["tags"][-1].update(name=_bend(node["tags"][-1]["name"])),
]


def test_another_s_signature_over_the_same_words_proves_nothing(disk: DiskStore, tmp_path: Path) -> None:
    """Whoever copies an asset's items under a key of his own has no asset of this world."""
    from archive.bundle import pack
    from archive.data_item import sign_item

    stranger = Ed25519Key(b"\x2a" * 32)
    one = filed(disk, treasure()[2])
    original = fetch(disk, one.metadata)
    copy = sign_item(stranger, original.data, original.tags)
    other = on_disk(treasure()[0], tmp_path / "store")
    other.put_bundle(pack([copy]))
    local = LocalWeave(other)
    local.extend()
    with served(Endpoints(Library(local.weave, other))) as address:
        command = [sys.executable, "-I", str(SCRIPT), address, b64(copy.id)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0 and "NOT PROVED" in done.stderr


def test_the_readme_holds_the_script_as_it_is_run_here() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    assert f"```python\n{SCRIPT.read_text()}```" in readme
