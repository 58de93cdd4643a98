"""What a region's owner is told when it takes its seat: which region, whose keys, who the neighbours are."""

from dataclasses import dataclass, field

from archive.keys import Ed25519Key


@dataclass(frozen=True)
class Seat:
    """Everything a region core needs beside its state. Ids are 32 raw bytes."""

    world: bytes
    index: int  # in the partition; 0 is the world's process
    region: bytes
    processes: dict[int, bytes]  # region ids by partition index
    node: Ed25519Key
    scheduler: Ed25519Key | None  # the world's AO scheduler key, where this node has it
    deaths: int = 0  # of processes at this seat since the log last moved on
    tick_offset_ms: int = 0  # regions of one machine begin their ticks one after another

    @property
    def name(self) -> str:
        """How errors and `ps` call the region."""
        return "world" if self.index == 0 else f"region {self.index}"


@dataclass(frozen=True)
class Witness:
    """Somebody who has seen a region's log: its record `n` with this hash, in `era`."""

    era: int
    n: int
    hash: bytes
    where: str


@dataclass
class Figures:
    """What an owner counts for its operator."""

    ticks: int = 0
    ticks_late: int = 0
    handovers: int = 0
    restarts: int = 0
    fold_us: list[int] = field(default_factory=list)
