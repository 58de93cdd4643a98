"""The command line: what it reads, and how it says no."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from clients.options import seconds_of, shape_of

COMMANDS = ("up", "play", "bots", "probe", "restore", "replay", "verify", "bench", "archive", "map")


def everloom(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    command = [sys.executable, "-m", "clients.cli", *arguments]
    environment = dict(os.environ, COLUMNS="120", NO_COLOR="1")
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("90", 90), ("0.5s", 0.5)])
def test_durations_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-3s", "0", "ten", "1d", "nan", "inf", "1e99"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        seconds_of(text)


@pytest.mark.parametrize(("text", "shape"), [("2x2", (2, 2)), ("1X3", (1, 3))])
def test_partitions_are_read(text: str, shape: tuple[int, int]) -> None:
    assert shape_of(text) == shape


@pytest.mark.parametrize("text", ["", "2", "0x2", "2x", "axb", "-1x2", "2x2x2"])
def test_what_is_no_partition_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        shape_of(text)


def test_help_names_every_command() -> None:
    done = everloom("--help")
    assert done.returncode == 0
    assert all(f"  {name}" in done.stdout for name in COMMANDS)


def test_a_second_world_is_not_founded_over_the_rest_of_one(tmp_path: Path) -> None:
    (tmp_path / "w" / "log").mkdir(parents=True)
    done = everloom("up", "--world", str(tmp_path / "w"), "--for", "1s", "--npcs", "0")
    assert done.returncode == 1
    assert "rest of a world" in done.stderr and "Traceback" not in done.stderr


def test_a_broken_world_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text(json.dumps({"world": "x"}))
    done = everloom("up", "--world", str(tmp_path), "--for", "1s")
    assert done.returncode == 1
    assert "world.json" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("bench", "nothing"),
        ("archive", "status", "--from", "/nowhere/at/all"),
        ("verify", "--from", "/nowhere/at/all"),
        ("restore", "--from", "/nowhere/at/all", "--world", "/nowhere/else"),
        ("map", "check", "/nowhere.tmx"),
    ],
)
def test_a_wrong_argument_is_a_line_and_a_status_not_a_traceback(arguments: tuple[str, ...]) -> None:
    done = everloom(*arguments)
    assert done.returncode == 1
    assert (done.stderr + done.stdout).strip() and "Traceback" not in done.stderr
