"""Law 5: numbers have no gaps; one is spent when its record is durable, and what was not admitted is not spent."""

import random

import pytest

from archive.keys import Ed25519Key
from regions import messages
from regions.config import (
    HEAD_TICKS_MAX,
    QUEUE_PER_PLAYER,
    SLEEP_AFTER_TICKS,
    SPAN,
    UNSIGNED_ACTIONS_MAX,
    UNSIGNED_KEPT_MAX,
)
from regions.messages import Message
from regions.record import Acted, Login, login_body, player_chain
from tests.cluster import Cluster, Player
from world.actions import GiveCoins, Move, Speak, encode_action
from world.events import Refusal
from world.units import ACTIONS_PER_PLAYER_PER_TICK

DONE, LAST, BUSY, GAP = messages.STATUS_DONE, messages.STATUS_LAST, messages.STATUS_BUSY, messages.STATUS_GAP
MOVED, SUPERSEDED, UNSIGNED = messages.STATUS_MOVED, messages.STATUS_SUPERSEDED, messages.STATUS_UNSIGNED
HEAD, INVALID = messages.STATUS_HEAD, messages.STATUS_INVALID


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def player(cluster: Cluster) -> Player:
    player = Player(cluster).enter(region=1)
    player.heard()
    return player


def recorded(cluster: Cluster, entity: int) -> list[tuple[int, bytes]]:
    """(number, body) of every action and login of a body in all logs, in the order of its hops and records."""
    found = []
    for index in cluster.processes:
        for record in cluster.records(index):
            for said in record.inputs:
                if isinstance(said, Acted | Login) and said.entity == entity:
                    found.append((said.number, said.body if isinstance(said, Acted) else login_body(said)))
    return sorted(found)


def numbers_have_no_gaps(cluster: Cluster, entity: int) -> None:
    numbers = [number for number, _ in recorded(cluster, entity)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_one_action_is_recorded_answered_and_chained(cluster: Cluster, player: Player) -> None:
    """EXAMPLES 1."""
    acted = player.act(Move(127, 0))
    cluster.ticks(2)
    (answer,) = player.heard()
    assert (answer.status, answer.number, answer.verdict, answer.session) == (DONE, acted.number, Refusal.DONE, 1)
    assert answer.chain == player.chain
    told = next(message for message in reversed(player.told) if isinstance(message, messages.Answers))
    record = cluster.records(1)[told.n - 1]
    assert acted in record.inputs and record.n == told.n
    assert record.tick == record.n - 1  # the claim counts in n and not in tick


def test_a_number_that_is_done_changes_nothing_and_is_answered_with_the_last(cluster: Cluster, player: Player) -> None:
    first = player.act(Speak("once"))
    player.act(Speak("more"))
    cluster.ticks(2)
    player.heard()
    player.send(first, first)
    cluster.ticks(2)
    (answer,) = player.heard()  # said once, however often it was asked
    assert (answer.status, answer.number, answer.chain) == (LAST, 3, player.chain)
    assert [number for number, _ in recorded(cluster, player.entity)] == [1, 2, 3]


def test_a_number_too_high_is_answered_with_the_last_and_sent_again_in_order(cluster: Cluster, player: Player) -> None:
    first, second = (Acted(player.entity, number, 1, encode_action(Speak("x"))) for number in (2, 3))
    player.send(second)
    cluster.ticks(2)
    assert player.statuses() == [(GAP, 1)]
    player.send(first, second)
    cluster.ticks(2)
    assert player.statuses() == [(DONE, 2), (DONE, 3)]
    numbers_have_no_gaps(cluster, player.entity)


def test_what_follows_a_gap_in_one_batch_is_neither_admitted_nor_answered_one_by_one(
    cluster: Cluster, player: Player
) -> None:
    acts = [Acted(player.entity, number, 1, encode_action(Speak("x"))) for number in range(2, 7)]
    player.send(*acts[1:])
    cluster.ticks(2)
    assert player.statuses() == [(GAP, 1)]
    player.send(acts[2], *acts)  # what comes in order after all is taken
    cluster.ticks(3)
    assert player.statuses() == [(GAP, 1), *((DONE, number) for number in range(2, 7))]
    numbers_have_no_gaps(cluster, player.entity)


def test_what_waits_already_is_not_admitted_twice(cluster: Cluster, player: Player) -> None:
    acted = player.act(Speak("once"))
    player.send(acted, acted)
    cluster.ticks(2)
    assert player.statuses() == [(DONE, 2)]
    numbers_have_no_gaps(cluster, player.entity)


def test_the_last_number_told_is_one_that_a_record_holds(cluster: Cluster, player: Player) -> None:
    """What merely waits could still be lost with this process."""
    player.act(Speak("waits"))
    player.send(Acted(player.entity, 9, 1, b""))
    assert player.statuses() == [(GAP, 1)]


def test_bytes_that_are_no_action_are_spent_and_refused(cluster: Cluster, player: Player) -> None:
    player.act_raw(b"\xc1\xc1")
    player.act(Speak("next"))
    cluster.ticks(2)
    assert [(answer.number, answer.verdict) for answer in player.heard()] == [(2, Refusal.NOT_AN_ACTION), (3, 0)]


def test_busy_is_not_spent(cluster: Cluster, player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regions.scheduler.QUEUE_PER_PLAYER", 3)
    assert QUEUE_PER_PLAYER > 3
    sent = [player.act(Speak(f"{number}")) for number in range(5)]
    assert player.statuses() == [(BUSY, 1), (GAP, 1)]
    cluster.ticks(2)
    player.send(*sent[3:])
    cluster.ticks(3)
    assert player.statuses() == [(DONE, number) for number in range(2, 7)]
    numbers_have_no_gaps(cluster, player.entity)


def test_no_tick_takes_more_of_one_player_than_its_share(cluster: Cluster, player: Player) -> None:
    before = len(cluster.raws(1))
    for number in range(20):
        player.act(Speak(f"{number}"))
    cluster.ticks(12)
    counts = [len(record.inputs) for record in cluster.records(1)[before:] if record.inputs]
    assert counts == [ACTIONS_PER_PLAYER_PER_TICK] * (20 // ACTIONS_PER_PLAYER_PER_TICK)
    assert player.statuses() == [(DONE, number) for number in range(2, 22)]


def test_beyond_64_unsigned_actions_a_head_is_wanted(cluster: Cluster, player: Player) -> None:
    for _ in range(UNSIGNED_ACTIONS_MAX + 3):
        player.act(Move(1, 1))
    assert player.statuses()[0] == (UNSIGNED, 1)
    cluster.ticks(UNSIGNED_ACTIONS_MAX // ACTIONS_PER_PLAYER_PER_TICK + 2)
    answers = player.statuses()
    assert answers[-1] == (DONE, 1 + UNSIGNED_ACTIONS_MAX)
    state = cluster.region(1).state.players[player.entity]
    assert state.number - state.signed == UNSIGNED_ACTIONS_MAX == len(state.tail)
    player.number, player.chain = state.number, state.chain
    player.send(player.head())
    player.act(Move(2, 2))
    cluster.ticks(2)
    assert player.statuses() == [(HEAD, player.number - 1), (DONE, player.number)]
    assert len(cluster.region(1).state.players[player.entity].tail) == 1


def test_after_20_ticks_without_a_head_one_is_wanted(cluster: Cluster, player: Player) -> None:
    player.act(Move(1, 1))
    cluster.ticks(HEAD_TICKS_MAX)
    player.heard()
    refused = player.act(Move(2, 2))
    assert player.statuses() == [(UNSIGNED, 2)]
    player.number, player.chain = 2, cluster.region(1).state.players[player.entity].chain
    player.send(player.head(), refused)
    cluster.ticks(2)
    assert player.statuses() == [(HEAD, 2), (DONE, 3)]


def test_a_valuable_action_needs_a_head_that_covers_it(cluster: Cluster, player: Player) -> None:
    acted = player.act(GiveCoins(5, 1))
    assert player.statuses() == [(UNSIGNED, 1)]
    player.send(player.head(), acted)
    cluster.ticks(2)
    assert player.statuses() == [(DONE, 2), (HEAD, 2)]
    numbers_have_no_gaps(cluster, player.entity)


def test_a_head_over_another_action_does_not_cover_it(cluster: Cluster, player: Player) -> None:
    other = player_chain(player.chain, 2, encode_action(GiveCoins(6, 1)))
    player.send(player.head(2, other))
    player.act(GiveCoins(5, 1))
    cluster.ticks(2)
    assert player.statuses() == [(UNSIGNED, 1)]
    assert cluster.region(1).state.players[player.entity].number == 1


def test_a_valuable_action_and_its_head_stand_in_one_record(cluster: Cluster, player: Player) -> None:
    """Or a crash between two records could leave the one without the other."""
    for _ in range(ACTIONS_PER_PLAYER_PER_TICK - 1):
        player.act(Move(3, 3))
    valuable = [player.act(GiveCoins(5, 1), covered=True) for _ in range(3)]
    cluster.ticks(6)
    for acted in valuable:
        (record,) = [record for record in cluster.records(1) if acted in record.inputs]
        place = record.inputs.index(acted)
        assert getattr(record.inputs[place + 1], "number", 0) == acted.number and len(record.inputs) > place + 1


def test_a_covered_action_gets_in_however_much_is_unsigned(cluster: Cluster, player: Player) -> None:
    """Its head signs all that stands before it."""
    for _ in range(UNSIGNED_ACTIONS_MAX):
        player.act(Move(1, 1))
    cluster.ticks(UNSIGNED_ACTIONS_MAX // ACTIONS_PER_PLAYER_PER_TICK + 2)
    player.act(Move(2, 2), covered=True)
    cluster.ticks(2)
    assert player.statuses()[-2:] == [(DONE, player.number), (HEAD, player.number)]
    assert cluster.region(1).state.players[player.entity].tail == []


def test_heads_are_refused_that_do_not_hold(cluster: Cluster, player: Player) -> None:
    player.act(Move(1, 1))
    cluster.ticks(2)
    player.heard()
    player.send(player.head(key=Ed25519Key(b"q" * 32)))
    player.send(player.head(chain=bytes(32)))
    player.send(player.head(number=7))
    assert player.statuses() == [(INVALID, 2), (INVALID, 2), (GAP, 2)]
    player.send(player.head())
    cluster.ticks(2)
    player.send(player.head())
    assert player.statuses() == [(HEAD, 2), (HEAD, 2)]


def test_a_head_that_waits_is_answered_once_a_record_holds_it(cluster: Cluster, player: Player) -> None:
    player.act(Move(1, 1))
    player.send(player.head(), player.head())
    assert player.heard() == []
    cluster.ticks(2)
    assert player.statuses() == [(DONE, 2), (HEAD, 2)]


def test_moved_is_not_spent(cluster: Cluster, player: Player) -> None:
    acted = Acted(player.entity, 2, 1, encode_action(Speak("here?")))
    player.send(acted, region=2)
    assert player.statuses() == [(MOVED, 2)]
    player.send(acted)
    cluster.ticks(2)
    assert player.statuses() == [(DONE, 2)]


# Two sockets, one wallet.


def test_frames_of_an_older_session_are_superseded_never_done(cluster: Cluster, player: Player) -> None:
    """EXAMPLES 12."""
    laptop = Acted(player.entity, player.number + 1, player.session, encode_action(Speak("from the laptop")))
    phone = Ed25519Key(b"phone" + bytes(27))
    player.login(phone)
    cluster.ticks(2)
    assert player.statuses() == [(DONE, 2)]
    player.send(laptop)
    cluster.ticks(2)
    (answer,) = player.heard()
    assert (answer.status, answer.number, answer.session) == (SUPERSEDED, 2, 1)
    player.act(Speak("from the phone"))
    cluster.ticks(2)
    (answer,) = player.heard()
    assert (answer.status, answer.number, answer.chain) == (DONE, 3, player.chain)
    assert all(said != laptop for record in cluster.records(1) for said in record.inputs)


def test_nobody_is_superseded_by_a_login_that_only_waits(cluster: Cluster, player: Player) -> None:
    """The login may still be lost with this process: the older session goes on then."""
    laptop = Acted(player.entity, player.number + 1, player.session, encode_action(Speak("from the laptop")))
    phone = Player(cluster, "phone")
    phone.wallet, phone.entity, phone.region = player.wallet, player.entity, 1
    phone.send(phone.login_as(2))
    player.send(laptop)
    assert player.statuses() == [(BUSY, 1)]
    cluster.kill(1)
    cluster.start(1)
    cluster.ticks(3)
    player.send(laptop)
    cluster.ticks(2)
    assert player.statuses() == [(DONE, 2)]


def test_an_old_session_cannot_sign_for_the_new_one(cluster: Cluster, player: Player) -> None:
    old = player.key
    player.login(Ed25519Key(b"phone" + bytes(27)))
    cluster.ticks(2)
    player.heard()
    player.send(player.head(key=old))
    assert player.statuses() == [(INVALID, 2)]


def test_a_login_is_refused_that_the_wallet_did_not_sign(cluster: Cluster, player: Player) -> None:
    thief = Player(cluster, "thief")
    thief.entity, thief.region = player.entity, 1
    thief.send(thief.login_as(2))
    said = player.login_as(2)
    forged = Login(said.entity, 2, said.wallet, b"k" * 32, said.nonce, said.expires_ms, said.signature)
    player.send(forged)
    cluster.ticks(2)
    assert thief.statuses() == [(INVALID, 1)] and player.statuses() == [(INVALID, 1)]


def test_a_player_who_never_signs_can_always_log_in_again(cluster: Cluster, player: Player) -> None:
    for _ in range(UNSIGNED_KEPT_MAX + 20):
        player.login()
        cluster.ticks(1)
    cluster.ticks(2)
    assert player.heard()[-1].status == DONE
    state = cluster.region(1).state.players[player.entity]
    assert len(state.tail) == UNSIGNED_KEPT_MAX and state.number == player.number
    assert state.signed == state.number - UNSIGNED_KEPT_MAX
    player.act(Move(1, 1))
    assert player.statuses() == [(UNSIGNED, player.number - 1)]
    player.number, player.chain = state.number, state.chain
    player.send(player.head())
    player.act(Move(1, 1))
    cluster.ticks(2)
    assert player.statuses() == [(HEAD, player.number - 1), (DONE, player.number)]
    assert cluster.replay(1).digest() == cluster.region(1).digest()


# Sleep.


def test_what_waits_for_a_body_that_falls_asleep_is_not_spent(
    cluster: Cluster, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Admitted behind a full tick, it would come into a record in which the body sleeps."""
    monkeypatch.setattr("regions.players.SLEEP_AFTER_TICKS", SPAN)
    state = cluster.region(1).state
    cluster.ticks(SPAN - state.tick % SPAN - 1)  # the next tick ends a span
    monkeypatch.setattr("regions.scheduler.ACTIONS_PER_TICK", 0)
    acted = player.act(Speak("zzz"))
    cluster.ticks(1)
    monkeypatch.setattr("regions.scheduler.ACTIONS_PER_TICK", 512)
    assert player.entity in state.sleepers
    assert player.statuses() == [(SUPERSEDED, 1)]
    cluster.ticks(2)
    assert not cluster.ended and not cluster.region(1).state.halted
    player.send(acted)
    assert player.statuses() == [(SUPERSEDED, 1)]
    player.number, player.chain = 1, state.sleepers[player.entity].player.chain
    player.login()
    player.act(Speak("good morning"))
    cluster.ticks(2)
    player.act_raw(acted.body)
    assert (DONE, 2) in player.statuses() and player.entity in cluster.region(1).state.players


def test_a_sleeper_keeps_number_chain_and_session_through_a_restart(
    cluster: Cluster, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regions.players.SLEEP_AFTER_TICKS", 2 * SPAN)
    assert SLEEP_AFTER_TICKS > 2 * SPAN
    player.act(Speak("good night"))
    player.send(player.head())
    cluster.ticks(4 * SPAN)
    assert player.entity in cluster.region(1).state.sleepers
    cluster.kill(1)
    cluster.start(1, snapshot=True)
    cluster.ticks(2)
    here = player.where()
    assert here is not None and here.asleep and (here.number, here.chain) == (player.number, player.chain)
    player.heard()
    player.login()
    cluster.ticks(2)
    assert player.statuses() == [(DONE, 3)]
    assert cluster.region(1).rules.has(cluster.region(1).bodies, player.entity)


# Crossing a border, and a bus that loses.


def test_a_handover_carries_number_chain_and_session(cluster: Cluster, player: Player) -> None:
    player.act(Move(127, 0))
    player.send(player.head())
    before = cluster.region(1).state.players[player.entity]
    for _ in range(200):
        cluster.ticks(1)
        if player.region == 2:
            break
    cluster.ticks(2)
    after = cluster.region(2).state.players[player.entity]
    assert after == before and (after.number, after.chain, after.session) == (player.number, player.chain, 1)
    player.heard()
    player.act(Speak("arrived"))
    cluster.ticks(2)
    assert player.statuses() == [(DONE, player.number)]
    numbers_have_no_gaps(cluster, player.entity)


def test_an_action_that_waits_while_its_body_leaves_is_told_to_go_after_it(cluster: Cluster, player: Player) -> None:
    """EXAMPLES 3: one that reaches A is answered "moved", not spent."""
    sent = [player.act(Move(127, 0))]
    player.send(player.head())
    cluster.ticks(20)
    for _ in range(60):
        sent += [player.act(Speak("step")) for _ in range(ACTIONS_PER_PLAYER_PER_TICK + 1)]  # more than a tick takes
        player.send(player.head())
        cluster.ticks(1)
        if player.region == 2:
            break
    cluster.ticks(2)
    moved = [number for status, number in player.statuses() if status == MOVED]
    assert moved
    last = cluster.region(2).state.players[player.entity].number
    assert min(moved) == last + 1
    player.send(*[acted for acted in sent if acted.number > last])
    cluster.ticks(4)
    numbers_have_no_gaps(cluster, player.entity)
    assert cluster.region(2).state.players[player.entity].number == player.number


@pytest.mark.parametrize("seed", range(4))
def test_over_a_bus_that_loses_repeats_and_reorders_each_action_counts_once(seed: int) -> None:
    rng = random.Random(seed)
    cluster = Cluster(seed=seed)
    player = Player(cluster).enter(region=1)
    cluster.lost = lambda sender, subject, message: rng.random() < 0.3
    pending: list[Acted] = []
    done = player.number
    chains = {done: player.chain}
    for step in range(160):
        if step < 120 and len(pending) < 30:
            body = encode_action(Move(127 if step < 80 else -127, rng.randrange(-40, 40)))
            player.number += 1
            player.chain = chains[player.number] = player_chain(player.chain, player.number, body)
            pending.append(Acted(player.entity, player.number, player.session, body))
        batch: list[Message] = [rng.choice(pending) for _ in range(3)] if pending else []  # type: ignore[misc]
        batch += pending if step % 3 == 0 else []  # type: ignore[arg-type]
        region = rng.choice([1, 2]) if step % 5 == 0 else player.region
        player.send(*batch, player.head(done, chains[done]), player.head(), region=region)  # type: ignore[arg-type]
        cluster.ticks(1)
        for answer in player.heard():
            if answer.status in (DONE, LAST):
                done = max(done, answer.number)
        pending = [acted for acted in pending if acted.number > done]
    cluster.lost = lambda sender, subject, message: False
    cluster.ticks(5)
    for region in (1, 2, 1, 2):
        player.send(player.head(done, chains[done]), *pending, player.head(), region=region)
        cluster.ticks(12)
    numbers_have_no_gaps(cluster, player.entity)
    assert recorded(cluster, player.entity)[-1][0] == player.number
    home = next(index for index in (1, 2) if player.entity in cluster.region(index).state.players)
    assert cluster.region(home).state.players[player.entity].chain == player.chain
    assert not cluster.ended


def test_mail_is_taken_once_and_in_order_however_letters_come() -> None:
    rng = random.Random(5)
    cluster = Cluster(population=(30, 10, 0))
    player = Player(cluster).enter(region=1)
    kept: list[tuple[int, Message]] = []

    def lose(sender: int, subject: str, message: Message) -> bool:
        if not subject.startswith("letter.") or sender == 0 or subject == "letter.0":
            return False
        kept.append((int(subject[7:]), message))
        return rng.random() < 0.4

    cluster.lost = lose
    player.act(Move(127, 0))  # over the border
    for _ in range(150):
        cluster.ticks(1)
        for receiver, message in rng.sample(kept, min(3, len(kept))):
            cluster.say(receiver, message)  # an old letter once more
    for index in (1, 2):
        heard = [one for record in cluster.records(index) for one in record.heard if one.region == 3 - index]
        numbers = [mail.number for one in heard for mail in one.mail]
        assert numbers == list(range(1, len(numbers) + 1))
        near, other = (cluster.region(one).state.neighbours[1] for one in (index, 3 - index))
        assert near.taken == len(numbers) <= other.sent
    assert cluster.region(2).state.neighbours[1].taken > 0
