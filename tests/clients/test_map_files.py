"""Map files as the game reads them: words of tiles and objects, chosen places, refusals by name."""

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest

from clients.map_files import Loaded, MapError, load_map, load_scen, read_map
from tests.shared_data import SHARED, needs_shared
from world.tilemap import BUSH, FIELD, FLOOR, GROUND, LISTS, MUD, NONE, TREE, WALL, WATER, encode, solid

TILED = SHARED / "data" / "tiled"
MOVING_AI = SHARED / "data" / "movingai"

WORDS = """
<tile id="0"><properties><property name="terrain" value="water"/></properties></tile>
<tile id="1"><properties><property name="Feature" value="Tree"/></properties></tile>
<tile id="2"><properties><property name="solid" type="bool" value="true"/></properties></tile>
<tile id="3"><properties><property name="collides" type="bool" value="false"/></properties></tile>
<tile id="4" type="mud"/>
<tile id="5" class="bush"/>
<tile id="6"><properties><property name="terrain" value="lava"/></properties></tile>
<tile id="7"><properties><property name="terrain" value="bridge"/></properties></tile>
<tile id="8"><properties><property name="feature" value="none"/></properties></tile>
<tile id="9"><properties><property name="terrain" value="mud"/>
<property name="feature" value="field"/></properties></tile>
"""
TILESET = f"""<tileset name="words" tilewidth="16" tileheight="16" tilecount="20" columns="5" firstgid="1">
<image source="words.png" width="80" height="64"/>{WORDS}</tileset>"""


def tmx(
    tmp_path: Path, rows: list[list[int]], *, more: str = "", tilesets: str = TILESET, attributes: str = ""
) -> Path:
    """A map with one layer of these GIDs and more layers after it."""
    height, width = len(rows), len(rows[0])
    size = f'width="{width}" height="{height}"'
    cells = ",\n".join(",".join(map(str, row)) for row in rows)
    file = tmp_path / "map.tmx"
    file.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?><map orientation="orthogonal" tilewidth="16" tileheight="16" {size} '
        f'{attributes}>{tilesets}<layer name="ground" {size}><data encoding="csv">{cells}</data></layer>{more}</map>'
    )
    return file


def over(rows: list[list[int]]) -> str:
    cells = ",".join(str(gid) for row in rows for gid in row)
    return f'<layer name="over" width="{len(rows[0])}" height="{len(rows)}"><data encoding="csv">{cells}</data></layer>'


@needs_shared
def test_every_reference_map_is_played_or_refused_by_name() -> None:
    for name, described in json.loads((TILED / "expected.json").read_text()).items():
        kinds = {layer["kind"] for layer in described["layers"]}
        if described["orientation"] != "orthogonal":
            with pytest.raises(MapError, match=r"hexagonal-mini.tmx.*hexagonal orientation.*orthogonal in Tiled"):
                load_map(TILED / name)
        elif "tilelayer" not in kinds:
            with pytest.raises(MapError, match=r"sandbox.tmx.*no tile layer.*on a tile layer in Tiled"):
                load_map(TILED / name)
        else:
            loaded = read_map(TILED / name)
            if not described["infinite"]:
                assert (loaded.width, loaded.height) == (described["width"], described["height"])
            assert all(len(getattr(loaded.tilemap, list_name)) for list_name in LISTS)
            nonempty = sum(layer.get("nonempty", 0) for layer in described["layers"])
            assert loaded.unmarked == nonempty, "none of these maps marks its tiles"


@needs_shared
def test_an_infinite_map_begins_where_its_tiles_do() -> None:
    loaded = read_map(TILED / "encodings" / "tiled_base64_zlib_infinite.tmx")
    assert (loaded.left, loaded.top, loaded.width, loaded.height) == (-16, 0, 48, 48)


def test_words_of_tiles_become_terrain_and_feature(tmp_path: Path) -> None:
    loaded = read_map(tmx(tmp_path, [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0]]))
    assert loaded.tilemap.terrain[0, :12].tolist() == [
        WATER, GROUND, WALL, FLOOR, MUD, GROUND, GROUND, FLOOR, GROUND, MUD, GROUND, GROUND,
    ]  # fmt: skip
    assert loaded.tilemap.feature[0, :12].tolist() == [
        NONE, TREE, NONE, NONE, NONE, BUSH, NONE, NONE, NONE, FIELD, NONE, NONE,
    ]  # fmt: skip
    assert (loaded.unmarked, loaded.empty) == (2, 1)
    assert any("tile 6 of 'words' has terrain 'lava': expected one of ground" in note for note in loaded.missing)


def test_upper_layers_override_what_lies_below(tmp_path: Path) -> None:
    rows = [[1, 1, 2, 2, 2, 10, 1]]
    loaded = read_map(tmx(tmp_path, rows, more=over([[8, 6, 5, 9, 0, 3, 11]])))
    assert loaded.tilemap.terrain[0, :7].tolist() == [FLOOR, WATER, MUD, GROUND, GROUND, WALL, WATER]
    assert loaded.tilemap.feature[0, :7].tolist() == [NONE, BUSH, NONE, NONE, TREE, NONE, NONE]


def test_flipped_tiles_mean_the_same(tmp_path: Path) -> None:
    flips = [1 | bits << 28 for bits in range(16)]
    assert (load_map(tmx(tmp_path, [[*flips, 0]])).terrain[0, :16] == WATER).all()


def test_chunks_at_negative_coordinates_are_laid_in_place(tmp_path: Path) -> None:
    chunks = "".join(
        f'<chunk x="{x}" y="{y}" width="2" height="1">{gids}</chunk>'
        for x, y, gids in ((-20, -3, "1,3"), (6, 5, "5,0"))
    )
    file = tmp_path / "map.tmx"
    file.write_text(
        f'<map orientation="orthogonal" tilewidth="16" tileheight="16" width="30" height="20" infinite="1">{TILESET}'
        f'<layer name="l" width="30" height="20"><data encoding="csv">{chunks}</data></layer>'
        '<objectgroup name="o"><object id="1" name="player" x="-300" y="-40"><point/></object></objectgroup></map>'
    )
    loaded = read_map(file)
    assert (loaded.left, loaded.top, loaded.width, loaded.height) == (-20, -3, 27, 9)
    assert loaded.tilemap.terrain[0, :2].tolist() == [WATER, WALL] and loaded.tilemap.terrain[8, 26] == MUD
    assert loaded.tilemap.player_spawns.tolist() == [[2, 0]], "beside the wall it lies in"


def objects(text: str) -> str:
    return f'<group name="g"><objectgroup name="places">{text}</objectgroup></group>'


def test_objects_are_places_to_begin(tmp_path: Path) -> None:
    rows = [[0] * 20 for _ in range(20)]
    rows[2][2] = rows[2][3] = rows[10][10] = 3
    (tmp_path / "p.tx").write_text('<template><object name="player" width="16" height="16"/></template>')
    more = objects(
        '<object id="1" type="home" x="35" y="33"><point/></object>'  # in a wall: the nearest open tile
        '<object id="2" class="Field" x="16" y="16" width="48" height="32"/>'  # 3 x 2 tiles, two of them walls
        '<object id="3" name="wolf" x="160" y="160" width="16" height="16" gid="1"/>'  # a tile lies above its point
        '<object id="4" name="DEER" x="0" y="0"/>'
        '<object id="5" template="p.tx" x="64" y="80"/>'
        '<object id="6" name="deer" x="-1" y="0"/>'  # off the map
        '<object id="7" name="chest" x="nan" y="0"/>'  # no word of ours: not read
    )
    loaded = read_map(tmx(tmp_path, rows, more=more))
    played = loaded.tilemap
    assert played.homes.tolist() == [[2, 1]]
    assert played.fields.tolist() == [[1, 1], [2, 1], [3, 1], [1, 2]]
    assert played.wolf_spawns.tolist() == [[10, 9]]
    assert played.deer_spawns.tolist() == [[0, 0]]
    assert played.player_spawns.tolist() == [[4, 5]]
    assert loaded.chosen == ["markets", "camps"] and any(
        "1 spawn objects lie off the map" in note for note in loaded.missing
    )


def test_places_are_chosen_where_there_are_none_always_the_same(tmp_path: Path) -> None:
    rows = [[0] * 40 for _ in range(40)]
    for y in range(40):
        rows[y][30] = 3  # a wall; the larger part lies to the left
    rows[0][0] = rows[0][1] = 10
    first, second = read_map(tmx(tmp_path, rows)), read_map(tmx(tmp_path, rows))
    assert encode(first.tilemap) == encode(second.tilemap)
    assert first.chosen == ["homes", "player_spawns", "deer_spawns", "wolf_spawns", "markets", "camps"]
    assert first.tilemap.fields.tolist() == [[0, 0], [1, 0]], "tiles that are fields are worked on"
    for name in first.chosen:
        points = getattr(first.tilemap, name)
        assert len(points) == len(np.unique(points, axis=0)) > 0 and (points[:, 0] < 30).all(), name


def test_places_that_cannot_be_reached_are_reported(tmp_path: Path) -> None:
    rows = [[0, 0, 3, 0, 0]]
    places = '<object id="1" name="player" x="0" y="0"/><object id="2" name="home" x="70" y="0"/>'
    loaded = read_map(tmx(tmp_path, rows, more=objects(places)))
    assert any("1 of the places to begin cannot be reached" in note for note in loaded.missing)


OLD = """<tileset name="old" tilewidth="16" tileheight="16" spacing="1" margin="2" {} firstgid="1">
<image source="old.png" {}/>{}</tileset>"""


def test_tilesets_without_tilecount_load(tmp_path: Path) -> None:
    """Format 1.0: 4 x 3 tiles fit the image, so GID 12 is the last that is known."""
    tilesets = OLD.format("", 'width="72" height="54"', WORDS)
    loaded = read_map(tmx(tmp_path, [[1, 12, 13, 0]], tilesets=tilesets))
    assert loaded.tilemap.terrain[0, 0] == WATER and loaded.unmarked == 1
    assert any("1 tiles are in no tileset" in note for note in loaded.missing)
    pictures = '<tileset name="pictures" tilewidth="16" tileheight="16" firstgid="1">' + WORDS + "</tileset>"
    assert load_map(tmx(tmp_path, [[1, 2, 0]], tilesets=pictures)).terrain[0, 0] == WATER
    with pytest.raises(MapError, match=r"tileset 'old' has neither `tilecount` nor an image with its size"):
        load_map(tmx(tmp_path, [[1, 2]], tilesets=OLD.format("", "", "")))


def test_external_tilesets_are_read_from_the_maps_folder_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "sets").mkdir(parents=True)
    outside = TILESET.replace('firstgid="1"', "")
    (tmp_path / "words.tsx").write_text(outside)
    (home / "sets" / "words.tsx").write_text(outside)
    (home / "sets" / "link.tsx").symlink_to(tmp_path / "words.tsx")
    rows = [[1, 2, 3, 0]]

    def with_source(source: str) -> Path:
        return tmx(home, rows, tilesets=f'<tileset firstgid="1" source="{source}"/>')

    assert load_map(with_source("sets/../sets/words.tsx")).terrain[0, 0] == WATER
    for source in ("../words.tsx", str(tmp_path / "words.tsx"), "sets/link.tsx", "/etc/passwd"):
        with pytest.raises(MapError, match="outside the map's own folder"):
            load_map(with_source(source))
    for source, says in (
        ("sets/none.tsx", "there is no such file"),
        ("sets/words.tsj", "JSON"),
        ("map.tmx", "holds <map>, not <tileset>"),
        ("sets/a&#9;b", "no such file"),
        ("x" * 5000, "cannot be"),
    ):
        with pytest.raises(MapError, match=says):
            load_map(with_source(source))
    escaping = objects('<object id="1" template="../t.tx" x="0" y="0"/>')
    with pytest.raises(MapError, match="outside the map's own folder"):
        load_map(tmx(home, rows, more=escaping))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"rows": [[3, 3]]}, "has no open tile among 2"),
        ({"rows": [[1] * 5000]}, "is 5000 x 1 tiles; a map has at most 4096"),
        ({"tilesets": TILESET.replace('firstgid="1"', 'firstgid="0"')}, "firstgid='0'"),
        ({"tilesets": TILESET.replace('tilewidth="16"', 'tilewidth="0"')}, "tilewidth='0'"),
        ({"tilesets": TILESET.replace('id="4"', 'id="-4"')}, "id='-4'"),
        ({"tilesets": TILESET.replace('type="bool"', 'type="int"')}, "'words' is not as Tiled writes it"),
        ({"tilesets": TILESET.replace('name="solid"', "")}, "'words' is not as Tiled writes it"),
        ({"more": objects('<object id="1" name="home" x="nan" y="0"/>')}, "lies at"),
        ({"more": objects('<object id="1" name="home" x="here" y="0"/>')}, "object '1' of layer 'g/places' is not as"),
        ({"more": objects('<object name="home" x="1" y="0"/>')}, "object None of layer"),
        ({"more": objects('<object id="1" name="home" x="1" y="1"><polygon points="1"/></object>')}, "object '1'"),
    ],
)
def test_bad_maps_are_refused_by_name(tmp_path: Path, arguments: dict[str, object], says: str) -> None:
    rows = arguments.pop("rows", [[1, 2, 0, 0]])
    file = tmx(tmp_path, rows, **arguments)  # type: ignore[arg-type]
    with pytest.raises(MapError, match=says):
        load_map(file)


def test_a_damaged_map_loads_or_is_refused_and_nothing_else(tmp_path: Path) -> None:
    """2,000 seeded mutations of one map, by attribute and by byte."""
    draw = random.Random(7)
    places = (
        '<object id="1" name="home" x="9" y="9" width="4" height="4"/><object id="2" gid="1" type="wolf" x="1" y="1"/>'
    )
    file = tmx(tmp_path, [[1, 2, 3, 0], [0, 9, 8, 7]], more=over([[0, 1, 0, 6]]) + objects(places))
    whole = file.read_bytes()
    pieces = (
        b"",
        b"0",
        b"-1",
        b"99999999999",
        b"nan",
        b"1e400",
        b'"',
        b"<",
        b">",
        b"\xff",
        b"&#1;",
        b"..",
        b"\xe2\x80",
    )
    outcomes = set()
    for _ in range(2000):
        damaged = bytearray(whole)
        if draw.random() < 0.6:
            value = draw.choice(list(re.finditer(rb'"([^"]*)"', whole)))
            damaged[value.start(1) : value.end(1)] = draw.choice(pieces)
        else:
            at = draw.randrange(len(whole))
            damaged[at : at + draw.choice((0, 1, 3, 30))] = draw.choice(pieces)
        file.write_bytes(damaged)
        try:
            outcomes.add(bool(load_map(file)))
        except MapError:
            outcomes.add(False)
    assert outcomes == {True, False}


def test_spawn_areas_are_bounded(tmp_path: Path) -> None:
    area = '<object id="1" name="home" x="0" y="0" width="999999" height="999999"/>'
    file = tmx(tmp_path, [[0] * 100 for _ in range(100)], more=objects(area * 3))
    assert len(load_map(file).homes) == 10_000
    file = tmx(tmp_path, [[0] * 200 for _ in range(200)], more=objects(area * 27))
    with pytest.raises(MapError, match="spawn areas of more than 1048576 tiles"):
        load_map(file)


def test_an_infinite_map_without_tiles_or_with_tiles_far_apart_is_refused(tmp_path: Path) -> None:
    def chunked(*places: int) -> Path:
        chunks = "".join(f'<chunk x="{x}" y="0" width="1" height="1">{min(1, x + 1)}</chunk>' for x in places)
        file = tmp_path / "map.tmx"
        file.write_text(
            f'<map tilewidth="16" tileheight="16" width="1" height="1" infinite="1">{TILESET}'
            f'<layer name="l"><data encoding="csv">{chunks}</data></layer></map>'
        )
        return file

    with pytest.raises(MapError, match="infinite map without a single tile"):
        load_map(chunked(-1))
    with pytest.raises(MapError, match=r"is 1000000001 x 1 tiles; a map has at most 4096"):
        load_map(chunked(0, 10**9))


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    for name in ("map.json", "map.zip", "map"):
        (tmp_path / name).write_text("{}")
        with pytest.raises(MapError, match=r"not in .tmx or .map"):
            load_map(tmp_path / name)


OCTILE = "type octile\nheight 3\nwidth 4\nmap\n.GSW\nT@O.\n....\n"


def test_moving_ai_letters(tmp_path: Path) -> None:
    file = tmp_path / "a.map"
    file.write_text(OCTILE)
    loaded: Loaded = read_map(file)
    assert loaded.tilemap.terrain[:3, :4].tolist() == [
        [GROUND, GROUND, MUD, WATER],
        [GROUND, WALL, WALL, GROUND],
        [GROUND] * 4,
    ]
    assert loaded.tilemap.feature[1, 0] == TREE
    assert solid(loaded.tilemap.terrain, loaded.tilemap.feature)[:3, :4].tolist() == [
        [0, 0, 0, 1], [1, 1, 1, 0], [0, 0, 0, 0],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1 is ''"),
        (OCTILE.replace("octile", "tile"), "line 1 is 'type tile'"),
        (OCTILE.replace("height 3", "width 3"), "line 2"),
        (OCTILE.replace("map\n", ""), "line 4 is '.GSW'"),
        (OCTILE.replace("height 3", "height 4"), "has 3 rows, its header says 4"),
        (OCTILE + "....\n", "has 4 rows, its header says 3"),
        (OCTILE.replace(".GSW", ".GS"), "row 0 has 3 characters of 4"),
        (OCTILE.replace(".GSW", ".GSX"), r"mean nothing: \['X'\]"),
        (OCTILE.replace("height 3", "height 99999"), "4 x 99999 tiles"),
        (OCTILE.replace("G", "ü"), "not plain text"),
        ("type octile\nheight 1\nwidth 1\nmap\n@\n", "no open tile among 1"),
    ],
)
def test_bad_moving_ai_maps_are_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "a.map"
    file.write_text(text)
    with pytest.raises(MapError, match=says):
        load_map(file)


@needs_shared
def test_the_reference_grids_read_as_their_index_says() -> None:
    for name, described in json.loads((MOVING_AI / "index.json").read_text()).items():
        loaded = read_map(MOVING_AI / f"{name}.map")
        assert (loaded.width, loaded.height) == (described["width"], described["height"])
        blocked = solid(loaded.tilemap.terrain, loaded.tilemap.feature)
        assert int((blocked == 0).sum()) == described["passable"]
        scenarios = load_scen(MOVING_AI / f"{name}.map.scen")
        assert len(scenarios) == described["scenarios"]
        assert sum(scenario.optimum for scenario in scenarios) == pytest.approx(described["sum_optimal"], abs=1e-3)


GOOD = "version 1\n0\tmaps/a.map\t4\t3\t0\t0\t3\t2\t3.82842712\n"


def test_scenarios(tmp_path: Path) -> None:
    file = tmp_path / "a.map.scen"
    file.write_text(GOOD + "\n" + GOOD.splitlines()[1].replace("\t", " ") + "\n")
    first, second = load_scen(file)
    assert first == second == (0, "maps/a.map", 4, 3, 0, 0, 3, 2, 3.82842712)
    for text, says in (
        ("", "not with `version 1`"),
        (GOOD.replace("version 1", "version 2"), "not with `version 1`"),
        (GOOD.replace("\t3.8", ""), "line 2 is not nine fields"),
        (GOOD.replace("3.8", "\t3.8"), "line 2 is not nine fields"),
        (GOOD.replace("\t0\t0", "\t-1\t0"), "line 2"),
        (GOOD.replace("3.82842712", "nan"), "line 2"),
    ):
        file.write_text(text)
        with pytest.raises(MapError, match=says):
            load_scen(file)
