"""The region without land: births, the order of checkpoints and their confirmation."""

import msgspec
import pytest

from archive.keys import Ed25519Key
from regions import letters, messages
from regions.config import LETTER_REPEAT_MS, STATE_BYTES_MAX
from regions.record import Birth, Confirmed, Order
from regions.region_state import Newcomer, Sleeper
from regions.region_state import Player as StoredPlayer
from regions.scheduler import confirmed_message
from regions.world_process import WALLETS_MAX, Registry, WorldRules
from tests.cluster import NODE, Cluster, Player
from world.actions import Move
from world.events import Refusal
from world.state import make_id
from world.tick import Inputs

MAKER = bytes(range(16))


def confirmed(cluster: Cluster, number: int, ends: dict[int, tuple[int, int]], key: Ed25519Key = NODE) -> Confirmed:
    said = Confirmed(
        number,
        bytes([number]) * 32,
        MAKER,
        tuple((cluster.processes[index], n, trim) for index, (n, trim) in ends.items()),
        key.public,
        bytes(64),
    )
    return msgspec.structs.replace(said, signature=key.sign(confirmed_message(cluster.world, said)))


def test_a_birth_reaches_one_region_where_the_body_sleeps_until_its_login() -> None:
    cluster = Cluster()
    player = Player(cluster)
    player.be_born()
    here = player.where()
    assert here is not None and here.asleep and (here.hop, here.number) == (0, 0)
    assert here.entity == make_id(1, 0, 1)
    player.login()
    cluster.ticks(2)
    here = player.where()
    assert here is not None and not here.asleep and here.number == 1


def test_a_wallet_has_one_body_for_ever_however_often_it_asks() -> None:
    cluster = Cluster()
    player = Player(cluster)
    player.be_born()
    for _ in range(5):
        cluster.send(0, player.certificate())
        cluster.ticks(3)
    births = [
        verdict
        for record in cluster.records(0)
        for said, verdict in zip(record.inputs, record.verdicts)
        if isinstance(said, Birth)
    ]
    assert births == [Refusal.DONE] + [Refusal.NOT_YOURS] * 5
    found = [index for index in (1, 2) if player.entity in cluster.region(index).state.sleepers]
    assert found == [player.region]


def test_bodies_are_given_to_the_regions_in_turn() -> None:
    cluster = Cluster(shape=(2, 2), tiles=(128, 128))
    crowd = [Player(cluster, f"p{number}") for number in range(8)]
    for player in crowd:
        player.be_born()
    assert sorted(player.region for player in crowd) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert len({player.entity for player in crowd}) == 8


def test_a_birth_that_the_wallet_did_not_sign_is_not_admitted() -> None:
    cluster = Cluster()
    birth = Player(cluster).certificate()
    cluster.send(0, msgspec.structs.replace(birth, session_key=b"k" * 32))
    cluster.send(1, birth)  # and a region with land bears nobody
    cluster.run(3000)
    said = [one for index in (0, 1) for record in cluster.records(index) for one in record.inputs]
    assert not any(isinstance(one, Birth) for one in said)


def test_the_world_may_be_away_for_minutes_while_regions_go_on() -> None:
    cluster = Cluster()
    player = Player(cluster).enter(region=1)
    cluster.kill(0)
    player.act(Move(127, 0))
    player.send(player.head())
    cluster.run(120_000)
    assert not cluster.ended and player.region == 2  # it crossed a border meanwhile
    player.login()
    cluster.ticks(2)
    assert player.heard()[-1].status == messages.STATUS_DONE
    newcomer = Player(cluster, "newcomer")
    cluster.send(0, newcomer.certificate())
    cluster.start(0)
    newcomer.be_born()
    assert newcomer.where() is not None


def test_orders_come_in_sequence_and_once() -> None:
    cluster = Cluster()
    for number in (1, 1, 3, 2):
        cluster.send(0, Order(number, number == 2, MAKER))
        cluster.ticks(1)
    said = [
        (said.number, verdict)
        for record in cluster.records(0)
        for said, verdict in zip(record.inputs, record.verdicts)
        if isinstance(said, Order)
    ]
    done, wrong = Refusal.DONE, Refusal.WRONG_PLACE
    assert said == [(1, done), (1, wrong), (3, wrong), (2, done)]
    registry = cluster.region(0).bodies
    assert (registry.ordered, registry.ordered_full, registry.maker, registry.since) == (2, True, MAKER, 1)


def test_whoever_ordered_last_has_confirmed_what_it_ordered_and_nothing_else() -> None:
    """What a replaced archivist was ordered may reach the store late, and go on from an older checkpoint."""
    cluster = Cluster()
    cluster.ticks(40)
    registry = cluster.region(0).bodies
    for number, maker in ((1, MAKER), (2, bytes(16)), (3, MAKER), (4, MAKER)):
        cluster.send(0, Order(number, False, maker))
        cluster.ticks(1)
    for number in (1, 2):
        cluster.send(0, confirmed(cluster, number, {1: (5, 0)}))
        cluster.ticks(2)
        assert (registry.confirmed, registry.since) == (0, 3)
    cluster.send(0, confirmed(cluster, 3, {1: (5, 0)}))
    cluster.ticks(2)
    cluster.send(0, Order(5, False, bytes(16)))
    cluster.ticks(2)
    cluster.send(0, confirmed(cluster, 4, {1: (6, 0)}))
    cluster.ticks(2)
    assert (registry.confirmed, registry.since) == (3, 5)


def test_a_confirmation_reaches_every_region_and_the_world_itself_and_trims_their_logs() -> None:
    cluster = Cluster()
    cluster.ticks(40)
    cluster.send(0, Order(1, True, MAKER))
    cluster.ticks(1)
    n = [cluster.region(index).state.n for index in cluster.processes]
    cluster.send(0, confirmed(cluster, 1, {0: (n[0] - 1, 2), 1: (n[1] - 1, 20), 2: (n[2] - 2, 21)}))
    cluster.ticks(5)
    for index, trim in ((0, 2), (1, 20), (2, 21)):
        state = cluster.region(index).state
        assert (state.checkpoint, state.trim) == (1, trim) and state.archived in (n[index] - 1, n[index] - 2)
    assert cluster.trims == {0: 2, 1: 20, 2: 21}
    before = [record.verdicts for record in cluster.records(0)]
    cluster.send(0, confirmed(cluster, 1, {}))
    cluster.ticks(2)
    after = [record.verdicts for record in cluster.records(0)][len(before) :]
    assert (Refusal.WRONG_PLACE,) in after


@pytest.mark.parametrize("wrong", ["another node", "a changed end", "not ordered"])
def test_a_confirmation_needs_its_order_and_a_node_of_the_roster(wrong: str) -> None:
    cluster = Cluster()
    if wrong != "not ordered":
        cluster.send(0, Order(1, True, MAKER))
        cluster.ticks(1)
    key = Ed25519Key(b"x" * 32) if wrong == "another node" else NODE
    said = confirmed(cluster, 1, {1: (5, 0)}, key)
    if wrong == "a changed end":
        said = msgspec.structs.replace(said, ends=((cluster.processes[1], 9, 9),))
    cluster.send(0, said)
    cluster.ticks(5)
    assert cluster.region(0).bodies.confirmed == 0 and cluster.region(1).state.checkpoint == 0


def test_what_nobody_can_have_archived_is_not_believed() -> None:
    """A region's log is cut by what a confirmation says: one that speaks of records to come is parked."""
    cluster = Cluster()
    cluster.ticks(20)
    cluster.send(0, Order(1, True, MAKER))
    cluster.ticks(1)
    cluster.send(0, confirmed(cluster, 1, {1: (10_000, 9_000), 2: (5, 3)}))
    cluster.ticks(5)
    assert cluster.trims == {2: 3} and cluster.region(1).state.checkpoint == 0
    assert [mail.kind for _, mail in cluster.region(1).state.parked] == [letters.CONFIRMED]


def test_letters_to_and_from_the_world_are_few() -> None:
    cluster = Cluster()
    count = 0

    def tally(sender: int, subject: str, message: object) -> bool:
        nonlocal count
        count += isinstance(message, messages.Letter) and (sender == 0 or subject == "letter.0")
        return False

    cluster.lost = tally  # type: ignore[assignment]
    cluster.run(10 * LETTER_REPEAT_MS)
    assert 20 <= count <= 2 * 2 * 13  # both ways, two regions, once a second


def test_its_records_are_few_when_nothing_happens() -> None:
    cluster = Cluster()
    before = len(cluster.raws(0))
    cluster.run(20_000)
    assert 18 <= len(cluster.raws(0)) - before <= 22


def test_nothing_can_live_there() -> None:
    rules = WorldRules()
    registry = Registry(1, [(1, bytes(32))], {}, 0, 0, b"", 0, False, 0, b"", {})
    with pytest.raises(ValueError, match="no land"):
        rules.advance(registry, Inputs(bytes(32), arrivals=(b"x",)))
    with pytest.raises(ValueError, match="not the world's process's state"):
        rules.decode(b"\xc1")
    assert rules.decode(rules.encode(registry)) == registry
    assert not rules.ghosts_fit(registry, b"x") and rules.ghosts_fit(registry, b"")


def test_as_many_wallets_as_there_may_be_fit_a_state() -> None:
    wallet = {bytes(32): make_id(1, 0, 2**30)}
    newborn = StoredPlayer(make_id(1, 0, 2**30), bytes(32), 0, b"", 0, bytes(32), 0, [], bytes(32), 0, 0)
    here = len(msgspec.msgpack.encode(wallet)) + len(msgspec.msgpack.encode({newborn.entity: Sleeper(newborn, b"")}))
    assert here * WALLETS_MAX < STATE_BYTES_MAX
    rules = WorldRules()
    registry = Registry(
        1, [(1, bytes(32))], dict.fromkeys((bytes([n]) * 32 for n in range(3)), 1), 3, 0, b"", 0, False, 0, b"", {}
    )
    assert rules.command(registry, 1, Newcomer(b"n" * 32, bytes(32))).verdict == Refusal.DONE


def test_beyond_that_many_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regions.world_process.WALLETS_MAX", 1)
    cluster = Cluster()
    Player(cluster).be_born()
    cluster.send(0, Player(cluster, "late").certificate())
    cluster.ticks(2)
    assert [record.verdicts for record in cluster.records(0) if record.inputs][-1] == (Refusal.NO_ROOM,)


def test_ids_never_repeat_in_a_new_era() -> None:
    registry = Registry(1, [(1, bytes(32))], {}, 7, 0, MAKER, 0, False, 0, b"", {})
    WorldRules().begin_era(registry, 2)
    WorldRules().command(registry, 2, Newcomer(b"n" * 32, bytes(32)))
    assert registry.wallets[b"n" * 32] == make_id(2, 0, 1)
    assert registry.maker == b"", "the archivist of the era before is heard no more"
