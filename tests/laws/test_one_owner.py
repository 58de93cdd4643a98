"""Law 3: the log itself refuses an append at a position already taken; timers give liveness, never safety."""

from regions.messages import Message
from regions.process import RegionCore
from regions.record import Claim
from regions.shell.memory_log import Fault
from regions.show import Show
from regions.verbs import Append, Effect, End, Load, Publish, ReadAt, ReadBack, Settled, Snapshot
from tests.cluster import Cluster, Player
from world.actions import Move


class Rival:
    """A second process that takes a region's seat without asking."""

    def __init__(self, cluster: Cluster, index: int) -> None:
        self.cluster, self.index = cluster, index
        self.core = RegionCore(cluster.cores[index].seat, cluster.random.randbytes, Show(index))
        self.claim = self.step_loaded()

    def step_loaded(self) -> Append:
        claim, *_ = self.core.step(self.cluster.now_ms, self.cluster.loaded(self.index))
        assert isinstance(claim, Append)
        return claim

    def append(self) -> None:
        """Put the claim into the log."""
        self.cluster.logs.append(self.cluster.log(self.index), self.claim.position, self.claim.raw)


def published(effects: list[tuple[int, Effect]], index: int) -> list[Message | Snapshot]:
    told = [effect for one, effect in effects if one == index and isinstance(effect, Publish | Snapshot)]
    return [effect.message if isinstance(effect, Publish) else effect for effect in told]


def test_a_record_taken_by_another_never_happened() -> None:
    cluster = Cluster()
    player = Player(cluster).enter()
    here = player.region
    cluster.held.add(here)
    rival = Rival(cluster, here)
    player.act(Move(127, 0))
    cluster.ticks(2)
    rival.append()
    effects: list[tuple[int, Effect]] = []
    cluster.watch = lambda index, effect: effects.append((index, effect))
    player.heard()
    cluster.settle(here)
    assert cluster.ended[here].reason.startswith("fenced") and not cluster.ended[here].alarm
    cluster.ticks(5)
    assert published(effects, here) == [] and player.heard() == []
    region = cluster.replay(here)
    assert region.state.players[player.entity].number == player.number - 1
    assert region.state.claim_process == rival.core.process


def test_a_record_taken_by_mine_is_durable() -> None:
    cluster = Cluster()
    player = Player(cluster).enter()
    cluster.logs.faults.append(Fault.STORED_UNKNOWN)
    effects: list[tuple[int, Effect]] = []
    cluster.watch = lambda index, effect: effects.append((index, effect))
    cluster.ticks(4)
    assert any(isinstance(effect, ReadAt) for _, effect in effects)
    assert not cluster.ended
    assert cluster.replay(player.region).state.n == cluster.region(player.region).state.n


def test_of_two_claims_at_one_position_one_holds() -> None:
    cluster = Cluster()
    one, other = Rival(cluster, 1), Rival(cluster, 1)
    assert one.claim.position == other.claim.position and one.claim.raw != other.claim.raw
    other.append()
    assert one.core.step(cluster.now_ms, Settled("taken", one.claim.position)) == [ReadAt(one.claim.position)]
    (end,) = one.core.step(cluster.now_ms, ReadBack(one.claim.position, other.claim.raw))
    assert isinstance(end, End) and end.reason.startswith("fenced")
    told = other.core.step(cluster.now_ms, Settled("durable", other.claim.position))
    assert other.core.phase == "serving" and any(isinstance(effect, Publish) for effect in told)
    assert one.core.step(cluster.now_ms + 100, Settled("durable", one.claim.position)) == []


def test_the_owner_before_finds_itself_fenced_by_a_claim_however_late_it_comes_back() -> None:
    cluster = Cluster()
    Player(cluster).enter()
    Rival(cluster, 1).append()
    cluster.run(60_000)  # its clock says nothing: only its next append does
    assert cluster.ended[1].reason.startswith("fenced")
    terms = [record.term for record in cluster.records(1) if record.claim is not None]
    assert terms == [1, 2] and len(cluster.records(1)) == cluster.replay(1).state.n


def test_a_successor_claims_the_next_term_with_its_own_sixteen_bytes() -> None:
    cluster = Cluster()
    for _ in range(3):
        cluster.kill(1)
        cluster.start(1, snapshot=True)
        cluster.ticks(3)
    claims = [record.claim for record in cluster.records(1) if isinstance(record.claim, Claim)]
    assert [record.term for record in cluster.records(1) if record.claim] == [1, 2, 3, 4]
    assert len({claim.process for claim in claims}) == 4 and len({claim.commitment for claim in claims}) == 4


def test_an_owner_that_finds_another_claim_while_it_rebuilds_its_state_stops() -> None:
    from tests.brittle import Brittle
    from world.actions import Speak

    cluster = Cluster(rules=lambda index: Brittle())
    player = Player(cluster).enter()
    here = player.region
    rival = Rival(cluster, here)
    cluster.held.add(here)
    loads: list[Effect] = []

    def steal(index: int, effect: Effect) -> None:
        if index == here and isinstance(effect, Load):
            loads.append(effect)
            stale = rival.core.step(cluster.now_ms, cluster.loaded(here))
            assert isinstance(stale[0], Append)
            cluster.logs.append(cluster.log(here), stale[0].position, stale[0].raw)

    cluster.watch = steal
    cluster.held.clear()
    player.act(Speak("break"))
    cluster.ticks(3)
    assert loads and cluster.ended[here].reason.startswith("fenced")


def test_an_owner_whose_log_ends_before_its_last_record_stops_and_alarms() -> None:
    cluster = Cluster()
    cluster.ticks(5)
    cluster.logs.lose_tail(cluster.log(1), 3)
    cluster.ticks(3)
    assert cluster.ended[1].alarm and "ends before record" in cluster.ended[1].reason


def test_an_append_that_cannot_be_stops_and_alarms() -> None:
    cluster = Cluster()
    cluster.logs.delete(cluster.log(1))
    cluster.ticks(3)
    assert cluster.ended[1].alarm and "does not exist" in cluster.ended[1].reason
