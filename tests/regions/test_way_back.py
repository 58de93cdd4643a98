"""The way back, on real processes: a region killed with a handover in flight, everything killed, all lost.

After each step the bots' ledgers are held against the records, action by action; at the end the restored world goes on
for 640 ticks, and an independent fold of what it logged gives the same bytes.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import pytest

from archive.stores.disk import DiskStore
from clients.bots import ledger
from clients.ledger_check import archived_records, check_ledgers
from regions import compute, letters
from regions.holdings import holdings
from regions.messages import Beat, Letter, Message, decode, encode
from regions.process import RegionCore
from regions.region_state import Region
from regions.seat import Seat
from regions.shell.files import WorldDir
from regions.verbs import Append, Event, Loaded, Publish, Received, Settled, Timer
from tests.archive.test_arbundles import node  # noqa: F401 (a fixture: Node with arbundles installed)
from tests.regions.live_world import LiveWorld, command_of, everloom, wait_for

BOTS = 60
TICKS_ON = 640
FILES_AT_ONCE = 40
CHECK = Path(__file__).parents[1] / "archive" / "arbundles" / "check.mjs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("way-back")


def start_bots(url: str, path: Path, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "clients.cli", "bots", url, "-n", str(BOTS), "--ledger", str(path), "--json"]
    behaviours = [word for name in ("border-runner", "give", "gather", "wander") for word in ("--behaviour", name)]
    return subprocess.Popen(
        [*command, *behaviours, *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def end(bots: "subprocess.Popen[str]") -> None:
    bots.communicate(timeout=40)
    assert bots.returncode in (0, 1)


def kill_with_a_handover_in_flight(world: LiveWorld, players: int, bodies: int) -> int:
    """kill -9 a crowded region the moment it tells a neighbour of a body on its way; which region it was."""
    beats: dict[int, Beat] = {}
    killed: list[int] = []

    def hear(message: Message) -> None:
        if isinstance(message, Beat):
            beats[message.region] = message
        if not isinstance(message, Letter) or killed or not message.sender:
            return
        beat = beats.get(message.sender)
        crowded = beat is not None and beat.players >= players and beat.entities - beat.players >= bodies
        if crowded and any(mail.kind == letters.HANDOVER for mail in message.mail):
            killed.append(message.sender)
            world.kill(f"region {message.sender}")

    with world.listening(("beat.*", "letter.*"), hear):
        wait_for(lambda: killed, 60, f"a handover out of a region with {players} players and {bodies} NPCs")
    return killed[0]


def test_nothing_acknowledged_is_lost_on_the_way_back(folder: Path) -> None:
    home, ledgers = folder / "w", [folder / "first.ledger", folder / "second.ledger"]
    world = LiveWorld(home, "--regions", "2x1", "--checkpoint-every", "4s")
    bots: list[subprocess.Popen[str]] = []
    try:
        url = world.wait_until_it_lives()
        bots.append(start_bots(url, ledgers[0]))
        index = kill_with_a_handover_in_flight(world, players=15, bodies=500)
        wait_for(lambda: pid_or_0(world, f"region {index}"), 10, "a spare to take the seat")
        time.sleep(5)  # goes on, and at least one more checkpoint is confirmed
        world.kill_everything()
        bots[0].send_signal(signal.SIGTERM)
        end(bots[0])

        # Everything was killed: `up` goes on from the log.
        world = LiveWorld(home, "--regions", "2x1", "--checkpoint-every", "4s")
        bots.append(start_bots(world.wait_until_it_lives(), ledgers[1]))
        wait_for(lambda: newest_checkpoint(home) >= 2 and size_of(ledgers[1]) > 20_000, 60, "the world to go on")
        time.sleep(6)
        world.kill_everything()
        bots[1].send_signal(signal.SIGTERM)
        end(bots[1])
    finally:
        for one in bots:
            if one.poll() is None:
                one.kill()
        if world.process.poll() is None:
            world.kill_everything()

    # Only the store and the owner's key are left.
    store, owner = folder / "store", folder / "owner.json"
    shutil.copytree(home / "store", store)
    shutil.copy(home / "keys" / "owner.json", owner)
    home.rename(folder / "gone")
    assert not any(str(home) in command_of(int(one.name)) for one in Path("/proc").iterdir() if one.name.isdigit())

    again = folder / "again"
    status, restored, said = everloom(
        "restore", "--from", str(store), "--world", str(again), "--owner-key", str(owner), "--json"
    )
    assert status == 0, said
    assert restored["era"] == 2
    status, proved, said = everloom("verify", "--from", str(store), "--json")
    assert status == 0, said
    assert proved["state_hash"] == restored["state_hash"]

    regions = load(again)
    check_the_ledgers_up_to_the_cut(ledgers, store, restored["world"], {r.state.region: r.state.n for r in regions})
    assets = [one.asset for region in regions if region.state.index for one in holdings(region)]
    assert len(assets) == len(set(assets))
    go_on_and_fold_again(again, regions)


def pid_or_0(world: LiveWorld, name: str) -> int:
    try:
        return world.pid_of(name)
    except LookupError:
        return 0


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def newest_checkpoint(home: Path) -> int:
    store = DiskStore(home / "store")
    found = store.query({"Type": "Everloom-Manifest"}, limit=1000)
    return len(found)


def load(home: Path) -> list[Region]:
    directory = WorldDir(home)
    store = directory.store()
    charter, _, _ = directory.charter(store)
    return [directory.newest_region(index, store)[0] for index in range(len(charter.seats))]


def check_the_ledgers_up_to_the_cut(ledgers: list[Path], store: Path, world: str, cut: dict[bytes, int]) -> None:
    """Every entry that an fsync covered and whose record is before the cut is archived; nothing is there twice."""
    ends = dict(enumerate(cut.values()))
    checked = check_ledgers(ledgers, DiskStore(store), world, ends)
    assert checked.problems == []
    assert (checked.lost, checked.repeated) == (0, 0)
    entries = [one for path in ledgers for one in ledger.read(path) if isinstance(one, ledger.Entry)]
    assert checked.acked > len(entries) // 4 > 50
    assert sum(1 for _ in archived_records(DiskStore(store), world)) == sum(cut.values())


def go_on_and_fold_again(home: Path, regions: list[Region]) -> None:
    """640 more ticks with real cores and a scripted clock; then the same logs into a second set of states."""
    directory = WorldDir(home)
    charter, _, _ = directory.charter(directory.store())
    processes = charter.processes()
    seats = {
        index: Seat(
            world=processes[0],
            index=index,
            region=processes[index],
            processes=processes,
            node=directory.key("node"),
            scheduler=directory.key("scheduler"),
        )
        for index in processes
    }
    draws = iter(range(1_000_000))

    def scripted(size: int) -> bytes:
        return hashlib.shake_256(next(draws).to_bytes(8, "little")).digest(size)

    cores = {index: RegionCore(seats[index], scripted, None) for index in processes}
    logs: dict[int, list[bytes]] = {index: [] for index in processes}
    queue: deque[tuple[int, Event]] = deque((index, Loaded(regions[index], [])) for index in processes)
    now_ms = max(region.state.time_ms for region in regions)

    def run() -> None:
        while queue:
            index, event = queue.popleft()
            for effect in cores[index].step(now_ms, event):
                if isinstance(effect, Append):
                    logs[index].append(effect.raw)
                    queue.append((index, Settled("durable", effect.position)))
                elif isinstance(effect, Publish) and effect.subject.startswith("letter."):
                    message = decode(encode(effect.message))
                    queue.append((int(effect.subject[7:]), Received(message)))

    for _ in range(TICKS_ON + 1):
        run()
        now_ms += 50
        queue.extend((index, Timer()) for index in cores)
    run()
    for index, second in enumerate(load(home)):
        before = second.state.tick
        for raw in logs[index]:
            compute.apply(second, raw)
        assert second.encode() == regions[index].encode()
        assert not index or second.state.tick - before >= TICKS_ON


def test_every_item_a_real_world_wrote_is_accepted_by_arbundles_and_by_inspect(folder: Path, node: str) -> None:  # noqa: F811
    files = sorted(path for path in (folder / "store").rglob("*") if path.is_file() and len(path.name) == 43)
    inspected = subprocess.run(
        [sys.executable, "-m", "archive", "inspect", "--json", *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(inspected.stdout.strip().splitlines()[-1])
    reports: list[dict[str, object]] = []
    for first in range(0, len(files), FILES_AT_ONCE):
        command = [node, str(CHECK), *map(str, files[first : first + FILES_AT_ONCE])]
        reports += json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
    assert [report["file"] for report in reports if not report["valid"]] == []
    read = {item["id"] for report in reports for item in report["items"]}  # type: ignore[attr-defined]
    assert read == set(DiskStore(folder / "store").ids())


def test_no_process_is_left_behind(folder: Path) -> None:
    mine = [pid for pid in os.listdir("/proc") if pid.isdigit() and str(folder) in command_of(int(pid))]
    assert mine == []
