"""A cluster with a store: the archivist's real core beside the regions' cores, a spool and snapshot files of lists.

`Archived()` is a world from its founding; `restored(...)` goes on from its store alone, as a new era. Small plain rules
unless told otherwise. Tests order what goes wrong: a store that is away (`away`), an archivist that is killed.
"""

import random
from collections.abc import Callable
from hashlib import sha256
from typing import Any, cast

from archive import snapshot
from archive.bundle import pack, unpack
from archive.data_item import DataItem
from archive.errors import ArchiveError
from archive.keys import Ed25519Key, RsaKey, b64
from archive.restore import newest_manifest
from archive.stores.memory import MemoryStore
from archive.upload import put_and_check
from regions import archivist_verbs as verbs
from regions import founding, holdings, region_state, revive
from regions.archivist import ArchivistCore
from regions.holdings import Kit
from regions.messages import Batch, decode, encode
from regions.process import RegionCore
from regions.record import Head, player_head_message
from regions.region_state import Region, Rules
from regions.resuming import resume
from regions.revive import Revived, opening_of
from regions.seat import Seat, Witness
from regions.shell.memory_log import MemoryLogs
from regions.show import Show
from regions.verbs import Effect, Loaded, Received, Snapshot, Trim
from regions.world_process import WorldRules
from tests.cluster import LOG_BYTES, NODE, OWNER, SCHEDULER, Cluster, Player
from tests.simulation import small_rules
from tests.simulation.small_rules import SmallRules

SNAPSHOTS_KEPT = 4
OWNER_ADDRESS = sha256(OWNER.public).digest()


class Archived(Cluster):
    """A world with an archivist. `interval_ms` between checkpoints; `small=False` runs the real rules."""

    several = False  # whether there are stores besides `store`

    def __init__(
        self,
        store: MemoryStore | None = None,
        interval_ms: int = 2_000,
        small: bool = True,
        wanderers: int = 3,
        revived: Revived | None = None,
        **cluster: Any,
    ) -> None:
        self.small = small
        self.wanderers = wanderers
        rules = cast(Callable[[int], Rules], lambda index: SmallRules(wanderers=wanderers)) if small else None
        super().__init__(rules=rules, start=False, **cluster)
        self.store = store or MemoryStore()
        self.interval_ms = interval_ms
        self.charter_item = self.founded.charter_item
        self.owner = OWNER_ADDRESS
        self.files: dict[int, dict[int, bytes]] = {index: {} for index in self.processes}
        self.first = dict.fromkeys(self.processes, 1)
        if revived is None:
            self.store.put_bundle(pack(self.founded.items))
        else:
            self._begin_era(revived)
        self.spool: dict[int, tuple[bytes, ...]] = {}
        self.told: list[dict[str, Any]] = []
        self.away = False
        self.before_upload: Callable[[int], None] = lambda number: None
        self.die_after = 0  # effects the archivist may still carry out before it is killed; 0: it lives
        self.mute = 0  # messages of the archivist that get lost
        self.archivist: ArchivistCore | None = None
        self.archivist_status: int | None = None
        self.readers: dict[int, int] = {}
        self.wake_ms: int | None = None
        self.watch = self._keep_snapshot
        for index in self.processes:
            self.start(index)
        self.start_archivist()
        self.run(100)

    def _begin_era(self, revived: Revived) -> None:
        self.charter, self.charter_item = revived.charter, revived.charter_item
        self.owner = sha256(revived.charter_item.owner).digest()
        self.processes = self.charter.processes()
        self.world = self.processes[0]
        self.logs = MemoryLogs()
        for index, (n, raw) in revived.snapshots.items():
            self.first[index] = n + 1
            self.logs.create(self.log(index), n + 1, LOG_BYTES)
            self.files[index] = {n: raw}
            self.now_ms = max(self.now_ms, self.loaded(index).region.state.time_ms + 5_000)

    # Regions.

    def start(self, index: int, snapshot: bool = True, witnesses: tuple[Witness, ...] = (), queue: bool = True) -> None:
        """Begin a region's process from its newest snapshot file, or the founding."""
        seat = Seat(
            world=self.world,
            index=index,
            region=self.processes[index],
            processes=self.processes,
            node=NODE,
            scheduler=self.scheduler,
            tick_offset_ms=7 * index,
        )
        show = Show(index) if index and not self.small else None
        self.cores[index] = RegionCore(seat, self.random.randbytes, show)
        self.ended.pop(index, None)
        self.give(index, self.loaded(index, snapshot, witnesses), run=queue)

    def loaded(self, index: int, snapshot: bool = True, witnesses: tuple[Witness, ...] = ()) -> Loaded:
        """What a shell loads."""
        region = self.opened(index, max(self.files[index])) if snapshot and self.files[index] else self.genesis(index)
        first = self.logs.info(self.log(index)).first
        assert region.state.n + 1 >= first, "the log was trimmed past what is needed"
        return Loaded(region, self.raws(index)[region.state.n + 1 - first :], witnesses)

    def opened(self, index: int, n: int) -> Region:
        """The state in a snapshot file."""
        found = snapshot.decode_file(self.files[index][n])
        return region_state.decode(found.state, self.rules_of(index), found.head)

    def rules_of(self, index: int) -> Rules:
        """A region's rules."""
        if index == 0:
            return cast(Rules, WorldRules())
        return self.rules(index) if self.rules is not None else founding.rules_of(index)

    def raws(self, index: int) -> list[bytes]:
        """A region's log of this era, as bytes."""
        name = self.log(index)
        info, raws = self.logs.info(name), list[bytes]()
        first = info.first
        while first + len(raws) <= info.last:
            raws += [raw for _, raw in self.logs.read(name, first + len(raws), info.last)]
        return raws

    def _keep_snapshot(self, index: int, effect: Effect) -> None:
        if isinstance(effect, Trim):
            self.logs.trim(self.log(index), effect.n)
        if isinstance(effect, Snapshot):
            one = snapshot.Snapshot(effect.era, effect.n, effect.head, effect.raw)
            self.files[index][effect.n] = snapshot.encode_file(one)
            for old in sorted(self.files[index])[:-SNAPSHOTS_KEPT]:
                del self.files[index][old]

    # The archivist.

    @property
    def kit(self) -> Kit:
        """What the archivist and the auditor need of the rules."""
        if self.small:
            small = small_rules
            return Kit(self.rules_of, self.genesis, small.holdings, small.face, small.metadata, small.line)
        return holdings.kit(self.genesis)

    def start_archivist(self) -> None:
        """Begin an archivist, or replace it: it finds its place in the store and the spool."""
        opening = opening_of(self.charter_item.raw)
        spooled = [(number, self._spooled(number)) for number in sorted(self.spool)]
        resumed = resume(self.store, opening, spooled, several=self.several)
        for number, _ in resumed.useless:
            del self.spool[number]  # the one before it was lost
        local = {index: sorted(files) for index, files in self.files.items()}
        self.archivist = ArchivistCore(
            NODE,
            self.charter,
            b64(self.charter_item.id),
            self.kit,
            resumed.place,
            resumed.queued,
            local,
            random.Random(7).random,
            self.random.randbytes(16),
            self.interval_ms,
            self._spool_bytes(),
        )
        self.readers = {}
        self.archivist_status = None
        self._do(self.archivist.begin(self.now_ms))

    def _spooled(self, number: int) -> list[DataItem] | str:
        try:
            return [one for part in self.spool[number] for one in unpack(part)]
        except ArchiveError as error:
            return str(error)

    def _spool_bytes(self) -> int:
        return sum(len(part) for parts in self.spool.values() for part in parts)

    def kill_archivist(self) -> None:
        """End the archivist's process without a word."""
        self.archivist, self.wake_ms = None, None

    def hear(self, event: verbs.Event) -> None:
        """An event for the archivist, and all that follows."""
        if self.archivist is not None and self.archivist_status is None:
            self._do(self.archivist.step(self.now_ms, event))

    def _do(self, effects: list[verbs.Effect]) -> None:
        for effect in effects:
            if self.archivist is None:
                return
            if self.die_after:
                self.die_after -= 1
                if not self.die_after:
                    self.kill_archivist()
                    return
            match effect:
                case verbs.Follow(index, first):
                    self.readers[index] = first
                case verbs.ReadSnapshots(up_to):
                    files = {index: self._newest(index, limit) for index, limit in up_to.items()}
                    self.hear(verbs.SnapshotFiles(files))
                case verbs.Spool(number, bundles):
                    self.spool[number] = bundles
                    self.hear(verbs.Spooled(number, self._spool_bytes()))
                case verbs.Upload(number):
                    self._upload(number)
                case verbs.Unspool(number):
                    del self.spool[number]
                    self.hear(verbs.Unspooled(self._spool_bytes()))
                case verbs.Publish(subject, message):
                    assert subject == "world" and isinstance(message, Batch)
                    if self.mute:
                        self.mute -= 1
                    else:
                        self.give(0, Received(decode(encode(message))))
                case verbs.Tell(words):
                    self.told.append(words)
                case verbs.Wake(at_ms):
                    self.wake_ms = at_ms
                case verbs.End(status):
                    self.archivist_status = status

    def _newest(self, index: int, limit: int | None) -> bytes:
        numbers = [n for n in self.files[index] if limit is None or n <= limit]
        return self.files[index][max(numbers)] if numbers else b""

    def _upload(self, number: int) -> None:
        self.before_upload(number)
        if self.archivist is None:
            return
        if self.away:
            self.hear(verbs.Failed(number, "the store is away"))
            return
        try:
            for part in self.spool[number]:
                put_and_check([self.store], part)
        except ArchiveError as error:
            self.hear(verbs.Failed(number, str(error)))
            return
        self.hear(verbs.Uploaded(number))

    # Time.

    def run(self, ms: int) -> None:
        """Let time pass, in steps of a tick: the regions, then the archivist."""
        until_ms = self.now_ms + ms
        while self.now_ms < until_ms:
            super().run(min(50, until_ms - self.now_ms))
            self.feed()

    def feed(self) -> None:
        """Bring the archivist what the logs have, and its timer."""
        for index in self.processes:
            info = self.logs.info(self.log(index))
            while self.archivist is not None and self.readers.get(index, info.last + 1) <= info.last:
                first = self.readers[index]
                found = tuple(self.logs.read(self.log(index), first, 64))
                self.readers[index] = first + len(found)
                self.hear(verbs.Records(index, found))
        if self.wake_ms is not None and self.wake_ms <= self.now_ms:
            self.wake_ms = None
            self.hear(verbs.Timer())

    def until(self, holds: Callable[[], object], ms: int = 60_000) -> None:
        """Let time pass until something holds."""
        until_ms = self.now_ms + ms
        while not holds():
            assert self.now_ms < until_ms, f"not within {ms} ms; the archivist last said {self.told[-3:]}"
            self.run(50)

    def checkpoint(self, number: int) -> None:
        """Let time pass until a checkpoint is confirmed in the world's log."""
        self.until(lambda: self.archivist is not None and self.archivist.confirmed >= number)

    def stop_in_order(self) -> dict[str, Any]:
        """A planned stop, as the agent does it; the archivist's last words."""
        for index in self.processes:
            if index:
                self.stop(index)
        self.until(lambda: all(index in self.ended for index in self.processes if index))
        self.hear(verbs.FinalOrder())
        self.until(lambda: any("ordered" in words for words in self.told))
        self.stop(0)
        self.until(lambda: 0 in self.ended)
        ends = {index: self.region(index).state.n for index in self.processes}
        self.hear(verbs.Stop(ends))
        self.until(lambda: self.archivist_status is not None)
        return self.told[-1]

    # What the store holds.

    def manifest(self) -> Any:
        """The newest manifest of this era."""
        newest = newest_manifest(self.store, opening_of(self.charter_item.raw))
        assert newest is not None
        return newest[1]


class Settler(Player):
    """A player whose heads are of the cluster's era, whichever that is."""

    def head(self, number: int | None = None, chain: bytes | None = None, key: Ed25519Key | None = None) -> Head:
        """A signed head; over the newest action unless told otherwise."""
        number, chain = number or self.number, chain or self.chain
        era = cast(Archived, self.cluster).charter.era
        message = player_head_message(self.cluster.world, era, self.entity, number, chain, b"")
        return Head(self.entity, number, chain, b"", (key or self.key).sign(message))


def restored(world: Archived, owner: Ed25519Key | RsaKey = OWNER, which: str = "", **cluster: Any) -> Archived:
    """A world that goes on from another one's store, as a new era with nothing else left."""
    revived = revive_from(world, owner, which)
    put_and_check([world.store], pack(revived.items))
    return Archived(world.store, world.interval_ms, world.small, world.wanderers, revived, **cluster)


def revive_from(world: Archived, owner: Ed25519Key | RsaKey = OWNER, which: str = "") -> Revived:
    """The next era of a world, not yet put into its store."""
    found = revive.find(world.store, which)
    regions = revive.load(world.store, found, world.kit)
    key: Any = owner
    return revive.revive(world.store, found, regions, key, NODE, SCHEDULER, world.now_ms, lambda seed: seed)
