"""A gateway's process of a simulation, as regions.shell.gateway is around the same core."""

from typing import TYPE_CHECKING, Any

from regions import gateway_verbs, messages
from regions.gateway import Gateway
from regions.wishes import Door
from tests.simulation.process import Process
from world.units import CHUNK_TILES

if TYPE_CHECKING:
    from tests.simulation.machine import Machine


class GatewayProcess(Process):
    """A players' door."""

    role = "gateway"

    def __init__(self, machine: "Machine", child: int) -> None:
        super().__init__(machine, child)
        era = machine.era
        self.name = f"g{machine.place}x{machine.lives}x{child}"
        rectangles = tuple(
            (x0 // CHUNK_TILES, y0 // CHUNK_TILES, x1 // CHUNK_TILES, y1 // CHUNK_TILES)
            for x0, y0, x1, y1 in (seat.land for seat in era.charter.seats)
        )
        self.core = Gateway(Door(era.world, self.name, era.charter.map_tiles, rectangles))
        self.clients: dict[int, Any] = {}
        for subject in (f"answer.{self.name}", "answer", "delta", "beat"):
            self.sim.bus.subscribe(subject, self)
        self.sim.doors.append(self)
        self.hear(gateway_verbs.Timer())

    def kill(self, reason: str = "") -> None:
        """Its clients' connections break."""
        if self.alive:
            super().kill(reason)
            for client in list(self.clients.values()):
                client.broken()

    def receive(self, message: Any) -> None:
        """A message of the bus."""
        self.hear(gateway_verbs.Heard(message if isinstance(message, bytes) else messages.encode(message)))

    def hear(self, event: gateway_verbs.Event) -> None:
        """An event, and all that follows."""
        try:
            effects = self.core.step(self.now_ms(), event)
        except Exception as error:
            self.sim.checker.raised("gateway", error)
            self.kill(f"{type(error).__name__}: {error}")
            return
        for effect in effects:
            match effect:
                case gateway_verbs.Publish(subject, data):
                    self.sim.bus.publish(self.host, subject, data)
                case gateway_verbs.Send(peer, frame):
                    if peer in self.clients:
                        self.clients[peer].to_player(frame)
                case gateway_verbs.Close(peer, _, reason, _):
                    if peer in self.clients:
                        self.clients.pop(peer).closed(reason)
            if not self.alive or self.spent():
                return
        self.wake_at(self.core.due_ms, self._timer)

    def _timer(self) -> None:
        self.hear(gateway_verbs.Timer())
