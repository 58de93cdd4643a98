"""Three machines that share one log: whatever dies, every seat has one owner again, and nobody fights for it."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from regions.agent import AgentCore
from regions.agent_verbs import (
    Announce,
    Assign,
    Beaten,
    Begin,
    Dismiss,
    Effect,
    Ended,
    Event,
    Looked,
    Over,
    Serving,
    Start,
    Stop,
    Tell,
    Timer,
    Wake,
    Warm,
)

REGIONS = 4
HOMES = ({0, 1}, {2, 3}, {4})
STEP_MS = 50
LOAD_MS = 700  # longer than patience: from taking a seat to its claim
WARM_MS = 1_000


@dataclass
class Node:
    """A machine, and which child sits where."""

    place: int
    core: AgentCore
    alive: dict[int, str] = field(default_factory=dict)
    warming: dict[int, int] = field(default_factory=dict)  # child -> when it is warm
    loading: dict[int, tuple[int, int]] = field(default_factory=dict)  # child -> its seat, when it claims
    up: bool = True


class Cluster:
    """Logs that know only how long they are, and who may write."""

    def __init__(self) -> None:
        self.now = 0
        self.ends = dict.fromkeys(range(REGIONS + 1), 0)
        self.owners: dict[int, tuple[Node, int]] = {}
        self.claims = 0
        self.nodes = [Node(place, AgentCore(REGIONS, frozenset(homes), place)) for place, homes in enumerate(HOMES)]
        for node in self.nodes:
            self.give(node, Begin())

    def give(self, node: Node, event: Event) -> None:
        for effect in node.core.step(self.now, event):
            self.do(node, effect)

    def do(self, node: Node, effect: Effect) -> None:
        match effect:
            case Start(child, role):
                node.alive[child] = role
                if role == "region":
                    node.warming[child] = self.now + WARM_MS
            case Assign(child, index, _, _):
                assert node.alive[child] == "region"
                node.loading[child] = index, self.now + LOAD_MS
            case Announce(index, n):
                for other in self.nodes:
                    if other.up:
                        self.give(other, Beaten(index, n))
            case Dismiss(child):
                self.end(node, child)
            case Tell(child, words):
                assert words == {"stop": True}
                self.end(node, child, "stopped as planned")
            case Over():
                self.cut(node)
            case Wake(at_ms):
                assert at_ms > self.now

    def end(self, node: Node, child: int, reason: str = "killed", fenced: bool = False) -> None:
        if node.alive.pop(child, None) is not None:
            node.warming.pop(child, None)
            node.loading.pop(child, None)
            self.owners = {index: one for index, one in self.owners.items() if one != (node, child)}
            self.give(node, Ended(child, reason, fenced=fenced))

    def cut(self, node: Node) -> None:
        """The machine and all it runs are gone."""
        node.up = False
        node.alive, node.warming, node.loading = {}, {}, {}
        self.owners = {index: one for index, one in self.owners.items() if one[0] is not node}

    def begin(self, node: Node) -> None:
        if not node.up:
            node.core, node.up = AgentCore(REGIONS, frozenset(HOMES[node.place]), node.place), True
            self.give(node, Begin())

    def run(self, ms: int) -> None:
        for _ in range(0, ms, STEP_MS):
            self.now += STEP_MS
            for index in self.owners:
                self.ends[index] += 1
            for node in self.nodes:
                if node.up:
                    self.turn(node)

    def turn(self, node: Node) -> None:
        for child in [child for child, at_ms in node.warming.items() if at_ms <= self.now]:
            del node.warming[child]
            self.give(node, Warm(child))
        for child, (index, at_ms) in list(node.loading.items()):
            if at_ms <= self.now and child in node.loading:
                self.claim(node, child, index)
        self.give(node, Timer())
        if self.now % 100 == 0:
            for index, n in self.ends.items():
                self.give(node, Looked(index, n))

    def claim(self, node: Node, child: int, index: int) -> None:
        del node.loading[child]
        self.claims += 1
        self.ends[index] += 1
        before = self.owners.pop(index, None)
        self.owners[index] = node, child
        if before is not None:
            self.end(*before, "fenced: another owner's record stands there", fenced=True)
        self.give(node, Serving(index, self.ends[index]))

    def healthy(self) -> None:
        """Every seat has one owner, the archivist is beside the world's process, and each machine's core knows it."""
        assert sorted(self.owners) == list(self.ends)
        for node in self.nodes:
            here = {index: child for index, (one, child) in self.owners.items() if one is node}
            assert {index: seat.child for index, seat in node.core.seats.items() if seat.child and node.up} == here
            roles = list(node.alive.values())
            assert roles.count("archivist") == (0 in here) and roles.count("gateway") == node.up


def test_each_machine_serves_its_homes_and_nobody_else_claims_them() -> None:
    cluster = Cluster()
    cluster.run(20_000)
    cluster.healthy()
    assert {index: node.place for index, (node, _) in cluster.owners.items()} == {0: 0, 1: 0, 2: 1, 3: 1, 4: 2}
    assert cluster.claims == REGIONS + 1


def test_a_lost_machines_seats_go_to_the_others_and_come_back_with_it() -> None:
    cluster = Cluster()
    cluster.run(5_000)
    cluster.cut(cluster.nodes[0])
    claims = cluster.claims
    cluster.run(1_300)
    assert 1 in cluster.owners  # with the spare that was warm
    cluster.run(4_000)
    cluster.healthy()
    assert cluster.claims == claims + 2  # one each: while a spare loads, nobody else loses patience
    claims = cluster.claims
    cluster.begin(cluster.nodes[0])
    cluster.run(5_000)
    cluster.healthy()
    assert {index for index, (node, _) in cluster.owners.items() if node.place == 0} == {0, 1}
    assert cluster.claims == claims + 2


def test_who_dies_on_a_machine_that_lives_is_replaced_there() -> None:
    cluster = Cluster()
    cluster.run(5_000)
    claims = cluster.claims
    for index in cluster.ends:
        node, child = cluster.owners[index]
        cluster.end(node, child)
        cluster.run(5_000)
        assert cluster.owners[index][0] is node
    assert cluster.claims == claims + REGIONS + 1


def test_the_seats_of_a_machine_that_stops_as_planned_go_on_elsewhere() -> None:
    cluster = Cluster()
    cluster.run(5_000)
    cluster.give(cluster.nodes[1], Stop())
    assert not cluster.nodes[1].up
    cluster.run(5_000)
    cluster.healthy()


FAULTS = st.tuples(st.sampled_from(["child", "child", "cut", "begin", "wait"]), st.integers(0, 20))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(FAULTS, max_size=25))
def test_whatever_dies_the_machines_agree_in_the_end_who_owns_what(faults: list[tuple[str, int]]) -> None:
    cluster = Cluster()
    cluster.run(3_000)
    for what, which in faults:
        node = cluster.nodes[which % 3]
        children = sorted(node.alive)
        if what == "child" and children:
            cluster.end(node, children[which % len(children)])
        elif what == "cut" and sum(one.up for one in cluster.nodes) > 1:
            cluster.cut(node)
        elif what == "begin":
            cluster.begin(node)
        cluster.run(STEP_MS * (1 + which))
    cluster.run(20_000)
    claims = cluster.claims
    cluster.run(10_000)
    cluster.healthy()
    assert cluster.claims == claims
