"""What `everloom archive` says of a store: every item, each state by itself, what is wrong, what items hold."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archive import checkpoint
from archive.assets import Face, Where, image_uri, sign_collection, sign_metadata, sign_picture
from archive.bundle import pack
from archive.data_item import sign_item
from archive.errors import ArchiveError, Missing
from archive.keys import Ed25519Key, b64
from archive.stores.disk import DiskStore
from clients.archive_view import listing, show, status
from clients.cli import app
from clients.half_blocks import half_blocks
from clients.item_words import KINDS, escaped, kind_of
from regions.holdings import face, metadata
from tests.clients.lived import lived
from world.items import FIND
from world.portrait import picture, picture_png

NODE = Ed25519Key(bytes(range(32)))
HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e[bold]\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lived world's store on disk; an asset; a stranger's item with a hostile text."""
    world, _ = lived()
    folder = tmp_path_factory.mktemp("world") / "store"
    disk = DiskStore(folder)
    for item_id in reversed(list(world.store.ids())):
        disk.put(world.store.get(item_id))
    one: Face = face(1 << 48 | 7, FIND, 0x1234567890)
    where = Where(world.charter.world, 1, 1)
    drawn = sign_picture(NODE, where, one)
    words = metadata(world.charter.world, one.asset, FIND, 0x1234567890, image_uri(drawn))
    told = sign_metadata(NODE, where, one, words)
    disk.put_bundle(pack([drawn, told, sign_collection(NODE, world.charter.world, 1, 1, [b64(told.id)])]))
    disk.put(sign_item(NODE, HOSTILE.encode(), [("Type", "Everloom-" + HOSTILE), ("Content-Type", "text/plain")]).raw)
    return folder


def last_line(capsys: pytest.CaptureFixture[str]) -> object:
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def items(store: Path, capsys: pytest.CaptureFixture[str], kind: str = "") -> list[dict[str, object]]:
    assert listing(store, kind, True) == 0
    found = last_line(capsys)
    assert isinstance(found, list)
    return found


def test_every_item_is_listed_once_with_its_file(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disk, found = DiskStore(store), items(store, capsys)
    assert [one["id"] for one in found] == list(disk.ids())[::-1]
    for one in found:
        assert set(one) == {"id", "kind", "bytes", "owner", "path", "state"}
        assert one["bytes"] == len(disk.get(str(one["id"])))
        assert disk.get(str(one["id"])) in Path(str(one["path"])).read_bytes()
        assert one["state"] == "stored"
    kinds = {str(one["kind"]) for one in found}
    unmade = {"withdrawal", "looks"}
    assert kinds == set(KINDS.values()) - unmade | {"other"}, "nothing left this world, and it has the usual species"


def test_one_kind_can_be_listed_and_an_unknown_one_is_refused(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifests = items(store, capsys, "manifest")
    assert len(manifests) == 5
    assert listing(store, "segment", False) == 0
    out = capsys.readouterr().out
    assert "segment" in out
    assert "manifest" not in out
    with pytest.raises(ArchiveError, match="no such kind"):
        listing(store, "Segment", True)


def test_status_counts_each_state_by_itself(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(store, True) == 0
    words = last_line(capsys)
    assert isinstance(words, dict)
    found = items(store, capsys)
    assert set(words["states"]) == {"stored", "submitted", "permanent"}
    assert words["states"]["stored"]["items"] == words["items"] == len(found)
    assert words["states"]["stored"]["bytes"] == sum(int(str(one["bytes"])) for one in found)
    assert words["states"]["submitted"] == words["states"]["permanent"] == {"items": 0, "bytes": 0, "kinds": {}}
    world, _ = lived()
    (one,) = words["worlds"]
    assert (one["world"], one["eras"], one["checkpoint"]) == (world.charter.world, [1], 5)
    assert one["state_hash"] == world.manifest().state_hash
    assert one["lag_s"] > 0
    assert words["problems"] == []
    assert status(store, False) == 0
    out = capsys.readouterr().out
    assert "stored" in out
    assert "submitted" in out
    assert "permanent" in out
    assert "newest checkpoint 5 of era 1" in out


def test_damage_in_the_folder_is_said(store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for path in store.rglob("*"):
        if path.is_file():
            target = copy / path.relative_to(store)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    newest = items(copy, capsys, "manifest")[-1]
    file = Path(str(newest["path"]))
    raw = bytearray(file.read_bytes())
    raw[-20] ^= 1
    file.write_bytes(raw)
    assert status(copy, True) == 1
    words = last_line(capsys)
    assert isinstance(words, dict)
    assert words["problems"]
    assert words["states"]["damaged"]["items"] == 1
    assert words["worlds"][0]["checkpoint"] == 4
    assert str(newest["id"]) in words["worlds"][0]["incomplete"][0]
    assert status(copy, False) == 1
    assert "PROBLEM" in capsys.readouterr().out
    assert [one["state"] for one in items(copy, capsys) if one["id"] == newest["id"]] == ["damaged"]
    assert show(str(newest["id"]), copy, False) == 1
    assert "NO:" in capsys.readouterr().out


def test_a_checkpoint_whose_parts_are_gone_does_not_count(
    store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    world, _ = lived()
    gone = world.manifest().regions[1].snapshot
    disk = DiskStore(tmp_path / "partial")
    for item_id in reversed(list(world.store.ids())):
        if item_id != gone:
            disk.put(world.store.get(item_id))
    assert status(tmp_path / "partial", True) == 0
    words = last_line(capsys)
    assert isinstance(words, dict)
    (one,) = words["worlds"]
    assert one["checkpoint"] == 4
    assert one["incomplete"] == [f"checkpoint 5 lacks {gone}"]


@pytest.mark.parametrize("kind", [*sorted(set(KINDS.values())), "other"])
def test_each_kind_of_item_is_told_in_words(store: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    for one in items(store, capsys, kind)[-2:]:
        assert show(str(one["id"]), store, True) == 0
        words = last_line(capsys)
        assert isinstance(words, dict)
        assert words["valid"]
        assert words["holds"]
        assert show(str(one["id"]), store, False) == 0
        out = capsys.readouterr().out
        assert str(one["id"]) in out
        assert all(sign.isprintable() for sign in out.replace("\n", ""))


def test_a_manifest_names_its_regions_and_a_chronicle_its_events(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = items(store, capsys, "manifest")[-1]
    show(str(newest["id"]), store, False)
    out = capsys.readouterr().out
    world, _ = lived()
    for index in (1, 2):
        assert f"..{world.manifest().regions[index].end}" in out
    assert "checkpoint 5 of era 1, whole" in out
    for one in items(store, capsys, "chronicle"):
        show(str(one["id"]), store, False)
        assert re.search(r"\d+ key events\n  2023-11-14T", capsys.readouterr().out)


def test_texts_of_strangers_cannot_reach_the_terminal(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (one,) = items(store, capsys, "other")
    assert listing(store, "", False) == 0
    assert show(str(one["id"]), store, False) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\\x1b[2J" in out
    assert escaped("a\x00b\ud800") == "a\\x00b\\ud800"
    assert kind_of((("Type", "everything"),)) == "other"


def test_pictures_are_drawn_in_half_blocks(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    traits = 0x1234567890
    text = half_blocks(picture_png(traits, FIND))
    lines = text.plain.splitlines()
    assert len(lines) == 16
    assert set(lines) == {"  " + "▀" * 32}
    pixels, palette = picture(traits, FIND)
    upper, lower = palette[pixels[0][0]], palette[pixels[1][0]]
    style = f"rgb({','.join(map(str, upper))}) on rgb({','.join(map(str, lower))})"
    assert str(text.spans[0].style) == style


def test_pictures_of_another_make_are_refused() -> None:
    good = picture_png(5, FIND)
    for wrong in (b"", b"GIF89a", good[:200], good[:-60], good.replace(b"\x04\x03", b"\x08\x02", 1)):
        with pytest.raises(ValueError, match=r"PNG|pixels"):
            half_blocks(wrong)
    for at in range(0, len(good), 37):
        raw = bytearray(good)
        raw[at] ^= 0x41
        try:
            half_blocks(bytes(raw))
        except ValueError:
            continue


def test_what_is_not_there_is_one_clear_line(store: Path, tmp_path: Path) -> None:
    for wrong in ("", "x", "../../etc/passwd", "A" * 43, HOSTILE):
        with pytest.raises(Missing) as caught:
            show(wrong, store, False)
        assert "\x1b" not in str(caught.value)
    for command in (status, lambda where, as_json: listing(where, "", as_json)):
        with pytest.raises(Missing, match="no store is here"):
            command(tmp_path / "nowhere", True)


def test_ids_that_begin_with_a_hyphen_are_arguments(store: Path) -> None:
    runner = CliRunner()
    for which in ("-" + "A" * 42, "--" + "f" * 41, "-f" + "A" * 41):
        result = runner.invoke(app, ["archive", "show", which, "--from", str(store)])
        assert isinstance(result.exception, Missing), result.output
    found = runner.invoke(app, ["archive", "list", "--from", str(store), "--json"])
    assert found.exit_code == 0
    assert isinstance(json.loads(found.output.splitlines()[-1]), list)


def test_the_newest_manifest_is_the_one_shown(store: Path) -> None:
    disk = DiskStore(store)
    found = {item.id: path for item, path in disk.listed()}
    assert set(found) == set(disk.ids())
    manifest_id = disk.query({"Type": checkpoint.TYPE}, limit=1)[0]
    assert found[manifest_id].name in {path.name for path in (store / "bundles").rglob("*") if path.is_file()}
    assert b64(b"\0" * 32) not in found
