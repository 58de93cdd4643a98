"""`everloom map check`: the account of a file, for people and for machines."""

import json
from pathlib import Path

import pytest

from clients.map_check import check_map, run
from tests.shared_data import SHARED, needs_shared
from world.tilemap import LISTS, TERRAINS

TILED = SHARED / "data" / "tiled"
OCTILE = "type octile\nheight 3\nwidth 4\nmap\n.GSW\nT@O.\n....\n"


@needs_shared
def test_every_reference_map_is_accounted_for(capsys: pytest.CaptureFixture[str]) -> None:
    for name, described in json.loads((TILED / "expected.json").read_text()).items():
        refused = described["orientation"] != "orthogonal" or name.startswith("sticker-knight")
        assert run(TILED / name, as_json=True) == int(refused)
        check = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert [layer["name"] for layer in check["layers"]] == [layer["name"] for layer in described["layers"]]
        for found, expected in zip(check["layers"], described["layers"], strict=True):
            for key in ("kind", "nonempty", "bounds", "flipped", "objects", "shapes"):
                if key in expected:
                    assert found[key] == expected[key], (name, key)
            assert "nonempty" in found and "bounds" in found
        assert (check["game"] is None) == refused == bool(check["refused"])


def test_what_the_game_makes_of_a_map(tmp_path: Path) -> None:
    file = tmp_path / "a.map"
    file.write_text(OCTILE)
    check = check_map(file)
    assert check["layers"] == [{"kind": "tilelayer", "name": "map", "nonempty": 12, "bounds": [0, 0, 3, 2]}]
    game = check["game"]
    assert isinstance(game, dict) and game["terrain"] == dict.fromkeys(TERRAINS, 0) | {
        "ground": 8,
        "water": 1,
        "mud": 1,
        "wall": 2,
    }
    assert (game["width"], game["height"], game["padded_width"], game["padded_height"]) == (4, 3, 16, 16)
    assert (game["feature"]["tree"], game["solid"], game["opaque"]) == (1, 4, 3)
    assert game["chosen"] == [*LISTS]
    assert check["refused"] is None and len(check["missing"]) == 7  # type: ignore[arg-type]


def test_people_read_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.map"
    file.write_text(OCTILE)
    assert run(file, as_json=False) == 0
    shown = capsys.readouterr().out
    assert "plays as 4 x 3 tiles" in shown and "mud 1" in shown and "missing: homes" in shown
    assert run(tmp_path / "absent.tmx", as_json=False) == 1
    assert "refused: there is no such file; check the path" in capsys.readouterr().out


def test_a_layers_name_is_shown_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.tmx"
    layer = '<layer name="[red]x[/nope]" width="1" height="1"><data encoding="csv">0</data></layer>'
    file.write_text(f'<map width="1" height="1" tilewidth="1" tileheight="1">{layer}</map>')
    assert run(file, as_json=False) == 0
    assert "[red]x[/nope]" in capsys.readouterr().out
