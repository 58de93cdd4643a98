"""A machine's files: local snapshots and the spool. Each is written whole or not at all, unless the disk lies."""

from random import Random


class Disk:
    """Files by path. `full`: nothing can be written. `rot`: what the next write leaves on the disk instead."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.files: dict[tuple[str, int, int], bytes] = {}  # (kind, region or era, number)
        self.full = False
        self.torn = False
        self.met = lambda kind: None

    def write(self, kind: str, whose: int, number: int, raw: bytes) -> None:
        """Keep a file. Raises OSError when the disk is full."""
        if self.full:
            self.met("disk full")
            raise OSError(28, "No space left on device")
        if self.torn:
            self.met("torn write")
            self.torn = False
            raw = raw[: self.random.randrange(len(raw))]
        self.files[kind, whose, number] = raw

    def read(self, kind: str, whose: int, number: int) -> bytes:
        """A file's bytes. Raises OSError when there is none."""
        if (kind, whose, number) not in self.files:
            raise OSError(2, "No such file or directory")
        return self.files[kind, whose, number]

    def drop(self, kind: str, whose: int, number: int) -> None:
        """Delete a file, if it is there."""
        self.files.pop((kind, whose, number), None)

    def numbers(self, kind: str, whose: int) -> list[int]:
        """The numbers of the files of one kind, rising."""
        return sorted(number for one, of, number in self.files if (one, of) == (kind, whose))

    def bytes(self, kind: str) -> int:
        """How much the files of one kind hold."""
        return sum(len(raw) for (one, _, _), raw in self.files.items() if one == kind)

    def flip(self) -> bool:
        """Flip one bit of one file; whether there was one."""
        paths = sorted(path for path, raw in self.files.items() if raw)
        if not paths:
            return False
        path = self.random.choice(paths)
        raw = bytearray(self.files[path])
        raw[self.random.randrange(len(raw))] ^= 1 << self.random.randrange(8)
        self.files[path] = bytes(raw)
        return True
