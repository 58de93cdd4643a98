"""The few errors that callers tell apart. Each carries numbers: expected and actual, size and limit."""


class ConfigError(ValueError):
    """A setting that cannot be used: what, where, and what to do."""


class RecordError(ValueError):
    """Bytes that are not a record, or a record that does not stand where it claims to stand."""


class ChainBroken(RecordError):
    """A gap, a fork or damage in a region's log: `region`, `expected` and `actual` say where."""

    def __init__(self, region: str, what: str, expected: object, actual: object) -> None:
        super().__init__(f"region {region}: {what}: expected {expected}, found {actual}")
        self.region, self.what, self.expected, self.actual = region, what, expected, actual


class Diverged(RecordError):
    """Re-executing a record gave something else than the record says."""

    def __init__(self, region: str, n: int, what: str, expected: object, actual: object) -> None:
        super().__init__(
            f"region {region}, record {n}: {what}: the record says {expected}, re-execution gives {actual}"
        )
        self.region, self.n, self.what, self.expected, self.actual = region, n, what, expected, actual


class BehindWitness(RecordError):
    """A log that ends before a record which a neighbour, a manifest or a snapshot has seen. It is not served."""

    def __init__(self, region: str, head: int, witness: int, where: str) -> None:
        super().__init__(
            f"region {region}: the log ends at record {head}, but {where} has seen record {witness}: the log was set"
            " back; put back a copy of the log whose chain reaches it, or open a new era with `everloom restore`"
        )
        self.region, self.head, self.witness, self.where = region, head, witness, where


class FoldFailed(RuntimeError):
    """A rule raised. `inputs` is the number of inputs that were in the tick."""
