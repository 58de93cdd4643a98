"""Reading recipes: lines of text, checked one by one; the grammar stands at the head of `world/recipes.txt`.

Every mistake is a `RecipeError` that names file, line and problem, and says what is allowed. Not here: making something
by a recipe (`world.crafting`).
"""

import re
from typing import Final, NamedTuple

from world.items import ASSET_KINDS, FIND, ITEMS
from world.relics import FORMS
from world.units import GOODS_MAX

RECIPES_MAX: Final = 256
TICKS_MOST: Final = 1_000
ODDS_MOST: Final = 1_000_000
TEXT_MAX: Final = 65_536
CRATE_MADE: Final = -1
ASSET_MADE: Final = -2

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,15}")
_PIECES: Final = re.compile(r"([0-9]{1,4}) ([a-z]+)")
_TICKS: Final = re.compile(r"([0-9]{1,5}) ticks")
_ODDS: Final = re.compile(r"1 in ([0-9]{1,8}) (.+)")
_FORMS: Final = {f"{ASSET_KINDS[form.kind]} {form.name}": form.kind for form in FORMS if form.kind != FIND}


class RecipeError(ValueError):
    """What cannot be used in a text of recipes, and what could."""

    def __init__(self, file: str, line: int, problem: str, allowed: str) -> None:
        super().__init__(f"{file}, line {line}: {problem}; allowed: {allowed}")
        self.file, self.line = file, line


class Recipe(NamedTuple):
    """`needs` are (item, count); `item` is what is made, or CRATE_MADE, or ASSET_MADE.

    `asset` is the kind and the place of the form among the forms of that kind; it is made one time in `odds`, 0: never.
    """

    name: str
    needs: tuple[tuple[int, int], ...]
    item: int
    pieces: int
    ticks: int
    asset: tuple[int, int] = (0, 0)
    odds: int = 0


def parse(file: str, text: str) -> tuple[Recipe, ...]:
    """All recipes of a text. Raises RecipeError."""
    if len(text) > TEXT_MAX:
        raise RecipeError(file, 1, f"a text of {len(text)} characters", f"at most {TEXT_MAX}")
    recipes: list[Recipe] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = " ".join(raw.partition("#")[0].split())
        if line:
            recipes.append(_recipe(file, number, line))
            if recipes[-1].name in [recipe.name for recipe in recipes[:-1]]:
                raise RecipeError(file, number, f"a second recipe named {recipes[-1].name}", "a name once")
    if not 1 <= len(recipes) <= RECIPES_MAX:
        raise RecipeError(file, 1, f"{len(recipes)} recipes", f"1 to {RECIPES_MAX}")
    return tuple(recipes)


def _recipe(file: str, number: int, line: str) -> Recipe:
    name, equals, rest = (part.strip() for part in line.partition("="))
    if not equals or not _NAME.fullmatch(name):
        raise RecipeError(file, number, f"no name before '=' in {line!r}", "lower-case letters, digits and -, up to 16")
    needed, arrow, rest = (part.strip() for part in rest.partition("->"))
    if not arrow:
        raise RecipeError(file, number, "no '->'", "needs -> what is made; how many ticks")
    parts = [part.strip() for part in rest.split(";")]
    if len(parts) not in (2, 3):
        raise RecipeError(file, number, f"{len(parts)} parts after '->'", "what is made; N ticks; 1 in N kind form")
    needs = tuple(_pieces(file, number, part.strip()) for part in needed.split(","))
    if len({item for item, _ in needs}) != len(needs):
        raise RecipeError(file, number, "the same good needed twice", "each once")
    ticks = _TICKS.fullmatch(parts[1])
    if ticks is None or not 1 <= int(ticks[1]) <= TICKS_MOST:
        raise RecipeError(file, number, f"{parts[1]!r} is no time", f"1 ticks to {TICKS_MOST} ticks")
    taken = int(ticks[1])
    if parts[0] in _FORMS:
        if len(parts) == 3:
            raise RecipeError(file, number, "odds behind what is an asset already", "no third part")
        return Recipe(name, needs, ASSET_MADE, 1, taken, _form(file, number, parts[0]), 1)
    item, count = (CRATE_MADE, 1) if parts[0] == "crate" else _pieces(file, number, parts[0])
    if len(parts) == 2:
        return Recipe(name, needs, item, count, taken)
    odds = _ODDS.fullmatch(parts[2])
    if odds is None or not 2 <= int(odds[1]) <= ODDS_MOST:
        raise RecipeError(file, number, f"{parts[2]!r} are no odds", f"1 in 2 to 1 in {ODDS_MOST}, and kind and form")
    if item == CRATE_MADE:
        raise RecipeError(file, number, "odds behind a crate", "no third part")
    return Recipe(name, needs, item, count, taken, _form(file, number, odds[2]), int(odds[1]))


def _pieces(file: str, number: int, text: str) -> tuple[int, int]:
    found = _PIECES.fullmatch(text)
    if found is None or found[2] not in ITEMS:
        raise RecipeError(file, number, f"{text!r} is no count of goods", f"a count and one of {', '.join(ITEMS)}")
    if not 1 <= int(found[1]) <= GOODS_MAX:
        raise RecipeError(file, number, f"{found[1]} {found[2]}", f"1 to {GOODS_MAX} of a kind")
    return ITEMS.index(found[2]), int(found[1])


def _form(file: str, number: int, text: str) -> tuple[int, int]:
    kind = _FORMS.get(text)
    if kind is None:
        raise RecipeError(file, number, f"{text!r} is no kind and form", ", ".join(_FORMS))
    return kind, [f"{ASSET_KINDS[kind]} {form.name}" for form in FORMS if form.kind == kind].index(text)
