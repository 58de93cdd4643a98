"""A record's place in its region's log: number, previous hash, term, time; claims, draw links, signatures, witnesses.

What does not stand where it says it stands is refused with its numbers, never skipped. What is in the record is
`regions.compute`'s business.
"""

import hashlib
from collections.abc import Iterable

from archive.keys import ED25519, verify
from regions.config import CLAIM_LINKS, CLOCK_STEP_MS_MAX
from regions.errors import BehindWitness, RecordError
from regions.record import Claim, Head, Record, claim_message, head_message
from regions.region_state import RegionState
from regions.seat import Witness


def take_place(state: RegionState, given: Record, head: bytes) -> None:
    """Let a record follow this state, whose newest record hashes to `head`. Raises RecordError if it cannot."""
    claiming = given.claim is not None
    expected_tick = state.tick if claiming or given.halt else state.tick + 1
    if given.n != state.n + 1 or given.tick != expected_tick or given.previous != head:
        raise RecordError(f"record {given.n}, tick {given.tick} cannot follow record {state.n}, tick {state.tick}")
    if given.time_ms <= state.time_ms and state.n > 0:
        raise RecordError(f"record {given.n} at {given.time_ms} ms does not come after {state.time_ms} ms")
    if not claiming and given.time_ms > state.time_ms + CLOCK_STEP_MS_MAX:
        raise RecordError(f"record {given.n} is {given.time_ms - state.time_ms} ms later; at most {CLOCK_STEP_MS_MAX}")
    if not claiming and (given.era, given.term) != (state.era, state.term):
        raise RecordError(f"record {given.n} is of term {given.era}.{given.term}; it is {state.era}.{state.term}")
    if (given.module, given.roster, given.partition) != (state.module, state.roster, state.partition):
        raise RecordError(f"record {given.n} names another Module, roster or partition than the state it follows")
    state.n, state.tick, state.time_ms, state.previous = given.n, given.tick, given.time_ms, given.previous


def take_claim(state: RegionState, claim: Claim, given: Record) -> None:
    """Begin a term. Raises RecordError for a node outside the roster, or any term but the next."""
    if (given.era, given.term) != (state.era, state.term + 1) or claim.era_item != state.era_item:
        raise RecordError(f"record {given.n} claims term {given.era}.{given.term} after {state.era}.{state.term}")
    if claim.links > CLAIM_LINKS or claim.node not in state.nodes:
        raise RecordError(
            f"record {given.n} claims {claim.links} links for node {claim.node.hex()[:12]}: not admissible"
        )
    if given.inputs or given.heard or given.link or given.fresh or given.parked or given.halt:
        raise RecordError(f"record {given.n} is a claim and carries inputs")
    state.term = given.term
    state.claim_node, state.claim_process = claim.node, claim.process
    state.link, state.links_left = claim.commitment, claim.links
    state.entropy = hashlib.sha256(b"everloom-claim" + claim.commitment).digest()


def reveal(state: RegionState, given: Record) -> None:
    """Take the next draw link, and the hashes of heads and letters into the entropy. Raises RecordError."""
    if state.links_left < 1:
        raise RecordError(
            f"record {given.n}: the claim's {CLAIM_LINKS} draw links are used up; the owner must claim again"
        )
    if hashlib.sha256(given.link).digest() != state.link:
        raise RecordError(f"record {given.n}: the draw link does not follow the one before")
    state.link, state.links_left = given.link, state.links_left - 1
    heard = b"".join([one.hash for one in given.heard])
    heads = b"".join([one.signature for one in given.inputs if type(one) is Head])
    if heard or heads:
        state.entropy = hashlib.sha256(state.entropy + heads + heard).digest()


def is_signed(state: RegionState, given: Record) -> bool:
    """Whether claim and head, where the record has them, were signed by the node of this term."""
    place = state.region, given.era, given.term, given.n, given.previous
    claim = given.claim
    if claim is not None and not verify(ED25519, claim.node, claim_message(*place, claim), claim.signature):
        return False
    if not given.state_hash:
        return not given.head
    return verify(ED25519, state.claim_node, head_message(*place, given.state_hash), given.head)


def heed(name: str, state: RegionState, heads: dict[int, bytes], witnesses: Iterable[Witness]) -> None:
    """Hold a log that ends at this state against its witnesses. `heads` are hashes of its records, as far as known.

    Raises BehindWitness when one has seen more, RecordError when one has seen another record.
    """
    for witness in witnesses:
        if witness.era != state.era:
            continue
        if witness.n > state.n:
            raise BehindWitness(name, state.n, witness.n, witness.where)
        if heads.get(witness.n, witness.hash) != witness.hash:
            raise RecordError(
                f"{name}: record {witness.n} is not the one that {witness.where} has seen: the log has forked"
            )
