"""The agent and processes that live but say nothing: killed, but only while the log answers, and with patience."""

from regions.agent import BEGINNING_MS, SILENT_MS, AgentCore
from regions.agent_verbs import Answered, Assign, Beaten, Begin, Effect, Ended, Heard, Kill, Serving, Start, Timer, Warm

PROBE_MS = 500


class Machine:
    """One machine with one region, all of its processes serving; time passes in probes of the log."""

    def __init__(self) -> None:
        self.core, self.now, self.n = AgentCore(1), 1_000, 0
        self.roles: dict[int, str] = {}
        self.sits: dict[int, int] = {}
        self.killed: list[int] = []
        self.give(Begin())

    def give(self, event: object) -> None:
        for effect in self.core.step(self.now, event):  # type: ignore[arg-type]
            self.do(effect)

    def do(self, effect: Effect) -> None:
        match effect:
            case Start(child, role):
                self.roles[child] = role
                self.give(Warm(child) if role == "region" else Heard(child))
            case Assign(child, index, _, _):
                self.sits[index] = child
                self.give(Serving(index, self.n + 1))
            case Kill(child):
                self.killed.append(child)

    def pass_ms(self, ms: int, silent: str = "", log: bool = True) -> None:
        """Everybody speaks but `silent`, and the log answers unless it is away."""
        for _ in range(0, ms, PROBE_MS):
            self.now += PROBE_MS
            self.give(Timer())
            if log:
                self.give(Answered())
            for index in self.sits:
                if silent != f"region {index}" and log:
                    self.give(Beaten(index, self.n))
            for child, role in self.roles.items():
                if role in ("gateway", "archivist") and role != silent:
                    self.give(Heard(child))

    def child_of(self, role: str) -> int:
        return next(child for child, name in self.roles.items() if name == role)


def test_a_region_that_says_nothing_while_the_log_answers_is_killed_and_replaced() -> None:
    machine = Machine()
    machine.pass_ms(10_000)
    assert not machine.killed
    before = machine.sits[1]
    machine.pass_ms(SILENT_MS + 2 * PROBE_MS, silent="region 1")
    assert machine.killed == [before]
    machine.give(Ended(before, "killed"))
    assert machine.sits[1] != before


def test_nobody_is_killed_for_a_silence_that_the_log_or_this_machine_shares() -> None:
    machine = Machine()
    machine.pass_ms(60_000, log=False)
    machine.pass_ms(SILENT_MS - PROBE_MS, silent="region 1")  # the log is back; silence counts from here
    assert not machine.killed
    machine.pass_ms(2_000)
    machine.now += 60_000  # this machine slept
    machine.pass_ms(SILENT_MS - PROBE_MS, silent="region 1")
    assert not machine.killed


def test_who_follows_a_silent_owner_that_made_no_progress_is_given_longer() -> None:
    machine = Machine()
    machine.pass_ms(1_000)
    waits = []
    for _ in range(3):
        child, began = machine.sits[1], machine.now
        while child not in machine.killed:
            machine.pass_ms(PROBE_MS, silent="region 1")
        waits.append(machine.now - began)
        machine.give(Ended(child, "killed"))
        machine.pass_ms(3_000)
    assert waits[1] > waits[0] + SILENT_MS // 2 and waits[2] > waits[1] + SILENT_MS


def test_a_silent_gateway_is_killed_soon_and_an_archivist_at_work_is_not() -> None:
    machine = Machine()
    machine.pass_ms(1_000)
    machine.pass_ms(SILENT_MS * 2, silent="archivist")
    assert not machine.killed
    machine.pass_ms(SILENT_MS + 2 * PROBE_MS, silent="gateway")
    assert machine.killed == [machine.child_of("gateway")]
    machine.pass_ms(BEGINNING_MS + 2 * PROBE_MS, silent="archivist")
    assert machine.child_of("archivist") in machine.killed
