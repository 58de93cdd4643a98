"""What lifts a halt: an item signed by the world's owner, addressed to the region, that names the halt it lifts.

Tags: `Action: Lift`, `Record: <number of the record that logged the halt>`; the target is the region's id. An item
lifts one halt once: the next one stands at another record.
"""

import hashlib

from archive.data_item import parse_item
from archive.errors import ArchiveError
from regions.region_state import RegionState


def lifts(state: RegionState, raw: bytes) -> bool:
    """Whether these bytes are an item that lifts the halt in which the region is."""
    if not state.halted:
        return False
    try:
        item = parse_item(raw)
    except ArchiveError:
        return False
    names = (item.tag("Action"), item.tag("Record"), item.target)
    return names == ("Lift", str(state.halted_at), state.region) and owner_signed(raw, state.owner)


def owner_signed(raw: bytes, owner: bytes) -> bool:
    """Whether bytes are an ANS-104 item signed by the world's owner (`owner`: SHA-256 of its public key)."""
    try:
        item = parse_item(raw)
        item.verify()
    except ArchiveError:
        return False
    return hashlib.sha256(item.owner).digest() == owner
