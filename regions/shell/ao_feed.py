"""What the AO door's index is fed with: from the archive what the logs hold no more, then the logs as they grow."""

import asyncio
from collections.abc import Callable
from typing import Final

from archive import history, segment
from archive.data_item import parse_item
from archive.errors import Missing
from archive.keys import unb64
from archive.restore import fetch
from archive.stores import Store
from regions.ao.index import Index
from regions.ao.view import PROCESS, Assigned, Shown, View
from regions.charter import Charter
from regions.revive import opening_of
from regions.shell.files import WorldDir, log_name
from regions.shell.log import LogError, LogGap
from regions.shell.nats import Outside
from regions.shell.nats_log import Log

READ_AT_ONCE: Final = 256  # records between two writes of the index, while it catches up
AGAIN_S: Final = 1.0


class Feed:
    """Fills the index: from the archive what the logs hold no more, then from the logs, for ever."""

    def __init__(
        self, directory: WorldDir, charter: Charter, index: Index, outside: Outside, say: Callable[[str], None]
    ) -> None:
        self.dir, self.charter, self.index, self.outside, self.say = directory, charter, index, outside, say
        self.views: dict[int, View] = {}

    async def begin(self, store: Store) -> None:
        """Go on from where the index stands; a new one begins at the world's founding."""
        charter, processes = self.charter, self.charter.processes()
        for number, seat in enumerate(charter.seats):
            module, key, first = unb64(charter.module), unb64(charter.scheduler), unb64(seat.assignment)
            view = View.begin(processes[number], module, key, processes, first)
            place = self.index.place(number)
            if place is None:
                kept = self.dir.store()
                process, assignment = (parse_item(self.dir.item(kept, one)) for one in (seat.process, seat.assignment))
                shown = Shown(process.id, PROCESS, 0, 0, process.raw, "{}")
                time_ms = int(assignment.tag("Timestamp") or 0)
                self.index.add(number, [shown], [Assigned(0, first, b"", 0, time_ms, assignment.raw)], view.place)
            else:
                view.place = place
            self.views[number] = view
        await self._from_archive(store)

    async def _from_archive(self, store: Store) -> None:
        """Read what the store's segments have beyond the index."""
        try:
            found = await asyncio.to_thread(history.History.read, store, opening_of, self.charter.world)
        except Missing:
            return  # no checkpoint yet: the logs have everything
        for _, manifest in found.chain:
            for end in manifest.regions:
                number = next(i for i, seat in enumerate(self.charter.seats) if seat.process == end.process)
                for run in end.segments:
                    if run.last > self.views[number].place.n:
                        item = await asyncio.to_thread(fetch, store, run.id, found.opening(manifest).nodes)
                        await self._read(number, list(segment.decode(item.data).records), run.first, end.end)

    async def _read(self, number: int, records: list[bytes], first: int, last: int) -> None:
        view = self.views[number]
        wanted = records[max(0, view.place.n + 1 - first) : max(0, last + 1 - first)]
        for at in range(0, len(wanted), READ_AT_ONCE):
            self._take(number, wanted[at : at + READ_AT_ONCE])
            await asyncio.sleep(0)

    def _take(self, number: int, raws: list[bytes]) -> None:
        view = self.views[number]
        shown: list[Shown] = []
        assigned: list[Assigned] = []
        for raw in raws:
            more, numbered = view.follow(raw)
            shown += more
            assigned += numbered
        self.index.add(number, shown, assigned, view.place)

    async def follow(self, number: int, store: Store) -> None:
        """Read a log as it grows."""
        while True:
            log = Log(self.outside, log_name(self.charter, number))
            try:
                async for _, raw in log.follow(self.views[number].place.n + 1):
                    self._take(number, [raw])
            except LogGap:
                await self._from_archive(store)  # it was cut as the archive has it
            except LogError as error:
                self.say(f"the AO door waits for a log: {error}")
            await asyncio.sleep(AGAIN_S)
