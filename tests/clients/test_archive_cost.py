"""What `everloom archive cost` says is what the store holds; what it reckons follows from what it measured."""

import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from archive.data_item import parse_item
from archive.errors import ArchiveError, Missing
from archive.history import History
from archive.restore import load_segment
from archive.stores.disk import DiskStore
from clients.archive_cost import BUNDLE_LINE, DAY_S, GIB, day, measure, run
from regions.errors import ConfigError
from regions.record import Acted, Head, Login, decode
from regions.revive import opening_of
from tests.archived import Archived
from tests.clients.treasure import on_disk, treasure


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> DiskStore:
    return on_disk(treasure()[0], tmp_path_factory.mktemp("cost") / "store")


def said(disk: DiskStore, capsys: pytest.CaptureFixture[str], *prices: Any) -> dict[str, Any]:
    assert run(disk.folder, "", "10,100,1000", *(prices or (None, "")), True) == 0
    words = json.loads(capsys.readouterr().out)
    assert isinstance(words, dict)
    return words


def test_every_item_is_counted_once_under_its_kind(disk: DiskStore, capsys: pytest.CaptureFixture[str]) -> None:
    words = said(disk, capsys)
    measured = words["measured"]
    assert sum(one["items"] for one in measured.values()) == len(list(disk.ids()))
    assert sum(one["bytes"] for one in measured.values()) == sum(len(disk.get(one)) for one in disk.ids())
    assert measured["segment"]["items"] == words["segments_read"][1] == words["segments_read"][0]
    once = ("module", "map", "process", "assignment", "era", "sealed-key")
    assert words["once"] == sum(measured[kind]["bytes"] for kind in once)


def test_the_log_s_bytes_are_those_of_the_segments_and_players_are_counted_by_the_second(disk: DiskStore) -> None:
    found = measure(disk)
    history = History.read(disk, opening_of)
    seconds, players, items = 0, set(), 0
    for _, manifest in history.chain:
        for index, end in enumerate(manifest.regions):
            for segment_run in end.segments:
                if segment_run.first < end.first:
                    continue
                part = load_segment(disk, manifest, end, segment_run.id, history.opening(manifest).nodes)
                items += 1
                records = [decode(raw) for raw in part.records]
                seconds += sum(record.claim is None for record in records) if index else 0
                for record in records if index else ():
                    players |= {
                        (index, one.entity, record.tick // 20)
                        for one in record.inputs
                        if isinstance(one, Acted | Head | Login)
                    }
    assert found.log.read == items and found.log.region_seconds == pytest.approx(seconds / 20)
    assert (
        len(players) <= found.log.player_seconds <= len(players) + 2 * items
    )  # one cut by a segment's end counts twice
    assert 0.5 < found.players <= 2
    data = sum(len(parse_item(disk.get(one)).data) for one in disk.query({"Type": "Everloom-Segment"}, limit=1_000))
    assert found.log.bytes == data + items * BUNDLE_LINE
    assert found.log.bytes_without_players < found.log.bytes


def test_days_follow_from_what_was_measured(disk: DiskStore) -> None:
    found = measure(disk)
    as_is, same, ten, thousand = (day(found, count) for count in (None, found.players, 10, 1_000))  # type: ignore[arg-type]
    assert as_is["segment"] == pytest.approx(found.log.bytes / found.seconds_read * DAY_S)
    assert same == pytest.approx(as_is)
    a_second = (found.log.bytes - found.log.bytes_without_players) / found.log.player_seconds
    assert thousand["segment"] - ten["segment"] == pytest.approx(990 * a_second * DAY_S, rel=1e-6)
    for kind in ("snapshot", "manifest", "table", "chronicle"):
        assert thousand[kind] == as_is[kind]
    assert thousand["picture"] == pytest.approx(found.mean("picture") * 120 * 24), "the world's budget of finds"
    assert as_is["manifest"] == pytest.approx(found.mean("manifest") * DAY_S / found.checkpoint_s)


def test_a_price_is_given_or_asked_for_and_never_made_up(disk: DiskStore, capsys: pytest.CaptureFixture[str]) -> None:
    free = said(disk, capsys)
    assert free["ar_per_gib"] is None and all(one["ar"] is None for one in free["days"].values())
    given = said(disk, capsys, 12.5, "")
    for one in given["days"].values():
        assert one["ar"] == pytest.approx(one["bytes"] / GIB * 12.5, abs=1e-5)
    assert [one["measured"] for one in given["days"].values()] == [True, False, False, False]
    with answering(b"12500000000000") as url:
        asked = said(disk, capsys, None, url)
    assert asked["days"] == given["days"] and asked["price_from"] == f"{url}/price/{GIB}"
    for nonsense in (b"free", b"-1", b"1" * 40, b""):
        with answering(nonsense) as url, pytest.raises(ArchiveError, match="no price"):
            run(disk.folder, "", "10", None, url, True)
    with pytest.raises(ConfigError, match="not both"):
        run(disk.folder, "", "10", 1.0, "http://127.0.0.1:1", True)
    with pytest.raises(ConfigError):
        run(disk.folder, "", "10", float("nan"), "", True)
    for players in ("0", "many", "-1", "1e3", "9" * 20):
        with pytest.raises(ConfigError, match="--players"):
            run(disk.folder, "", players, None, "", True)


def test_people_are_told_what_is_measured_and_what_is_reckoned(
    disk: DiskStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(disk.folder, "", "10", 2.0, "", False) == 0
    text = capsys.readouterr().out
    for words in ("as measured", "10 players", "segment", "snapshot", "AR a day", "reckoned", "(--ar-per-gib)"):
        assert words in text


def test_a_world_with_one_checkpoint_has_no_day(tmp_path: Path) -> None:
    world = Archived(interval_ms=60_000)
    world.checkpoint(1)
    with pytest.raises(Missing, match="two are needed"):
        measure(on_disk(world, tmp_path / "store"))


class answering:
    """A gateway that answers every question with the same words, once."""

    def __init__(self, words: bytes) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(words), words)
        self.thread = threading.Thread(target=self._answer)

    def _answer(self) -> None:
        socket_, _ = self.listening.accept()
        with socket_:
            socket_.recv(4096)
            socket_.sendall(self.reply)

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.thread.join(10)
        self.listening.close()
