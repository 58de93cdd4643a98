"""AO's numbering of a region's log: which items get a nonce, what the scheduler signs, and the Hash-Chain.

Nonces go, in the order in which a span of 32 records took them, to each outside item, each mail item, and at the end
to one `Action=Advance` item whose data commits to the hash of the span's last record. Nonce 0 is the Process item.
(Items for a mailbox, a process that a wallet spawned, stand in the world's process's spans, with nonces of their own.)
The scheduler's signatures are an input of a later record (of several, for a span with very many items), so every view
shows the same ids for ever and nobody signs anew.

    Hash-Chain(k) = SHA-256(id of assignment k - 1 | Hash-Chain(k - 1)), the first SHA-256(process id)

The assignment item's tags and their order: facts of the ao.TN.1 protocol; it has no target, no anchor and no data.
"""

import hashlib

from archive.data_item import DataItem, sign_item
from archive.keys import Ed25519Key, b64
from regions.config import SIGNATURES_PER_RECORD, SPAN
from regions.errors import RecordError
from regions.record import SpanSigned
from regions.region_state import Assignments, Entry, Line, RegionState, Span
from world.events import Refusal

VARIANT = "ao.TN.1"


def first_assignment(key: Ed25519Key, process: bytes, time_ms: int) -> DataItem:
    """Nonce 0, which the Process item itself gets at genesis; it names no message."""
    tags = assignment_tags(process, 0, hashlib.sha256(process).digest(), 0, time_ms, None)
    return sign_item(key, b"", tags)


def begin(process: bytes, assignment: bytes) -> Assignments:
    """The numbering at genesis, after assignment 0 with this id."""
    chain = hashlib.sha256(process).digest()
    return Assignments(nonce=0, last=assignment, chain=chain, open=[], waiting=[], mailboxes={})


def close_span(state: RegionState, n: int, previous: bytes, time_ms: int) -> None:
    """At the first record after a span, with that span's last hash and time now known, queue it for signing."""
    close_numbering(state.assignments, n, previous, time_ms)


def close_numbering(numbering: Assignments, n: int, previous: bytes, time_ms: int) -> bool:
    """Queue the span that ends before record `n`, if one does."""
    if n <= SPAN or (n - 1) % SPAN:
        return False
    numbering.waiting.append(Span(n - SPAN, n - 1, previous, time_ms, numbering.open))
    numbering.open = []
    return True


def next_chain(last: bytes, chain: bytes) -> bytes:
    """The Hash-Chain of the assignment after one with this id and Hash-Chain."""
    return hashlib.sha256(last + chain).digest()


def line_of(numbering: Assignments, entry: Entry | None) -> Assignments | Line:
    """The numbering that an item is part of."""
    return numbering.mailboxes[entry.process] if entry is not None and entry.process else numbering


def process_of(state: RegionState, entry: Entry | None) -> bytes:
    """The process that an item is for."""
    return entry.process if entry is not None and entry.process else state.region


def following(line: Assignments | Line, process: bytes) -> tuple[int, bytes]:
    """The nonce and Hash-Chain of a process's next assignment."""
    if line.nonce < 0:
        return 0, hashlib.sha256(process).digest()
    return line.nonce + 1, next_chain(line.last, line.chain)


def take_signatures(state: RegionState, said: SpanSigned) -> Refusal:
    """Fold the scheduler's signatures: numbers move on, the span is done. They are checked by readers, not here."""
    numbering = state.assignments
    if not numbering.waiting:
        raise RecordError(f"signatures for records {said.first}..{said.last}, and no span waits")
    span, count = numbering.waiting[0], len(said.signatures)
    if (said.first, said.last) != (span.first, span.last) or not 0 < count <= len(span.entries) + 1:
        raise RecordError(
            f"{count} signatures for records {said.first}..{said.last}; the span that waits is"
            f" {span.first}..{span.last} with {len(span.entries) + 1} items"
        )
    for entry, (_, signature) in zip([*span.entries, None], said.signatures):
        line = line_of(numbering, entry)
        line.nonce, line.chain = following(line, process_of(state, entry))
        line.last = hashlib.sha256(signature).digest()
    if count > len(span.entries):
        del numbering.waiting[0]
    else:
        del span.entries[:count]
    return Refusal.DONE


def sign_span(key: Ed25519Key, state: RegionState, processes: dict[int, bytes], block_height: int) -> SpanSigned:
    """Make the items and assignments of the oldest waiting span, or of its next SIGNATURES_PER_RECORD items.

    `processes` gives a region's id by partition index.
    """
    numbering = state.assignments
    span = numbering.waiting[0]
    lines: dict[bytes, Line] = {}
    signatures: list[tuple[bytes, bytes]] = []
    for entry in [*span.entries, None][:SIGNATURES_PER_RECORD]:
        item_id, item_signature = _item(key, state, processes, span, entry)
        process = process_of(state, entry)
        before = lines.get(process) or line_of(numbering, entry)
        nonce, chain = following(before, process)
        time_ms = span.time_ms if entry is None else entry.time_ms
        message = item_id if item_id != process else None  # nonce 0 is the process itself
        tags = assignment_tags(process, nonce, chain, block_height, time_ms, message)
        assignment = sign_item(key, b"", tags)
        lines[process] = Line(nonce, assignment.id, chain)
        signatures.append((item_signature, assignment.signature))
    return SpanSigned(span.first, span.last, block_height, tuple(signatures))


def _item(
    key: Ed25519Key, state: RegionState, processes: dict[int, bytes], span: Span, entry: Entry | None
) -> tuple[bytes, bytes]:
    if entry is not None and not entry.source and not entry.number:
        return entry.hash, b""  # an outside item is signed by its wallet
    if entry is None:
        tags, data = advance_tags(span.first, span.last), span.hash.hex().encode()
    else:
        tags = mail_tags(processes[entry.source], state.module, entry.number, entry.cause)
        data = entry.hash.hex().encode()
    item = sign_item(key, data, tags, target=state.region)
    return item.id, item.signature


def _ao(kind: str) -> list[tuple[str, str]]:
    return [("Data-Protocol", "ao"), ("Type", kind), ("Variant", VARIANT)]


def advance_tags(first: int, last: int) -> list[tuple[str, str]]:
    """Tags of a span's Advance item; its data is the hex hash of record `last`."""
    return [("Action", "Advance"), ("First", str(first)), ("Last", str(last)), *_ao("Message")]


def mail_tags(source: bytes, module: bytes, number: int, cause: bytes) -> list[tuple[str, str]]:
    """Tags of a mail's item; its data is the hex hash of the mail, whose bytes stand in the record.

    Pushed-For is the outside item that began it; mail that the world sends as it advances has none, like AO's cron.
    """
    return [
        ("Action", "Mail"),
        ("From-Process", b64(source)),
        ("From-Module", b64(module)),
        *([("Pushed-For", b64(cause))] if cause else []),
        ("Reference", str(number)),
        *_ao("Message"),
    ]


def assignment_tags(
    process: bytes, nonce: int, chain: bytes, block_height: int, time_ms: int, message: bytes | None
) -> list[tuple[str, str]]:
    """An assignment's tags, in the protocol's order."""
    tags = [
        ("Process", b64(process)),
        ("Epoch", "0"),
        ("Nonce", str(nonce)),
        ("Hash-Chain", b64(chain)),
        ("Block-Height", str(block_height)),
        ("Timestamp", str(time_ms)),
        *_ao("Assignment"),
    ]
    return tags if message is None else [*tags, ("Message", b64(message))]
