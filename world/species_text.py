"""Species as text files: one file a species, `field = value` lines, checked line by line.

The files are TOML of the simplest form: whole numbers, true or false, "words", and lists of words; `#` begins a
comment. Every mistake is a `SpeciesError` that names file, line and field, and says what is allowed. Not here: what the
numbers do (`world.species`), finding files (`clients.species_files`).
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

Value = int | bool | str | list[str]

FILES_MAX: Final = 64
FILE_CHARACTERS_MAX: Final = 16_384
WORD: Final = re.compile(r"[a-z][a-z0-9-]{0,15}")
_LINE: Final = re.compile(r"\s*(?:([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?))?\s*(?:#.*)?")

LIVES: Final = ("homes", "meadows", "woods", "markets", "camps")
"""Where on a map a species lives: houses, where deer graze, where wolves roam, village squares, bandits' camps."""
ROUTINES: Final = ("herd", "work", "patrol", "trade", "raid")
ACTIVE: Final = ("always", "night", "day")
ANYBODY: Final = "player"


class SpeciesError(ValueError):
    """What cannot be used in a species file, and what could."""

    def __init__(self, file: str, line: int, field: str, problem: str, allowed: str) -> None:
        super().__init__(f"{file}, line {line}, {field}: {problem}; allowed: {allowed}")
        self.file, self.line, self.field = file, line, field


class Field(NamedTuple):
    """One field: a number from `low` to `high`, a yes or no (high 1, words none), one of `words`, or a list of kinds.

    `default` None: it must be there.
    """

    name: str
    low: int
    high: int
    default: int | None
    words: tuple[str, ...] = ()
    names: bool = False  # a list of species
    flag: bool = False

    @property
    def allowed(self) -> str:
        if self.names:
            return 'a list of species, such as ["deer", "player"]'
        if self.words:
            return ", ".join(f'"{word}"' for word in self.words)
        return "true or false" if self.flag else f"a whole number from {self.low} to {self.high}"


FIELDS: Final = (
    Field("kind", 2, 31, None),
    Field("count", 0, 2_000, None),  # in a world of 2,000 NPCs
    Field("lives", 0, 0, None, LIVES),
    Field("routine", 0, 0, None, ROUTINES),
    Field("health", 1, 1_000, None),
    Field("radius", 31, 49, None),  # hundredths of a tile
    Field("mass", 1, 1_000, None),
    Field("speed", 1, 540, None),  # hundredths of a tile a second
    Field("pace", 1, 127, 50),  # of 127: how fast it goes about when nothing presses
    Field("herds", 0, 1, 0, flag=True),
    Field("sleeps", 0, 1, 0, flag=True),  # is at home by night
    Field("range_tiles", 1, 200, 30),  # turns back, and gives up a hunt, beyond this distance from home
    Field("fears", 0, 0, 0, names=True),
    Field("fears_fighters", 0, 1, 0, flag=True),
    Field("fear_tiles", 1, 10, 6),
    Field("hunts", 0, 0, 0, names=True),
    Field("hunt_tiles", 1, 10, 10),
    Field("hunts_near", 0, 0, 0, names=True),
    Field("near_tiles", 1, 10, 6),
    Field("smell_tiles", 0, 10, 0),  # perceives what it hunts behind walls, too
    Field("active", 0, 0, 0, ACTIVE),  # when it hunts or raids
    Field("damage", 0, 100, 0),
    Field("strike_ticks", 1, 1_000, 20),
    Field("knock", 0, 1_000, 100),  # percent of a player's
    Field("robs", 0, 1_000, 0),  # coins that a blow takes
    Field("fed_ticks", 0, 20_000, 2_400),
    Field("meat", 0, 100, 0),
    Field("hide", 0, 100, 0),
    Field("coins", 0, 10_000, 0),  # at birth
    Field("goods", 0, 200, 0),  # of each kind that is traded, at birth
)
_BY_NAME: Final = {field.name: field for field in FIELDS}


class Text(NamedTuple):
    """One file, parsed: the value and the line of each field."""

    file: str
    name: str
    values: dict[str, Value]
    lines: dict[str, int]


def fields(file: str, text: str, known: Sequence[str], form: re.Pattern[str]) -> Iterator[tuple[int, str, str]]:
    """The lines of a file of these fields: number, field, value. `form` is a line's, field and value its groups. Raises
    SpeciesError for other lines and fields, and for a field that stands there twice."""
    if len(text) > FILE_CHARACTERS_MAX:
        raise SpeciesError(file, 1, "file", f"has {len(text)} characters", f"at most {FILE_CHARACTERS_MAX}")
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        found = form.fullmatch(line)
        if found is None:
            raise SpeciesError(file, number, "line", f"{line.strip()[:40]!r} is no field", "lines `field = value`")
        field = found[1]
        if field is None:
            continue
        if field not in known:
            raise SpeciesError(file, number, field, "is no field", ", ".join(known))
        if field in lines:
            raise SpeciesError(file, number, field, f"stands in line {lines[field]} already", "once")
        lines[field] = number
        yield number, field, found[2]


def parse(file: str, text: str) -> Text:
    """Read one file. Raises SpeciesError."""
    values: dict[str, Value] = {}
    lines: dict[str, int] = {}
    for number, field, value in fields(file, text, ("name", *_BY_NAME), _LINE):
        values[field], lines[field] = _value(file, number, field, value), number
    last = max(1, len(text.splitlines()))
    for field in ("name", *(one.name for one in FIELDS if one.default is None)):
        if field not in values:
            allowed = "a name" if field == "name" else _BY_NAME[field].allowed
            raise SpeciesError(file, last, field, "is missing", allowed)
    return Text(file, str(values.pop("name")), values, lines)


def _value(file: str, line: int, field: str, text: str) -> Value:
    """One value of the right sort and range."""
    if field == "name":
        word = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else ""
        if not WORD.fullmatch(word) or word == ANYBODY:
            allowed = "1 to 16 lower-case letters, digits and hyphens in quotes, a letter first, not player"
            raise SpeciesError(file, line, field, f"is {text[:40]}", allowed)
        return word
    rule = _BY_NAME[field]
    value: Value | None = None
    if rule.names:
        if re.fullmatch(r'\[\s*("[^"\[\]]*"\s*(,\s*"[^"\[\]]*"\s*)*,?\s*)?\]', text):
            value = re.findall(r'"([^"]*)"', text)
    elif rule.words:
        value = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' and text[1:-1] in rule.words else None
    elif rule.flag:
        value = {"true": True, "false": False}.get(text)
    elif re.fullmatch(r"\d{1,9}", text) and rule.low <= int(text) <= rule.high:
        value = int(text)
    if value is None:
        raise SpeciesError(file, line, field, f"is {text[:40] or 'empty'}", rule.allowed)
    return value


def parse_all(files: Sequence[tuple[str, str]], taken: dict[int, str]) -> list[Text]:
    """Read all files of a world, (file, text) each; a later one of the same name replaces the earlier. SpeciesError.

    `taken` are kinds that are no species, with their names.
    """
    if len(files) > FILES_MAX:
        raise SpeciesError(files[FILES_MAX][0], 1, "file", f"is number {FILES_MAX + 1}", f"at most {FILES_MAX} files")
    texts: dict[str, Text] = {}
    for file, text in files:
        read = parse(file, text)
        texts[read.name] = read
    kinds = dict(taken)
    for read in texts.values():
        kind = int(read.values["kind"])  # type: ignore[arg-type]
        if kind in kinds:
            free = ", ".join(str(one) for one in range(2, 32) if one not in kinds)
            raise SpeciesError(read.file, read.lines["kind"], "kind", f"{kind} is the kind of {kinds[kind]}", free)
        kinds[kind] = read.name
    for read in texts.values():
        for field in FIELDS:
            for name in read.values.get(field.name, []) if field.names else ():  # type: ignore[union-attr]
                if name != ANYBODY and name not in texts:
                    known = ", ".join([ANYBODY, *texts])
                    raise SpeciesError(read.file, read.lines[field.name], field.name, f"{name!r} is no species", known)
    return list(texts.values())
