"""What the rules of one tick share: the state, what is seen across the borders, the draws, and what they report."""

from dataclasses import dataclass

from world.draws import below, draw
from world.events import Event
from world.ghosts import Ghosts
from world.state import State


@dataclass(frozen=True)
class Turn:
    """One tick's state and surroundings; rules append to `events` and to `mail`, (neighbour, bytes)."""

    state: State
    ghosts: Ghosts
    seeds: tuple[int, int]
    events: list[Event]
    mail: list[tuple[int, bytes]]

    def below(self, entity: int, purpose: int, limit: int) -> int:
        """A draw of 0 <= n < limit for an entity; see `world.draws`."""
        return int(below(self.seeds[0], self.seeds[1], entity, purpose, limit))

    def bits(self, entity: int, purpose: int) -> int:
        """A draw of 63 bits for an entity."""
        return int(draw(self.seeds[0], self.seeds[1], entity, purpose))
