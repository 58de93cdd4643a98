"""What lives here, as one table: int64[SPECIES_LINES, KINDS], a column for each kind of `world.kinds`.

The columns of species come from text files (`world.species_text`): those in `world/fauna`, which are part of the
program like its code is, and a world maker's own. The table stands in every region's state, so that a world keeps the
species it was founded with. Players and things have columns too. What a species does with its numbers: `world.npc`.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

from world.kinds import CRATE, GHOST, KIND_MAX, MISSILE, PILE, PLAYER
from world.species_text import ACTIVE, FIELDS, LIVES, ROUTINES, SpeciesError, Text, Value, parse_all
from world.units import RADIUS_MIN, SPEED_MAX, TICKS_PER_SECOND, TILE

__all__ = ["BUILT_IN", "SpeciesError", "built_in_texts", "name_of", "names_of", "species_problem", "species_table"]

KINDS: Final = KIND_MAX + 1

# Lines of the table: the fields of a file in their order, then four with the name.
(
    KIND_OF, COUNT_OF, LIVES_OF, ROUTINE_OF, HEALTH_OF, RADIUS_OF, MASS_OF, SPEED_OF, PACE_OF, HERDS_OF, SLEEPS_OF,
    RANGE_OF, FEARS_OF, FEARS_FIGHTERS_OF, FEAR_TILES_OF, HUNTS_OF, HUNT_TILES_OF, HUNTS_NEAR_OF, NEAR_TILES_OF,
    SMELL_TILES_OF, ACTIVE_OF, DAMAGE_OF, STRIKE_OF, KNOCK_OF, ROBS_OF, FED_OF, MEAT_OF, HIDE_OF, COINS_OF, GOODS_OF,
) = range(len(FIELDS))  # fmt: skip
NAME_OF: Final = len(FIELDS)
NAME_LINES: Final = 4
SPECIES_LINES: Final = NAME_OF + NAME_LINES

# Routines and times of activity, as the table has them.
HERD, WORK, PATROL, TRADE, RAID = range(len(ROUTINES))
ALWAYS, BY_NIGHT, BY_DAY = range(len(ACTIVE))
HOMES, MEADOWS, WOODS, MARKETS, CAMPS = range(len(LIVES))

_THINGS: Final = {PLAYER: "player", PILE: "pile", GHOST: "ghost", CRATE: "crate", MISSILE: "missile"}
_FIXED: Final = {
    PLAYER: {RADIUS_OF: TILE * 35 // 100, MASS_OF: 70, SPEED_OF: 13_107, HEALTH_OF: 100, DAMAGE_OF: 10, STRIKE_OF: 10,
             KNOCK_OF: 100},
    PILE: {RADIUS_OF: TILE // 5, HEALTH_OF: 1},
    CRATE: {RADIUS_OF: TILE * 38 // 100, MASS_OF: 160, HEALTH_OF: 40},
    MISSILE: {RADIUS_OF: TILE // 20, HEALTH_OF: 1},
}  # fmt: skip


def species_table(own: Sequence[tuple[str, str]] = ()) -> npt.NDArray[np.int64]:
    """The table of the built-in species and of a world maker's files, (file, text) each, which go before equal names.

    Raises SpeciesError.
    """
    texts = parse_all([*built_in_texts(), *own], _THINGS)
    kinds = {text.name: int(text.values["kind"]) for text in texts}  # type: ignore[arg-type]
    kinds["player"] = PLAYER
    table = np.zeros((SPECIES_LINES, KINDS), np.int64)
    for kind, values in _FIXED.items():
        for line, fixed in values.items():
            table[line, kind] = fixed
    for kind, name in _THINGS.items():
        _write_name(table, kind, name)
    for text in texts:
        kind = kinds[text.name]
        for line, field in enumerate(FIELDS):
            value: Value | None = text.values.get(field.name, field.default)
            if field.words and isinstance(value, str):
                value = field.words.index(value)
            elif isinstance(value, list):
                value = sum(1 << kinds[name] for name in set(value))
            table[line, kind] = int(value or 0)
        table[RADIUS_OF, kind] = table[RADIUS_OF, kind] * TILE // 100
        table[SPEED_OF, kind] = table[SPEED_OF, kind] * TILE // (100 * TICKS_PER_SECOND)
        _write_name(table, kind, text.name)
        _check_relations(text, table, kind)
    table.setflags(write=False)
    return table


def _check_relations(text: Text, table: npt.NDArray[np.int64], kind: int) -> None:
    """What no single field can say."""
    if table[RADIUS_OF, kind] < RADIUS_MIN:
        raise SpeciesError(text.file, text.lines["radius"], "radius", "is too small", f"{-(-RADIUS_MIN * 100 // TILE)}")
    if table[SPEED_OF, kind] > SPEED_MAX:
        most = SPEED_MAX * 100 * TICKS_PER_SECOND // TILE
        raise SpeciesError(text.file, text.lines["speed"], "speed", "is too fast", f"at most {most}")
    preys = int(table[HUNTS_OF, kind] | table[HUNTS_NEAR_OF, kind])
    if preys >> kind & 1:
        line = text.lines.get("hunts", text.lines.get("hunts_near", 1))
        raise SpeciesError(text.file, line, "hunts", "it hunts its own kind", "other species")


def _write_name(table: npt.NDArray[np.int64], kind: int, name: str) -> None:
    table[NAME_OF:, kind] = np.frombuffer(name.encode("ascii").ljust(4 * NAME_LINES, b"\0"), "<i4")


def name_of(table: npt.NDArray[np.int64], kind: int) -> str:
    """The name of a kind in a table; "" where there is none."""
    return table[NAME_OF:, kind].astype("<i4").tobytes().rstrip(b"\0").decode("ascii", "replace")


def names_of(table: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """The names of all kinds."""
    return tuple(name_of(table, kind) for kind in range(KINDS))


def npc_kinds(table: npt.NDArray[np.int64]) -> list[int]:
    """The kinds that are species, in rising order."""
    return [kind for kind in range(KINDS) if table[KIND_OF, kind] == kind and kind > PLAYER]


def built_in_texts() -> list[tuple[str, str]]:
    """The program's own species files, (file, text) each, by name."""
    folder = files("world") / "fauna"
    named = sorted((file.name, file) for file in folder.iterdir() if file.name.endswith(".toml"))
    return [(f"world/fauna/{name}", file.read_text(encoding="utf-8")) for name, file in named]


def species_problem(table: npt.NDArray[np.int64]) -> str:
    """What is wrong with a table that came from outside, or "" when the rules can live with it."""
    if table.shape != (SPECIES_LINES, KINDS):
        return f"a table of species of {table.shape}, expected {(SPECIES_LINES, KINDS)}"
    if table.min() < -(2**31) or table.max() >= 2**32:
        return f"a number of {int(table.min())} to {int(table.max())} among the species"
    for line, value in ((kind, values) for kind, values in _FIXED.items()):
        for at, fixed in value.items():
            if table[at, line] != fixed:
                return f"line {at} of {_THINGS[line]} is {int(table[at, line])}, expected {fixed}"
    for kind in npc_kinds(table):
        for line, field in enumerate(FIELDS):
            low, high = field.low, field.high
            if field.names:
                high = 2**32 - 1
            elif field.words:
                high = len(field.words) - 1
            elif field.name in ("radius", "speed"):
                low, high = (RADIUS_MIN, TILE // 2 - 1) if field.name == "radius" else (1, SPEED_MAX)
            if not low <= table[line, kind] <= high:
                return f"{field.name} of kind {kind} is {int(table[line, kind])}, expected {low} to {high}"
    return ""


BUILT_IN: Final = species_table()
NAMES: Final = names_of(BUILT_IN)
RADIUS: Final = BUILT_IN[RADIUS_OF]
MASS: Final = BUILT_IN[MASS_OF]
SPEED: Final = BUILT_IN[SPEED_OF]
"""Q16 a tick at an intent of length 127; a player's is 4 tiles a second."""
HEALTH_MAX: Final = BUILT_IN[HEALTH_OF]
DAMAGE: Final = BUILT_IN[DAMAGE_OF]
STRIKE_TICKS: Final = BUILT_IN[STRIKE_OF]
"""Ticks before the next strike."""
MEAT: Final = BUILT_IN[MEAT_OF]
"""Meat that a dead body leaves."""
HIDE: Final = BUILT_IN[HIDE_OF]
NPC_KINDS: Final = (2, 3, 4)
POPULATION: Final = (int(BUILT_IN[COUNT_OF, 2]), int(BUILT_IN[COUNT_OF, 3]), int(BUILT_IN[COUNT_OF, 4]))
"""Villagers, deer and wolves of a world; the other species come in proportion to their sum."""
OTHERS: Final = 2_000 - sum(POPULATION)

PILE_TICKS: Final = 3_000
"""A pile lies this long; then its goods rot and its coins are lost (burned)."""
DOWN_TICKS_PLAYER: Final = 100
HURT_TICKS_SHOWN: Final = 8
RESPAWN_TICKS: Final = 400
VILLAGER_COINS: Final = int(BUILT_IN[COINS_OF, 2])
