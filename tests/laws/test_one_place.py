"""Law 4: every body is in exactly one region or one handover in flight; and law 12 over the whole world: coins and
assets in bodies and in flight are what was minted less what was burned, after every record."""

import random
from functools import lru_cache

import pytest

from regions import letters
from regions.letters import Handover
from regions.messages import Letter, Message
from regions.verbs import Effect
from tests.cluster import Cluster, Player
from tests.laws.quarry import crowd, generous, quarry, tile_of, walk_and_trade
from tests.laws.whole_world import Whole, check
from world import ghosts
from world.actions import Gather, Move
from world.borders import read_image
from world.units import ROWS_RESERVED_PER_NEIGHBOUR

__all__ = ["generous"]


def watched(cluster: Cluster) -> list[Whole]:
    """Check the whole world after every record; what was seen."""
    seen: list[Whole] = []

    def settled(index: int) -> None:
        if len(cluster.cores) == len(cluster.processes) and all(
            core.region is not None for core in cluster.cores.values()
        ):
            seen.append(check(cluster))

    cluster.settled = settled
    return seen


def handed_over(cluster: Cluster) -> list[Handover]:
    """Every handover that a region has consumed."""
    heard = [one for index in cluster.processes for record in cluster.records(index) for one in record.heard]
    mails = [mail for one in heard for mail in one.mail if mail.kind == letters.HANDOVER]
    return [body for mail in mails if isinstance(body := letters.decode_body(mail), Handover)]


def test_the_whole_world_holds_what_it_made_after_every_record(generous: None) -> None:
    cluster = Cluster(population=(12, 10, 4), land=quarry)
    players = crowd(cluster, 5)
    seen = watched(cluster)
    walk_and_trade(cluster, players, 180, seed=3)
    assert seen[-1].coins > 0 and seen[-1].assets
    assert max(whole.flying for whole in seen) > 0
    assert sum(core.figures.handovers for core in cluster.cores.values()) > 5
    assert any(read_image(body.image).assets for body in handed_over(cluster)), "the script must carry assets across"
    for index in (1, 2):
        assert cluster.replay(index).digest() == cluster.region(index).digest()


def test_at_a_corner_where_four_regions_meet_everything_has_one_place(generous: None) -> None:
    cluster = Cluster(shape=(2, 2), tiles=(128, 128), population=(16, 40, 4), land=quarry)
    seen = watched(cluster)
    cluster.ticks(120)
    assert max(whole.flying for whole in seen) > 0
    assert sum(core.figures.handovers for core in cluster.cores.values()) > 5


@pytest.mark.parametrize("seed", range(3))
def test_letters_may_be_lost_late_or_doubled(generous: None, seed: int) -> None:
    rng = random.Random(seed)
    cluster = Cluster(population=(12, 10, 4), land=quarry, seed=seed)
    players = crowd(cluster, 3)
    seen = watched(cluster)
    kept: list[tuple[int, Message]] = []

    def lose(sender: int, subject: str, message: Message) -> bool:
        if isinstance(message, Letter):
            kept.append((int(subject[7:]), message))
            if rng.random() < 0.1:
                cluster.say(*rng.choice(kept[-40:]))
            return rng.random() < 0.3
        return False

    cluster.lost = lambda sender, subject, message: isinstance(message, Letter) and rng.random() < 0.3
    for _ in range(12):
        walk_and_trade(cluster, players, 8, seed=seed)
        for receiver, message in rng.sample(kept, min(4, len(kept))):
            cluster.say(receiver, message)
        cluster.lost = lose
    assert seen and not cluster.ended


def crossing() -> tuple[Cluster, Player]:
    """A player with an asset, one tick's walk from the border."""
    cluster = Cluster(land=quarry)
    player = Player(cluster).enter(region=1)
    x, y = tile_of(cluster, player)
    player.act(Gather(x, y - 1))
    cluster.ticks(2)
    assert check(cluster).assets
    player.act(Move(127, 0))
    player.send(player.head())
    cluster.ticks(8)
    assert player.region == 1
    return cluster, player


def arrives(cluster: Cluster, player: Player) -> None:
    """The body ends up in region 2 with all it had, exactly once."""
    cluster.ticks(20)
    whole = check(cluster)
    assert player.entity in cluster.region(2).state.players
    assert whole.assets and whole.flying == 0
    for index in (1, 2):
        region = cluster.region(index)
        assert cluster.replay(index).digest() == region.digest()
        assert letters.neighbour(region.state, 3 - index).outbox == []
    assert len(handed_over(cluster)) == 1


@pytest.mark.parametrize("victim", [1, 2])
def test_a_process_may_die_after_any_effect_around_a_handover(generous: None, victim: int) -> None:
    """EXAMPLES 3: it is rebuilt from genesis and log alone; the receiver consumes the body once, the sender drops it
    when told so."""
    for after in range(1, 14):
        cluster, player = crossing()
        cluster.run(departure_ms() - 20)
        watched(cluster)
        cluster.kill(victim, after=after)
        cluster.ticks(5)
        assert victim not in cluster.cores
        cluster.start(victim)
        arrives(cluster, player)


@lru_cache
def departure_ms() -> int:
    """How long after `crossing` the body is handed over."""
    twin, _ = crossing()
    began_ms = twin.now_ms
    while not letters.in_flight(twin.region(1).state):
        twin.run(5)
    return twin.now_ms - began_ms


def test_a_receiver_may_die_at_every_record_and_be_rebuilt_from_genesis_and_log(generous: None) -> None:
    cluster, player = crossing()
    watched(cluster)
    for _ in range(30):
        cluster.ticks(1)
        cluster.kill(2)
        cluster.start(2)
        cluster.ticks(1)
    arrives(cluster, player)
    assert cluster.region(2).state.term > 30


def test_until_it_is_consumed_a_body_is_shown_by_the_sender_and_asked_for_there(generous: None) -> None:
    cluster, player = crossing()
    cluster.lost = lambda sender, subject, message: subject == "letter.2" and bool(message.mail)  # type: ignore[union-attr]
    while not letters.in_flight(cluster.region(1).state):
        cluster.run(10)
    cluster.kill(2)
    cluster.ticks(3)
    here = player.where()
    assert here is not None and (here.region, here.leaving, here.hop) == (1, True, 1)
    assert len(letters.in_flight(cluster.region(1).state)) == 1
    show = cluster.cores[1].show
    assert show is not None and show.rows is not None and player.entity in show.rows.ids.tolist()
    cluster.lost = lambda sender, subject, message: False
    cluster.start(2)
    arrives(cluster, player)


def test_of_two_images_of_a_body_the_higher_hop_wins() -> None:
    """EXAMPLES 4: the receiver holds the body and still has the sender's older ghost of it."""
    cluster = Cluster()
    player = Player(cluster).enter(region=1)
    player.act(Move(127, 0))
    player.send(player.head())
    shown: list[tuple[int, int]] = []

    def note(index: int, effect: Effect) -> None:
        near = letters.neighbour(cluster.region(2).state, 1)
        bodies = cluster.region(2).bodies
        if near.ghosts and bodies.row(player.entity) >= 0:
            old = [(int(one["id"]), int(one["hop"])) for one in ghosts.unpack_ghosts(near.ghosts)]
            shown.extend(one for one in old if one[0] == player.entity)
            assert player.entity not in ghosts.read_ghosts(bodies, [near.ghosts]).index

    cluster.watch = note
    cluster.lost = lambda sender, subject, message: sender == 2 and subject == "letter.1" and player.region == 2
    cluster.ticks(60)
    assert player.entity in cluster.region(2).state.players
    assert all(hop == 0 for _, hop in shown)


def test_two_full_regions_swap_bodies_through_the_rows_they_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """EXAMPLES 11."""
    from world import state as rows

    monkeypatch.setattr(rows, "REGION_ROWS", ROWS_RESERVED_PER_NEIGHBOUR + 2)
    cluster = Cluster()
    east, west = Player(cluster, "east"), Player(cluster, "west")
    west.enter(region=2)
    east.enter(region=1)
    for number in (1, 2):
        Player(cluster, f"native-{number}").enter(region=number)
    late = Player(cluster, "late")
    late.be_born(region=1)
    late.heard()
    late.login()
    cluster.ticks(2)
    assert late.heard()[-1].verdict == 5  # no room: births wait
    watched(cluster)
    full = [cluster.region(index).rules.free_rows(cluster.region(index).bodies) for index in (1, 2)]
    assert full == [ROWS_RESERVED_PER_NEIGHBOUR] * 2
    east.act(Move(120, 40))  # past one another
    west.act(Move(-127, 0))
    cluster.ticks(190)
    assert (east.region, west.region) == (2, 1)
    full = [cluster.region(index).rules.free_rows(cluster.region(index).bodies) for index in (1, 2)]
    assert full == [ROWS_RESERVED_PER_NEIGHBOUR] * 2
    near = letters.neighbour(cluster.region(1).state, 2)
    assert (near.leaving, near.arrived, near.granted) == (1, 1, 1 + ROWS_RESERVED_PER_NEIGHBOUR)


def test_a_login_and_an_arrival_in_one_tick_do_not_want_the_same_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last row but those kept for the neighbour: whoever comes by handover has its own."""
    from world import state as rows

    monkeypatch.setattr(rows, "REGION_ROWS", ROWS_RESERVED_PER_NEIGHBOUR + 1)
    cluster = Cluster()
    west, sleeper = Player(cluster, "west"), Player(cluster, "sleeper")
    west.enter(region=1)
    sleeper.be_born(region=2)
    west.act(Move(127, 0))
    west.send(west.head())
    while not letters.in_flight(cluster.region(1).state):
        cluster.run(10)
    sleeper.login()
    cluster.ticks(4)
    assert not cluster.region(2).state.halted
    assert west.entity in cluster.region(2).state.players
    together = [record for record in cluster.records(2) if record.inputs and any(one.mail for one in record.heard)]
    assert together and cluster.replay(2).digest() == cluster.region(2).digest()
