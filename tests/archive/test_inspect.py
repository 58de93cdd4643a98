"""`python -m archive inspect`: what it says of every reference file, and that nothing makes it stumble."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.__main__ import inspect_file, main
from archive.bundle import BUNDLE_TAGS, pack
from archive.data_item import sign_item
from archive.keys import Ed25519Key, b64
from tests.archive.vectors import ANS104, ARWEAVE, CASES, NETWORK, name_of
from tests.shared_data import needs_shared

KEY = Ed25519Key(b"\6" * 32)
ITEM = sign_item(KEY, b"data", [("Type", "Event")], bytes(32), b"\1" * 32)


def run(*arguments: Path | str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "archive", "inspect", *map(str, arguments)]
    root = Path(__file__).resolve().parents[2]
    variables = os.environ | environment
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60, env=variables)


@needs_shared
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_vectors(case: dict[str, Any]) -> None:
    report = inspect_file(ANS104 / case["file"])
    assert report["valid"] == case["valid"]
    assert (report["reason"] is None) == case["valid"]
    assert report["kind"] == ("bundle" if case["kind"] == "bundle" else "item")
    assert report["size"] == case["size"]
    if case["kind"] == "data_item" and case["valid"]:
        assert (report["id"], report["owner"]) == (case["id"], case["owner_address"])
        assert (report["tags"], report["data_size"]) == (case["tags"], case["data_size"])
    if case["kind"] == "bundle" and case["valid"]:
        assert [item["id"] for item in report["items"]] == [item["id"] for item in case["items"]]


@needs_shared
def test_files_of_the_network() -> None:
    names = [ARWEAVE / folder / name for folder in ("items", "bundles") for name in NETWORK[folder]]
    result = run("--json", *names)
    report = json.loads(result.stdout.splitlines()[-1])
    assert (result.returncode, report["valid"], len(report["files"])) == (0, True, 4)


def test_the_json_is_one_line_and_whole(tmp_path: Path) -> None:
    (tmp_path / "item").write_bytes(ITEM.raw)
    result = run("--json", tmp_path / "item")
    assert result.returncode == 0
    assert json.loads(result.stdout.splitlines()[-1]) == {
        "valid": True,
        "files": [
            {
                "file": str(tmp_path / "item"),
                "kind": "item",
                "size": len(ITEM.raw),
                "valid": True,
                "reason": None,
                "id": b64(ITEM.id),
                "signature_type": 2,
                "owner": ITEM.address,
                "target": b64(bytes(32)),
                "anchor": b64(b"\1" * 32),
                "tags": [{"name": "Type", "value": "Event"}],
                "data_size": 4,
            }
        ],
    }


def test_bundles_in_bundles_are_shown_inside_them(tmp_path: Path) -> None:
    raw = pack([ITEM])
    for _ in range(3):
        raw = pack([sign_item(KEY, raw, BUNDLE_TAGS)])
    (tmp_path / "deep").write_bytes(raw)
    report = inspect_file(tmp_path / "deep")
    level1, level2, level3 = (
        report["items"][0],
        report["items"][0]["items"][0],
        report["items"][0]["items"][0]["items"][0],
    )
    assert (level3["valid"], level3["reason"]) == (False, "bundles nested deeper than 2")
    assert not (level2["valid"] or level1["valid"] or report["valid"])
    assert report["reason"] == "1 of 1 items are not valid"


def test_one_bad_item_is_named_among_good_ones(tmp_path: Path) -> None:
    good = sign_item(KEY, b"good", [])
    (tmp_path / "bundle").write_bytes(pack([good, ITEM])[:-1] + b"x")
    (tmp_path / "item").write_bytes(good.raw)
    result = run(tmp_path / "bundle", tmp_path / "item")
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert lines[0].endswith("NOT VALID: 1 of 2 items are not valid")
    assert lines[1] == f"  item {b64(good.id)}: {len(good.raw)} bytes, valid"
    assert any(b64(ITEM.id) in line and "NOT VALID: signature of type 2 does not match owner" in line for line in lines)
    assert lines[-4].endswith(f"item: item, {len(good.raw)} bytes, valid")
    assert result.stderr == ""


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "huge", "wb") as huge:
        huge.truncate(10 << 30)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "zeros").write_bytes(bytes(40))
    names = ["absent", "pipe", "huge", "empty", "zeros", "."]
    result = run("--json", *(tmp_path / name for name in names))
    assert (result.returncode, result.stderr) == (1, "")
    report = json.loads(result.stdout)
    assert [file["reason"] for file in report["files"]] == [
        "No such file or directory",
        "not a regular file",
        "10737418240 bytes, limit 67108864",
        "cut short: signature type needs 2 bytes at byte 0, 0 are left",
        "8 bytes after the last item (0 items, header 32)",
        "Is a directory",
    ]


def test_a_wrong_command_line_is_told() -> None:
    assert main_status(["inspect"]) == main_status([]) == main_status(["open", "x"]) == 2
    assert main_status(["--help"]) == main_status(["inspect", "--help"]) == 0


def main_status(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return stop.value.code


def test_a_strangers_text_cannot_steer_the_terminal(tmp_path: Path) -> None:
    tags = [("na\x1b[2Jme", "line\nbreak"), ("right\u202eleft", "grün 🗺️")]
    (tmp_path / "na\nme\udcff").write_bytes(sign_item(KEY, b"", tags).raw)
    result = run(tmp_path / "na\nme\udcff")
    assert result.returncode == 0
    assert "tag: na\\x1b[2Jme = line\\nbreak" in result.stdout
    assert "tag: right\\u202eleft = grün 🗺" in result.stdout
    assert "na\\nme\\udcff: item" in result.stdout
    ascii_only = run(tmp_path / "na\nme\udcff", PYTHONIOENCODING="ascii")
    assert (ascii_only.returncode, ascii_only.stderr) == (0, "")
    assert "gr\\xfcn" in ascii_only.stdout


def test_a_reader_who_leaves_early_gets_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "item").write_bytes(ITEM.raw)
    command = [sys.executable, "-m", "archive", "inspect", *[str(tmp_path / "item")] * 2000]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith("valid\n")
        process.stdout.close()
        assert process.stderr.read() == ""


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_file_gets_a_report(tmp_path_factory: pytest.TempPathFactory, noise: bytes, start: int) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    changed = bytearray(pack([ITEM, sign_item(KEY, pack([ITEM]), BUNDLE_TAGS)]))
    changed[start : start + len(noise)] = noise
    for raw in (noise, bytes(changed)):
        path.write_bytes(raw)
        report = inspect_file(path)
        assert report["valid"] == (report["reason"] is None)
        json.dumps(report)
