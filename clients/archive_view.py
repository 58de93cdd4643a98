"""`everloom archive`: what a store holds, what is wrong with it, and what an item says, for people and for programs.

Items are strangers' work: every text of theirs is escaped before a terminal sees it. Not here: whether history is right
(`everloom verify`).
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from archive import assets, checkpoint, restore
from archive.checkpoint import Manifest
from archive.data_item import DataItem, parse_item
from archive.errors import ArchiveError, Missing
from archive.history import named
from archive.restore import Opening
from archive.stores import State
from archive.stores.catalogue import Listed
from archive.stores.disk import DiskStore
from clients.half_blocks import half_blocks
from clients.item_words import KINDS, OTHER, escaped, held, kind_of, utc
from clients.standing import Standing
from regions.revive import opening_of

DAMAGED: Final = "damaged"  # not a state an item is kept in: it cannot be read back
PROBLEMS_SHOWN: Final = 20


def status(store: Path, as_json: bool) -> int:
    """How much is stored, submitted, permanent; each world's newest checkpoint; what is wrong in the folder. 1 if
    anything is."""
    disk = _open(store)
    console = Console(stderr=True)
    problems = _checked(disk, console)
    items, standing = disk.listed(), Standing.of(disk)
    words: dict[str, Any] = {"store": str(store), "items": len(items), "gateways": standing.gateways}
    words["states"] = _by_state(disk, items, standing)
    words["worlds"] = [_world(disk, world, standing) for world in _worlds(disk)]
    words["arweave_problems"] = standing.problems
    words["problems"] = [str(problem) for problem in problems]
    if as_json:
        print(json.dumps(words))
    else:
        _print_status(words)
    return 1 if problems else 0


def listing(store: Path, kind: str, as_json: bool) -> int:
    """Every item, oldest first: id, kind, size, owner, file, state."""
    kinds = {*KINDS.values(), OTHER}
    if kind and kind not in kinds:
        raise ArchiveError(kind, f"no such kind; there are {', '.join(sorted(kinds))}")
    disk = _open(store)
    standing = Standing.of(disk)
    found = [_row(disk, item, path, standing) for item, path in disk.listed() if not kind or kind_of(item.tags) == kind]
    if as_json:
        print(json.dumps(found))
        return 0
    table = Table(box=None, pad_edge=False)
    for name in ("id", "kind", "bytes", "owner", "state", "file"):
        table.add_column(name, justify="right" if name == "bytes" else "left", no_wrap=name == "id", overflow="fold")
    for one in found:
        owner = f"{one['owner'][:8]}..."
        file = Text(escaped(str(Path(one["path"]).relative_to(store))))
        table.add_row(one["id"], one["kind"], str(one["bytes"]), owner, one["state"], file)
    out = Console(width=None if sys.stdout.isatty() else 200)
    out.print(table)
    out.print(f"{len(found)} items, {sum(one['bytes'] for one in found)} bytes", highlight=False)
    return 0


def show(which: str, store: Path, as_json: bool) -> int:
    """One item: tags, owner, size, whether it is valid, what it holds. 1 if it is not valid."""
    disk = _open(store)
    listed = next(((item, path) for item, path in disk.listed() if item.id == which), None)
    if listed is None:
        raise Missing(escaped(which)[:64], f"no item of this id in {store}")
    row = _row(disk, *listed, Standing.of(disk))
    row["valid"], row["reason"] = True, None
    holds: list[str] = []
    item: DataItem | None = None
    row["tags"] = [list(tag) for tag in listed[0].tags]
    try:
        item = parse_item(disk.get(which))
        holds = list(held(item))
    except (ArchiveError, ValueError) as error:
        row["valid"], row["reason"] = False, str(error)
    if as_json:
        print(json.dumps(row | {"holds": holds}))
        return 0 if row["valid"] else 1
    print(f"{row['kind']} {row['id']}")
    print(f"  valid: {'yes, signed by its owner' if row['valid'] else 'NO: ' + escaped(row['reason'])}")
    print(f"  owner: {row['owner']}   bytes: {row['bytes']}   {row['state']}")
    print(f"  file:  {escaped(row['path'])}")
    for name, value in row["tags"]:
        print(f"  tag:   {escaped(name)} = {escaped(value)}")
    for line in holds:
        print(f"  {escaped(line)}")
    if item is not None and row["valid"] and row["kind"] == "picture":
        _picture(item.data)
    elif item is not None and row["valid"] and row["kind"] == "asset-metadata":
        _picture(_picture_of(disk, item))
    return 0 if row["valid"] else 1


def _open(store: Path) -> DiskStore:
    if not (store / "bundles").is_dir():
        raise Missing(str(store), "no store is here; --from names the folder `store` of a world, or a copy of it")
    return DiskStore(store)


def _checked(disk: DiskStore, console: Console) -> list[ArchiveError]:
    if not console.is_terminal:
        return disk.check()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("reading bundles")
        return disk.check(lambda done, total: progress.update(task, completed=done, total=total))


def _state(disk: DiskStore, item_id: str, standing: Standing) -> str:
    try:
        disk.confirm(item_id)
    except ArchiveError:
        return DAMAGED
    return standing.state(item_id).value


def _row(disk: DiskStore, item: Listed, path: Path, standing: Standing) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": kind_of(item.tags),
        "bytes": item.size,
        "owner": item.owner,
        "path": str(path),
        "state": _state(disk, item.id, standing),
    }


def _by_state(disk: DiskStore, items: list[tuple[Listed, Path]], standing: Standing) -> dict[str, Any]:
    """Per state, never mixed: items and bytes, and both by kind."""
    counts: dict[str, Counter[str]] = {state.value: Counter() for state in State}
    sizes: dict[str, Counter[str]] = {state.value: Counter() for state in State}
    for item, _ in items:
        state = _state(disk, item.id, standing)
        counts.setdefault(state, Counter())[kind_of(item.tags)] += 1
        sizes.setdefault(state, Counter())[kind_of(item.tags)] += item.size
    return {
        state: {
            "items": counts[state].total(),
            "bytes": sizes[state].total(),
            "kinds": {
                kind: {"items": count, "bytes": sizes[state][kind]} for kind, count in sorted(counts[state].items())
            },
        }
        for state in counts
    }


def _worlds(disk: DiskStore) -> list[str]:
    """Ids of the worlds whose charters are here and count."""
    return list(dict.fromkeys(opening.world for opening in restore.openings(disk, opening_of)))


def _world(disk: DiskStore, world: str, standing: Standing) -> dict[str, Any]:
    """A world's eras and its newest checkpoint that can be read back whole; and the newest of which all is submitted,
    and all is permanent."""
    openings = restore.openings(disk, opening_of, world)
    words: dict[str, Any] = {"world": world, "eras": sorted(opening.era for opening in openings), "checkpoint": None}
    missing: list[str] = []
    reached: dict[State, dict[str, Any]] = {}
    for opening in openings:
        for manifest_id, manifest in _manifests(disk, opening, missing):
            lag_ms = max(int(time.time() * 1000) - manifest.time_ms, 0)
            place = {"era": manifest.era, "checkpoint": manifest.number, "manifest": manifest_id}
            place |= {"time": utc(manifest.time_ms), "lag_s": round(lag_ms / 1000, 1)}
            all_of = [opening.id, manifest_id, *named(manifest)]
            states = states_of(all_of, standing)
            if words["checkpoint"] is not None and reached.keys() >= set(states):
                continue
            lacks = [one for one in all_of if _state(disk, one, standing) == DAMAGED]
            missing += [f"checkpoint {manifest.number} lacks {one}" for one in lacks]
            if not lacks and words["checkpoint"] is None:
                words |= place | {"state_hash": manifest.state_hash}
                words["assets"] = len(assets.decode_table(restore.fetch(disk, manifest.table).data))
            for state in states:
                reached.setdefault(state, place)
            if words["checkpoint"] is not None and (State.PERMANENT in reached or not standing.gateways):
                break
        else:
            continue
        break
    words |= {state.value: reached.get(state) for state in (State.SUBMITTED, State.PERMANENT)}
    return words | {"incomplete": missing}


def states_of(ids: Sequence[str], standing: Standing) -> list[State]:
    """Which of submitted and permanent a thing made of these items is; one that is permanent was submitted, too."""
    states = {standing.state(one) for one in ids}
    if State.STORED in states:
        return []
    return [State.SUBMITTED] if State.SUBMITTED in states else [State.SUBMITTED, State.PERMANENT]


def _manifests(disk: DiskStore, opening: Opening, missing: list[str]) -> list[tuple[str, Manifest]]:
    """An era's manifests, the newest first; one that cannot be read is named in `missing`."""
    found: list[tuple[str, Manifest]] = []
    for item_id in restore.search(disk, {"Type": checkpoint.TYPE, "World": opening.world, "Era": str(opening.era)}):
        try:
            manifest = checkpoint.read_item(restore.fetch(disk, item_id, opening.nodes))
        except ArchiveError as error:
            missing.append(f"a manifest cannot be read: {error}")
            continue
        if manifest.charter == opening.id:
            found.append((item_id, manifest))
    return sorted(found, key=lambda pair: pair[1].number, reverse=True)


def _print_status(words: dict[str, Any]) -> None:
    out = Console(soft_wrap=True)
    also = f", also at {', '.join(words['gateways'])}" if words["gateways"] else ""
    out.print(Text(f"store {words['store']}: {words['items']} items{also}"))
    table = Table(box=None, pad_edge=False)
    table.add_column("kind")
    states = list(words["states"])
    for state in states:
        table.add_column(state, justify="right")
        table.add_column("bytes", justify="right")
    kinds = sorted({kind for state in states for kind in words["states"][state]["kinds"]})
    for kind in [*kinds, "all"]:
        row = [kind]
        for state in states:
            found = words["states"][state]
            one = found if kind == "all" else found["kinds"].get(kind, {"items": 0, "bytes": 0})
            row += [str(one["items"]), str(one["bytes"])]
        table.add_row(*row, style="bold" if kind == "all" else "")
    out.print(table)
    for one in words["worlds"]:
        out.print(Text(f"world {one['world']}, eras {', '.join(map(str, one['eras']))}"))
        if one["checkpoint"] is None:
            out.print("  no checkpoint that could be restored", style="red")
        else:
            out.print(
                f"  newest checkpoint {one['checkpoint']} of era {one['era']}: {one['manifest']}", highlight=False
            )
            out.print(f"  {one['assets']} assets, state {one['state_hash']}", highlight=False)
            out.print(f"  it holds the world up to {one['time']}, {_duration(one['lag_s'])} ago:", highlight=False)
            out.print("  losing everything but this store would undo what came after", highlight=False)
            for state in (State.SUBMITTED, State.PERMANENT) if words["gateways"] else ():
                out.print(f"  {_reached(state, one[state.value])}", highlight=False)
        for text in one["incomplete"][:PROBLEMS_SHOWN]:
            out.print(Text(f"  {escaped(text)}", style="red"))
    for text in words["arweave_problems"][:PROBLEMS_SHOWN]:
        out.print(Text(escaped(text), style="yellow"))
    for text in words["problems"][:PROBLEMS_SHOWN]:
        out.print(Text(f"PROBLEM {escaped(text)}", style="bold red"))
    if len(words["problems"]) > PROBLEMS_SHOWN:
        out.print(f"and {len(words['problems']) - PROBLEMS_SHOWN} problems more", style="bold red")


def _reached(state: State, place: dict[str, Any] | None) -> str:
    if place is None:
        return f"{state.value} on Arweave: no checkpoint yet"
    where = f"checkpoint {place['checkpoint']} of era {place['era']}"
    return f"{state.value} on Arweave: {where}, the world up to {_duration(place['lag_s'])} ago"


def _picture_of(disk: DiskStore, metadata: DataItem) -> bytes:
    """The picture that metadata names, empty if it is not here."""
    words = json.loads(metadata.data)
    image = words.get("image") if isinstance(words, dict) else None
    try:
        return parse_item(disk.get(image.removeprefix("ar://"))).data if isinstance(image, str) else b""
    except ArchiveError:
        return b""


def _picture(data: bytes) -> None:
    """Draw a picture with half blocks where the terminal has colours."""
    out = Console(soft_wrap=True)
    if not data or not out.is_terminal or out.color_system is None:
        return
    try:
        out.print(half_blocks(data))
    except ValueError as error:
        print(f"  the picture cannot be drawn here: {escaped(str(error))}")


def _duration(seconds: float) -> str:
    for size, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} seconds"
