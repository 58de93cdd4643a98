"""An input that was admitted and waits for its record."""

from dataclasses import dataclass

from regions.record import Input


@dataclass
class Waiting:
    """An admitted input, where its answer goes, and the chain hash it will leave (of an outside item: its id).

    `head` covers a valuable action and stands in the same record: else a crash could part the two.
    """

    said: Input
    gateway: str
    chain: bytes = b""
    size: int = 0
    head: "Waiting | None" = None

    def both(self) -> "list[Waiting]":
        """The input and its head."""
        return [self] if self.head is None else [self, self.head]
