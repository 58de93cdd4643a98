"""An asset out of a body's hands and out of the world, and back into a body's hands: the rules' part of it."""

import numpy as np

from world import equipment
from world.borders import add_asset
from world.economy import assets_of
from world.state import ASSET_HOLDER, ASSET_ID, ASSET_KIND, ASSET_TRAITS, State
from world.units import ASSETS_PER_BODY, ASSETS_PER_REGION


def take_out(state: State, entity: int, asset: int) -> tuple[int, int] | None:
    """Take an asset that a body here holds out of the table, the others keeping their order; its kind and traits, or
    None when it is not that body's."""
    used = state.assets_used
    found = np.flatnonzero((state.assets[ASSET_ID, :used] == asset) & (state.assets[ASSET_HOLDER, :used] == entity))
    if not len(found):
        return None
    line = int(found[0])
    kind, traits = int(state.assets[ASSET_KIND, line]), int(state.assets[ASSET_TRAITS, line])
    state.assets[:, line : used - 1] = state.assets[:, line + 1 : used]
    state.assets[:, used - 1] = 0
    state.assets_used = used - 1
    equipment.taken_off(state, state.row(entity), asset)
    return kind, traits


def put_in(state: State, entity: int, asset: int, kind: int, traits: int) -> bool:
    """Hand an asset to a body here; False where there is no such body, or no room."""
    full = state.assets_used >= ASSETS_PER_REGION or assets_of(state, entity) >= ASSETS_PER_BODY
    if state.row(entity) < 0 or full:
        return False
    add_asset(state, asset, entity, kind, traits)
    return True
