"""What can be wrong with archived data, in the four kinds a caller tells apart.

Not for a caller's own mistakes (a tag too long to write, a full disk): those are `ArchiveError` itself.
"""


class ArchiveError(Exception):
    """Something about the archive is wrong: `object` (an id or name) and `reason` (with the numbers).

    `region` and `record` say where in a world's history the object stands, when that is known.
    """

    def __init__(self, object: str, reason: str, *, region: str | None = None, record: int | None = None) -> None:
        super().__init__(object, reason)
        self.object = object
        self.reason = reason
        self.region = region
        self.record = record

    def __str__(self) -> str:
        place = "" if self.region is None else f" (region {self.region}"
        if self.record is not None:
            place += f"{', ' if place else ' ('}record {self.record}"
        return f"{self.object}: {self.reason}{place + ')' if place else ''}"


class Damaged(ArchiveError):
    """The bytes are not what their format says: torn, cut short, padded, or never valid."""


class Forged(ArchiveError):
    """The bytes are well formed, but not signed by the key they name or the key they should have."""


class Missing(ArchiveError):
    """The object is not there."""


class Diverged(ArchiveError):
    """History was re-executed, and what came out is not what was recorded."""
