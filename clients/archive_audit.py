"""`everloom archive audit`: asks stores for random chunks by a public seed, and reports who proved possession.

The first store's chain says which bytes there are to have. Another that keeps the same blocks is asked at the same
offsets; one with a chain of its own is asked where it keeps the very bundle (it says by the tag Bundle), and its proof
is held against its own blocks as well as against the first one's data root.
"""

import json
import time
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from archive.blocks import Header
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import b64
from archive.possession import Possessed, check_possession, offsets
from archive.transaction import Transaction
from archive.weave import BUNDLE_NAME, bundle_of
from clients.item_words import escaped
from clients.weave_reader import WeaveReader, find_by_tag
from regions.errors import ConfigError

SILENT_MAX: Final = 3  # challenges in a row that cannot even be asked; the others are then failed unasked
SHOWN: Final = 5


@dataclass(frozen=True)
class Challenge:
    """A byte of the reference weave: its block, the transaction that has it (as the reference signed), which byte of
    that one's data it is."""

    offset: int
    height: int
    data_root: bytes
    bundle: str
    place: int


@dataclass
class Audited:
    """What one store proved."""

    url: str
    headers: list[Header] = field(default_factory=list)
    proved: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it answered every challenge."""
        return self.proved > 0 and not self.failed


def run(urls: list[str], seed: str, count: int, as_json: bool) -> int:
    """Audit and report; 1 when any store failed a challenge."""
    try:
        drawn = bytes.fromhex(seed)
    except ValueError:
        raise ConfigError(
            f"--seed is {seed[:40]!r}; write hex digits, such as a block's hash of this morning"
        ) from None
    console = Console(stderr=True, soft_wrap=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("challenges", total=count * len(urls))
        audits = audit(urls, drawn, count, lambda: bar.advance(task))
    if as_json:
        print(json.dumps({"seed": seed, "count": count, "stores": [_json(one, audits[0]) for one in audits]}))
    else:
        for one in audits:
            _show(one, audits[0], count)
    return 0 if all(one.ok for one in audits) else 1


def audit(urls: list[str], seed: bytes, count: int, progress: Any = lambda: None) -> list[Audited]:
    """What each store proves. Raises ArchiveError when the first one's chain cannot be read, as it says what to ask."""
    readers = [WeaveReader(url) for url in urls]
    try:
        reference = readers[0]
        headers = list(reference.headers())
        size = headers[-1].weave_size
        held: dict[int, list[Transaction]] = {}
        asked = [_challenge(reference, headers, held, offset) for offset in offsets(seed, size, count)]
        audits = []
        for reader in readers:
            audits.append(_audit(reader, headers, asked, progress))
        return audits
    finally:
        for reader in readers:
            reader.close()


def _challenge(
    reference: WeaveReader, headers: list[Header], held: dict[int, list[Transaction]], offset: int
) -> Challenge:
    header = _block_at(headers, offset)
    end = header.start
    if header.height not in held:
        held[header.height] = reference.transactions(header)
    for one in held[header.height]:
        end += one.data_size
        if offset <= end:
            return Challenge(offset, header.height, one.data_root, bundle_of(one), offset - 1 - (end - one.data_size))
    raise Damaged(reference.url, f"block {header.height} has no byte {offset}")


def _block_at(headers: list[Header], offset: int) -> Header:
    low, high = 0, len(headers) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if offset <= headers[middle].weave_size else (middle + 1, high)
    if not headers or not headers[low].start < offset <= headers[low].weave_size:
        raise Missing("weave", f"no block has byte {offset}")
    return headers[low]


def _audit(reader: WeaveReader, expected: list[Header], asked: list[Challenge], progress: Any) -> Audited:
    began, done = time.monotonic(), Audited(reader.url)
    silent, why = 0, ""
    begins: dict[str, int] = {}
    try:
        done.headers = list(reader.headers())
    except ArchiveError as error:
        silent, why = SILENT_MAX, f"its chain cannot be read: {error}"
    for one in asked:
        try:
            if silent >= SILENT_MAX:
                raise ArchiveError(reader.url, why)
            _prove(reader, done.headers, expected, begins, one)
            done.proved += 1
            silent = 0
        except ArchiveError as error:
            done.failed.append((one.offset, str(error)))
            if not isinstance(error, Missing | Damaged) and silent < SILENT_MAX:
                silent, why = silent + 1, f"not asked any more: {error}"
        progress()
    done.seconds = round(time.monotonic() - began, 3)
    return done


def _prove(
    reader: WeaveReader, headers: list[Header], expected: list[Header], begins: dict[str, int], one: Challenge
) -> Possessed:
    offset = one.offset
    alike = one.height < len(headers) and headers[one.height].id == expected[one.height].id
    if not alike:
        if one.bundle not in begins:
            begins[one.bundle] = _own_start(reader, one)
        offset = begins[one.bundle] + 1 + one.place
    found = check_possession(_block_at(headers, offset), offset, reader.chunk(offset))
    if found.data_root != one.data_root or not found.start <= one.place < found.end:
        raise Damaged(reader.url, f"byte {one.offset}: proves a chunk of other data than was asked for")
    return found


def _own_start(reader: WeaveReader, one: Challenge) -> int:
    """How many bytes of its weave a store with another chain has before the bundle of a challenge."""
    for name in find_by_tag(reader, BUNDLE_NAME, one.bundle):
        transaction = reader.transaction(name)
        if transaction.data_root == one.data_root:
            return reader.end_of(name) - transaction.data_size
    raise Missing(reader.url, f"byte {one.offset}: it does not list bundle {one.bundle}")


def _alike(one: Audited, reference: Audited) -> int:
    """How many blocks two chains share."""
    pairs = zip(one.headers, reference.headers)
    return sum(1 for _ in takewhile(lambda pair: pair[0].id == pair[1].id, pairs))


def _json(one: Audited, reference: Audited) -> dict[str, Any]:
    newest = one.headers[-1] if one.headers else None
    return {
        "url": one.url,
        "ok": one.ok,
        "proved": one.proved,
        "failed": [{"offset": offset, "reason": reason} for offset, reason in one.failed],
        "blocks": len(one.headers),
        "blocks_alike": _alike(one, reference),
        "head": b64(newest.id) if newest is not None else None,
        "weave_size": newest.weave_size if newest is not None else 0,
        "seconds": one.seconds,
    }


def _show(one: Audited, reference: Audited, count: int) -> None:
    out = Console(soft_wrap=True, highlight=False)
    verdict = "[green]proved possession[/]" if one.ok else "[bold red]did NOT prove possession[/]"
    alike = _alike(one, reference)
    told = "the same chain" if alike == len(one.headers) == len(reference.headers) else f"{alike} blocks in common"
    out.print(f"{one.url}: {verdict} of {one.proved} of {count} chunks; {len(one.headers)} blocks, {told}")
    for offset, reason in one.failed[:SHOWN]:
        print(f"  byte {offset}: {escaped(reason)}")
    if len(one.failed) > SHOWN:
        print(f"  and {len(one.failed) - SHOWN} more")
