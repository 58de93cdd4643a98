"""Law 13: an asset changes its holder only by an action its holder signed; shown from the logs alone, as an auditor
would: every change of title has the holder's action in that record, a head that covers it, signed by a session key that
the wallet certified."""

import pytest

from archive.keys import ED25519, Ed25519Key, verify
from regions import letters
from regions.compute import apply
from regions.letters import Handover
from regions.record import Acted, Head, Login, Record, login_message, player_chain, player_head_message
from tests.cluster import Cluster, Player
from tests.laws.quarry import crowd, generous, quarry, tile_of, walk_and_trade
from world.actions import Gather, GiveAsset, Move, Strike, decode_action, encode_action
from world.borders import read_image
from world.events import Kind
from world.state import ASSET_HOLDER, ASSET_ID, ASSET_TRAITS, State

pytestmark = pytest.mark.usefixtures("generous")
__all__ = ["generous"]

Titles = dict[int, tuple[int, int]]  # asset -> (holder, traits)


def titles(bodies: State) -> Titles:
    held = bodies.assets[:, : bodies.assets_used]
    return {int(a): (int(h), int(t)) for a, h, t in zip(held[ASSET_ID], held[ASSET_HOLDER], held[ASSET_TRAITS])}


def gifts(record: Record, world: bytes, keys: dict[int, bytes]) -> set[tuple[int, int, int]]:
    """(asset, giver, receiver) of the gifts in a record that were done, each covered by a head that holds."""
    found = set()
    for place, said in enumerate(record.inputs):
        if isinstance(said, Login) and record.verdicts[place] == 0:
            assert verify(ED25519, said.wallet, login_message(world, said), said.signature)
            keys[said.entity] = said.session_key
        if isinstance(said, Acted) and record.verdicts[place] == 0:
            action = decode_action(said.body)
            if isinstance(action, GiveAsset):
                head = record.inputs[place + 1]
                assert isinstance(head, Head) and (head.entity, head.number) == (said.entity, said.number)
                message = player_head_message(world, record.era, head.entity, head.number, head.chain, head.seen)
                assert verify(ED25519, keys[said.entity], message, head.signature)
                found.add((action.asset, said.entity, action.target))
    return found


def audit(cluster: Cluster) -> tuple[int, int]:
    """How many gifts and how many carried assets the logs show; every other change of title fails."""
    keys: dict[int, bytes] = {}
    given = carried = 0
    for index in (1, 2):  # sessions first: a body may act where it never logged in
        for record in cluster.records(index):
            for said in record.inputs:
                if isinstance(said, Login):
                    keys[said.entity] = said.session_key
    for index in (1, 2):
        region = cluster.genesis(index)
        before: Titles = {}
        for raw in cluster.raws(index):
            record, folded = apply(region, raw)
            now, allowed = titles(region.bodies), gifts(record, cluster.world, keys)
            arrived: dict[int, int] = {}
            for one in record.heard:
                for mail in one.mail:
                    body = letters.decode_body(mail)
                    if isinstance(body, Handover):
                        image = read_image(body.image)
                        arrived |= {asset: image.entity for asset, _, _ in image.assets}
            minted = {event.a: event.b for event in folded.events if event.kind == Kind.MINTED}
            for asset, (holder, traits) in now.items():
                if asset in before:
                    old, old_traits = before[asset]
                    assert old_traits == traits
                    if old != holder:
                        assert (asset, old, holder) in allowed, f"asset {asset} went from {old} to {holder}"
                        given += 1
                else:
                    first = arrived.get(asset, minted.get(asset))
                    assert first == holder or (asset, first, holder) in allowed
                    carried += asset in arrived
            before = now
    return given, carried


def test_every_change_of_title_is_signed_by_the_holder() -> None:
    cluster = Cluster(population=(6, 0, 3), land=quarry)
    players = crowd(cluster, 4)
    walk_and_trade(cluster, players, 180, seed=9)
    given, carried = audit(cluster)
    assert given > 0 and carried > 0, (given, carried)


def rich_and_thief() -> tuple[Cluster, Player, Player, Titles]:
    """Two players who stand together, one of them with an asset."""
    cluster = Cluster(land=quarry)
    rich, thief = crowd(cluster, 2)
    x, y = tile_of(cluster, rich)
    rich.act(Gather(x, y - 1))
    rich.send(rich.head())
    cluster.ticks(2)
    before = titles(cluster.region(1).bodies)
    assert [holder for holder, _ in before.values()] == [rich.entity]
    return cluster, rich, thief, before


def test_who_is_struck_down_keeps_its_assets() -> None:
    cluster, rich, thief, before = rich_and_thief()
    for _ in range(80):
        (hx, hy), (tx, ty) = tile_of(cluster, rich), tile_of(cluster, thief)
        thief.act(Move(127 * ((hx > tx) - (hx < tx)), 127 * ((hy > ty) - (hy < ty))), covered=True)
        thief.act(Strike(rich.entity), covered=True)
        cluster.ticks(3)
    died = []
    for index in (1, 2):  # a blow may throw one over the border
        region = cluster.genesis(index)
        for raw in cluster.raws(index):
            died += [event.a for event in apply(region, raw)[1].events if event.kind == Kind.DIED]
    assert rich.entity in died
    assert titles(cluster.region(1).bodies) | titles(cluster.region(2).bodies) == before


@pytest.mark.parametrize("how", ["no head", "the thief's head", "an older session"])
def test_nobody_else_can_give_an_asset_away(how: str) -> None:
    cluster, rich, thief, before = rich_and_thief()
    (asset,) = before
    number, session = rich.number + 1, rich.session
    key = {"the thief's head": thief.key, "an older session": rich.key}.get(how)
    if how == "an older session":
        rich.login(Ed25519Key(b"phone" + bytes(27)))
        number += 1
        cluster.ticks(2)
    theft = Acted(rich.entity, number, session, encode_action(GiveAsset(thief.entity, asset)))
    chain = player_chain(rich.chain, number, theft.body)
    thief.send(*([rich.head(number, chain, key)] if key else []), theft, region=1)
    cluster.ticks(3)
    assert titles(cluster.region(1).bodies) == before
    assert theft not in [said for record in cluster.records(1) for said in record.inputs]
