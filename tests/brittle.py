"""Rules that break when they are told to, around others that do not.

What breaks them: a player who says "break", two who say "left" and "right" in one tick, mail `BREAKING`, which "curse"
sends to the first neighbour; and from tick `breaks_at` on, with no input at all. No real rule has such a fault.
"""

from typing import Any

from regions.land_rules import LandRules
from world.actions import Speak
from world.phases import Mark, unmarked
from world.state import Counter
from world.tick import Inputs, Outputs

BREAKING = b"break"


class Brittle(LandRules):
    """The world's rules with faults."""

    def __init__(self) -> None:
        self.breaks_at = 0  # 0: never
        self.folds = 0

    def advance(self, state: Any, inputs: Inputs, mark: Mark = unmarked) -> Outputs:
        """One tick; half of it is done before a fault shows."""
        self.folds += 1
        words = {action.text for _, action in inputs.actions if isinstance(action, Speak)}
        broken = 0 < self.breaks_at <= int(state.counters[Counter.TICK])
        faults = (broken, "break" in words, {"left", "right"} <= words, BREAKING in inputs.mail)
        outputs = super().advance(state, inputs, mark)
        if any(faults):
            raise ZeroDivisionError(f"a fault: {faults}")
        if "curse" in words:
            outputs.mail.append((0, BREAKING))
        return outputs
