"""Law 11: no input can crash a fold, stall a tick, or grow memory without bound; a refused action is an event with a
reason. Whatever strangers, peers and the bus bring, `step` returns effects."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regions import messages, outside
from regions.config import (
    DEFERRED_MAX,
    GATEWAYS_MAX,
    QUEUE_PER_PLAYER,
    QUEUE_TOTAL,
    RECORD_BYTES_MAX,
    UNSIGNED_ACTIONS_MAX,
)
from regions.errors import RecordError
from regions.messages import Batch, KeyWanted, Letter, Where
from regions.record import Acted, Birth, Confirmed, Head, Input, Login, Mail, Order, Outside, OwnerSaid, decode
from regions.verbs import Load, Publish, ReadBack, Received, Settled
from tests.cluster import NODE, Cluster, Player
from tests.laws import any_items
from tests.laws.any_items import items
from tests.wallets import Wallet
from world.actions import Build, Dig, Drop, Gather, Give, GiveAsset, GiveCoins, Move, PickUp, Speak, Strike
from world.events import REASONS, Refusal

SETTINGS = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
NUMBERS = st.one_of(st.integers(0, 12), st.integers(0, 2**63 - 1))
KEYS = st.one_of(st.binary(min_size=32, max_size=32), st.just(bytes(32)))
NONCES = st.binary(min_size=16, max_size=16)
SIGNATURES = st.one_of(st.binary(min_size=64, max_size=64), st.just(bytes(64)))


def entities(known: int) -> st.SearchStrategy[int]:
    return st.one_of(st.just(known), NUMBERS)


def inputs(known: int, processes: dict[int, bytes]) -> st.SearchStrategy[Input]:
    who = entities(known)
    small = st.integers(0, 130)
    actions = st.one_of(
        st.builds(Move, st.integers(-127, 127), st.integers(-127, 127)),
        st.builds(Strike, st.integers(1, 2**63 - 1)),
        st.builds(Gather, small, small),
        st.builds(Give, st.integers(1, 2**60), st.integers(0, 255), st.integers(1, 999)),
        st.builds(GiveCoins, st.integers(1, 2**60), st.integers(1, 10**9)),
        st.builds(GiveAsset, st.integers(1, 2**60), st.integers(1, 2**60)),
        st.builds(Drop, st.integers(0, 255), st.integers(1, 999)),
        st.builds(PickUp, st.integers(1, 2**60)),
        st.builds(Build, small, small, st.integers(0, 15)),
        st.builds(Dig, small, small),
        st.builds(Speak, st.text(min_size=1, max_size=120)),
    )
    bodies = st.one_of(st.binary(max_size=512), actions.map(msgspec.msgpack.encode))
    acted = st.builds(Acted, who, NUMBERS, st.one_of(st.just(1), NUMBERS), bodies)
    ends = st.lists(st.tuples(KEYS, NUMBERS, NUMBERS), max_size=5).map(tuple)
    return st.one_of(
        acted,
        acted,
        st.builds(Login, who, NUMBERS, KEYS, KEYS, NONCES, NUMBERS, SIGNATURES),
        st.builds(Head, who, NUMBERS, KEYS, st.binary(max_size=32), SIGNATURES),
        st.builds(Outside, st.one_of(st.binary(max_size=200), items(processes)), who, NUMBERS),
        st.builds(Birth, KEYS, KEYS, NONCES, NUMBERS, SIGNATURES),
        st.builds(Order, NUMBERS, st.booleans(), NONCES),
        st.builds(Confirmed, NUMBERS, KEYS, NONCES, ends, st.one_of(KEYS, st.just(NODE.public)), SIGNATURES),
        st.builds(OwnerSaid, st.binary(max_size=200)),
    )


def letters() -> st.SearchStrategy[Letter]:
    mails = st.lists(st.builds(Mail, NUMBERS, st.integers(0, 6), st.binary(max_size=60)), max_size=4).map(tuple)
    return st.builds(
        Letter,
        st.integers(0, 3),
        st.integers(0, 2),
        NUMBERS,
        NUMBERS,
        KEYS,
        NUMBERS,
        NUMBERS,
        mails,
        st.binary(max_size=80),
        st.just(NODE.public),
        st.just(b""),
    )


@pytest.fixture(scope="module")
def world() -> tuple[Cluster, Player]:
    cluster = Cluster()
    Wallet(cluster, any_items.KEY).join()
    return cluster, Player(cluster).enter(region=1)


def signed(cluster: Cluster, letter: Letter, receiver: int) -> Letter:
    """A letter as a node of the roster would sign it: not every neighbour's program is sound."""
    signature = NODE.sign(messages.letter_message(cluster.world, letter, receiver))
    return msgspec.structs.replace(letter, signature=signature)


def is_well(cluster: Cluster) -> None:
    """It goes on."""
    before = {index: len(cluster.raws(index)) for index in cluster.processes if index}
    cluster.ticks(3)
    assert all(len(cluster.raws(index)) > n for index, n in before.items())
    assert not cluster.ended and not any(cluster.region(index).state.halted for index in cluster.processes)


@SETTINGS
@given(data=st.data())
def test_any_inputs_in_any_order_leave_every_region_well(world: tuple[Cluster, Player], data: st.DataObject) -> None:
    cluster, player = world
    for _ in range(3):
        batch = data.draw(st.lists(inputs(player.entity, cluster.processes), max_size=12))
        cluster.send(data.draw(st.integers(0, 2)), *batch, gateway=data.draw(st.sampled_from(["g", "a-b", "Z_9"])))
        cluster.ticks(1)
    known = cluster.region(1).state.players.get(player.entity)
    if known is not None:  # also in order and well signed, with any bytes for actions
        player.number, player.chain = known.number, known.chain
        for body in data.draw(st.lists(st.binary(max_size=512), max_size=6)):
            player.act_raw(body)
        player.send(player.head())
    cluster.ticks(3)
    is_well(cluster)
    for index in cluster.processes:
        assert cluster.replay(index).digest() == cluster.region(index).digest()


def whereabouts(cluster: Cluster) -> tuple[int, int]:
    """In which region the outside wallet's body is, and its last number."""
    for _ in range(40):
        for index in (1, 2):
            for player in cluster.region(index).state.players.values():
                if player.wallet == any_items.KEY.public:
                    return index, player.outside
        cluster.ticks(1)
    raise AssertionError("the body is nowhere")


@SETTINGS
@given(asked=st.lists(any_items.asked(), max_size=8))
def test_any_items_of_a_wallet_in_order_are_done_refused_or_make_no_request(
    world: tuple[Cluster, Player], asked: list[tuple[any_items.Tags, bytes]]
) -> None:
    """The region takes each that can be read, and folds it: none makes a rule raise, which would cost a new state."""
    cluster, _ = world
    loads: list[object] = []
    cluster.watch = lambda index, effect: loads.append(effect) if isinstance(effect, Load) else None
    wallet = Wallet(cluster, any_items.KEY)
    for tags, data in asked:
        index, before = whereabouts(cluster)
        number = [("Number", f"1.{before + 1}")]
        raw = any_items.signed(any_items.KEY, tags, number, data, cluster.processes[index])
        try:
            item = outside.read(raw).item
        except RecordError as error:
            assert str(error)
            cluster.send(index, Outside(raw, 0, 0), gateway=wallet.name)
            cluster.ticks(1)
            assert whereabouts(cluster)[1] == before
            continue
        ((status, verdict),) = wallet.send(item, index)
        if status == messages.STATUS_MOVED:
            continue  # it walked over the border just then
        assert (status, whereabouts(cluster)[1]) == (messages.STATUS_DONE, before + 1)
        assert verdict == Refusal.DONE or verdict in REASONS
    assert not loads
    cluster.watch = lambda index, effect: None
    is_well(cluster)


@SETTINGS
@given(data=st.data())
def test_any_letters_even_signed_ones_leave_every_region_well(data: st.DataObject) -> None:
    cluster = Cluster(start=False)
    for index in cluster.processes:
        cluster.start(index)
    cluster.ticks(2)
    for _ in range(4):
        receiver = data.draw(st.integers(0, 2))
        letter = data.draw(letters())
        cluster.say(receiver, signed(cluster, letter, receiver) if data.draw(st.booleans()) else letter)
        cluster.ticks(1)
    is_well(cluster)
    for index in cluster.processes:
        assert cluster.replay(index).digest() == cluster.region(index).digest()


@SETTINGS
@given(
    st.one_of(
        st.binary(max_size=300),
        st.recursive(st.integers(-(2**63), 2**64 - 1) | st.binary() | st.none(), st.lists).map(msgspec.msgpack.encode),
    )
)
def test_any_bytes_are_a_message_a_record_or_an_error_with_words(raw: bytes) -> None:
    for read in (messages.decode, decode):
        try:
            read(raw)
        except RecordError as error:
            assert str(error)


@settings(SETTINGS, max_examples=200)
@given(st.data())
def test_a_damaged_message_is_a_message_or_an_error(data: st.DataObject) -> None:
    said = Acted(1, 2, 1, b"\x93\x01\x05\x05")
    letter = Letter(1, 1, 1, 7, bytes(32), 3, 16, (Mail(4, 2, b"m"),), b"g" * 32, bytes(32), bytes(64))
    said_by_all: list[messages.Message] = [Batch("g", (said,)), letter, Where("g", bytes(32))]
    raw = bytearray(messages.encode(data.draw(st.sampled_from(said_by_all))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = messages.decode(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    except RecordError as error:
        assert str(error)
    else:
        assert messages.decode(messages.encode(message)) == message, "what was taken in can be said again"


@pytest.mark.parametrize("message", ["Answers", "Delta", "Beat", "Keys", "Here"])
def test_what_a_region_says_means_nothing_to_a_region(world: tuple[Cluster, Player], message: str) -> None:
    cluster, _ = world
    said: list[Any] = []
    cluster.watch = lambda index, effect: said.append(effect.message) if isinstance(effect, Publish) else None
    cluster.say(1, KeyWanted("g"))
    cluster.run(1100)
    cluster.watch = lambda index, effect: None
    heard = [one for one in said if type(one).__name__ == message] or [
        messages.Here(1, bytes(32), 1, 1, 1, bytes(32), 1, False, False)
    ]
    assert cluster.cores[1].step(cluster.now_ms, Received(heard[0])) == []


def test_events_out_of_place_mean_nothing(world: tuple[Cluster, Player]) -> None:
    cluster, _ = world
    core = cluster.cores[1]
    for event in (
        Settled("durable", 1),
        Settled("taken", 10**6),
        Settled("nonsense", 3),
        ReadBack(5, b""),
        ReadBack(0, b"x"),
    ):
        assert core.step(cluster.now_ms, event) == []
    is_well(cluster)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "*", ">", "g\n", "g" * 33, "ü"])
def test_a_gateway_whose_name_is_no_part_of_a_subject_is_not_heard(name: str) -> None:
    for message in (Batch(name, ()), Where(name, bytes(32)), KeyWanted(name)):
        with pytest.raises(RecordError):
            messages.decode(messages.encode(message))


# Bounds.


def test_queues_have_limits_and_what_is_beyond_is_not_spent() -> None:
    cluster = Cluster()
    player = Player(cluster).enter(region=1)
    cluster.held.add(1)
    cluster.ticks(2)
    core = cluster.cores[1]
    for _ in range(3):
        messages_ = [Batch("g", (player.login_as(90),))] * (DEFERRED_MAX // 2)
        for message in messages_:
            core.step(cluster.now_ms, Received(message))
    assert len(core.deferred) == DEFERRED_MAX
    cluster.held.clear()
    cluster.settle(1)
    cluster.ticks(2)
    assert core.deferred == []
    for number in range(3 * GATEWAYS_MAX):
        cluster.say(1, Where(f"g{number}", bytes(32)))
    assert len(core.gateways) == GATEWAYS_MAX
    player.heard()
    for _ in range(200):
        player.act(Move(1, 1))
    assert core.scheduler is not None
    assert len(core.scheduler.queue) <= min(QUEUE_PER_PLAYER, UNSIGNED_ACTIONS_MAX)


def test_a_queue_full_of_births_leaves_room_for_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regions.scheduler.QUEUE_TOTAL", 50)
    assert QUEUE_TOTAL > 50
    cluster = Cluster()
    cluster.held.add(0)
    cluster.run(1100)
    births = [Player(cluster, f"b{number}").certificate() for number in range(80)]
    scheduler = cluster.cores[0].scheduler
    assert scheduler is not None
    for birth in births:
        scheduler.offer(birth, "g")
    assert len(scheduler.queue) == 50


def test_a_tick_takes_no_more_than_a_record_holds() -> None:
    """As many players as it takes, each with the longest actions there are."""
    cluster = Cluster()
    crowd = [Player(cluster, f"p{number}").enter(region=1) for number in range(40)]
    cluster.held.add(1)
    cluster.ticks(1)
    for player in crowd:
        for _ in range(8):
            player.act_raw(b"\x92\x0b\xd9\x78" + b"x" * 120 + b"y" * 380)
    cluster.held.clear()
    cluster.settle(1)
    cluster.ticks(12)
    sizes = [len(raw) for raw in cluster.raws(1)]
    assert 60_000 < max(sizes) < RECORD_BYTES_MAX
    assert all(player.heard()[-1].number == 9 for player in crowd)
    assert cluster.replay(1).digest() == cluster.region(1).digest()


def test_every_reason_to_refuse_has_words() -> None:
    assert set(REASONS) == set(Refusal) - {Refusal.DONE}
