"""Looks as text files, beside the species files they are of: `wolf.look` says how the species `wolf` is drawn.

Lines `field = value` like theirs, and mistakes are the same `SpeciesError`, with file, line and field. They are files
of their own because a species file is part of the rules, and a colour is not. Those of `assets/looks` are the
program's own, read the same way. Not here: pictures (`clients.draw.pictures`).
"""

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Final, NamedTuple

from regions.looks import COLOURS_MAX, SIZE_MAX, SIZE_MIN, Look
from world.kinds import PLAYER
from world.shown import GEAR_BOW, GEAR_COAT, GEAR_SWORD
from world.species import NAMES, SpeciesError, name_of, npc_kinds
from world.species_text import fields
from world.state import Int64s

SHAPES: Final = ("biped", "hatted", "quadruped", "antlered", "eared")
HOLDS: Final = {"nothing": 0, "bow": GEAR_BOW, "sword": GEAR_SWORD}
WEARS: Final = {"nothing": 0, "coat": GEAR_COAT}
UNSAID: Final = Look(PLAYER, "beast", "quadruped", (0x9A9BA4,), size=80)
"""Of a species without such a file, and of a kind nothing was told of."""
_LINE: Final = re.compile(r"\s*(?:([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?))?\s*(?:#(?![0-9a-f]{6}\").*)?")
_COLOUR: Final = r'"#[0-9a-f]{6}"'
_COLOURS: Final = re.compile(rf"\[\s*{_COLOUR}(\s*,\s*{_COLOUR})*\s*,?\s*\]")


class _Field(NamedTuple):
    allowed: str
    form: re.Pattern[str]


def _words(words: Sequence[str]) -> _Field:
    quoted = [f'"{word}"' for word in words]
    return _Field(", ".join(quoted), re.compile("|".join(quoted)))


_FIELDS: Final = {
    "shape": _words(SHAPES),
    "colours": _Field(f'a list of 1 to {COLOURS_MAX} colours, such as ["#9c6b4a", "#777c84"]', _COLOURS),
    "belly": _Field('a colour such as "#ceb08a"', re.compile(_COLOUR)),
    "size": _Field(f"a whole number from {SIZE_MIN} to {SIZE_MAX}", re.compile(r"\d{2,3}")),
    "holds": _words(tuple(HOLDS)),
    "wears": _words(tuple(WEARS)),
}


def read_look(file: str, text: str, kind: int, name: str) -> Look:
    """Read one file as the look of a kind. Raises SpeciesError."""
    said: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, field, value in fields(file, text, tuple(_FIELDS), _LINE):
        rule = _FIELDS[field]
        colours = field == "colours" and value.count("#") > COLOURS_MAX
        size = field == "size" and value.isdecimal() and not SIZE_MIN <= int(value) <= SIZE_MAX
        if not rule.form.fullmatch(value) or colours or size:
            raise SpeciesError(file, number, field, f"is {value[:40] or 'empty'}", rule.allowed)
        said[field], lines[field] = value.strip('"'), number
    for field in ("shape", "colours"):
        if field not in said:
            raise SpeciesError(file, max(1, len(text.splitlines())), field, "is missing", _FIELDS[field].allowed)
    gear = HOLDS[said.get("holds", "nothing")] | WEARS[said.get("wears", "nothing")]
    on_legs = said["shape"] in ("biped", "hatted")
    for field, fits in (("holds", on_legs), ("wears", on_legs), ("belly", not on_legs)):
        if field in said and not fits:
            shapes = ", ".join(shape for shape in SHAPES if (shape in ("biped", "hatted")) == (field != "belly"))
            raise SpeciesError(file, lines[field], field, f"means nothing for a {said['shape']}", f"with {shapes}")
    return Look(
        kind,
        name,
        said["shape"],
        tuple(int(one, 16) for one in re.findall(r"#([0-9a-f]{6})", said["colours"])),
        int(said["belly"][1:], 16) if "belly" in said else -1,
        int(said.get("size", "100")),
        gear,
    )


def own_looks(table: Int64s, texts: Sequence[tuple[str, str]]) -> tuple[Look, ...]:
    """What clients must be told of a table of species: the looks in these files, (file, text) each, and the names of
    species that have none. Raises SpeciesError, also for a look of no species."""
    kinds = {name_of(table, kind): kind for kind in npc_kinds(table)}
    looks = {}
    for file, text in texts:
        name = file.removesuffix(".look")
        if name not in kinds:
            raise SpeciesError(file, 1, "file", f"{name!r} is no species", ", ".join(f"{one}.look" for one in kinds))
        looks[kinds[name]] = read_look(file, text, kinds[name], name)
    for name, kind in kinds.items():
        if kind not in looks and name != NAMES[kind]:
            known = next((look for look in LOOKS.values() if look.name == name), UNSAID)
            looks[kind] = Look(kind, name, known.shape, known.colours, known.belly, known.size, known.gear)
    return tuple(looks[kind] for kind in sorted(looks))


def _built_in() -> dict[int, Look]:
    """The program's own looks, by kind: of the player and of each species of `world/fauna`."""
    folder = files("assets") / "looks"
    named = {file.name: file for file in folder.iterdir() if file.name.endswith(".look")}
    made = {}
    for name in sorted(named):
        kind = NAMES.index(name.removesuffix(".look"))
        made[kind] = read_look(f"assets/looks/{name}", named[name].read_text(encoding="utf-8"), kind, NAMES[kind])
    return made


LOOKS: Final = _built_in()
