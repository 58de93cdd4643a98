"""Assets that leave the world, and come back: archived before outside (law 2), in one place at any time (law 4).

    Withdraw (outside item, in the holder's region)    body -> escrow, in one record
    Issued (the owner's own input, a later record)     the outgoing item is signed; its bytes stay as they are for ever
    a checkpoint that holds that record is confirmed   escrow -> mail -> the world's own process, which knows from then
                                                       on which address outside holds the asset
    Transfer (outside item, at the world's process)    from that address to another, any number of times
    Deposit (outside item, where its wallet's body is) a claim -> world's process -> mail -> that body

Whoever claims what it does not hold gets nothing; whose body has left meanwhile finds the asset outside again, its own.

The outgoing item is an AO message to the new holder (a Credit-Notice, as tokens send it), signed by a node of the
roster: tags in `outgoing_tags`, its data a JSON object with the asset's id, kind and traits. It names the record that
holds it, so a second signature over the same asset would be a second item: the fold takes no second one.
"""

import json
from collections.abc import Iterator
from typing import Final

from archive.assets import asset_name
from archive.data_item import assemble, signing_message
from archive.keys import ED25519, Ed25519Key, b64, verify
from archive.tags import encode_tags
from regions import letters
from regions.assignments import VARIANT
from regions.config import ESCROW_MAX, OUTBOX_MAX
from regions.letters import WORLD
from regions.outside import Asked, address_bytes, address_text, asset_of
from regions.parcels import Claimed, Left, Parcel, Returned
from regions.record import Issued, Mail
from regions.region_state import Region, RegionState
from world.events import Event, Kind, Refusal

NOBODY: Final = 0  # who holds an asset that no body has


def withdraw(region: Region, entity: int, asked: Asked, n: int, events: list[Event]) -> Refusal:
    """An asset out of its holder's hands into escrow. `n` is the record that does it."""
    state = region.state
    if not region.rules.has(region.bodies, entity):
        return Refusal.NO_SUCH_TARGET
    if len(state.escrow) >= ESCROW_MAX:
        return Refusal.TOO_MANY
    asset, to = asset_of(asked), address_bytes(asked.tag("Recipient"))
    taken = region.rules.take_out(region.bodies, entity, asset)
    if taken is None:
        return Refusal.NOT_YOURS
    state.escrow.append(Parcel(asset, *taken, entity, to, n, b"", b"", asked.item.id))
    events.append(Event(Kind.WITHDREW, asset, entity))
    return Refusal.DONE


def claim(region: Region, entity: int, asked: Asked) -> tuple[Refusal, Mail | None]:
    """Ask the world's process for an asset that the wallet of a body here holds outside."""
    state = region.state
    if not region.rules.has(region.bodies, entity):
        return Refusal.NO_SUCH_TARGET, None
    if len(letters.neighbour(state, WORLD).outbox) >= OUTBOX_MAX // 2:
        return Refusal.TOO_MANY, None
    body = letters.encode_body(Claimed(state.index, asset_of(asked), entity, asked.address))
    return Refusal.DONE, letters.post(state, WORLD, letters.CLAIMED, body, asked.item.id)


def take_back(region: Region, returned: Returned, events: list[Event]) -> None:
    """An asset that was claimed goes to its body; where that is not here any more, outside again, as it was."""
    asset, kind, traits = returned.asset, returned.kind, returned.traits
    if region.rules.put_in(region.bodies, returned.entity, asset, kind, traits):
        events.append(Event(Kind.DEPOSITED, asset, returned.entity))
        return
    state = region.state
    state.escrow.append(Parcel(asset, kind, traits, returned.entity, returned.address, 0, returned.id, b""))


def issue(node: Ed25519Key, state: RegionState) -> Issued | None:
    """The node's signature over the first outgoing item that has none, as an input of record `state.n + 1`."""
    parcel = next((one for one in state.escrow if not one.id), None)
    if parcel is None or node.public not in state.nodes:
        return None
    return Issued(parcel.asset, node.public, node.sign(_message(state, parcel, node.public, state.n + 1)))


def take_signature(state: RegionState, said: Issued) -> Refusal:
    """Fold a signature: the item it completes is what leaves, and no other. `state.n` is the record that holds it."""
    parcel = next((one for one in state.escrow if one.asset == said.asset), None)
    if parcel is None or parcel.id or said.node not in state.nodes:
        return Refusal.NOT_YOURS
    if not verify(ED25519, said.node, _message(state, parcel, said.node, state.n), said.signature):
        return Refusal.NOT_YOURS
    tags = outgoing_tags(state, parcel, state.n)
    item = assemble(ED25519, said.node, said.signature, _target(parcel), None, tags, _data(parcel))
    parcel.n, parcel.id, parcel.item = state.n, item.id, item.raw
    return Refusal.DONE


def release(state: RegionState) -> Iterator[Mail]:
    """What a confirmed checkpoint holds goes to the world's process, as far as the outbox has places."""
    near = letters.neighbour(state, WORLD)
    for parcel in list(state.escrow):
        if not parcel.id or parcel.n > state.archived or len(near.outbox) >= OUTBOX_MAX:
            continue
        state.escrow.remove(parcel)
        left = Left(
            state.index, parcel.asset, parcel.kind, parcel.traits, parcel.giver, parcel.to, parcel.id, parcel.item
        )
        yield letters.post(state, WORLD, letters.LEFT, letters.encode_body(left), parcel.cause)


def outgoing_tags(state: RegionState, parcel: Parcel, n: int) -> list[tuple[str, str]]:
    """The tags of the item that tells an address outside that it holds an asset; record `n` holds the item."""
    return [
        ("Action", "Credit-Notice"),
        ("Asset", asset_name(parcel.asset)),
        ("Quantity", "1"),
        ("Recipient", address_text(parcel.to)),
        ("World", b64(state.world)),
        ("From-Process", b64(state.region)),
        ("From-Module", b64(state.module)),
        ("Era", str(state.era)),
        ("Record", str(n)),
        ("Content-Type", "application/json"),
        ("Data-Protocol", "ao"),
        ("Type", "Message"),
        ("Variant", VARIANT),
    ]


def _data(parcel: Parcel) -> bytes:
    words = {"asset": asset_name(parcel.asset), "kind": parcel.kind, "traits": parcel.traits}
    return json.dumps(words, separators=(",", ":")).encode()


def _target(parcel: Parcel) -> bytes | None:
    return parcel.to if len(parcel.to) == 32 else None


def _message(state: RegionState, parcel: Parcel, node: bytes, n: int) -> bytes:
    tags = encode_tags(outgoing_tags(state, parcel, n))
    return signing_message(ED25519, node, _target(parcel), None, tags, _data(parcel))
