"""Reads one region's records, in order, into AO's terms: items, what came of them, and their assignments.

Nothing is folded: what a view shows stands in the records, or follows from them by the numbering of
`regions.assignments`, so every view of one log shows the same bytes.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from archive.data_item import DataItem, assemble, parse_item
from archive.keys import ED25519
from regions import assignments, letters
from regions.ao import results
from regions.errors import RecordError
from regions.record import Outside, Record, SpanSigned, decode, record_hash
from regions.region_state import Assignments, Entry, Line, Span

OUTSIDE, MAIL, ADVANCE, PROCESS = "outside", "mail", "advance", "process"


@dataclass(frozen=True)
class Shown:
    """An item, the record that holds it, its nonce (which follows from the records before the scheduler signs it), and
    its result (a JSON text). `process`: the mailbox it is for or makes; empty: the region."""

    id: bytes
    kind: str
    n: int
    nonce: int
    raw: bytes
    result: str
    process: bytes = b""


@dataclass(frozen=True)
class Assigned:
    """An assignment: the `raw` item the scheduler signed, and the item it assigns (empty: the process itself).
    `process` as in `Shown`."""

    nonce: int
    id: bytes
    item: bytes
    n: int
    time_ms: int
    raw: bytes
    process: bytes = b""


class Place(msgspec.Struct, array_like=True):
    """Where a view stands: the newest record read, its hash and time, and the numbering after it."""

    n: int
    hash: bytes
    time_ms: int
    numbering: Assignments
    sent: list[tuple[int, int, bytes]]  # (receiver's index, number, hash) of mail, of the span that runs
    spans: list[list[tuple[int, int, bytes]]]  # the same, of the spans that wait for signatures


@dataclass
class View:
    """One region. `processes` are region ids by partition index; `module` is the newest record's, `scheduler` the
    world's."""

    process: bytes
    module: bytes
    scheduler: bytes
    processes: dict[int, bytes]
    place: Place
    _encoder: Any = field(default_factory=msgspec.json.Encoder)

    @classmethod
    def begin(
        cls, process: bytes, module: bytes, scheduler: bytes, processes: dict[int, bytes], first: bytes
    ) -> "View":
        """A view before record 1; `first` is the id of assignment 0."""
        return cls(process, module, scheduler, processes, Place(0, b"", 0, assignments.begin(process, first), [], []))

    def follow(self, raw: bytes) -> tuple[list[Shown], list[Assigned]]:
        """Read the next record. Raises RecordError for one that is not the next."""
        record, place = decode(raw), self.place
        if record.n != place.n + 1 or (place.n and record.previous != place.hash):
            raise RecordError(f"record {record.n} does not follow record {place.n}")
        self.module = record.module
        if assignments.close_numbering(place.numbering, record.n, record.previous, place.time_ms):
            place.spans.append(place.sent)
            place.sent = []
        for heard in record.heard:
            place.numbering.open += [
                Entry(heard.region, mail.number, letters.mail_hash(mail), record.n, record.time_ms, cause=mail.cause)
                for mail in heard.mail
            ]
        shown, assigned = self._inputs(record)
        for one in record.sent:
            last = one.number - len(one.mail)
            place.sent += [(one.region, last + 1 + at, digest) for at, digest in enumerate(one.mail)]
        place.n, place.hash, place.time_ms = record.n, record_hash(raw), record.time_ms
        return shown, assigned

    def _inputs(self, record: Record) -> tuple[list[Shown], list[Assigned]]:
        shown: list[Shown] = []
        assigned: list[Assigned] = []
        replies = iter(record.replies)
        for said, verdict in zip(record.inputs, record.verdicts, strict=True):
            if isinstance(said, SpanSigned):
                made, numbered = self._signed(said)
                shown += made
                assigned += numbered
            elif isinstance(said, Outside):
                shown.append(self._outside(record, parse_item(said.item), said.item, verdict, next(replies)))
        return shown, assigned

    def _outside(self, record: Record, item: DataItem, raw: bytes, verdict: int, reply: bytes) -> Shown:
        numbering, spawned = self.place.numbering, item.tag("Type") == "Process"
        mailbox = item.id if spawned else b"" if item.target == self.process else item.target or b""
        if mailbox:
            numbering.mailboxes.setdefault(mailbox, Line(-1, b"", b""))
        numbering.open.append(Entry(0, 0, item.id, record.n, record.time_ms, mailbox))
        result = results.of_post(verdict) if mailbox else results.of_outside(item, verdict, reply)
        kind = PROCESS if spawned else OUTSIDE
        return Shown(item.id, kind, record.n, self._newest_nonce(mailbox), raw, self._json(result), mailbox)

    def _newest_nonce(self, mailbox: bytes) -> int:
        """The nonce that the newest item of the span that runs will have."""
        numbering = self.place.numbering
        spans = [span.entries for span in numbering.waiting]
        waiting = sum(entry.process == mailbox for entries in (*spans, numbering.open) for entry in entries)
        if mailbox:
            return numbering.mailboxes[mailbox].nonce + waiting
        return numbering.nonce + waiting + len(spans)

    def _signed(self, said: SpanSigned) -> tuple[list[Shown], list[Assigned]]:
        numbering = self.place.numbering
        span, count = numbering.waiting[0], len(said.signatures)
        entries: list[Entry | None] = [*span.entries, None]
        shown: list[Shown] = []
        assigned: list[Assigned] = []
        for entry, (item_signature, signature) in zip(entries[:count], said.signatures, strict=True):
            item_id = entry.hash if entry is not None else b""
            n, time_ms = (span.last, span.time_ms) if entry is None else (entry.n, entry.time_ms)
            if item_signature:
                item = self._item(span, entry, item_signature)
                item_id = item.id
                kind = ADVANCE if entry is None else MAIL
                mail = self.place.spans[0] if entry is None else []
                result = results.of_own(self.processes, self.module, mail)
                shown.append(Shown(item.id, kind, n, numbering.nonce + 1, item.raw, self._json(result)))
            mailbox = entry.process if entry is not None else b""
            process, line = mailbox or self.process, assignments.line_of(numbering, entry)
            line.nonce, line.chain = assignments.following(line, process)
            message = item_id if item_id != process else None
            tags = assignments.assignment_tags(process, line.nonce, line.chain, said.block_height, time_ms, message)
            made = assemble(ED25519, self.scheduler, signature, None, None, tags, b"")
            line.last = made.id
            assigned.append(Assigned(line.nonce, made.id, message or b"", n, time_ms, made.raw, mailbox))
        if count > len(span.entries):
            del numbering.waiting[0], self.place.spans[0]
        else:
            del span.entries[:count]
        return shown, assigned

    def _item(self, span: Span, entry: Entry | None, signature: bytes) -> DataItem:
        if entry is None:
            tags, data = assignments.advance_tags(span.first, span.last), span.hash.hex().encode()
        else:
            tags = assignments.mail_tags(self.processes[entry.source], self.module, entry.number, entry.cause)
            data = entry.hash.hex().encode()
        return assemble(ED25519, self.scheduler, signature, self.process, None, tags, data)

    def _json(self, result: Any) -> str:
        return str(self._encoder.encode(result).decode())
