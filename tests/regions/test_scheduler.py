"""Admission: what waits, in which order, and what is expected of a player. The law of numbers has its own tests."""

import pytest

from regions import messages
from regions.config import INPUT_BYTES_MAX
from regions.record import Acted, Confirmed, Head, Order, Outside, OwnerSaid, player_chain
from regions.scheduler import Scheduler, Waiting
from tests.cluster import Cluster, Player
from world.actions import GiveCoins, Speak, encode_action
from world.units import ACTIONS_PER_TICK

Place = tuple[Scheduler, Player, Cluster]


@pytest.fixture
def place() -> Place:
    """A scheduler of its own on a region that stands still, and a player who is there."""
    cluster = Cluster()
    player = Player(cluster).enter(region=1)
    return Scheduler(cluster.world, cluster.replay(1)), player, cluster


def acted(player: Player, number: int, text: str = "x") -> Acted:
    return Acted(player.entity, number, player.session, encode_action(Speak(text)))


def numbers(taken: list[Waiting]) -> list[int]:
    return [getattr(one.said, "number", 0) for one in taken]


def test_inputs_are_taken_in_the_order_in_which_they_were_admitted(place: Place) -> None:
    scheduler, player, _ = place
    for number in (2, 3, 4, 5, 6):
        assert scheduler.offer(acted(player, number), "g") is None
    assert numbers(scheduler.close(False)) == [2, 3, 4, 5]
    assert numbers(scheduler.close(False)) == [6]
    assert scheduler.close(False) == []


def test_cautious_takes_one_input_with_its_head(place: Place) -> None:
    scheduler, player, _ = place
    scheduler.offer(acted(player, 2), "g")
    body = encode_action(GiveCoins(5, 1))
    player.number, player.chain = 2, scheduler.queue[0].chain
    chain = player_chain(player.chain, 3, body)
    scheduler.offer(player.head(3, chain), "g")
    scheduler.offer(Acted(player.entity, 3, player.session, body), "g")
    assert numbers(scheduler.close(True)) == [2]
    assert [type(one.said) for one in scheduler.close(True)] == [Acted, Head]


def test_what_no_record_holds_waits_again_before_all_others(place: Place) -> None:
    scheduler, player, _ = place
    for number in range(2, 8):
        scheduler.offer(acted(player, number), "g")
    taken = scheduler.close(False)
    assert scheduler.expected[player.entity].waiting == 2
    scheduler.put_back(taken)
    assert scheduler.expected[player.entity].waiting == 6
    assert numbers(scheduler.close(False)) == [2, 3, 4, 5] and numbers(scheduler.close(False)) == [6, 7]


def test_a_covered_action_put_back_keeps_its_head(place: Place) -> None:
    scheduler, player, _ = place
    body = encode_action(GiveCoins(5, 1))
    scheduler.offer(player.head(2, player_chain(player.chain, 2, body)), "g")
    scheduler.offer(Acted(player.entity, 2, player.session, body), "g")
    for _ in range(3):
        taken = scheduler.close(False)
        assert [type(one.said) for one in taken] == [Acted, Head]
        scheduler.put_back(taken)
    assert len(scheduler.queue) == 1 and scheduler.expected[player.entity].waiting == 2


def test_one_player_does_not_keep_others_waiting(place: Place) -> None:
    _, player, cluster = place
    other = Player(cluster, "other").enter(region=1)
    scheduler = Scheduler(cluster.world, cluster.replay(1))
    for number in range(2, 30):
        scheduler.offer(acted(player, number), "g")
    scheduler.offer(acted(other, 2), "g")
    taken = scheduler.close(False)
    assert other.entity in [getattr(one.said, "entity", 0) for one in taken]


def test_a_tick_ends_before_its_bytes_do(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler, player, _ = place
    monkeypatch.setattr("regions.scheduler.INPUT_BYTES_MAX", 100)
    assert INPUT_BYTES_MAX > 100 and ACTIONS_PER_TICK > 3
    for number in (2, 3, 4):
        scheduler.offer(acted(player, number, "y" * 20), "g")
    assert [numbers(scheduler.close(False)) for _ in range(4)] == [[2], [3], [4], []]


def test_when_a_body_is_gone_its_gateways_hear_of_all_that_waited(place: Place) -> None:
    scheduler, player, _ = place
    scheduler.offer(acted(player, 2), "g1")
    scheduler.offer(acted(player, 3), "g2")
    del scheduler.region.state.players[player.entity]
    told = scheduler.gone(player.entity)
    assert [(gateway, answer.status, answer.number) for gateway, answer in told] == [
        ("g1", messages.STATUS_MOVED, 2),
        ("g2", messages.STATUS_MOVED, 3),
    ]
    assert not scheduler.queue and not scheduler.expected


def test_expectations_are_those_of_the_state_once_nothing_waits(place: Place) -> None:
    scheduler, player, _ = place
    scheduler.offer(acted(player, 2), "g")
    scheduler.forget(acted(player, 2))
    assert not scheduler.expected and not scheduler.queue
    assert scheduler.offer(acted(player, 2), "g") is None


def test_doors_for_what_no_player_says(place: Place) -> None:
    scheduler, player, cluster = place
    said = [
        player.certificate(),
        Order(1, True, bytes(16)),
        Confirmed(1, bytes(32), bytes(16), (), bytes(32), bytes(64)),
        OwnerSaid(cluster.founded.charter_item.raw),
        Outside(b"x", 0, 0),
    ]
    for one in said:
        assert scheduler.offer(one, "g") is None
    assert not scheduler.queue  # a region with land that is well takes none of them
    world = Scheduler(cluster.world, cluster.replay(0))
    for one in said:
        world.offer(one, "g")
    assert [type(one.said).__name__ for one in world.queue] == ["Birth", "Order"]


def test_admission_never_writes_to_the_state(place: Place) -> None:
    scheduler, player, _ = place
    before = scheduler.region.digest()
    for number in (2, 3, 9, 1):
        scheduler.offer(acted(player, number), "g")
    scheduler.offer(player.login_as(4), "g")
    scheduler.offer(player.head(2, scheduler.queue[0].chain), "g")
    scheduler.close(False)
    scheduler.settled()
    assert scheduler.region.digest() == before
