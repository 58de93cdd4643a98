"""A crowd in view: updates come less often, in steps that the header names, and not one of them is left out."""

import pytest

from clients.session import Acknowledged
from regions.gateway_verbs import Closed
from regions.protocol import rate_step
from tests.regions.little_gateway import LittleClient, LittleGateway, run
from tests.regions.little_world import LittleWorld
from tests.regions.test_gateway import acts_of, assert_once_and_gapless, begin
from world.actions import Move
from world.units import TICK_MS


def crowd(monkeypatch: pytest.MonkeyPatch, step: int) -> tuple[LittleWorld, LittleGateway, list[LittleClient]]:
    """Four players who are a crowd already."""
    limits = [2 if place < step else 1000 for place in range(3)]
    monkeypatch.setattr("regions.views.CROWD_BODIES", tuple(limits))
    world, gateway, players = begin(4, shape=(1, 1), tiles=(64, 64))
    run(world, [gateway], players, 1000)
    return world, gateway, players


def bursts(world: LittleWorld, gateway: LittleGateway, player: LittleClient, others: list[LittleClient]) -> list[int]:
    """How many frames came at each moment at which some came, over two seconds."""
    came = []
    for _ in range(2000 // 10):
        before = len(player.frames)
        run(world, [gateway], [player, *others], 10)
        if len(player.frames) > before:
            came.append(len(player.frames) - before)
    return came


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_updates_come_every_so_many_ticks_and_none_is_left_out(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    world, gateway, (player, *others) = crowd(monkeypatch, step)
    came = bursts(world, gateway, player, others)
    assert set(came[1:-1]) == {1 << step}
    ticks = [int.from_bytes(frame[4:8], "little") for frame in player.frames[-20:]]
    assert ticks == list(range(ticks[0], ticks[0] + 20)), "every tick, in order"
    assert {rate_step(frame[2]) for frame in player.frames[-20:]} == {step}
    assert not any(frame[2] & 3 for frame in player.frames[-20:]), "nothing anew, nothing slowed"


def test_clients_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    world, gateway, players = crowd(monkeypatch, 1)
    moments: list[list[int]] = [[] for _ in players]
    for moment in range(100):
        before = [len(player.frames) for player in players]
        run(world, [gateway], players, 10)
        for place, player in enumerate(players):
            if len(player.frames) > before[place]:
                moments[place].append(moment * 10 // TICK_MS % 2)
    assert {tuple(sorted(set(one))) for one in moments} != {(0,)} and len({one[3] for one in moments}) == 2


def test_receipts_wait_for_the_turn_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    world, gateway, players = crowd(monkeypatch, 2)
    for number in range(20):
        for player in players:
            player.act(Move(number * 5, 100))
        run(world, [gateway], players, 90)
    run(world, [gateway], players, 1000)
    for player in players:
        acks = [one for one in player.told(Acknowledged) if isinstance(one, Acknowledged)]
        assert len(acks) == 20 and all(one.verdict == 0 for one in acks)
        assert_once_and_gapless(world, player, len(acts_of(world, player.session.entity)))
        assert not player.session.pending


def test_the_rate_rises_again_when_the_crowd_has_thinned_out_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    world, gateway, (player, *others) = crowd(monkeypatch, 1)
    assert rate_step(player.frames[-1][2]) == 1
    monkeypatch.setattr("regions.views.CROWD_BODIES", (4, 1000, 1000))  # 4 bodies are no more than 4, but above 80 %
    run(world, [gateway], [player, *others], 2000)
    assert rate_step(player.frames[-1][2]) == 1
    monkeypatch.setattr("regions.views.CROWD_BODIES", (6, 1000, 1000))
    run(world, [gateway], [player, *others], 2000)
    assert rate_step(player.frames[-1][2]) == 0
    assert set(bursts(world, gateway, player, others)[1:-1]) == {1}


def test_whoever_is_gone_while_something_waits_for_it_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    world, gateway, (player, *others) = crowd(monkeypatch, 3)
    player.act(Move(1, 1))
    run(world, [gateway], others, 120)
    gateway.step(Closed(player.number))
    run(world, [gateway], others, 2000)
    assert player.number not in gateway.core.clients
    assert all(len(one.frames) > 20 for one in others)
