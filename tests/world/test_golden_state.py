"""Golden bytes of a state, an image, ghosts and mail, read by the code and by a second reader written from docstrings.

What they have caught: nothing yet. `python -m tests.world.test_golden_state` writes them anew, which is right only
for a new format number.
"""

import json
import struct
from pathlib import Path

import msgpack
import numpy as np

from tests.world.lands import flat, put
from world.births import owe
from world.borders import add_asset, image_of, read_image
from world.encoding import decode, digest, encode
from world.ghosts import show, unpack_ghosts
from world.items import SWORD
from world.kinds import DEER, PILE, PLAYER
from world.mail import Blow, TileChange, decode_mail, encode_mail
from world.species import NAME_OF, SPECIES_LINES
from world.state import COINS, COLUMNS, KIND, WEAPON, Counter, State, X, Y
from world.things import FLOWS_MAX, THINGS
from world.tilemap import DOOR, GROUND, NONE, TREE
from world.units import TILE

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "state.json"
FIRST_VERSION = GOLDEN.with_name("state_1.json")
"""What the first version wrote: never to be written anew."""
BLOW = Blow(target=1 << 48 | 5, striker=1 << 48 | 9, damage=10, knock_x=-700, knock_y=300)
CHANGE = TileChange(x=17, y=4, terrain=3, feature=0, stock=0)


def first_example() -> State:
    """A region of 16 x 16 tiles with a player who owns two assets, a deer, a pile, and a birth owed."""
    state = flat(32, 16, (0, 0, 16, 16), [(16, 0, 32, 16)])
    player = put(state, PLAYER, 14.5, 3.25, coins=41, goods_0=7, hop=2, facing=6, intent_x=-9)
    put(state, DEER, 5.5, 5.5, mode=5, mode_ticks=77, path_steps=2, path_0=0x12)
    put(state, PILE, 8.5, 8.5, mode_ticks=900, coins=1)
    add_asset(state, 900, player, 1, 2**62 + 3)
    add_asset(state, 800, player, 1, 5)
    owe(state, DEER, (3, 4), (3, 4))
    state.set_tile(2, 2, GROUND, TREE, 20)
    state.counters[Counter.COINS_MINTED] = 42
    return state


def example() -> State:
    """The same with what the second version added: a locked door, a sword in hand, and five coins that flowed."""
    state = first_example()
    state.set_tile(2, 3, DOOR, NONE, 0)
    state.doors = np.array([[2, 3, int(state.ids[0]), 1]], np.int64)
    state.rows[WEAPON, 0] = 1 + SWORD
    state.flows[0, 2] = 5
    return state


def golden_bytes() -> dict[str, str]:
    state = example()
    player = int(state.ids[0])
    return {
        "state": encode(state).hex(),
        "digest": digest(state).hex(),
        "image": image_of(state, player).hex(),
        "ghosts": show(state)[0].hex(),
        "blow": encode_mail(BLOW).hex(),
        "tile": encode_mail(CHANGE).hex(),
    }


def golden() -> dict[str, bytes]:
    return {name: bytes.fromhex(text) for name, text in json.loads(GOLDEN.read_text()).items()}


def test_the_code_writes_the_golden_bytes() -> None:
    assert golden_bytes() == json.loads(GOLDEN.read_text())


def test_the_code_reads_the_golden_bytes() -> None:
    kept, state = golden(), example()
    again = decode(kept["state"])
    assert encode(again) == kept["state"] and digest(again) == kept["digest"]
    assert (again.rows == state.rows).all() and (again.owed == state.owed).all()
    assert [asset for asset, _, _ in read_image(kept["image"]).assets] == [800, 900]
    assert unpack_ghosts(kept["ghosts"])["x"].tolist() == [round(14.5 * TILE)]
    assert decode_mail(kept["blow"]) == BLOW and decode_mail(kept["tile"]) == CHANGE


def test_what_the_first_version_wrote_is_read_and_written_in_the_new_one() -> None:
    kept = {name: bytes.fromhex(text) for name, text in json.loads(FIRST_VERSION.read_text()).items()}
    state = decode(kept["state"])
    again = first_example()
    assert encode(state) == encode(again)
    image = read_image(kept["image"])
    assert image.columns.tolist() == again.rows[:, 0].tolist() and [asset[0] for asset in image.assets] == [800, 900]


def test_a_second_reader_reads_the_state() -> None:
    data = golden()["state"]
    (size,) = struct.unpack_from("<I", data)
    version, land, world_size, borders, window, (height, width), used, assets, owed, spawns, doors, goals, offers = (
        msgpack.unpackb(data[4 : 4 + size], strict_map_key=True)
    )
    assert (version, land, world_size, borders) == (2, [0, 0, 16, 16], [32, 16], [[16, 0, 32, 16]])
    assert (window, height, width, used, assets, owed, spawns) == ([0, 0], 16, 32, 3, 2, 1, 0)
    assert (doors, goals, offers) == (1, 0, 0)
    at = 4 + size
    feature = np.frombuffer(data, "u1", height * width, at + height * width).reshape(height, width)
    assert feature[2, 2] == TREE and feature.sum() == TREE
    at += 3 * height * width
    rows = np.frombuffer(data, "<i4", COLUMNS * used, at).reshape(COLUMNS, used)
    assert rows[KIND].tolist() == [PLAYER, DEER, PILE] and rows[COINS].tolist() == [41, 0, 1]
    at += 4 * COLUMNS * used
    assert np.frombuffer(data, "<i8", used, at).tolist() == [1 << 48 | n for n in (1, 2, 3)]
    at += 8 * used
    assert np.frombuffer(data, "<i8", 4 * assets, at).reshape(4, assets)[0].tolist() == [900, 800]
    at += 32 * assets + 8 * Counter.COUNT
    assert np.frombuffer(data, "<i4", 6 * owed, at)[:3].tolist() == [DEER, 3, 4]
    at += 24 * owed
    assert np.frombuffer(data, "<i8", 4 * doors, at).tolist() == [2, 3, 1 << 48 | 1, 1]
    at += 32 * doors
    flows = np.frombuffer(data, "<i8", FLOWS_MAX * THINGS, at).reshape(FLOWS_MAX, THINGS)
    assert flows[0].tolist() == [0, 0, 5] + [0] * (THINGS - 3) and not flows[1:].any()
    at += 8 * FLOWS_MAX * THINGS
    species = np.frombuffer(data, "<i8", SPECIES_LINES * 32, at).reshape(SPECIES_LINES, 32)
    assert species[0, [2, 3, 4]].tolist() == [2, 3, 4] and species[NAME_OF, DEER].tobytes()[:4] == b"deer"
    at += 8 * SPECIES_LINES * 32
    assert data[at:] == bytes(height * width), "no shared ways and no offers"


def test_a_second_reader_reads_an_image_and_a_ghost() -> None:
    image, ghost = golden()["image"], golden()["ghosts"]
    version, count, entity = struct.unpack_from("<HHq", image)
    columns = struct.unpack_from(f"<{COLUMNS}i", image, 12)
    assert (version, count, entity) == (2, 2, 1 << 48 | 1)
    assert (columns[KIND], columns[X], columns[Y]) == (PLAYER, round(14.5 * TILE), round(3.25 * TILE))
    triples = struct.unpack_from("<6q", image, 12 + 4 * COLUMNS)
    assert triples == (800, 1, 5, 900, 1, 2**62 + 3)
    seen = struct.unpack("<q5i4B", ghost)
    assert seen == (entity, round(14.5 * TILE), round(3.25 * TILE), 0, 0, 2, PLAYER, 6, 0, 0)


def test_a_second_reader_reads_mail() -> None:
    assert msgpack.unpackb(golden()["blow"]) == [1, 1 << 48 | 5, 1 << 48 | 9, 10, -700, 300]
    assert msgpack.unpackb(golden()["tile"]) == [2, 17, 4, 3, 0, 0]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden_bytes(), indent=1) + "\n")
