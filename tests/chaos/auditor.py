"""The auditor of a chaos run: a process of its own that has the log, the archive and the bots' ledgers, nothing else.

`python -m tests.chaos.auditor STORE LOG_PORT TOKEN_FILE LEDGERS`. It follows the logs all the time; whenever the
archive has a new checkpoint it re-executes what that adds, and checks

    chain           every record follows the one before; no record of a log ever changes, and the archive holds the very
                    records that the log showed; terms rise by claims alone, one claim a term
    re-execution    states, hashes, signatures and cross-checks of neighbours (`regions.auditing`)
    one place       every body and player is in one region or one handover
    conservation    coins and assets are what was minted less what was burned
    exactly once    each player's numbers have no gap and come once; the archived actions' chain is the one the ledgers
                    were told, in the record they were told

Each line on standard output is a JSON object; a `violation` is in words. A line on standard input (or its end): look
once more, then report and end.
"""

import argparse
import asyncio
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from setproctitle import setproctitle

from archive.checkpoint import Manifest, read_item
from archive.errors import ArchiveError
from archive.keys import b64
from archive.restore import fetch, newest_manifest, newest_opening
from archive.stores.disk import DiskStore
from archive.verify import begin, ends, load_interval
from clients.verify import Rules
from regions.auditing import Auditor
from regions.errors import RecordError
from regions.record import Acted, Login, decode, first_chain, login_body, player_chain
from regions.revive import opening_of
from tests.chaos.shown import Logs, Violations, tell
from tests.chaos.told import Ledgers
from tests.cluster import Cluster
from tests.laws.whole_world import look
from world.tick import warm

LOOK_S: Final = 5.0


class Audit:
    """Everything that is known so far."""

    def __init__(self, store: Path, ledgers: Path) -> None:
        self.store = DiskStore(store)
        self.violations = Violations()
        self.ledgers = Ledgers(ledgers)
        self.auditor = Auditor(self.store.get, Rules(self.store, run_module=False).kit_of)
        self.opening = newest_opening(self.store, opening_of)
        self.auditor.begin(self.opening)
        self.logs = Logs(self.auditor.charter, self.violations)
        self.before = begin(self.opening)
        self.newest: tuple[str, Manifest] | None = None
        self.players: dict[int, tuple[int, bytes]] = {}  # entity -> last number, chain
        self.archived: dict[tuple[int, int], tuple[bytes, int, int]] = {}  # not yet in a ledger
        self.matched = self.handovers = self.claims = 0
        self.figures: dict[str, int] = {}
        self.trouble = ""

    # The archive.

    def look(self) -> bool:
        """Take in what the archive has more than before; whether there was anything. Raises ArchiveError."""
        newest = newest_manifest(self.store, self.opening)
        if newest is None or (self.newest is not None and newest[1].number <= self.newest[1].number):
            return False
        todo = [newest]
        known = self.newest[0] if self.newest is not None else self.opening.checkpoint
        while todo[-1][1].previous != known and todo[-1][1].previous is not None:
            item_id = todo[-1][1].previous
            todo.append((item_id, read_item(fetch(self.store, item_id))))
            if self.newest is not None and todo[-1][1].number <= self.newest[1].number:
                self.violations.add("chain", f"checkpoint {newest[1].number} does not lead back to {self.newest[0]}")
                return False
        for item_id, manifest in reversed(todo):
            self._take(item_id, manifest)
        return True

    def _take(self, item_id: str, manifest: Manifest) -> None:
        interval = load_interval(self.store, self.opening, item_id, manifest, self.before)
        self.before = ends(manifest.regions)
        self.newest = item_id, manifest
        for index, hashes in interval.hashes.items():
            log, first = self.logs.followed[index], manifest.regions[index].first
            for place, digest in enumerate(hashes):
                if log.hashes.get(first + place, digest) != digest:
                    self.violations.add("chain", f"archived record {first + place} of region {index} is not the log's")
        try:
            self.auditor.fold(interval)
        except ArchiveError as error:
            self.violations.add("re-execution", str(error))
            raise
        self._whole(manifest.number)
        acted: list[tuple[int, int, bytes, int, int]] = []
        for index, raws in interval.records.items():
            for raw in raws:
                record = decode(raw)
                self.claims += record.claim is not None
                for said in record.inputs:
                    if isinstance(said, Acted | Login):
                        body = said.body if isinstance(said, Acted) else login_body(said)
                        acted.append((said.entity, said.number, body, index, record.n))
        self._number(sorted(acted))
        self._match(manifest)

    def _whole(self, number: int) -> None:
        """One place and conservation, at a consistent cut."""
        whole = look(cast(Cluster, _Cut(self.auditor)))
        for what, places in (("body", whole.places), ("player", whole.players)):
            for entity, count in places.items():
                if count != 1:
                    self.violations.add("one place", f"checkpoint {number}: {what} {entity} is in {count} places")
        if whole.coins != whole.coins_made:
            self.violations.add("conservation", f"checkpoint {number}: {whole.coins} coins, {whole.coins_made} made")
        if not len(whole.assets) == len(set(whole.assets)) == whole.assets_minted:
            words = f"{len(whole.assets)} assets, {len(set(whole.assets))} of them different"
            self.violations.add("conservation", f"checkpoint {number}: {words}, {whole.assets_minted} minted")
        self.figures = {"coins": whole.coins, "assets": whole.assets_minted, "flying": whole.flying}

    def _number(self, acted: list[tuple[int, int, bytes, int, int]]) -> None:
        for entity, number, body, index, n in acted:
            last, chain = self.players.get(entity, (0, first_chain(entity)))
            if number != last + 1:
                words = f"action {number} of {entity} in record {n} of region {index} comes after action {last}"
                self.violations.add("exactly once", words)
                continue
            chain = player_chain(chain, number, body)
            self.players[entity] = number, chain
            self.archived[entity, number] = chain, index, n

    def _match(self, manifest: Manifest, everything: bool = False) -> None:
        for entity, number, chain, region, n, status in self.ledgers.read():
            self.ledgers.told[entity, number] = chain, region, n, status
        told = self.ledgers.told
        for key in [key for key in told if key in self.archived]:
            chain, region, n, status = told.pop(key)
            found, index, at = self.archived.pop(key)
            self.matched += 1
            exact = status != 0 or (region, n) == (index, at)
            if found != chain or not exact:
                words = f"action {key[1]} of {key[0]}: told record {n} of region {region}, archived in {at} of {index}"
                self.violations.add("acked lost", f"{words}; same chain: {found == chain}")
        ends = [end.end for end in manifest.regions]
        for key, (_, region, n, _) in list(told.items()):
            if everything or (n and n <= ends[region]):
                last = self.players.get(key[0], (0, b""))[0]
                words = f"action {key[1]} of {key[0]}, told done in record {n} of region {region}, is not archived"
                if key[1] > last or everything:
                    self.violations.add("acked lost", f"{words}; the archive has {last}")
                    told.pop(key)

    def finish(self) -> None:
        """The world has stopped in order: the archive must hold the logs to their ends, and all that was told done."""
        ends = time.monotonic() + 30
        while self.look() or time.monotonic() < ends - 25:
            time.sleep(0.5)
        if self.newest is None:
            self.violations.add("chain", "the archive holds no checkpoint")
            return
        manifest = self.newest[1]
        for index, end in enumerate(manifest.regions):
            log = self.logs.followed[index]
            if log.n > end.end or (log.n == end.end and b64(log.head) != end.end_hash):
                words = f"region {index}: the log showed record {log.n}, the archive ends at {end.end}"
                self.violations.add("chain", words)
        self._match(manifest, everything=True)
        try:
            self.auditor.finish()
        except ArchiveError as error:
            self.violations.add("re-execution", str(error))

    def report(self) -> dict[str, object]:
        """How far it is."""
        return {
            "checkpoint": self.newest[1].number if self.newest is not None else 0,
            "records": self.auditor.records,
            "claims": self.claims,
            "actions_archived": sum(number for number, _ in self.players.values()),
            "actions_in_ledgers": self.ledgers.entries,
            "actions_matched": self.matched,
            "acked_not_yet_archived": len(self.ledgers.told),
            "players": len(self.players),
            "log_records": sum(log.n for log in self.logs.followed.values()),
            "log_records_not_seen": sum(log.skipped for log in self.logs.followed.values()),
            "violations": self.violations.count,
            "words": self.violations.words,
            "trouble": self.trouble,
            **self.figures,
        }


@dataclass
class _Cut:
    """The states at a cut, as `whole_world.look` wants a cluster."""

    auditor: Auditor

    @property
    def processes(self) -> dict[int, bytes]:
        return self.auditor.charter.processes()

    def region(self, index: int) -> Any:
        return self.auditor.courses[index].region


async def audit(store: Path, port: int, token: Path, ledgers: Path) -> int:
    """Follow and look until told to finish."""
    found = Audit(store, ledgers)
    following = asyncio.create_task(found.logs.follow(port, token.read_text().strip()))
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.readline)
    while not ended.done():
        began = time.monotonic()
        try:
            await asyncio.to_thread(found.look)
            found.trouble = ""
        except (ArchiveError, OSError) as error:
            found.trouble = str(error)  # the store is being hurt: at the end it must be whole
        if following.done():
            found.violations.add("chain", f"the logs cannot be followed: {following.exception()}")
            following = asyncio.create_task(asyncio.sleep(1e9))
        tell(**{name: value for name, value in found.report().items() if name != "words"})
        await asyncio.wait({ended}, timeout=max(0.5, LOOK_S - (time.monotonic() - began)))
    following.cancel()
    try:
        await asyncio.to_thread(found.finish)
    except (ArchiveError, RecordError, OSError) as error:
        found.violations.add("archive", f"at the end: {error}")
    tell(final=found.report())
    return 1 if found.violations.count else 0


def main() -> None:
    """As the module's docstring says."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name, kind in (("store", Path), ("port", int), ("token", Path), ("ledgers", Path)):
        arguments.add_argument(name, type=kind)
    wishes = arguments.parse_args()
    setproctitle("everloom chaos: auditor")
    os.nice(10)
    warm()
    sys.exit(asyncio.run(audit(wishes.store, wishes.port, wishes.token, wishes.ledgers)))


if __name__ == "__main__":
    main()
