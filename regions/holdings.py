"""What a region holds that the archive names one by one: assets and their holders, and key events in words.

Reads states of the rules; changes nothing. The archivist and the auditor share it, so that what one files the other can
compute again from the records and compare.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from archive.assets import Face, asset_name
from regions import compute, founding, letters
from regions.escrow import NOBODY
from regions.letters import Handover
from regions.parcels import Left, Returned
from regions.record import Record
from regions.region_state import Region, Rules, Told
from regions.world_process import Registry
from world import portrait
from world.borders import read_image
from world.events import Kind
from world.items import ASSET_KINDS, RARITIES
from world.state import ASSET_HOLDER, ASSET_ID, ASSET_KIND, ASSET_TRAITS, State
from world.tilemap import TERRAINS


@dataclass(frozen=True)
class Holding:
    """An asset and its holder, 0 outside or on the way. `mail` is (receiver, number) of the mail it is in, or None."""

    asset: int
    kind: int
    traits: int
    holder: int
    mail: tuple[int, int] | None = None


@dataclass(frozen=True)
class Kit:
    """What archiving and auditing need of the rules: the real ones here, small ones in tests."""

    rules: Callable[[int], Rules]  # of a seat, by partition index
    genesis: Callable[[int], Region]  # before record 1 of era 1
    holdings: Callable[[Region], list[Holding]]
    face: Callable[[int, int, int], Face]  # of an asset: id, kind, traits
    metadata: Callable[[str, int, int, int, str], bytes]  # world, asset, kind, traits, image: the ERC-721 JSON
    line: Callable[[int, Told], dict[str, Any]]  # of the chronicle: partition index, key event
    apply: Callable[[Region, bytes, Record], object] = compute.apply  # of a record: its bytes, and as they were read
    fold: Callable[[Region, Record], tuple[int, ...]] = lambda region, given: compute.fold(region, given).verdicts


def kit(genesis: Callable[[int], Region]) -> Kit:
    """The kit of the real rules."""
    return Kit(founding.rules_of, genesis, holdings, face, metadata, line)


def holdings(region: Region) -> list[Holding]:
    """All assets of a region: of bodies that live here, of sleepers, and of bodies on their way to a neighbour."""
    found: list[Holding] = []
    if isinstance(region.bodies, State):
        held = region.bodies.assets[:, : region.bodies.assets_used]
        columns = held[[ASSET_ID, ASSET_KIND, ASSET_TRAITS, ASSET_HOLDER]].T.tolist()
        found = [Holding(asset, kind, traits, holder) for asset, kind, traits, holder in columns]
    for sleeper in region.state.sleepers.values():
        found += _carried(sleeper.image, None) if sleeper.image else []
    for near in region.state.neighbours:
        for mail in near.outbox:
            body = letters.decode_body(mail) if mail.kind == letters.HANDOVER else None
            if isinstance(body, Handover):
                found += _carried(body.image, (near.index, mail.number))
    return found + outside(region)


def outside(region: Region) -> list[Holding]:
    """The assets that no body has: in escrow, outside, and in mail between the two."""
    found = [Holding(one.asset, one.kind, one.traits, NOBODY) for one in region.state.escrow]
    if isinstance(region.bodies, Registry):
        abroad = [(asset, one) for asset, one in region.bodies.abroad.items() if one.holder]
        found += [Holding(asset, one.kind, one.traits, NOBODY) for asset, one in abroad]
    for near in region.state.neighbours:
        for mail in near.outbox:
            body = letters.decode_body(mail) if mail.kind in (letters.LEFT, letters.RETURNED) else None
            if isinstance(body, Left | Returned):
                found.append(Holding(body.asset, body.kind, body.traits, NOBODY, (near.index, mail.number)))
    for _, mail in region.state.parked:
        body = letters.decode_body(mail) if mail.kind in (letters.LEFT, letters.RETURNED) else None
        if isinstance(body, Left | Returned):
            found.append(Holding(body.asset, body.kind, body.traits, NOBODY))
    return found


def _carried(image: bytes, mail: tuple[int, int] | None) -> list[Holding]:
    read = read_image(image)
    return [Holding(asset, kind, traits, read.entity, mail) for asset, kind, traits in read.assets]


def face(asset: int, kind: int, traits: int) -> Face:
    """An asset's picture and words, drawn from its traits alone."""
    words = portrait.erc721(asset, traits, kind, "")
    topics = (ASSET_KINDS[kind], words["attributes"][1]["value"], "everloom")
    return Face(asset, words["name"], words["description"], topics, portrait.picture_png(traits, kind))


def metadata(world: str, asset: int, kind: int, traits: int, image: str) -> bytes:
    """An asset's ERC-721 JSON."""
    words = portrait.erc721(asset, traits, kind, image, world)
    return json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode()


def line(index: int, told: Told) -> dict[str, Any]:
    """A key event as the chronicle tells it."""
    kind, a, b, c, d, text = told.event
    at = datetime.fromtimestamp(told.time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "region": index,
        "number": told.number,
        "record": told.n,
        "time": at.replace("+00:00", "Z"),
        "event": Kind(kind).name.lower(),
        "what": [a, b, c, d],
        "text": text or _sentence(kind, a, b, c, d),
    }


def _sentence(kind: int, a: int, b: int, c: int, d: int) -> str:
    if kind == Kind.MINTED:
        return f"{asset_name(b)} came by {RARITIES[d]} {ASSET_KINDS[c]} {asset_name(a)}"
    if kind == Kind.WITHDREW:
        return f"{asset_name(b)} sent {asset_name(a)} out of the world"
    if kind == Kind.DEPOSITED:
        return f"{asset_name(a)} came back into the world, to {asset_name(b)}"
    if kind == Kind.DIED:
        by = f", slain by {asset_name(b)}" if b else ""
        return f"{asset_name(a)} fell at {c}, {d}{by}"
    if kind == Kind.BUILT:
        return f"{asset_name(a)} built {TERRAINS[d]} at {b}, {c}"
    if kind == Kind.DUG:
        return f"{asset_name(a)} dug away {TERRAINS[d]} at {b}, {c}"
    return f"{Kind(kind).name.lower()} {a} {b} {c} {d}"
