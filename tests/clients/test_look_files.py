"""How species look, from their files to a window of someone who has no such file."""

import os
from pathlib import Path

import msgspec
import pytest

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

from archive.keys import RsaKey
from clients.draw.bodies import _SHAPES, dressed, look_of
from clients.draw.pictures import SHEETS
from clients.look_files import LOOKS, SHAPES, UNSAID, own_looks
from clients.species_files import read_folder, read_looks
from clients.view import View
from regions.errors import RecordError
from regions.looks import Look, looks_item, looks_of
from regions.looks import read_looks as read_item
from regions.module import sources
from regions.shell.files import WorldDir
from regions.shell.wiring import found_world
from tests.world.test_species import FOX
from world.generate import generate
from world.kinds import DEER, PLAYER
from world.shown import GEAR, GEAR_BOW, GEAR_COAT, GEAR_SWORD
from world.species import BUILT_IN, NAMES, SpeciesError, npc_kinds

FUR = """# Red, with a white belly.
shape = "quadruped"
colours = ["#c8642c", "#b85a30"]  # two coats
belly = "#f4ece0"
size = 75
"""
RED = Look(14, "fox", "quadruped", (0xC8642C, 0xB85A30), 0xF4ECE0, 75)


def fox(folder: Path, look: str | None = FUR) -> Path:
    (folder / "fox.toml").write_text(FOX)
    if look is not None:
        (folder / "fox.look").write_text(look)
    return folder


def test_every_species_of_the_program_looks_as_its_file_says() -> None:
    assert set(LOOKS) == {PLAYER, *npc_kinds(BUILT_IN)}
    assert {look.name for look in LOOKS.values()} == {NAMES[kind] for kind in LOOKS}
    assert set(SHAPES) == set(SHEETS) == set(_SHAPES)
    assert LOOKS[NAMES.index("bandit")].gear == GEAR_SWORD
    assert len({(look.shape, look.colours, look.size) for look in LOOKS.values()}) == len(LOOKS), "each its own"


def test_looks_are_no_part_of_the_rules() -> None:
    assert not [name for name, _ in sources() if "look" in name]


def test_a_species_of_a_folder_looks_as_its_file_says(tmp_path: Path) -> None:
    assert read_looks(fox(tmp_path), read_folder(tmp_path)) == (RED,)


def test_a_species_without_a_look_is_told_by_name_and_one_may_change_only_a_look(tmp_path: Path) -> None:
    fox(tmp_path, None)
    (tmp_path / "deer.look").write_text('shape = "antlered"\ncolours = ["#ffffff"]\n')
    white, unsaid = read_looks(tmp_path, read_folder(tmp_path))
    assert white == Look(DEER, "deer", "antlered", (0xFFFFFF,))
    assert (unsaid.kind, unsaid.name, unsaid.shape) == (14, "fox", UNSAID.shape)
    assert own_looks(BUILT_IN, ()) == (), "nothing is told of a world that has the program's own"


@pytest.mark.parametrize(
    ("change", "line", "field", "allowed"),
    [
        (('"quadruped"', '"snake"'), 2, "shape", '"biped", "hatted", "quadruped", "antlered", "eared"'),
        (("shape", "form"), 2, "form", "shape, colours, belly, size"),
        (('shape = "quadruped"\n', ""), 4, "shape", '"biped"'),
        (('"#c8642c", "#b85a30"', ""), 3, "colours", "a list of 1 to 12 colours"),
        (("#c8642c", "red"), 3, "colours", "a list of 1 to 12 colours"),
        (("#b85a30", '#b85a30", "#000000' * 12), 3, "colours", "a list of 1 to 12 colours"),
        (('"#f4ece0"', "#f4ece0"), 4, "belly", 'a colour such as "#ceb08a"'),
        (("75", "20"), 5, "size", "a whole number from 30 to 250"),
        (("75", "1000"), 5, "size", "a whole number from 30 to 250"),
        (("size = 75", "size = 75\nsize = 80"), 6, "size", "once"),
        (("size = 75", 'holds = "sword"'), 5, "holds", "with biped, hatted"),
        (("quadruped", "biped"), 4, "belly", "with quadruped, antlered, eared"),
        (("size = 75", "size is 75"), 5, "line", "field = value"),
    ],
)
def test_a_bad_line_of_a_look_is_named_with_file_field_and_what_is_allowed(
    change: tuple[str, str], line: int, field: str, allowed: str, tmp_path: Path
) -> None:
    assert change[0] in FUR
    table = read_folder(fox(tmp_path, FUR.replace(*change)))
    with pytest.raises(SpeciesError) as error:
        read_looks(tmp_path, table)
    words = str(error.value)
    assert "fox.look, line " in words and (error.value.line, error.value.field) == (line, field), words
    assert allowed in words, words


def test_a_look_of_no_species_is_named(tmp_path: Path) -> None:
    (fox(tmp_path) / "wulf.look").write_text(FUR)
    with pytest.raises(SpeciesError, match=r"wulf.look, line 1, file: 'wulf' is no species; allowed: .*wolf.look"):
        read_looks(tmp_path, read_folder(tmp_path))


def test_looks_lie_in_the_store_beside_the_map_and_only_the_owners_count(tmp_path: Path) -> None:
    directory = WorldDir(tmp_path / "w")
    found_world(directory, generate(1), (2, 1), (10, 10, 2), looks=(RED,))
    store = directory.store()
    charter, _, _ = directory.charter(store)
    assert looks_of(store, charter) == (RED,)
    store.put(looks_item(RsaKey.generate(), charter.world, (msgspec.structs.replace(RED, size=250),)).raw)
    assert looks_of(store, charter) == (RED,)


def test_looks_that_cannot_be_are_refused() -> None:
    for change in ({"size": 251}, {"kind": 0}, {"colours": ()}, {"gear": 7}, {"name": "Fox"}, {"belly": 1 << 24}):
        with pytest.raises(RecordError, match="no looks"):
            read_item(msgspec.json.encode([msgspec.structs.replace(RED, **change)]))
    with pytest.raises(RecordError):
        read_item(msgspec.json.encode([RED] * 33))


def test_what_one_was_told_is_drawn_and_called_so() -> None:
    view = View((16, 16))
    assert view.called(14) == "strange beast" and look_of(view, 14) is UNSAID
    view.looks[14] = RED
    assert view.called(14) == "fox" and view.called(DEER) == "deer"
    coats = {dressed(view, entity, 14, 0).colour for entity in range(40)}
    assert coats == {(0xC8, 0x64, 0x2C), (0xB8, 0x5A, 0x30)}
    view.looks[15] = msgspec.structs.replace(RED, kind=15, shape="octopus")
    assert dressed(view, 5, 15, 0).shape == UNSAID.shape, "a newer world's shape is drawn as well as it can be"


def test_what_a_body_took_up_goes_before_what_its_kind_holds() -> None:
    view, bandit = View((16, 16)), NAMES.index("bandit")
    assert dressed(view, 5, bandit, 0).gear == GEAR_SWORD
    assert dressed(view, 5, bandit, GEAR_BOW << GEAR).gear == GEAR_BOW
    assert dressed(view, 5, NAMES.index("guard"), GEAR_BOW << GEAR).gear == GEAR_BOW | GEAR_COAT
    assert dressed(view, 5, DEER, GEAR_SWORD << GEAR).gear == 0
