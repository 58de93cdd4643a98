"""Laws 4, 12 and 13 as far as the rules keep them: nothing is in two places, made of nothing, lost, or taken."""

from collections import Counter as Tally

import pytest

from tests.laws.scripted_world import begin, step
from world import economy
from world.borders import entity_of
from world.events import Kind
from world.faucets import Flow
from world.invariants import check
from world.state import ASSET_HOLDER, ASSET_ID, ASSET_KIND, ASSET_TRAITS, Counter, State

TICKS = 1200


def titles(state: State) -> dict[int, tuple[int, int, int]]:
    """asset -> (holder, kind, traits)"""
    lines = state.assets[:, : state.assets_used]
    columns = lines[[ASSET_ID, ASSET_HOLDER, ASSET_KIND, ASSET_TRAITS]].T.tolist()
    return {asset: (holder, kind, traits) for asset, holder, kind, traits in columns}


def test_coins_and_assets_are_what_was_minted_less_what_was_burned_after_every_tick() -> None:
    world = begin()
    seen: Tally[str] = Tally()
    for tick in range(TICKS):
        for _, out in step(world, tick):
            seen.update(Kind(event.kind).name for event in out.events)
        minted, burned = world.counted(Counter.COINS_MINTED), world.counted(Counter.COINS_BURNED)
        assert world.coins() == minted - burned, f"tick {tick}"
        assets = world.assets()
        assert len(set(assets)) == len(assets) == world.counted(Counter.ASSETS_MINTED), f"tick {tick}"
        if tick % 10 == 0:
            for state in world.states:
                check(state)
    assert world.counted(Counter.COINS_BURNED) > 0, "the script must burn coins, or this shows little"
    for name in ("LEFT", "ARRIVED", "MINTED", "DIED", "GAVE", "BUILT", "DUG", "PICKED_UP", "DROPPED", "GATHERED"):
        assert seen[name] > 0, f"the script never made {name} happen: {dict(seen)}"


def test_every_good_came_by_a_faucet_and_went_by_a_sink_of_the_table() -> None:
    world = begin()
    for tick in range(TICKS):
        step(world, tick)
        assert world.things() == world.flowed(), f"tick {tick}"
    flows = sum(state.flows for state in world.states).sum(axis=1)
    for flow in (Flow.GATHERED, Flow.HARVESTED, Flow.CRAFTED, Flow.USED_UP, Flow.SHATTERED, Flow.CARCASS, Flow.EATEN):
        assert flows[flow] > 0, f"the script never used {flow.name}: {dict(zip(Flow, flows.tolist()))}"


def test_the_count_sees_what_no_flow_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: gathering that does not say so is found out."""
    monkeypatch.setattr(economy, "flow", lambda *_: None)
    world = begin()
    assert any(world.things() != world.flowed() for tick in range(300) if step(world, tick))


def test_every_body_is_in_one_place_and_its_hop_only_rises() -> None:
    world = begin()
    hops: dict[int, int] = {}
    for tick in range(400):
        step(world, tick)
        here = [entity for state in world.states for entity in state.index]
        flying = [entity_of(image) for images in world.images for image in images]
        assert len({*here, *(entity for entity, _, _ in flying)}) == len(here) + len(flying), f"tick {tick}"
        for entity, hop, _ in flying:
            assert hop > hops.get(entity, 0)
            hops[entity] = hop
    assert len(hops) > 5


def test_an_asset_changes_its_holder_only_by_its_holders_gift_and_never_its_traits() -> None:
    world = begin()
    known: dict[int, tuple[int, int, int]] = {}
    for tick in range(1_600):
        gifts = set()
        for _, out in step(world, tick):
            gifts |= {(event.d, event.a, event.b) for event in out.events if event.kind == Kind.GAVE and event.c == -2}
        now = titles(world.states[0]) | titles(world.states[1])
        for asset, title in now.items():
            before = known.get(asset, title)
            assert before[1:] == title[1:], f"tick {tick}: the traits of asset {asset} changed"
            assert before[0] == title[0] or any(gift[0] == asset for gift in gifts), f"tick {tick}: asset {asset} moved"
        known |= now
    assert len(known) > 2


def test_no_id_is_used_twice() -> None:
    world = begin()
    made: Tally[int] = Tally()
    for tick in range(600):
        for _, out in step(world, tick):
            made.update(event.a for event in out.events if event.kind in (Kind.BORN, Kind.MINTED))
    assert len(made) > 30 and max(made.values()) == 1
