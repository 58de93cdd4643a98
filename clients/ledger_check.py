"""Holds bots' ledgers against a world's archived records, action by action: was anything lost, or done twice?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from archive import segment
from archive.data_item import parse_item
from archive.stores import Store
from clients.bots import ledger
from regions.charter import TYPE as CHARTER
from regions.charter import Charter, read_charter
from regions.record import Acted, Login, Record, decode, first_chain, login_body, player_chain

PAGE = 100


@dataclass
class Checked:
    """`acked` entries were held against the records; `problems` are the first few in words."""

    acked: int = 0
    lost: int = 0
    repeated: int = 0
    problems: list[str] = field(default_factory=list)

    def note(self, problem: str) -> None:
        """Keep the first few."""
        if len(self.problems) < 10:
            self.problems.append(problem)


def items_of(store: Store, kind: str, world: str) -> Iterator[bytes]:
    """Every item of a kind that belongs to a world, newest first."""
    after: str | None = None
    while True:
        page = store.query({"Type": kind, "World": world}, limit=PAGE, after=after)
        yield from (store.get(one) for one in page)
        if len(page) < PAGE:
            return
        after = page[-1]


def archived_records(store: Store, world: str) -> Iterator[tuple[str, Record]]:
    """Every archived record that counts, with its region's id: what an era archived past the next one's cut is void."""
    cuts: dict[tuple[str, int], int] = {}
    charters: list[Charter] = [read_charter(raw)[0] for raw in items_of(store, CHARTER, world)]
    for charter in charters:
        for seat, cut in zip(charter.seats, charter.cut or [], strict=False):
            cuts[seat.process, charter.era - 1] = cut.n
    for raw in items_of(store, segment.TYPE, world):
        whose, run = segment.read_item(parse_item(raw))
        last = cuts.get((whose.process, run.era), run.last)
        for place, one in enumerate(run.records):
            if run.first + place <= last:
                yield whose.process, decode(one)


def check_ledgers(paths: Iterable[Path], store: Store, world: str, cut: dict[int, int] | None = None) -> Checked:
    """Hold every acknowledged action of these ledgers against the archive.

    Lost: no archived record holds an action of that number and chain hash. Repeated: two records hold one number.
    With a `cut` (last record by partition index) only entries that an fsync of the ledger covered count, and of those
    the ones whose record is not past it.
    """
    checked = Checked()
    entries, undone = _read(paths)
    entities = {entry.entity for entry in entries}
    done: dict[int, dict[int, bytes]] = {entity: {} for entity in entities}
    for region, record in archived_records(store, world):
        for said in record.inputs:
            if isinstance(said, Acted | Login) and said.entity in entities:
                body = said.body if isinstance(said, Acted) else login_body(said)
                if said.number in done[said.entity]:
                    checked.repeated += 1
                    checked.note(f"action {said.number} of {said.entity} again in record {record.n} of {region}")
                done[said.entity][said.number] = body
    chains = {entity: _chains(entity, numbers) for entity, numbers in done.items()}
    for entry in entries:
        if entry.number > undone.get(entry.entity, entry.number):
            continue
        if cut is not None and not (entry.safe and 0 < entry.n <= cut.get(entry.region, 0)):
            continue
        checked.acked += 1
        if chains[entry.entity].get(entry.number) != entry.chain:
            checked.lost += 1
            checked.note(f"action {entry.number} of {entry.entity}, acknowledged in record {entry.n}, is not archived")
    return checked


def _read(paths: Iterable[Path]) -> tuple[list[ledger.Entry], dict[int, int]]:
    entries: list[ledger.Entry] = []
    undone: dict[int, int] = {}
    for path in paths:
        for one in ledger.read(path):
            if isinstance(one, ledger.Entry):
                entries.append(one)
            else:
                undone[one.entity] = min(one.number, undone.get(one.entity, one.number))
    return entries, undone


def _chains(entity: int, bodies: dict[int, bytes]) -> dict[int, bytes]:
    """The chain hash after each action, as far as the numbers go without a gap."""
    chain, out = first_chain(entity), {}
    number = 1
    while number in bodies:
        chain = player_chain(chain, number, bodies[number])
        out[number] = chain
        number += 1
    return out
