"""A record in the making: the fields decided before the fold, and those that the fold gives."""

from msgspec.structs import replace

from archive.keys import Ed25519Key
from regions.compute import Folded
from regions.config import RECORD_FORMAT
from regions.record import Record, head_message
from regions.region_state import Region


def draft(region: Region, time_ms: int, tick: int) -> Record:
    """An empty record that follows this state."""
    state = region.state
    return Record(
        format=RECORD_FORMAT,
        era=state.era,
        term=state.term,
        n=state.n + 1,
        tick=tick,
        previous=region.head,
        time_ms=time_ms,
        module=state.module,
        roster=state.roster,
        partition=state.partition,
        claim=None,
        link=b"",
        inputs=(),
        heard=(),
        fresh=0,
        parked=(),
        halt="",
        verdicts=(),
        replies=(),
        sent=(),
        events=b"",
        state_hash=b"",
        head=b"",
    )


def finished(region: bytes, node: Ed25519Key, given: Record, folded: Folded) -> Record:
    """The record with what its fold gave; every span's last one carries the node's signature over the head."""
    head = b""
    if folded.state_hash:
        head = node.sign(head_message(region, given.era, given.term, given.n, given.previous, folded.state_hash))
    return replace(
        given,
        verdicts=folded.verdicts,
        replies=folded.replies,
        sent=folded.sent,
        events=folded.events_hash,
        state_hash=folded.state_hash,
        head=head,
    )
