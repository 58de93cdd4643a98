"""The world's rules as a region's fold wants them (`regions.region_state.Rules`)."""

from typing import Final

import numpy as np

from regions.config import GHOST_BYTES_MAX
from regions.messages import Own
from regions.parcels import Abroad
from regions.region_state import Command, Commanded
from world import borders, encoding, leaving, tick
from world.equipment import worn_by
from world.events import Refusal
from world.ghosts import GHOST_BYTES, unpack_ghosts
from world.phases import Mark, unmarked
from world.state import (
    ASSET_HOLDER,
    ASSET_ID,
    ASSET_KIND,
    ASSET_TRAITS,
    COINS,
    GOODS,
    GOODS_0,
    HOP,
    VX,
    VY,
    Counter,
    State,
)
from world.tick import Inputs, Outputs

SHOWN_BYTES_MAX: Final = GHOST_BYTES_MAX // GHOST_BYTES * GHOST_BYTES


class LandRules:
    """Rules of a region with land: `world`, unchanged."""

    def advance(self, state: State, inputs: Inputs, mark: Mark = unmarked) -> Outputs:
        """One tick, in place. Of a crowd at a border the neighbour is shown as many as a letter carries."""
        outputs = tick.advance(state, inputs, mark)
        outputs.ghosts = [ghosts[:SHOWN_BYTES_MAX] for ghosts in outputs.ghosts]
        return outputs

    def command(self, state: State, era: int, said: Command) -> Commanded:
        """A region with land takes no such inputs."""
        return Commanded(Refusal.NOT_AN_ACTION, [])

    def encode(self, state: State) -> bytes:
        """Canonical bytes."""
        return encoding.encode(state)

    def decode(self, raw: bytes) -> State:
        """The state again; ValueError for any other bytes."""
        return encoding.decode(raw)

    def free_rows(self, state: State) -> int:
        """Rows that no body has."""
        return state.free_rows()

    def has(self, state: State, entity: int) -> bool:
        """Whether the body is here."""
        return state.row(entity) >= 0

    def ghosts_fit(self, state: State, ghosts: bytes) -> bool:
        """Whether these bytes are ghosts that stand in the window of this land."""
        try:
            shown = unpack_ghosts(ghosts)
        except ValueError:
            return False
        left, top = state.window
        height, width = state.terrain.shape
        x, y = (shown["x"] >> 16) - left, (shown["y"] >> 16) - top
        return bool(((x >= 0) & (x < width) & (y >= 0) & (y < height)).all())

    def sleep(self, state: State, entity: int) -> bytes:
        """Take a body out; its image comes back through Inputs.arrivals."""
        return tick.sleep(state, entity)

    def entity_of(self, image: bytes) -> tuple[int, int, int]:
        """Id, hop and kind of an image."""
        return borders.entity_of(image)

    def own(self, state: State, entity: int) -> Own:
        """A player's goods, as told to that player alone."""
        row = state.row(entity)
        if row < 0:
            return Own(entity, 0, (), ())
        goods = tuple(int(count) for count in state.rows[GOODS_0 : GOODS_0 + GOODS, row])
        assets = state.assets[:, : state.assets_used]
        held = np.flatnonzero(assets[ASSET_HOLDER] == entity)
        mine = tuple(
            (int(assets[ASSET_ID, one]), int(assets[ASSET_KIND, one]), int(assets[ASSET_TRAITS, one])) for one in held
        )
        return Own(entity, int(state.rows[COINS, row]), goods, mine, worn_by(state.rows[:, row]))

    def carried(self, image: bytes) -> Own:
        """The goods of a body that is not in a row."""
        read = borders.read_image(image)
        goods = tuple(int(count) for count in read.columns[GOODS_0 : GOODS_0 + GOODS])
        return Own(read.entity, int(read.columns[COINS]), goods, read.assets, worn_by(read.columns))

    def holder(self, state: State, asset: int) -> int:
        """The body here that holds an asset; 0: none."""
        assets = state.assets[:, : state.assets_used]
        found = np.flatnonzero(assets[ASSET_ID] == asset)
        return int(assets[ASSET_HOLDER, found[0]]) if len(found) else 0

    def take_out(self, state: State, entity: int, asset: int) -> tuple[int, int] | None:
        """Take an asset out of the world from a body here; its kind and traits."""
        return leaving.take_out(state, entity, asset)

    def put_in(self, state: State, entity: int, asset: int, kind: int, traits: int) -> bool:
        """Hand an asset from outside to a body here."""
        return leaving.put_in(state, entity, asset, kind, traits)

    def abroad(self, state: State, asset: int) -> Abroad | None:
        """A region with land knows nothing of what is outside."""
        return None

    def hop(self, state: State, entity: int) -> int:
        """Handovers of a body so far."""
        row = state.row(entity)
        return int(state.rows[HOP, row]) if row >= 0 else 0

    def counts(self, state: State) -> tuple[int, int]:
        """Bodies, and how many of them move."""
        used = state.used
        moving = (state.rows[VX, :used] != 0) | (state.rows[VY, :used] != 0)
        return len(state.index), int(moving.sum())

    def begin_era(self, state: State, era: int) -> None:
        """From here new ids carry this era; numbers begin anew in it."""
        state.counters[Counter.ERA] = era
        state.counters[Counter.NEXT_ID] = 0
