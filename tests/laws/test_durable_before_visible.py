"""Law 2: nothing leaves a region before the record that caused it is durable."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regions import messages
from regions.messages import Answers, Beat, Delta, Here, KeyWanted, Letter, Message, Where
from regions.record import record_hash
from regions.shell.memory_log import Fault
from regions.verbs import Effect, Publish, Snapshot, Trim
from tests.cluster import Cluster, Player
from world.actions import Move, Speak


class Watch:
    """Holds every effect of every region against what the region's log has at that moment."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.published: list[tuple[int, Message]] = []
        cluster.watch = self.see

    def see(self, index: int, effect: Effect) -> None:
        raws = self.cluster.raws(index)
        if isinstance(effect, Snapshot):
            assert effect.n <= len(raws) and record_hash(raws[effect.n - 1]) == effect.head
        elif isinstance(effect, Trim):
            assert effect.n < len(raws)
        elif isinstance(effect, Publish):
            self.published.append((index, effect.message))
            match effect.message:
                case Answers(n=n, hash=head) | Delta(n=n, hash=head) | Letter(n=n, hash=head):
                    assert n <= len(raws) and record_hash(raws[n - 1]) == head
                case Beat(n=n, tick=tick):
                    assert n <= len(raws) and tick <= n
                case Here(entity=entity, number=number, chain=chain):
                    player = self.cluster.replay(index).state.players[entity]
                    assert (number, chain) == (player.number, player.chain)

    def take(self) -> list[tuple[int, Message]]:
        published, self.published = self.published, []
        return published


def of(index: int, published: list[tuple[int, Message]], beats: bool = False) -> list[Message]:
    return [message for one, message in published if one == index and isinstance(message, Beat) == beats]


def test_acks_deltas_and_letters_wait_for_the_record() -> None:
    cluster = Cluster()
    player, watch = Player(cluster).enter(), Watch(cluster)
    here = player.region
    cluster.held.add(here)
    player.heard()
    player.act(Move(127, 0))
    cluster.ticks(3)
    assert here in cluster.waiting
    assert of(here, watch.take()) == [] and player.heard() == []
    cluster.settle(here)
    told = [type(message).__name__ for message in of(here, watch.take())]
    assert told == ["Answers", "Delta", "Letter"]
    assert player.statuses() == [(messages.STATUS_DONE, player.number)]


def test_while_a_record_is_in_flight_every_question_waits() -> None:
    cluster = Cluster()
    player, watch = Player(cluster).enter(), Watch(cluster)
    here = player.region
    cluster.held.add(here)
    player.act(Move(127, 0))
    cluster.ticks(2)
    player.heard()
    watch.take()
    player.send(player.login_as(99))  # would be answered with the number that is not durable yet
    cluster.say(here, Where(player.name, player.wallet.public))
    cluster.say(here, KeyWanted(player.name))
    cluster.ticks(30)
    assert of(here, watch.take()) == [] and player.heard() == []
    cluster.held.clear()
    cluster.settle(here)
    said = of(here, watch.take())
    assert {"Answers", "Delta", "Letter", "Here", "Keys"} <= {type(message).__name__ for message in said}
    assert player.statuses() == [(messages.STATUS_DONE, player.number), (messages.STATUS_GAP, player.number)]


@pytest.mark.parametrize("outcome", ["unknown", "full"])
def test_an_append_without_an_answer_is_made_again_with_the_same_bytes_until_the_log_settles_it(outcome: str) -> None:
    cluster = Cluster()
    player, watch = Player(cluster).enter(), Watch(cluster)
    here = player.region
    cluster.held.add(here)
    player.act(Move(127, 0))
    cluster.ticks(2)
    player.heard()
    watch.take()
    first = cluster.waiting[here]
    for _ in range(20):
        cluster.settle(here, outcome, store=False)
        cluster.run(1000)
        assert cluster.waiting[here] == first
        assert player.heard() == []
        assert of(here, watch.take()) == []
    cluster.held.clear()
    cluster.settle(here)
    assert player.statuses() == [(messages.STATUS_DONE, player.number)]


def test_a_record_that_was_stored_after_all_is_read_and_counts_once() -> None:
    cluster = Cluster()
    player = Player(cluster).enter()
    here = player.region
    before = len(cluster.raws(here))
    player.heard()
    player.act(Speak("hello"))
    cluster.logs.faults.extend([Fault.STORED_UNKNOWN] * 3)
    cluster.ticks(12)
    assert player.statuses() == [(messages.STATUS_DONE, player.number)]
    spoken = [said for record in cluster.records(here)[before:] for said in record.inputs if said.number == 2]
    assert len(spoken) == 1 and cluster.replay(here).digest() == cluster.region(here).digest()


def test_a_full_log_makes_the_world_wait_and_say_so() -> None:
    cluster = Cluster()
    player = Player(cluster).enter()
    watch, n = Watch(cluster), cluster.region(player.region).state.n
    cluster.logs.faults.extend([Fault.FULL] * 400)
    cluster.run(3000)
    assert cluster.logs.info(cluster.log(player.region)).last == n
    beats = of(player.region, watch.take(), beats=True)
    assert len(beats) > 4 and all(isinstance(beat, Beat) and beat.n == n for beat in beats)
    assert isinstance(beats[-1], Beat) and "full" in beats[-1].state
    cluster.logs.faults.clear()
    cluster.run(1000)
    assert cluster.logs.info(cluster.log(player.region)).last > n


def test_a_planned_stop_ends_with_a_snapshot_of_the_last_record() -> None:
    cluster = Cluster()
    player, watch = Player(cluster).enter(), Watch(cluster)
    cluster.ticks(5)
    cluster.stop(player.region)
    assert cluster.ended[player.region].reason == "stopped as planned"
    last = len(cluster.raws(player.region))
    assert last % 32 == 0 and cluster.snapshots[player.region].n == last
    assert watch.published


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.none(), st.sampled_from(list(Fault))), max_size=60), st.integers(0, 1000))
def test_whatever_the_log_answers_nothing_is_told_before_its_time(faults: list[Fault | None], seed: int) -> None:
    cluster = Cluster(seed=seed)
    player, watch = Player(cluster).enter(region=1), Watch(cluster)
    for step, fault in enumerate(faults):
        if fault is not None:
            cluster.logs.faults.append(fault)
        if step % 3 == 0:
            player.act(Move((step * 37) % 255 - 127, 20))
        cluster.run(30)
    cluster.logs.faults.clear()
    cluster.ticks(20)
    assert watch.published
    for index in cluster.processes:
        assert not cluster.ended and cluster.replay(index).digest() == cluster.region(index).digest()
