"""The bus: what is published to a subject goes to everyone who listens to it just then, at most once."""

from typing import Any, Protocol

from regions import messages
from tests.simulation.network import Network


class Listener(Protocol):
    """A process, or an agent."""

    host: str

    def receive(self, message: Any) -> None:
        """A message came."""


class Bus:
    """Subjects and who listens. `delta.3` and `beat.3` are heard by whoever listens to `delta` and `beat`."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.listeners: dict[str, list[Any]] = {}

    def subscribe(self, subject: str, listener: Listener) -> None:
        """Listen from now on."""
        self.listeners.setdefault(subject, []).append(listener)

    def leave(self, listener: Any) -> None:
        """Listen no more."""
        for subject in [one for one, all_of in self.listeners.items() if listener in all_of]:
            self.listeners[subject].remove(listener)
            if not self.listeners[subject]:
                del self.listeners[subject]

    def publish(self, host: str, subject: str, message: Any) -> None:
        """Send a message (an object of `regions.messages` or its bytes) to all who listen now."""
        head = subject.partition(".")[0]
        listeners = self.listeners.get(head if head in ("delta", "beat") else subject)
        if not listeners:
            return
        if head in ("answer", "delta") and not isinstance(message, bytes):
            message = messages.encode(message)
        for listener in listeners:
            self.network.send(host, listener.host, deliver, listener, message)


def deliver(listener: Any, message: Any) -> None:
    """Hand a message to a process, unless it cannot take it."""
    call = getattr(listener, "call", None)
    if call is not None:
        call(listener.receive, message)
    else:
        listener.receive(message)
