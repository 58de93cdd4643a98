"""When a rule raises: the record refuses what made it raise and goes on; with nothing to refuse, the region halts."""

from collections.abc import Callable

import pytest

from archive.data_item import sign_item
from archive.keys import Ed25519Key
from regions import messages
from regions.config import PARKED_MAX
from regions.record import OwnerSaid, Record
from regions.verbs import Load, Received
from tests.brittle import BREAKING, Brittle
from tests.cluster import OWNER, Cluster, Player
from world.actions import Move, Speak
from world.events import Refusal


def brittle(scheduler: bool = True, shape: tuple[int, int] = (2, 1)) -> tuple[Cluster, dict[int, Brittle]]:
    rules = {index: Brittle() for index in range(1, shape[0] * shape[1] + 1)}
    return Cluster(rules=lambda index: rules[index], scheduler=scheduler, shape=shape), rules


def verdicts(records: list[Record], entity: int) -> dict[int, int]:
    """The verdicts on a player's actions, by number."""
    found: dict[int, int] = {}
    for record in records:
        for said, verdict in zip(record.inputs, record.verdicts, strict=True):
            if getattr(said, "entity", 0) == entity and type(said).__name__ == "Acted":
                found[said.number] = verdict  # type: ignore[union-attr]
    return found


def agreed(cluster: Cluster, index: int) -> None:
    """What the process holds is what a replay gives."""
    assert cluster.replay(index).digest() == cluster.region(index).digest()


def test_an_action_that_makes_the_fold_raise_is_refused_and_the_rest_applied() -> None:
    cluster, _ = brittle()
    one, other = Player(cluster, "one").enter(region=1), Player(cluster, "other").enter(region=1)
    one.heard()
    other.heard()
    loads: list[object] = []
    cluster.watch = lambda index, effect: loads.append(effect) if isinstance(effect, Load) else None
    cluster.held.add(1)  # so that all stand in one record
    cluster.ticks(1)
    one.act(Speak("hello"))
    one.act(Speak("break"))
    one.act(Move(5, 5))
    other.act(Speak("hi"))
    cluster.held.clear()
    cluster.settle(1)
    cluster.ticks(3)
    assert len(loads) == 1
    last = [record for record in cluster.records(1) if record.inputs][-1]
    assert verdicts([last], one.entity) == {2: 0, 3: Refusal.RULE_FAILED, 4: 0}
    assert verdicts([last], other.entity) == {2: 0}
    told = [(answer.status, answer.number, answer.verdict) for answer in one.heard()]
    done = messages.STATUS_DONE
    assert told == [(done, 2, 0), (done, 3, Refusal.RULE_FAILED), (done, 4, 0)]
    assert other.statuses() == [(done, 2)]
    agreed(cluster, 1)


def test_of_two_inputs_that_raise_only_together_the_second_is_refused() -> None:
    cluster, _ = brittle()
    one, other = Player(cluster, "one").enter(region=1), Player(cluster, "other").enter(region=1)
    cluster.held.add(1)
    cluster.ticks(1)
    for player, word in ((one, "left"), (one, "well"), (other, "right"), (other, "well"), (one, "well")):
        player.act(Speak(word))
    cluster.held.clear()
    cluster.settle(1)
    cluster.ticks(3)
    assert verdicts(cluster.records(1), one.entity) == {2: 0, 3: 0, 4: 0}
    assert verdicts(cluster.records(1), other.entity) == {2: Refusal.RULE_FAILED, 3: 0}
    agreed(cluster, 1)


def test_many_that_raise_cost_few_folds() -> None:
    cluster, rules = brittle()
    crowd = [Player(cluster, f"p{number}").enter(region=1) for number in range(6)]
    cluster.held.add(1)
    cluster.ticks(1)
    for player in crowd:
        for _ in range(4):
            player.act(Speak("fine"))
    crowd[3].act(Speak("fine"))
    before = rules[1].folds
    cluster.held.clear()
    cluster.settle(1)
    cluster.ticks(1)
    assert rules[1].folds - before <= 3
    cluster.held.add(1)
    cluster.ticks(1)
    for player in crowd:
        for number in range(4):
            player.act(Speak("break" if player is crowd[3] and number == 2 else "fine"))
    before = rules[1].folds
    cluster.held.clear()
    cluster.settle(1)
    cluster.run(1)
    assert rules[1].folds - before < 20  # of 24 inputs
    agreed(cluster, 1)


def test_what_was_refused_is_refused_in_a_replay_and_after_a_restart() -> None:
    cluster, _ = brittle()
    player = Player(cluster).enter(region=1)
    player.act(Speak("break"))
    cluster.ticks(40)
    cluster.kill(1)
    cluster.start(1, snapshot=True)
    cluster.ticks(3)
    player.heard()
    player.act(Speak("still here"))
    cluster.ticks(3)
    assert player.statuses() == [(messages.STATUS_DONE, player.number)]
    agreed(cluster, 1)


def test_a_login_that_makes_the_fold_raise_is_refused_and_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    from world import births

    cluster, _ = brittle()
    player = Player(cluster)
    player.be_born(region=1)
    with monkeypatch.context() as patch:

        def fails(*_: object) -> object:
            raise OverflowError("no room after all")

        patch.setattr(births, "player_born", fails)
        player.login()
        cluster.ticks(3)
        (answer,) = player.heard()
        assert (answer.status, answer.number, answer.verdict) == (messages.STATUS_DONE, 1, Refusal.RULE_FAILED)
        assert player.entity in cluster.region(1).state.sleepers
    player.login()
    cluster.ticks(3)
    assert [(a.status, a.number, a.verdict) for a in player.heard()] == [(messages.STATUS_DONE, 2, Refusal.DONE)]
    agreed(cluster, 1)


def test_mail_that_raises_is_parked_whole_and_later_mail_goes_on() -> None:
    cluster, _ = brittle()
    player = Player(cluster).enter(region=1)
    for word in ("curse", "well", "curse"):
        player.act(Speak(word))
        cluster.ticks(2)
    cluster.ticks(5)
    parked = cluster.region(2).state.parked
    assert [(source, mail.number, mail.body) for source, mail in parked] == [(1, 1, BREAKING), (1, 2, BREAKING)]
    near = next(near for near in cluster.region(1).state.neighbours if near.index == 2)
    assert near.outbox == [] and near.sent == 2  # consumed, each once
    agreed(cluster, 2)


def test_mail_that_nobody_can_read_is_parked_too() -> None:
    """A neighbour's program is not ours to trust: what its node signed may still be nonsense."""
    from msgspec.structs import replace

    from regions.record import Mail
    from tests.cluster import NODE

    cluster, _ = brittle()
    cluster.lost = lambda sender, subject, message: sender == 1 and subject == "letter.2"
    cluster.ticks(2)
    state = cluster.region(1).state
    bodies = [b"\xc1 nothing", b"\x92\xa1x\xc0", b"\x93\x01\x02\x03", b""]
    mail = tuple(Mail(1 + place, 2 + place % 4, body) for place, body in enumerate(bodies))
    letter = messages.Letter(1, 1, 9, state.n + 5, bytes(32), 0, 16, mail, b"", NODE.public, b"")
    signature = NODE.sign(messages.letter_message(cluster.world, letter, 2))
    cluster.say(2, replace(letter, signature=signature))
    cluster.ticks(3)
    assert [mail.number for _, mail in cluster.region(2).state.parked] == [1, 2, 3, 4]
    assert not cluster.region(2).state.halted
    agreed(cluster, 2)


def test_parked_mail_has_a_limit_beyond_which_the_region_halts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regions.poison.PARKED_MAX", 2)
    assert PARKED_MAX > 2
    cluster, _ = brittle()
    player = Player(cluster).enter(region=1)
    for _ in range(4):
        player.act(Speak("curse"))
        cluster.ticks(3)
    assert "beyond the limit of 2" in cluster.region(2).state.halted
    agreed(cluster, 2)


@pytest.mark.parametrize("bad", [b"x", b"\xff" * 32, bytes(32) * 3])
def test_ghosts_that_nobody_can_show_are_not_taken(bad: bytes) -> None:
    cluster, _ = brittle()
    cluster.ticks(2)
    near = next(near for near in cluster.region(2).state.neighbours if near.index == 1)
    letter = messages.Letter(1, 1, near.term, near.n + 1, bytes(32), 0, 16, (), bad, bytes(32), b"")
    cluster.say(2, letter)
    cluster.ticks(3)
    assert not cluster.region(2).state.halted and not cluster.region(2).state.parked
    assert cluster.region(2).state.n > 5 and near.hash != bytes(32)


def test_a_fold_that_raises_with_no_inputs_halts_this_region_and_no_other() -> None:
    cluster, rules = brittle()
    player = Player(cluster).enter(region=1)
    n, tick = cluster.region(1).state.n, cluster.region(1).state.tick
    rules[1].breaks_at = cluster.region(1).state.tick
    cluster.ticks(40)
    last = cluster.records(1)[-1]
    assert (last.n, last.tick, last.inputs) == (n + 1, tick, ())
    assert last.halt.startswith(f"record {n + 1} raises without inputs") and "ZeroDivisionError" in last.halt
    assert len(cluster.raws(2)) > n + 30 and not cluster.ended
    player.heard()
    player.act(Move(1, 1))
    cluster.ticks(10)
    assert player.heard() == []  # it waits
    agreed(cluster, 1)


def test_a_halt_binds_the_next_process_too() -> None:
    cluster, rules = brittle()
    rules[1].breaks_at = cluster.region(1).state.tick
    cluster.ticks(2)
    rules[1].breaks_at = 0
    cluster.kill(1)
    cluster.start(1)
    cluster.ticks(40)
    records = cluster.records(1)
    assert records[-1].claim is not None and records[-2].halt
    assert cluster.region(1).state.halted


def test_neighbours_of_a_halted_region_see_a_solid_border() -> None:
    cluster, rules = brittle()
    player = Player(cluster).enter(region=1)
    rules[2].breaks_at = cluster.region(2).state.tick
    cluster.ticks(10)
    player.act(Move(127, 0))
    cluster.ticks(120)
    assert player.where().region == 1  # type: ignore[union-attr]
    rules[2].breaks_at = 0
    cluster.send(2, lift(cluster, 2))
    cluster.ticks(60)
    assert player.where().region == 2  # type: ignore[union-attr]


def lift(
    cluster: Cluster, index: int, key: Ed25519Key = OWNER, record: int = 0, action: str = "Lift", region: int = 0
) -> OwnerSaid:
    """The owner's word that lifts the halt of a region, or one that is wrong in some way."""
    record = record or next(one.n for one in reversed(cluster.records(index)) if one.halt)
    tags = [("Action", action), ("Record", str(record))]
    return OwnerSaid(sign_item(key, b"", tags, target=cluster.processes[region or index]).raw)


def test_the_owners_word_in_the_regions_own_log_lifts_the_halt() -> None:
    cluster, rules = brittle()
    player = Player(cluster).enter(region=1)
    rules[1].breaks_at = cluster.region(1).state.tick
    cluster.ticks(2)
    player.heard()
    player.act(Speak("am I heard?"))
    rules[1].breaks_at = 0
    said = lift(cluster, 1)
    cluster.send(1, said)
    cluster.ticks(20)
    lifting = next(record for record in cluster.records(1) if said in record.inputs)
    assert lifting.verdicts == (Refusal.DONE,) and not cluster.region(1).state.halted
    assert cluster.region(1).state.n > lifting.n + 5
    assert player.statuses() == [(messages.STATUS_DONE, 2)]
    agreed(cluster, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda cluster: lift(cluster, 1, key=Ed25519Key(b"k" * 32)),
        lambda cluster: lift(cluster, 1, record=3),
        lambda cluster: lift(cluster, 1, action="Raise"),
        lambda cluster: lift(cluster, 1, region=2),
        lambda cluster: OwnerSaid(cluster.founded.charter_item.raw),
        lambda cluster: OwnerSaid(lift(cluster, 1).item[:-1] + b"x"),
        lambda cluster: OwnerSaid(b"nothing"),
    ],
)
def test_nothing_else_lifts_it(wrong: Callable[[Cluster], OwnerSaid]) -> None:
    cluster, rules = brittle()
    rules[1].breaks_at = cluster.region(1).state.tick
    cluster.ticks(2)
    rules[1].breaks_at = 0
    n = cluster.region(1).state.n
    cluster.send(1, wrong(cluster))
    cluster.ticks(20)
    assert cluster.region(1).state.n == n


def test_an_item_lifts_one_halt_once() -> None:
    cluster, rules = brittle()
    rules[1].breaks_at = cluster.region(1).state.tick
    cluster.ticks(2)
    first = lift(cluster, 1)
    cluster.send(1, first)
    cluster.ticks(20)  # it still raises: halted again
    assert [bool(record.halt) for record in cluster.records(1)[-2:]] == [True, True]
    rules[1].breaks_at = 0
    n = cluster.region(1).state.n
    cluster.send(1, first)
    cluster.ticks(20)
    assert cluster.region(1).state.n == n
    cluster.send(1, lift(cluster, 1))
    cluster.ticks(20)
    assert cluster.region(1).state.n > n and not cluster.region(1).state.halted
    agreed(cluster, 1)


def test_a_planned_stop_of_a_halted_region_ends() -> None:
    cluster, rules = brittle()
    rules[1].breaks_at = cluster.region(1).state.tick
    cluster.ticks(2)
    cluster.stop(1)
    assert cluster.ended[1].reason.startswith("stopped while halted")


def test_actions_that_waited_for_a_halt_to_be_lifted_are_each_done_once() -> None:
    cluster, rules = brittle()
    player = Player(cluster).enter(region=1)
    player.heard()
    cluster.held.add(1)
    cluster.ticks(1)
    player.act(Speak("one"))
    player.act(Speak("two"))
    rules[1].breaks_at = cluster.region(1).state.tick
    cluster.held.clear()
    cluster.settle(1)
    cluster.ticks(10)
    assert cluster.region(1).state.halted and player.heard() == []
    player.act(Speak("three"))
    rules[1].breaks_at = 0
    cluster.send(1, lift(cluster, 1))
    cluster.ticks(20)
    assert player.statuses() == [(messages.STATUS_DONE, number) for number in (2, 3, 4)]
    agreed(cluster, 1)


def test_while_the_state_is_rebuilt_nobody_is_told_of_the_half_done_tick() -> None:
    cluster, _ = brittle()
    player = Player(cluster).enter(region=1)
    player.heard()
    asked: list[object] = []

    def ask(index: int, effect: object) -> None:
        if isinstance(effect, Load):
            asked.append(effect)
            late = messages.Batch(player.name, (player.login_as(50),))
            assert cluster.cores[1].step(cluster.now_ms, Received(late)) == []

    cluster.watch = ask
    player.act(Speak("break"))
    cluster.ticks(4)
    assert asked
    assert player.statuses() == [(messages.STATUS_DONE, 2), (messages.STATUS_GAP, 2)]


def test_signatures_of_a_span_that_waits_do_not_disturb_the_search() -> None:
    """Mail alone makes the fold raise in the very tick that would carry the scheduler's signatures."""
    cluster, _ = brittle()
    player = Player(cluster).enter(region=1)
    until = 32 - len(cluster.raws(2)) % 32
    cluster.ticks(until - 1)
    player.act(Speak("curse"))
    cluster.ticks(6)
    assert cluster.region(2).state.parked
    assert not cluster.ended and cluster.region(2).state.assignments.waiting == []
    agreed(cluster, 2)


def test_the_third_death_at_one_position_admits_one_input_a_tick() -> None:
    cluster, _ = brittle()
    crowd = [Player(cluster, f"p{number}").enter(region=1) for number in range(3)]
    cluster.kill(1)
    cluster.deaths[1] = 2
    cluster.start(1)
    cluster.ticks(2)
    before = len(cluster.raws(1))
    for player in crowd:
        for _ in range(3):
            player.act(Speak("patience"))
    cluster.ticks(12)
    counts = [len([one for one in record.inputs if type(one).__name__ == "Acted"]) for record in cluster.records(1)]
    assert max(counts[before:]) == 1 and sum(counts[before:]) == 9
    cluster.ticks(40)
    for player in crowd:
        player.send(player.head())
    cluster.ticks(2)
    cluster.held.add(1)
    cluster.ticks(1)
    for player in crowd:
        player.act(Speak("together"))
    cluster.held.clear()
    cluster.settle(1)
    cluster.ticks(2)
    assert max(len(record.inputs) for record in cluster.records(1)[-4:]) >= 3
