"""`everloom asset show`: an asset's name, picture, traits and holder, and every hand it passed through.

All of it from archived items: what the chain of checkpoints names, each item signed by a node of the roster that the
world's owner signed. Re-executes nothing (`everloom verify` does). Not here: giving assets, or taking them out.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from archive import assets, chronicle
from archive.checkpoint import AssetFiled, Manifest
from archive.data_item import DataItem
from archive.errors import ArchiveError, Damaged, Missing
from archive.history import History
from archive.keys import b64
from archive.restore import fetch, load_segment, search
from archive.stores import Store
from archive.stores.arweave import ArweaveStore
from archive.stores.gateway import Gateway
from clients.half_blocks import half_blocks
from clients.item_words import escaped, utc
from clients.source import is_url, opened
from clients.view import short_name
from regions.escrow import NOBODY
from regions.provenance import Gift, Logged, gifts, wallets
from regions.record import decode
from regions.revive import opening_of

ASSET: Final = re.compile(r"[0-9a-f]{16}")
TRAITS_SHOWN: Final = 32


@dataclass(frozen=True)
class Hand:
    """Who held the asset from when on, and the record that did it; `giver` is None for the first. A text is an address
    that held it outside the world."""

    holder: int | str
    giver: int | str | None
    time_ms: int
    era: int
    region: int
    record: int
    record_hash: str
    segment: str
    checkpoint: int
    item: str | None  # the outside item that asked for it


@dataclass(frozen=True)
class Story:
    """All that is shown of an asset."""

    asset: int
    world: str
    metadata: DataItem
    words: dict[str, Any]
    picture: DataItem
    hands: list[Hand]
    holder: int | str
    region: int
    manifest_id: str
    manifest: Manifest
    wallets: dict[int, str]


def run(which: str, where: Path | str, as_json: bool) -> int:
    """Show an asset: `which` is its own id of 16 hex digits, or its metadata's or picture's item's; 1 when what is
    archived of it does not fit together."""
    console = Console(stderr=True)
    world = _world_of(where, which) if is_url(where) else ""
    with opened(where, world, console) as source:
        story = story_of(source, which)
    if as_json:
        print(json.dumps(_json(story)))
    else:
        _show(story)
    return 0


def story_of(source: Store, which: str) -> Story:
    """An asset's story out of a store. Raises ArchiveError where it is not there or does not hold together."""
    item = _item(source, which)
    world, asset = item.tag("World") or "", int(item.tag("Asset") or "0", 16)
    history = History.read(source, opening_of, world)
    manifest, filed = _filed(history, item.tag("Asset") or "")
    nodes = history.opening(manifest).nodes
    metadata, picture = fetch(source, filed.metadata, nodes), fetch(source, filed.picture, nodes)
    words = _words(metadata)
    if words.get("image") != assets.image_uri(picture):
        raise Damaged(filed.metadata, f"names the picture {words.get('image')}, filed was {filed.picture}")
    manifest_id, newest = history.chain[-1]
    table = assets.decode_table(fetch(source, newest.table, history.opening(newest).nodes).data)
    held = next((row for row in table if row.asset == asset), None)
    if held is None:
        raise Missing(filed.asset, f"the table of checkpoint {newest.number} does not have it")
    records = list(_records(source, history))
    first, *returned = _told(source, history, asset, records)
    hands = [first]
    moves: list[Gift | Hand] = [*gifts(records, asset), *returned]
    for move in sorted(moves, key=lambda one: one.time_ms):
        if isinstance(move, Hand):
            hands.append(replace(move, giver=hands[-1].holder))
        else:
            hands.append(_given(move, hands[-1], records))
    last = hands[-1].holder
    if (NOBODY if isinstance(last, str) else last) != held.holder:
        reason = f"the records lead to {_name(last)}, the table of assets says {held.holder:016x}"
        raise Damaged(newest.table, reason)
    entities = {hand.holder for hand in hands}
    known = dict(wallets(records, lambda entity, address: entity in entities))
    return Story(asset, world, metadata, words, picture, hands, last, held.region, manifest_id, newest, known)


def _world_of(where: Path | str, which: str) -> str:
    source = ArweaveStore(Gateway(str(where)))
    try:
        return _item(source, which).tag("World") or ""
    finally:
        source.close()


def _item(source: Store, which: str) -> DataItem:
    """The item that tells which asset of which world is meant."""
    ids = [which]
    if ASSET.fullmatch(which):
        ids = [item_id for item_id in search(source, {"Type": "token", "Asset": which}) if item_id]
    found = {item.tag("World"): item for item in (fetch(source, one) for one in ids) if item.tag("Asset")}
    if not found:
        raise Missing(escaped(which)[:64], "no asset of this id; `everloom archive list --kind asset-metadata` has all")
    if len(found) > 1:
        raise ArchiveError(which, f"{len(found)} worlds have such an asset; name its metadata's id")
    (item,) = found.values()
    if not ASSET.fullmatch(item.tag("Asset") or ""):
        raise Damaged(b64(item.id), "its tag Asset is not 16 hex digits")
    return item


def _filed(history: History, asset: str) -> tuple[Manifest, AssetFiled]:
    for _, manifest in history.chain:
        for one in manifest.assets:
            if one.asset == asset:
                return manifest, one
    raise Missing(asset, f"none of the {len(history.chain)} checkpoints of its world files this asset")


def _words(metadata: DataItem) -> dict[str, Any]:
    try:
        words = json.loads(metadata.data)
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, dict):
        raise Damaged(b64(metadata.id), "its data is no JSON object")
    return words


def _records(source: Store, history: History) -> Iterator[Logged]:
    """Every record that counts, with the segment and the checkpoint that brought it."""
    for _, manifest in history.chain:
        nodes = history.opening(manifest).nodes
        for index, end in enumerate(manifest.regions):
            for run in end.segments:
                if run.last < end.first:
                    continue
                part = load_segment(source, manifest, end, run.id, nodes)
                for place, raw in enumerate(part.records):
                    if part.first + place >= end.first:
                        yield Logged(index, part.first + place, raw, run.id, manifest.number)


def _told(source: Store, history: History, asset: int, records: list[Logged]) -> list[Hand]:
    """The first hand, and those into which it came back from outside, as the chronicle tells them."""
    hands: list[Hand] = []
    for _, one in history.chain:
        if one.chronicle is None:
            continue
        for line in chronicle.decode(fetch(source, one.chronicle, history.opening(one).nodes).data):
            what = line.get("what")
            if line.get("event") in ("minted", "deposited") and isinstance(what, list) and what[:1] == [asset]:
                there = line.get("region"), line.get("record")
                place = next((one for one in records if (one.region, one.n) == there), None)
                if place is None:
                    reason = f"tells of record {there[1]} of region {there[0]}, which is not there"
                    raise Missing(one.chronicle, reason)
                hands.append(_hand(place, int(what[1]), None, *_when(place), None))
    if not hands:
        raise Missing(assets.asset_name(asset), "no chronicle tells how it came about")
    return hands


def _when(logged: Logged) -> tuple[int, int]:
    record = decode(logged.raw)
    return record.time_ms, record.era


def _given(gift: Gift, before: Hand, records: list[Logged]) -> Hand:
    receiver = gift.receiver
    if isinstance(receiver, str) and not gift.outside:
        found = next(wallets(records, lambda _, address: address == receiver), None)
        if found is None:
            raise Missing(receiver, "no login and no item of this wallet is among the records")
        receiver = found[0]
    if gift.giver != before.holder:
        reason = f"given by {_name(gift.giver)} while {_name(before.holder)} held it"
        raise Damaged(gift.logged.segment, reason, region=str(gift.logged.region), record=gift.logged.n)
    return _hand(gift.logged, receiver, gift.giver, gift.time_ms, gift.era, gift.item)


def _name(holder: int | str) -> str:
    return holder if isinstance(holder, str) else assets.asset_name(holder)


def _hand(place: Logged, holder: int | str, giver: int | str | None, time_ms: int, era: int, item: str | None) -> Hand:
    return Hand(
        holder, giver, time_ms, era, place.region, place.n, b64(place.hash), place.segment, place.checkpoint, item
    )


def _json(story: Story) -> dict[str, Any]:
    return {
        "asset": assets.asset_name(story.asset),
        "world": story.world,
        "metadata": b64(story.metadata.id),
        "picture": b64(story.picture.id),
        "words": story.words,
        "holder": _name(story.holder),
        "outside": isinstance(story.holder, str),
        "wallet": _wallet(story, story.holder),
        "region": story.region,
        "checkpoint": story.manifest.number,
        "manifest": story.manifest_id,
        "hands": [
            {
                "holder": _name(hand.holder),
                "giver": _name(hand.giver) if hand.giver is not None else None,
                "wallet": _wallet(story, hand.holder),
                "time": utc(hand.time_ms),
                "era": hand.era,
                "region": hand.region,
                "record": hand.record,
                "record_hash": hand.record_hash,
                "segment": hand.segment,
                "checkpoint": hand.checkpoint,
                "item": hand.item,
            }
            for hand in story.hands
        ],
    }


def _show(story: Story) -> None:
    out = Console(soft_wrap=True, highlight=False)
    out.print(f"[bold]{_plain(story.words.get('name'))}[/]")
    if out.is_terminal and out.color_system is not None:
        try:
            out.print(half_blocks(story.picture.data))
        except ValueError as error:
            print(f"  the picture cannot be drawn here: {escaped(str(error))}")
    print(f"  {escaped(str(story.words.get('description', '')))}")
    traits = story.words.get("attributes")
    for trait in traits[:TRAITS_SHOWN] if isinstance(traits, list) else ():
        if isinstance(trait, dict):
            print(f"  {escaped(str(trait.get('trait_type'))):<10} {escaped(str(trait.get('value')))}")
    print(f"  asset {assets.asset_name(story.asset)} of world {story.world}")
    print(f"  metadata {b64(story.metadata.id)}   picture {b64(story.picture.id)}")
    told = f"{_who(story, story.holder)}, region {story.region}"
    print(f"held by {told}, at checkpoint {story.manifest.number} ({utc(story.manifest.time_ms)})")
    for number, hand in enumerate(story.hands, 1):
        giver = short_name(hand.giver) if isinstance(hand.giver, int) else hand.giver
        how = "came by it" if giver is None else f"was given it by {giver}"
        how += f" (item {hand.item})" if hand.item is not None else ""
        print(f"{number}. {_who(story, hand.holder)} {how}, {utc(hand.time_ms)}")
        print(f"   record {hand.record} of region {hand.region}, era {hand.era}: {hand.record_hash}")
        print(f"   in segment {hand.segment}, checkpoint {hand.checkpoint}")


def _wallet(story: Story, holder: int | str) -> str | None:
    return holder if isinstance(holder, str) else story.wallets.get(holder)


def _who(story: Story, entity: int | str) -> str:
    if isinstance(entity, str):
        return f"{entity}, outside the world,"
    wallet = story.wallets.get(entity)
    return f"{short_name(entity)} ({assets.asset_name(entity)}{', wallet ' + wallet if wallet else ''})"


def _plain(text: object) -> str:
    return escaped(str(text)).replace("[", r"\[")
