"""A claim: how a process becomes a region's owner, and the hash chain from which its draws will be revealed."""

import hashlib
from collections.abc import Callable

from msgspec.structs import replace

from archive.keys import Ed25519Key
from regions.config import CLAIM_LINKS
from regions.record import Claim, claim_message
from regions.region_state import Region


def draw_links(random: Callable[[int], bytes]) -> list[bytes]:
    """The links that a claim commits to, the next one last, its commitment at the end. It takes a while: a process that
    waits for a seat has them ready."""
    links = [random(32)]
    for _ in range(CLAIM_LINKS):
        links.append(hashlib.sha256(links[-1]).digest())
    return links


def make_claim(
    node: Ed25519Key, region: Region, random: Callable[[int], bytes], links: list[bytes]
) -> tuple[Claim, list[bytes]]:
    """The claim on the term after this state, signed by the node; and the links of `links` that it will reveal."""
    state = region.state
    claim = Claim(node.public, random(16), links.pop(), CLAIM_LINKS, state.era_item, bytes(64))
    message = claim_message(state.region, state.era, state.term + 1, state.n + 1, region.head, claim)
    return replace(claim, signature=node.sign(message)), links
