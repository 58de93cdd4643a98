"""Regions that another Module folds, in a process that `regions.refold` answers for: what an auditor handles instead.

Here a region has its protocol state, as that Module tells it after every record, and of its bodies nothing but bytes,
asked for when they are needed. So the judging is this release's, the folding is the Module's; both must mean the same
by a state's fields, and a Module that tells others is refused by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec
from msgspec.structs import fields

from archive.errors import ArchiveError, Damaged
from regions import founding, holdings, record, refold, region_state
from regions.errors import FoldFailed, RecordError
from regions.holdings import Holding, Kit
from regions.record import Record
from regions.refold import Answer, Apply, BeginEra, Bodies, Did, Encode, Failed, Genesis, Load, Request
from regions.region_state import Region, RegionState, Rules

Ask = Callable[[Request], Answer]
_fields: Final[Mapping[str, msgspec.msgpack.Decoder[Any]]] = {
    field.name: msgspec.msgpack.Decoder(field.type) for field in fields(RegionState)
}


@dataclass
class Away:
    """The bodies of a region: their bytes where they are known, and whether the other side holds the region."""

    raw: bytes | None
    there: bool


class FarRules:
    """Of `regions.region_state.Rules` what an auditor asks for. `name` is the Module's id, for errors."""

    def __init__(self, name: str, ask: Ask, index: int) -> None:
        self.name, self.ask, self.index = name, ask, index

    def encode(self, bodies: Away) -> bytes:
        """Canonical bytes."""
        if bodies.raw is None:
            bodies.raw = self._bodies(Encode(self.index))
        return bodies.raw

    def decode(self, raw: bytes) -> Away:
        """The bodies as they are handed over when they are first needed there."""
        return Away(raw, False)

    def begin_era(self, bodies: Away, era: int) -> None:
        """From here new ids carry this era."""
        bodies.raw, bodies.there = self._bodies(BeginEra(self.index, self.encode(bodies), era)), False

    def genesis(self, charter: bytes, world_map: bytes) -> Region:
        """The region as it was founded."""
        did = self._did(Genesis(self.index, charter, world_map))
        try:
            state = RegionState(**self._told(did))
        except TypeError as error:
            raise Damaged(self.name, f"the Module's states lack fields that this release judges by: {error}") from None
        return Region(state, Away(None, True), cast(Rules, self), did.head)

    def fold(self, region: Region, asked: Request) -> Did:
        """Have a record folded."""
        bodies: Away = region.bodies
        if not bodies.there:
            self._take(region, self._did(Load(self.index, region.encode(), region.head)))
            bodies.there = True
        bodies.raw = None
        did = self._did(asked)
        self._take(region, did)
        return did

    def _take(self, region: Region, did: Did) -> None:
        for name, value in self._told(did).items():
            setattr(region.state, name, value)
        region.head = did.head

    def _told(self, did: Did) -> dict[str, Any]:
        try:
            return {name: _fields[name].decode(raw) for name, raw in did.fields.items()}
        except KeyError as error:
            raise Damaged(self.name, f"the Module's states have a field that this release knows not: {error}") from None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Damaged(self.name, f"the Module's states mean something else: {error}") from None

    def _did(self, asked: Request) -> Did:
        answer = self._answer(asked)
        if not isinstance(answer, Did):
            raise ArchiveError(self.name, f"the Module answered {type(asked).__name__} with {type(answer).__name__}")
        return answer

    def _bodies(self, asked: Request) -> bytes:
        answer = self._answer(asked)
        if not isinstance(answer, Bodies):
            raise ArchiveError(self.name, f"the Module answered {type(asked).__name__} with {type(answer).__name__}")
        return answer.raw

    def _answer(self, asked: Request) -> Answer:
        answer = self.ask(asked)
        if not isinstance(answer, Failed):
            return answer
        words = "".join(letter if letter.isprintable() else "?" for letter in answer.words)
        if answer.kind in ("diverged", "fold"):
            raise FoldFailed(words)
        if answer.kind in ("chain", "record"):
            raise RecordError(words)
        raise ArchiveError(self.name, f"the Module, asked to {type(asked).__name__}, raised {answer.kind}: {words}")


def far_kit(name: str, ask: Ask, charter: bytes, world_map: bytes) -> Kit:
    """The kit of a world whose records another Module folds; `charter` and `world_map` are items, checked."""

    def rules(index: int) -> FarRules:
        return FarRules(name, ask, index)

    def held(region: Region) -> list[Holding]:
        try:
            whole = region_state.decode(region.encode(), founding.rules_of(region.state.index), region.head)
        except RecordError as error:
            raise Damaged(name, f"what the Module's regions hold is not for this release to read: {error}") from None
        return holdings.holdings(whole)

    def apply(region: Region, raw: bytes, read: Record) -> None:
        _rules(region).fold(region, Apply(region.state.index, raw))

    def fold(region: Region, given: Record) -> tuple[int, ...]:
        return _rules(region).fold(region, refold.Refold(region.state.index, record.encode(given))).verdicts

    return Kit(
        rules=lambda index: cast(Rules, rules(index)),
        genesis=lambda index: rules(index).genesis(charter, world_map),
        holdings=held,
        face=holdings.face,
        metadata=holdings.metadata,
        line=holdings.line,
        apply=apply,
        fold=fold,
    )


def _rules(region: Region) -> FarRules:
    rules: Any = region.rules
    assert isinstance(rules, FarRules)
    return rules
