"""`everloom map check FILE`: what a map file holds, what the game makes of it, and what is missing."""

import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clients.map_files import Loaded, MapError, raw_layers, read_map
from world.tilemap import FEATURES, LISTS, TERRAINS, opaque, solid


def check_map(path: Path) -> dict[str, object]:
    """What `--json` prints.

    `file`; `layers`: per layer `kind`, `name`, `nonempty` (tiles, or objects) and `bounds` (least x, least y, greatest
    x, greatest y of its tiles, or null), for objects also `objects` and `shapes`; `game`: what is played, or null where
    the map is refused, with the reason in `refused`; `missing`: sentences. Never raises `MapError`: a file that cannot
    be read has no layers and says why.
    """
    try:
        loaded = read_map(path)
    except MapError as error:
        return {
            "file": str(path),
            "layers": _with_counts(_layers_of_refused(path)),
            "game": None,
            "refused": f"{error.what}; {error.to_do}",
            "missing": [],
        }
    return {
        "file": str(path),
        "layers": _with_counts(loaded.layers),
        "game": _game(loaded),
        "refused": None,
        "missing": loaded.missing,
    }


def run(path: Path, as_json: bool) -> int:
    """Prints the check of one file; the exit status is 1 for a map that is refused."""
    check = check_map(path)
    if as_json:
        print(json.dumps(check))
    else:
        _show(check, Console())
    return 1 if check["refused"] else 0


def _layers_of_refused(path: Path) -> list[dict[str, object]]:
    """Layers can be listed of maps that cannot be played, such as hexagonal ones."""
    try:
        return [layer.summary() for layer in raw_layers(path)] if path.suffix.lower() == ".tmx" else []
    except MapError:
        return []


def _with_counts(layers: list[dict[str, object]]) -> list[dict[str, object]]:
    """Object layers have a count and no bounds in tiles, so that every layer has the same three keys."""
    return [{"nonempty": layer["objects"], "bounds": None} | layer if "objects" in layer else layer for layer in layers]


def _game(loaded: Loaded) -> dict[str, object]:
    played = loaded.tilemap
    land = played.terrain[: loaded.height, : loaded.width]
    stands = played.feature[: loaded.height, : loaded.width]
    return {
        "width": loaded.width,
        "height": loaded.height,
        "padded_width": played.width,
        "padded_height": played.height,
        "origin": [loaded.left, loaded.top],
        "terrain": {name: int(np.count_nonzero(land == code)) for code, name in enumerate(TERRAINS)},
        "feature": {name: int(np.count_nonzero(stands == code)) for code, name in enumerate(FEATURES)},
        "solid": int(solid(land, stands).sum()),
        "opaque": int(opaque(land, stands).sum()),
        "empty": loaded.empty,
        "unmarked": loaded.unmarked,
        "spawns": {name: len(getattr(played, name)) for name in LISTS},
        "chosen": loaded.chosen,
    }


def _show(check: dict[str, object], console: Console) -> None:
    layers, game, missing = check["layers"], check["game"], check["missing"]
    assert isinstance(layers, list) and isinstance(missing, list)
    table = Table("layer", "kind", "encoding", "there", "bounds", title=Text(str(check["file"])))
    for layer in layers:
        if layer["kind"] == "tilelayer":
            encoding = str(layer.get("encoding", ""))
            table.add_row(Text(layer["name"]), "tiles", encoding, f"{layer['nonempty']:,}", str(layer["bounds"]))
        else:
            shapes = ", ".join(f"{count} {shape}" for shape, count in layer["shapes"].items())
            table.add_row(Text(layer["name"]), "objects", "", f"{layer['objects']:,}", shapes)
    if layers:
        console.print(table)
    if isinstance(game, dict):
        console.print(
            f"plays as {game['width']} x {game['height']} tiles from {tuple(game['origin'])}",
            markup=False,
            soft_wrap=True,
        )
        for name in ("terrain", "feature", "spawns"):
            counts = ", ".join(f"{what} {count:,}" for what, count in game[name].items() if count)
            console.print(f"  {name}: {counts}", markup=False, soft_wrap=True)
    for sentence in missing:
        console.print(f"  missing: {sentence}", markup=False, soft_wrap=True)
    if check["refused"]:
        console.print(f"refused: {check['refused']}", style="red", markup=False, soft_wrap=True)
