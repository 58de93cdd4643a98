"""Species as files: the built-in ones, a new one from a folder without new code, and what a bad line is told."""

from pathlib import Path

import numpy as np
import pytest

from clients.species_files import read_folder
from tests.world.lands import count, flat_map, key
from world import tilemap
from world.encoding import decode, encode
from world.events import Kind
from world.genesis import genesis
from world.invariants import check
from world.kinds import DEER, VILLAGER
from world.species import (
    BUILT_IN,
    HUNTS_OF,
    NAMES,
    SPEED_OF,
    SpeciesError,
    name_of,
    npc_kinds,
    species_problem,
    species_table,
)
from world.state import KIND
from world.tick import Inputs, advance

FOX = """# Hunts rabbits.
name = "fox"
kind = 14
count = 400
lives = "meadows"
routine = "herd"
health = 20
radius = 32
mass = 15
speed = 450
hunts = ["rabbit", "deer"]
hunt_tiles = 9
smell_tiles = 9
damage = 30
"""


def test_at_least_eight_species_come_with_the_program() -> None:
    assert {"villager", "trader", "guard", "deer", "rabbit", "wolf", "bandit", "beast"} <= set(NAMES)
    assert len(npc_kinds(BUILT_IN)) >= 8 and species_problem(BUILT_IN) == ""


def test_a_new_species_is_a_new_file_and_no_new_code(tmp_path: Path) -> None:
    """A fox from a folder lives, hunts and kills; the snapshot keeps it for whoever has no such file."""
    (tmp_path / "fox.toml").write_text(FOX)
    table = read_folder(tmp_path)
    plain = flat_map(64, 64)
    played = tilemap.make_map(plain.terrain, plain.feature, deer_spawns=[(30, 30), (33, 30)], species=table)
    assert tilemap.encode(tilemap.decode(tilemap.encode(played))) == tilemap.encode(played)
    state = genesis(tilemap.decode(tilemap.encode(played)), (0, 0, 64, 64), [], 0, 1, (0, 6, 0))
    assert name_of(state.species, 14) == "fox" and count(state, 14) == 1 and count(state, DEER) == 6
    died = []
    for tick in range(400):
        died += [event for event in advance(state, Inputs(key(tick))).events if event.kind == Kind.DIED]
    foxes = [int(one) for one in state.ids[state.rows[KIND] == 14]]
    assert died and all(event.b in foxes for event in died)
    check(state)
    again = decode(encode(state))
    assert encode(again) == encode(state) and name_of(again.species, 14) == "fox"


def test_a_file_of_an_equal_name_goes_before_the_built_in_one() -> None:
    slow = dict(zip(NAMES, range(32)))["rabbit"]
    text = FOX.replace('"fox"', '"rabbit"').replace("14", str(slow)).replace('hunts = ["rabbit", "deer"]\n', "")
    table = species_table([("mine/rabbit.toml", text.replace("450", "100"))])
    assert table[SPEED_OF, slow] < BUILT_IN[SPEED_OF, slow]


@pytest.mark.parametrize(
    ("change", "line", "field", "allowed"),
    [
        (("kind = 14", "kind = 3"), 3, "kind", "14, 15"),
        (("kind = 14", "kind = 5"), 3, "kind", "14, 15"),
        (("kind = 14", "kind = 77"), 3, "kind", "a whole number from 2 to 31"),
        (('"meadows"', '"caves"'), 5, "lives", '"homes", "meadows", "woods", "markets", "camps"'),
        (('"herd"', "herd"), 6, "routine", '"herd", "work", "patrol", "trade", "raid"'),
        (("health = 20", "health = -1"), 7, "health", "a whole number from 1 to 1000"),
        (("health = 20", "health = 1.5"), 7, "health", "a whole number from 1 to 1000"),
        (("radius = 32", ""), 14, "radius", "a whole number from 31 to 49"),
        (("speed = 450", "speed = 450\nspeed = 4"), 11, "speed", "once"),
        (("damage = 30", "damege = 30"), 14, "damege", "name, kind, count"),
        (('["rabbit", "deer"]', '["rabit"]'), 11, "hunts", "player, bandit, beast"),
        (('["rabbit", "deer"]', '"rabbit"'), 11, "hunts", 'a list of species, such as ["deer", "player"]'),
        (('["rabbit", "deer"]', '["fox"]'), 11, "hunts", "other species"),
        (('"fox"', '"Fox"'), 2, "name", "lower-case letters"),
        (("mass = 15", "mass is 15"), 9, "line", "field = value"),
        (("mass = 15", "mass = 15\nherds = yes"), 10, "herds", "true or false"),
    ],
)
def test_a_bad_line_is_named_with_file_field_and_what_is_allowed(
    change: tuple[str, str], line: int, field: str, allowed: str, tmp_path: Path
) -> None:
    assert change[0] in FOX
    (tmp_path / "fox.toml").write_text(FOX.replace(*change))
    with pytest.raises(SpeciesError) as error:
        read_folder(tmp_path)
    words = str(error.value)
    assert "fox.toml, line " in words and (error.value.line, error.value.field) == (line, field), words
    assert allowed in words, words


def test_a_table_from_outside_is_held_against_its_ranges() -> None:
    table = BUILT_IN.copy()
    table[SPEED_OF, VILLAGER] = 60_000
    assert "speed of kind 2 is 60000" in species_problem(table)
    table = BUILT_IN.copy()
    table[SPEED_OF, 1] = 18_000
    assert "player" in species_problem(table)
    assert species_problem(np.zeros((3, 3), np.int64))
    table = BUILT_IN.copy()
    table[HUNTS_OF, 4] = 1 << 40
    assert species_problem(table)
