"""Admission of outside wallets' items: who has a body here is known as soon as it is here."""

from regions import messages
from regions.items import Items
from regions.record import Outside
from tests.cluster import Cluster
from tests.wallets import Wallet


def test_a_body_that_came_is_known_though_a_stranger_asked_a_moment_before() -> None:
    cluster = Cluster(population=(2, 0, 0))
    wallet, stranger = Wallet(cluster), Wallet(cluster, name="stranger")
    entity = wallet.join()
    region = cluster.region(1)
    assert region is not None
    came = region.state.players.pop(entity)
    items = Items(region)
    refused = items.offer(Outside(stranger.item("Say", 1, data=b"anybody?").raw, 0, 0), "g")
    assert refused is not None and refused.status == messages.STATUS_MOVED
    region.state.players[entity] = came
    assert items.offer(Outside(wallet.item("Say", 1, data=b"me").raw, 0, 0), "g") is None
    assert [one.said for one in items.queue] == [Outside(items.queue[0].said.item, entity, 0)]  # type: ignore[union-attr]
