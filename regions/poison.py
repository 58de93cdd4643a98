"""When the fold raises: find the inputs that make it raise, so that the record can refuse them and go on.

Inputs are added one by one to those already accepted, each time to a fresh copy of the state, so of two that raise
only together the second is refused. Mail that raises is parked whole in the state. If the fold raises with no inputs at
all, the region halts.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from regions import compute, region_state
from regions.errors import FoldFailed, RecordError
from regions.record import Heard, Record
from regions.region_state import Region
from world.events import Refusal


@dataclass(frozen=True)
class Sifted:
    """The record's given fields with the culprits marked, or why the region must halt."""

    given: Record
    halt: str = ""


def sift(region: Region, given: Record) -> Sifted:
    """Mark what makes `fold(region, given)` raise. The region itself is left as it is."""
    before = region.encode()
    bare = replace(given, inputs=(), heard=tuple(replace(one, mail=()) for one in given.heard))
    failure = _failure(region, before, bare)
    if failure:
        return Sifted(given, halt=f"record {given.n} raises without inputs: {failure}"[:1000])
    heard: list[Heard] = []
    parked: list[tuple[int, int]] = []
    for one in given.heard:
        heard.append(replace(one, mail=()))
        for mail in one.mail:
            heard[-1] = replace(heard[-1], mail=(*heard[-1].mail, mail))
            if _failure(region, before, replace(bare, heard=tuple(heard), parked=tuple(parked))):
                parked.append((one.region, mail.number))
    trial = replace(given, inputs=(), heard=tuple(heard), parked=tuple(parked))
    verdicts: list[int] = []
    for said in given.inputs:
        trial = replace(trial, inputs=(*trial.inputs, said), verdicts=(*verdicts, Refusal.DONE))
        verdicts.append(Refusal.RULE_FAILED if _failure(region, before, trial) else Refusal.DONE)
        trial = replace(trial, verdicts=tuple(verdicts))
    return Sifted(trial)


def _failure(region: Region, before: bytes, given: Record) -> str:
    copy = region_state.decode(before, region.rules, region.head)
    try:
        compute.fold(copy, given)
    except (FoldFailed, RecordError) as error:
        return str(error)
    return ""
