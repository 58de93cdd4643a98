"""The child processes of one machine: which live, which wait for a seat, when the fallen start again, who is silent.

What is done about it is `regions.agent`'s.
"""

from dataclasses import dataclass, field
from typing import Final

from regions.agent_verbs import Dismiss, Effect, Start
from regions.seats import BACKOFF_MS

YOUNG_MS: Final = 10_000
PROBE_GAP_MS: Final = 1_500  # a longer pause between two answers of the log, and nobody's silence counts before it


@dataclass
class Children:
    """Every child has a number of its own, which is never given again."""

    roles: dict[int, str] = field(default_factory=dict)  # child -> role, of those that live
    spares: list[int] = field(default_factory=list)  # the warm ones, oldest first
    fallen: dict[str, tuple[int, int]] = field(default_factory=dict)  # role -> deaths in a row, when the last was
    due: dict[str, int] = field(default_factory=dict)  # role -> when to start it again
    heard_ms: dict[int, int] = field(default_factory=dict)  # child -> when it last showed that it lives
    answers_ms: tuple[int, int] = (0, 0)  # the log has answered without a pause from .. to
    next_child: int = 1

    def start(self, role: str) -> Start:
        """One more of this role."""
        child = self.next_child
        self.next_child += 1
        self.roles[child] = role
        return Start(child, role)

    def of(self, role: str) -> list[int]:
        """Those of a role that live, oldest first."""
        return [child for child, one in self.roles.items() if one == role]

    def dismiss(self, role: str) -> list[Effect]:
        """Have all of a role end, and none start again."""
        self.due.pop(role, None)
        return [Dismiss(child) for child in self.of(role)]

    def ended(self, child: int) -> str:
        """It is gone. Returns its role."""
        self.heard_ms.pop(child, None)
        if child in self.spares:
            self.spares.remove(child)
        return self.roles.pop(child, "")

    def fell(self, now_ms: int, role: str) -> None:
        """A gateway or archivist fell: it is due again, later each time it died young."""
        deaths, died_ms = self.fallen.get(role, (0, 0))
        deaths = deaths + 1 if now_ms - died_ms < YOUNG_MS else 0
        self.fallen[role] = (deaths, now_ms)
        self.due[role] = now_ms + BACKOFF_MS[min(deaths, len(BACKOFF_MS) - 1)]

    def start_due(self, now_ms: int) -> list[Effect]:
        """Start who is due."""
        due = [role for role, at_ms in self.due.items() if at_ms <= now_ms]
        for role in due:
            del self.due[role]
        return [self.start(role) for role in due]

    def answered(self, now_ms: int) -> None:
        """The log answered this machine."""
        since_ms, last_ms = self.answers_ms
        self.answers_ms = (since_ms if now_ms - last_ms <= PROBE_GAP_MS else now_ms, now_ms)

    def silent_ms(self, now_ms: int, child: int) -> int:
        """For how long a child has said nothing, all of that time the log having answered."""
        heard_ms = self.heard_ms.get(child)
        return 0 if heard_ms is None else now_ms - max(heard_ms, self.answers_ms[0])
