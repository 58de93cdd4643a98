"""`advance(state, inputs) -> outputs`: the one place where the order of rules is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from world.actions import Action
from world.events import Event


@dataclass(frozen=True)
class Inputs:
    """What one tick may depend on beside the state, in canonical order.

    `key` is 32 bytes that no player could foresee, from which every draw of the tick follows. `actions` are admitted
    ones: (entity id, action). `arrivals` are bodies as `outputs.departures` of a neighbour carried them, or as `remove`
    returned them. `births` are new players: (entity id, spawn number). `mail` is what a neighbour's rules sent.
    `ghosts` are the neighbours' images, one packed array each. `open` says per neighbour how many bodies may leave for
    it now; at 0 the border is solid.
    """

    key: bytes
    actions: Sequence[tuple[int, Action]] = ()
    arrivals: Sequence[bytes] = ()
    births: Sequence[tuple[int, int]] = ()
    mail: Sequence[bytes] = ()
    ghosts: Sequence[bytes] = ()
    open: Sequence[int] = ()


@dataclass
class Outputs:
    """What a tick says to the outside: a verdict per action (`Refusal`), events, and what goes to which neighbour.

    `departures` are (neighbour index, entity id, body bytes), their rows already freed; `mail` is (neighbour index,
    bytes); `ghosts` one packed array per neighbour.
    """

    verdicts: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    departures: list[tuple[int, int, bytes]] = field(default_factory=list)
    mail: list[tuple[int, bytes]] = field(default_factory=list)
    ghosts: list[bytes] = field(default_factory=list)
