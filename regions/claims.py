"""A claim: how a process becomes a region's owner, and the hash chain from which its draws will be revealed."""

import hashlib
from collections.abc import Callable

from msgspec.structs import replace

from archive.keys import Ed25519Key
from regions.config import CLAIM_LINKS
from regions.record import Claim, claim_message
from regions.region_state import Region


def make_claim(node: Ed25519Key, region: Region, random: Callable[[int], bytes]) -> tuple[Claim, list[bytes]]:
    """The claim on the term after this state, signed by the node; and the links it commits to, the next one last."""
    state = region.state
    links = [random(32)]
    for _ in range(CLAIM_LINKS):
        links.append(hashlib.sha256(links[-1]).digest())
    claim = Claim(node.public, random(16), links.pop(), CLAIM_LINKS, state.era_item, bytes(64))
    message = claim_message(state.region, state.era, state.term + 1, state.n + 1, region.head, claim)
    return replace(claim, signature=node.sign(message)), links
