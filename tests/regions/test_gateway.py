"""The gateway core before real region cores: logins, receipts, borders, views, slow and hostile clients."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.keys import Ed25519Key
from clients.session import Acknowledged, Parted, Undone, Welcomed, Words
from regions import messages, protocol, views
from regions.config import (
    CLIENT_BACKLOG_BYTES_MAX,
    LOGINS_WAITING_MAX,
    SLEEP_AFTER_TICKS,
    SPAN,
    STRANGERS_MAX,
    VIEW_TILES,
)
from regions.gateway import FULL_AGAIN_MS, STUCK_MS, Gateway
from regions.gateway_verbs import Backlog, Close, Connected, Framed, Frames, Heard, Publish, Send, Timer
from regions.messages import Answers, Batch, Delta, Here, Keys, KeyWanted, Letter, Message
from regions.protocol import FLAG_ANEW, VIEW, Having, Hello, Refused, decode_told
from regions.record import Acted, Head, Login, first_chain, login_body, player_chain
from regions.views import NOTHING, RegionView, anchor, rectangle
from regions.wishes import Door
from tests.regions.little_gateway import LittleClient, LittleGateway, run
from tests.regions.little_world import START_MS, LittleWorld
from world.actions import Give, Move, Speak
from world.delta import key_bytes
from world.events import Kind
from world.shown import BODY_COLUMNS, PER_TILE, X, Y
from world.units import TICK_MS


def begin(clients: int = 1, **shape: object) -> tuple[LittleWorld, LittleGateway, list[LittleClient]]:
    """A world with players in it."""
    world = LittleWorld(**shape)  # type: ignore[arg-type]
    gateway = LittleGateway(world)
    players = [LittleClient(gateway) for _ in range(clients)]
    world.advance(world.now_ms + 200)
    for player in players:
        player.connect()
    run(world, [gateway], players, 1500)
    assert all(player.told(Welcomed) for player in players)
    return world, gateway, players


def acts_of(world: LittleWorld, entity: int) -> list[tuple[int, bytes]]:
    """(number, chain contribution) of every action of an entity in all logs, by number."""
    found = []
    for index in world.logs:
        for record in world.records(index):
            for said in record.inputs:
                if isinstance(said, Acted | Login) and said.entity == entity:
                    found.append((said.number, said.body if isinstance(said, Acted) else login_body(said)))
    return sorted(found)


def assert_once_and_gapless(world: LittleWorld, player: LittleClient, chain_to: int) -> None:
    """The logs hold every number exactly once, and their chain is the client's own."""
    acts = acts_of(world, player.session.entity)
    assert [number for number, _ in acts] == list(range(1, len(acts) + 1))
    chain = first_chain(player.session.entity)
    for number, body in acts[:chain_to]:
        chain = player_chain(chain, number, body)
    assert chain == player.session._acked_chain and player.session.acked == chain_to


def test_players_are_born_walk_and_get_a_receipt_for_each_action() -> None:
    world, gateway, (player,) = begin()
    assert isinstance(player.news[0], Words)
    player.act(Move(0, 100))
    before = player.seen.find(player.session.entity)  # type: ignore[union-attr]
    run(world, [gateway], [player], 1000)
    after = player.seen.find(player.session.entity)  # type: ignore[union-attr]
    assert before is not None and after is not None and after.y - before.y > 100 and after.x == before.x
    (ack,) = player.told(Acknowledged)
    assert isinstance(ack, Acknowledged) and ack.action.number == 2 and ack.verdict == 0
    record = world.records(ack.region)[ack.n - 1]
    assert any(isinstance(said, Acted) and said.number == 2 for said in record.inputs)
    assert_once_and_gapless(world, player, 2)


def test_a_client_sees_what_its_region_holds_around_it() -> None:
    """What clients decode equals the region's own rows, for every chunk in view."""
    world, gateway, players = begin(4)
    rng = random.Random(3)
    for _ in range(40):
        for player in players:
            player.act(Move(rng.randint(-127, 127), rng.randint(-127, 127)))
        run(world, [gateway], players, 150)
    for player in players:
        assert player.seen is not None
        for index, seen in player.seen.regions.items():
            rows = world.cores[index].show.rows  # type: ignore[union-attr]
            assert rows is not None
            for place, chunk in enumerate(seen.mirror.held):
                mine = slice(seen.mirror.starts[place], seen.mirror.starts[place + 1])
                theirs = slice(rows.starts[chunk], rows.starts[chunk + 1])
                assert np.array_equal(seen.mirror.ids[mine], rows.ids[theirs])
                assert np.array_equal(seen.mirror.cols[mine][:, [X, Y]], rows.cols[theirs][:, [X, Y]])


def test_crossing_borders_neither_loses_nor_repeats_an_action_nor_the_sight_of_oneself() -> None:
    world, gateway, (player,) = begin(seed=5)
    goal, hops, positions = 68, set(), []
    sent = 300
    for _ in range(sent):
        body = player.seen.find(player.session.entity)  # type: ignore[union-attr]
        assert body is not None
        hops.add(body.hop)
        positions.append(body.x)
        if abs(body.x - goal * PER_TILE) < PER_TILE:
            goal = 128 - goal
        player.act(Move(127 if body.x < goal * PER_TILE else -127, 0))
        run(world, [gateway], [player], 100)
    run(world, [gateway], [player], 1000)
    assert max(hops) >= 4, "it crossed the border again and again"
    assert len(player.told(Acknowledged)) == sent and not player.session.pending
    assert_once_and_gapless(world, player, sent + 1)
    steps = np.abs(np.diff(positions))
    assert steps.max() <= (2 + 2) * 13, "no jump above two ticks of motion between looks two ticks apart"


@pytest.mark.parametrize("seed", [4, 9, 10])
def test_lost_messages_are_made_good_on_both_ways(seed: int) -> None:
    """Every fourth message of any kind is lost; every action is done once.

    Seeds 9 and 10 once stood still for ever: a region that had lost actions wanted a head which the gateway had thrown
    away for a newer one.
    """
    world, gateway, players = begin(3, seed=seed)
    rng = random.Random(seed)
    world.lost = lambda subject, message: not subject.startswith("letter") and rng.random() < 0.25
    for _ in range(60):
        for player in players:
            player.act(Move(rng.randint(-127, 127), rng.randint(-127, 127)))
        run(world, [gateway], players, 200)
    world.lost = lambda subject, message: False
    run(world, [gateway], players, 4000)
    for player in players:
        assert not player.session.pending
        assert len(player.told(Acknowledged)) == 60
        assert_once_and_gapless(world, player, 61)


def test_answers_that_come_late_breed_no_repetitions() -> None:
    """What regions had recorded was once sent again for every late answer, and made answers later still."""
    world, gateway, players = begin(3)
    gateway.published.clear()
    gateway.late_ms = 900
    for _ in range(60):
        for player in players:
            player.act(Move(100, 0))
        run(world, [gateway], players, 100)
    gateway.late_ms = 0
    run(world, [gateway], players, 2000)
    batches = [messages.decode(one.data) for one in gateway.published if one.subject.startswith("in.")]
    sent = sum(type(said) is Acted for batch in batches if isinstance(batch, Batch) for said in batch.inputs)
    assert sent <= 2 * 60 * len(players), "once, and what was under way at a late answer once more"
    for player in players:
        assert len(player.told(Acknowledged)) == 60 and not player.session.pending


@pytest.mark.parametrize("seed", [0, 1])
def test_in_any_weather_each_action_is_done_once_and_in_order(seed: int) -> None:
    """Lost messages, killed regions, cut sockets, all at once: then calm, and everything is accounted for."""
    world, gateway, players = begin(3, seed=seed)
    rng = random.Random(seed)
    world.lost = lambda subject, message: not subject.startswith("letter") and rng.random() < 0.1
    dead: dict[int, int] = {}
    sent: dict[int, list[bytes]] = {player.session.entity: [] for player in players}
    for _ in range(80):
        for player in players:
            if rng.random() < 0.7 and player.session.room > 8:
                player.act(Move(rng.randint(-127, 127), rng.randint(-127, 127)))
                sent[player.session.entity].append(next(reversed(player.session.pending.values())).body)
            if rng.random() < 0.03 or player.number in gateway.closed:
                player.drop()
                player.connect()
        if rng.random() < 0.04 and not dead:
            dead[rng.choice((0, 1, 2))] = world.now_ms + rng.randint(50, 1500)
            world.kill(next(iter(dead)))
        for index in [index for index, until in dead.items() if until <= world.now_ms]:
            del dead[index]
            world.start(index)
        run(world, [gateway], players, 100)
    world.lost = lambda subject, message: False
    for index in dead:
        world.start(index)
    for _ in range(10):
        for player in players:
            if player.number in gateway.closed:
                player.drop()
                player.connect()
        run(world, [gateway], players, 1000)
    for player in players:
        acked = [one.action.body for one in player.told(Acknowledged) if isinstance(one, Acknowledged)]
        acts = acts_of(world, player.session.entity)
        logged = [body for _, body in acts if not body.startswith(b"login")]
        assert [number for number, _ in acts] == list(range(1, len(acts) + 1))
        assert acked == logged == sent[player.session.entity] and not player.session.pending


def test_resume_after_a_dropped_socket_neither_loses_nor_repeats() -> None:
    world, gateway, (player,) = begin(seed=2)
    rng = random.Random(1)
    sent = 0
    for _ in range(12):
        for _ in range(rng.randint(1, 10)):
            player.act(Move(rng.randint(-127, 127), 5))
            sent += 1
        run(world, [gateway], [player], rng.choice((0, 20, 60, 100)))
        player.drop()
        run(world, [gateway], [], rng.choice((0, 30, 300)))
        player.act(Speak("done while away"))
        sent += 1
        player.connect()
        run(world, [gateway], [player], 700)
    run(world, [gateway], [player], 2000)
    acked = [one.action.body for one in player.told(Acknowledged) if isinstance(one, Acknowledged)]
    logged = [body for _, body in acts_of(world, player.session.entity) if not body.startswith(b"login")]
    assert len(acked) == sent and acked == logged
    assert_once_and_gapless(world, player, sent + 13)


def test_two_sockets_one_wallet() -> None:
    """EXAMPLES 12, on one gateway and on two: the laptop is told, and gets no receipt for the phone's actions."""
    for gateways in (1, 2):
        world, first, (laptop,) = begin(seed=gateways)
        second = first if gateways == 1 else LittleGateway(world, "g2")
        phone = LittleClient(second, laptop.session.wallet)  # type: ignore[arg-type]
        laptop.act(Move(1, 0))
        run(world, [first, second], [laptop, phone], 500)
        world.lost = lambda subject, message: (
            isinstance(message, Batch)
            and any(isinstance(said, Acted) and said.body == b"\x93\x01\x02\x00" for said in message.inputs)
        )
        laptop.act(Move(2, 0))
        run(world, [first, second], [laptop, phone], 100)
        phone.connect()
        run(world, [first, second], [laptop, phone], 1000)
        world.lost = lambda subject, message: False
        phone.act(Move(3, 0))
        run(world, [first, second], [laptop, phone], 1500)
        assert isinstance(laptop.news[-1], Parted) and laptop.news[-1].superseded
        assert [one.action.number for one in laptop.told(Acknowledged)] == [2]  # type: ignore[union-attr]
        assert len(phone.told(Acknowledged)) == 1 and phone.session.entity == laptop.session.entity
        assert laptop.number in first.closed
        bodies = [body for _, body in acts_of(world, laptop.session.entity)]
        assert b"\x93\x01\x02\x00" not in bodies and b"\x93\x01\x03\x00" in bodies


def test_a_killed_region_comes_back_and_the_player_keeps_its_socket() -> None:
    world, gateway, (player,) = begin(seed=3)
    region = player.seen.find(player.session.entity).region  # type: ignore[union-attr]
    player.act(Move(0, 50))
    run(world, [gateway], [player], 60)
    world.kill(region)
    for _ in range(5):
        player.act(Move(0, -50))
        run(world, [gateway], [player], 300)
    assert any(isinstance(one, Words) and "silent" in one.text for one in player.news)
    assert player.session.pending
    world.start(region)
    frames = len(player.frames)
    run(world, [gateway], [player], 300)
    assert len(player.frames) > frames and player.frames[frames][2] & FLAG_ANEW
    run(world, [gateway], [player], 700)
    assert not player.session.pending and not gateway.closed
    assert any(isinstance(one, Words) and one.text == "the world goes on" for one in player.news)
    assert_once_and_gapless(world, player, 7)


def test_after_a_restore_each_client_is_told_what_was_undone_and_nothing_is_repeated() -> None:
    """EXAMPLES 6, with a gateway and clients that live through it: era 2 begins where era 1 had three actions more."""
    world, gateway, players = begin(2)
    for step in range(4):
        for player in players:
            player.act(Move(step, 9))
        run(world, [gateway], players, 100)
    run(world, [gateway], players, 300)
    cut = {index: len(log) for index, log in world.logs.items()}
    for step in range(3):
        for player in players:
            player.act(Move(99, step))
        run(world, [gateway], players, 100)
    run(world, [gateway], players, 300)
    players[0].act(Move(98, 0))  # on its way when everything burns
    world.restore(cut)
    run(world, [gateway], players, 800)
    for player in players:
        assert gateway.closed[player.number][0] == 1001
        assert any(isinstance(one, Words) and "era 2 begins after your action 5" in one.text for one in player.news)
        player.drop()
        player.connect()
    run(world, [gateway], players, 1500)
    for place, player in enumerate(players):
        (undone,) = player.told(Undone)
        assert isinstance(undone, Undone) and (undone.era, undone.number, undone.acked) == (2, 5, 8)
        assert len(undone.pending) == (1 if place == 0 else 0)
        player.act(Move(1, 1))
    run(world, [gateway], players, 1000)
    for player in players:
        assert not player.session.pending and player.session.acked == 7 and player.seen is not None
        assert b"\x93\x01\x63" not in b"".join(body for _, body in acts_of(world, player.session.entity))
        assert player.seen.find(player.session.entity) is not None


@pytest.mark.parametrize("crosses", [False, True])
def test_the_sight_of_a_body_in_a_new_era_does_not_stand_for_what_was_undone(crosses: bool) -> None:
    """The word where the body is, which says so, may be lost while the body is shown long since, here or elsewhere."""
    world, gateway, (player,) = begin()
    peer = next(iter(gateway.core.clients.values())).peer
    home, cut = peer.region, {index: len(log) for index, log in world.logs.items()}
    for _ in range(100 if crosses else 1):
        player.act(Move(127 if home == 1 else -127, 0))
        run(world, [gateway], [player], 100)
        if peer.region != home:
            break
    run(world, [gateway], [player], 400)
    assert (peer.region != home) == crosses
    world.lost = lambda subject, message: isinstance(message, Here)
    world.restore(cut)
    run(world, [gateway], [player], 2000)
    assert player.number not in gateway.closed
    world.lost = lambda subject, message: False
    run(world, [gateway], [player], 500)
    assert gateway.closed[player.number][0] == 1001


def test_a_body_that_fell_asleep_wakes_when_its_player_acts() -> None:
    """The player is sent to log in again, which wakes the body; the action that met the sleeping body is done then."""
    world, gateway, (player,) = begin(shape=(1, 1), tiles=(64, 64))
    world.advance(world.now_ms + (SLEEP_AFTER_TICKS + 2 * SPAN) * TICK_MS)
    run(world, [gateway], [player], 100)
    assert player.seen is not None and player.seen.find(player.session.entity) is None
    player.act(Move(0, 99))
    run(world, [gateway], [player], 500)
    assert gateway.closed[player.number] == (1013, "your body fell asleep; log in again")
    player.drop()
    player.connect()
    run(world, [gateway], [player], 1000)
    assert not player.session.pending and len(player.told(Acknowledged)) == 1
    body = player.seen.find(player.session.entity)
    assert body is not None and body.step_y > 0


def test_valuable_actions_go_through_at_the_first_try() -> None:
    world, gateway, players = begin(2)
    giver, taker = players
    giver.act(Give(taker.session.entity, 1, 1))
    run(world, [gateway], players, 150)
    (ack,) = giver.told(Acknowledged)
    assert isinstance(ack, Acknowledged) and ack.action.number == 2
    region = world.records(ack.region)
    heads = [said for record in region for said in record.inputs if isinstance(said, Head)]
    assert any(head.entity == giver.session.entity and head.number == 2 for head in heads)


def test_a_player_is_told_its_own_goods_and_nobody_elses() -> None:
    world, gateway, players = begin(2)
    for player in players:
        assert isinstance(player.told(Having)[-1], Having)
    count, mine = len(players[1].told(Having)), len(players[0].told(Having))
    players[0].act(Move(1, 1))
    run(world, [gateway], players, 300)
    assert len(players[0].told(Having)) == mine, "a step changes nothing"
    players[0].act(Speak("what do I have?"))
    run(world, [gateway], players, 300)
    assert len(players[1].told(Having)) == count < len(players[0].told(Having))


def test_a_client_that_does_not_keep_up_gets_keyframes_and_never_a_longer_queue() -> None:
    world, gateway, (slow, quick) = begin(2, shape=(1, 1), tiles=(64, 64))
    for player in (slow, quick):
        player.act(Move(30, 100))
    slow.reads = False
    most = 0
    for _ in range(400):
        gateway.step(Backlog(slow.number, CLIENT_BACKLOG_BYTES_MAX + 1))
        before = len(slow._unread)
        run(world, [gateway], [quick], 50)
        most = max(most, len(slow._unread) - before)
    views_unread = [raw for raw in slow._unread if raw[0] == VIEW]
    assert len(views_unread) <= 2 and gateway.core.sights.skipped >= 390
    slow._unread.clear()
    slow.reads = True
    gateway.step(Backlog(slow.number, 0))
    run(world, [gateway], [slow, quick], 200)
    assert slow.frames[-3][2] & FLAG_ANEW or slow.frames[-4][2] & FLAG_ANEW
    assert slow.seen is not None and quick.seen is not None
    assert slow.seen.find(quick.session.entity) == quick.seen.find(quick.session.entity)


def test_a_client_that_reads_nothing_is_closed_at_once() -> None:
    world, gateway, (slow,) = begin()
    gateway.step(Backlog(slow.number, CLIENT_BACKLOG_BYTES_MAX + 1))
    closed = []
    end = world.now_ms + STUCK_MS + 1000
    while world.now_ms < end:
        world.advance(world.now_ms + 250)
        closed += [one for one in gateway.core.step(world.now_ms, Timer()) if isinstance(one, Close)]
    assert [(one.peer, one.at_once) for one in closed] == [(slow.number, True)]
    assert slow.number not in gateway.core.clients


def test_look_again_brings_keyframes() -> None:
    world, gateway, (player,) = begin()
    player.send(player.session.look_again())
    run(world, [gateway], [player], 120)
    assert any(frame[2] & FLAG_ANEW for frame in player.frames[-4:])


def test_frames_are_shared_bytes_and_a_quiet_tick_says_only_that_it_was() -> None:
    world, gateway, players = begin(3, shape=(1, 1), tiles=(64, 64))
    run(world, [gateway], players, 400)
    frames = [player.frames[-1] for player in players]
    assert frames[0] is frames[1] is frames[2]
    assert len(frames[0]) == 20 + 2  # header and the mask of 4 x 4 chunks
    players[0].act(Move(0, 100))
    run(world, [gateway], players, 300)
    assert players[1].frames[-1] is players[2].frames[-1] and len(players[1].frames[-1]) < 60


def test_speech_is_heard_by_those_who_see_the_speaker() -> None:
    world, gateway, (speaker, hearer) = begin(2, shape=(1, 1), tiles=(64, 64))
    heard = []
    take = hearer.seen.take  # type: ignore[union-attr]
    hearer.seen.take = lambda raw: heard.append(take(raw))  # type: ignore[union-attr, method-assign, assignment]
    speaker.act(Speak("good day"))
    run(world, [gateway], [speaker, hearer], 200)
    texts = [event.text for frame in heard for _, event in frame.events if event.kind == Kind.SPOKE]
    assert texts == ["good day"]


@pytest.mark.parametrize("home", [(8, 8), (200, 40), (63, 64), (64, 63)])
def test_a_view_reaches_as_far_as_it_says_and_not_much_further(home: tuple[int, int]) -> None:
    region = (0, 0, 16, 16)
    hung = anchor((-999, -999), home[0] * PER_TILE, home[1] * PER_TILE)
    x0, y0, width, height = rectangle(hung, region)
    for at, low, size in ((home[0], x0, width), (home[1], y0, height)):
        assert low * 16 <= max(at - VIEW_TILES + 8, 0) and (low + size) * 16 >= min(at + VIEW_TILES - 8, 256)
        assert size <= 4


def test_a_view_does_not_flicker_at_an_edge() -> None:
    hung = anchor((-999, -999), 64 * PER_TILE - 1, 0)
    assert anchor(hung, 64 * PER_TILE + 1, 0) == hung
    assert anchor(hung, 66 * PER_TILE, 0) != hung
    assert rectangle((100, 100), (0, 0, 4, 4)) == NOTHING


def test_a_region_that_leaves_the_view_is_said_to_be_gone() -> None:
    world, gateway, (player,) = begin(seed=5, tiles=(192, 64))
    for _ in range(240):
        player.act(Move(-127, 0))
        run(world, [gateway], [player], 100)
    assert player.seen is not None
    assert player.seen.regions[1].rect != NOTHING and player.seen.regions[2].rect == NOTHING
    assert not len(player.seen.regions[2].mirror.ids)
    assert len(gateway.core.sights._viewers[2]) == 0


def test_strangers_beyond_the_limit_are_refused_with_the_number_and_told_when_to_come_again() -> None:
    gateway = Gateway(Door(bytes(32), "g", (64, 64), ((0, 0, 0, 0), (0, 0, 4, 4))))
    for number in range(STRANGERS_MAX):
        assert gateway.step(START_MS, Connected(number, bytes(48))) == []
    send, close = gateway.step(START_MS, Connected(STRANGERS_MAX, bytes(48)))
    assert isinstance(send, Send) and isinstance(close, Close) and len(gateway.clients) == STRANGERS_MAX
    refused = decode_told(send.frame[1:])
    assert isinstance(refused, Refused) and str(STRANGERS_MAX) in refused.reason and refused.again_ms == FULL_AGAIN_MS


def test_players_beyond_the_limit_are_refused_though_strangers_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regions.gateway.CLIENTS_MAX", 3)
    world, gateway, players = begin(3)
    late = LittleClient(gateway)
    late.connect()
    run(world, [gateway], [late], 300)
    (parted,) = late.told(Parted)
    assert isinstance(parted, Parted) and "3 players" in parted.reason and parted.again_ms == FULL_AGAIN_MS
    assert gateway.core.roll.players == 3 and len(gateway.core.clients) == 3
    players[0].drop()
    late.connect()
    run(world, [gateway], [late], 1500)
    assert late.told(Welcomed)


def test_half_open_logins_do_not_stay() -> None:
    gateway = Gateway(Door(bytes(32), "g", (64, 64), ((0, 0, 0, 0), (0, 0, 4, 4))))
    for number in range(100):
        gateway.step(START_MS, Connected(number, bytes(48)))
    assert gateway.due_ms <= START_MS + 10_000
    out = gateway.step(START_MS + 10_000, Timer())
    assert len([one for one in out if isinstance(one, Close)]) == 100 and not gateway.clients


def test_a_storm_of_logins_waits_its_turn_and_those_within_are_not_in_its_way() -> None:
    world, gateway, (player,) = begin()
    storm = [LittleClient(gateway) for _ in range(400)]
    for client in storm:
        client.connect()
    assert len(gateway.core._admission) > 380 and not gateway.closed, "they wait"
    player.act(Move(1, 1))
    run(world, [gateway], [player, *storm], 300)
    assert not player.session.pending
    challenged = sum(client.session._challenge is not None for client in storm)
    assert 0 < challenged < 300, "a few at a time"
    run(world, [gateway], storm, 4000)
    assert all(client.told(Welcomed) for client in storm) and not gateway.closed


def test_whoever_finds_too_many_waiting_is_told_when_to_come_again() -> None:
    world, gateway, _ = begin()
    storm = [LittleClient(gateway) for _ in range(LOGINS_WAITING_MAX + 20)]
    for client in storm:
        client.connect()
    late = storm[-1]
    late.read()
    (parted,) = late.told(Parted)
    assert isinstance(parted, Parted) and not parted.superseded and 4_000 < parted.again_ms < 10_000
    assert gateway.closed[late.number][0] == 1013
    for client in storm:  # those who leave are no longer in the way
        client.drop()
    assert not len(gateway.core._admission)
    late.connect()
    run(world, [gateway], [late], 1500)
    assert late.told(Welcomed)


def test_a_newer_login_of_a_wallet_takes_the_place_of_one_still_on_its_way() -> None:
    world = LittleWorld()
    gateway = LittleGateway(world)
    world.lost = lambda subject, message: True
    wallet = Ed25519Key(b"w" * 32)
    logins = [LittleClient(gateway, wallet) for _ in range(5)]
    for login in logins:
        login.connect()
        run(world, [gateway], [login], 50)
    assert len(gateway.core.clients) == 1 and logins[-1].number in gateway.core.clients
    assert len(gateway.core.roll.of_wallet(wallet.public)) == 1


def _delta(**changes: object) -> Delta:
    fields = {
        "region": 1,
        "era": 1,
        "term": 1,
        "tick": 1,
        "n": 2,
        "archived": 0,
        "late_ms": 0,
        "hash": bytes(32),
        "chunks": (),
        "offsets": (0,),
        "data": b"",
    }
    return Delta(**(fields | changes))  # type: ignore[arg-type]


BAD: list[Message] = [
    _delta(region=9),
    _delta(region=0),
    _delta(chunks=(0,), offsets=(0, 5), data=b"x"),
    _delta(chunks=(0,), offsets=(0,), data=b"x"),
    _delta(chunks=(77,), offsets=(0, 1), data=b"\0"),
    Keys(1, 1, 1, 5, 0, 1, (0,), (0, 3), b"abc"),
    Keys(1, 1, 1, 5, 3, 2, (), (0,), b""),
    Keys(9, 1, 1, 5, 0, 1, (), (0,), b""),
    Answers(9, 1, 5, bytes(32), (), (), ((5, 99, 2),)),
    Letter(1, 1, 1, 1, bytes(32), 0, 0, (), b"", bytes(32), b""),
]


def test_bad_messages_from_the_bus_are_counted_and_change_nothing() -> None:
    world, gateway, (player,) = begin()
    for message in BAD:
        gateway.step(Heard(messages.encode(message)))
    gateway.step(Heard(b"\xff" * 9))
    assert gateway.core.figures.messages_bad >= 5
    player.act(Move(0, 100))
    run(world, [gateway], [player], 800)
    assert not player.session.pending and player.seen is not None
    assert player.seen.find(player.session.entity).step_y > 0  # type: ignore[union-attr]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 4), st.binary(max_size=300)), max_size=12))
def test_no_bytes_from_anywhere_make_the_core_raise(events: list[tuple[int, bytes]]) -> None:
    gateway = Gateway(Door(bytes(32), "g", (64, 64), ((0, 0, 0, 0), (0, 0, 2, 4), (2, 0, 4, 4))))
    now = START_MS
    for number, (kind, raw) in enumerate(events):
        now += len(raw)
        if kind == 0:
            gateway.step(now, Connected(number, bytes(48)))
        elif kind == 1:
            gateway.step(now, Framed(number - 1, raw))
        elif kind == 2:
            gateway.step(now, Heard(raw))
        elif kind == 3:
            gateway.step(
                now, Heard(messages.encode(_delta(tick=len(raw), data=raw, chunks=(0,), offsets=(0, len(raw)))))
            )
        else:
            gateway.step(now, Timer())
    assert len(gateway.clients) <= len(events)


HELLO = protocol.encode(Hello(protocol.VERSION, Ed25519Key(bytes(32)).public, Ed25519Key(bytes([7]) * 32).public))


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from((HELLO, b"", b"\x90", HELLO[:-1]))), max_size=9))
def test_frames_read_together_do_what_they_do_one_by_one(said: list[tuple[int, bytes]]) -> None:
    door = Door(bytes(32), "g", (64, 64), ((0, 0, 0, 0), (0, 0, 4, 4)))
    one_by_one, together = Gateway(door), Gateway(door)
    for gateway, peer in itertools.product((one_by_one, together), range(3)):
        gateway.step(START_MS, Connected(peer, bytes([peer]) * 48))
    frames = [Framed(peer, raw) for peer, raw in said]
    effects = [effect for framed in frames for effect in one_by_one.step(START_MS, framed)]
    assert together.step(START_MS, Frames(frames)) == effects
    assert together.due_ms == one_by_one.due_ms


def test_deltas_that_overtake_the_keys_are_kept_within_bounds_and_applied_in_order() -> None:
    view = RegionView(1, (0, 0, 2, 2))
    key = key_bytes(np.empty(0, np.int64), np.empty((0, BODY_COLUMNS), np.int32), np.zeros(256, np.uint8), 0, 0)
    chunks, offsets = (0, 1, 2, 3), tuple(place * len(key) for place in range(5))
    empty = Keys(1, 1, 1, 10, 0, 1, chunks, offsets, key * 4)
    for tick in range(1, 3 * views.PENDING_MAX):
        assert view.delta(START_MS, _delta(tick=tick, n=tick + 1)) is None
    assert len(view._pending) <= views.PENDING_MAX
    assert view.keys(empty) is None, "what lies between these keys and the kept deltas is missing"
    late = 3 * views.PENDING_MAX
    ticked = view.keys(Keys(1, 1, 1, late - 5, 0, 1, chunks, offsets, key * 4))
    assert ticked is not None and ticked.anew and view.tick == late - 1
    assert view.delta(START_MS, _delta(tick=late, n=late)) is not None
    assert view.delta(START_MS, _delta(tick=late, n=late)) is None, "a duplicate"
    assert view.delta(START_MS, _delta(tick=late + 2, n=late)) is None and view.keys_wanted, "a gap"


def test_keys_are_asked_for_at_the_start_after_a_gap_and_not_in_a_storm() -> None:
    world = LittleWorld()
    gateway = LittleGateway(world)
    run(world, [gateway], [], 1000)
    asked = [one for one in gateway.published if isinstance(messages.decode(one.data), KeyWanted)]
    assert {one.subject for one in asked} == {"in.1", "in.2"} and len(asked) <= 6
    gateway.published.clear()
    world.lost = lambda subject, message: subject == "delta" and message.region == 1  # type: ignore[union-attr]
    run(world, [gateway], [], 150)
    world.lost = lambda subject, message: False
    run(world, [gateway], [], 400)
    asked = [one for one in gateway.published if isinstance(messages.decode(one.data), KeyWanted)]
    assert [one.subject for one in asked] == ["in.1"]
    assert not gateway.core.views[1].keys_wanted


def test_inputs_are_gathered_into_batches() -> None:
    world, gateway, players = begin(6)
    gateway.published.clear()
    for player in players:
        player.act(Move(1, 1))
    run(world, [gateway], players, 40)
    batches = [one for one in gateway.published if isinstance(one, Publish) and one.subject.startswith("in.")]
    assert 1 <= len(batches) <= 3, "the first at once, the others together, to each of two regions"
    assert sum(len(messages.decode(one.data).inputs) for one in batches) == 6  # type: ignore[union-attr]


def test_refused_and_superseded_words_reach_the_client_before_the_close() -> None:
    _, gateway, (player,) = begin()
    player.send([b"nonsense" * 10])
    player.read()
    assert isinstance(player.news[-1], Parted)
    assert gateway.closed[player.number][0] == 1008
    roll = gateway.core.roll
    assert not roll.clients and not roll._by_entity and not roll._by_wallet and not roll.players
