"""When the fold raises: find what makes it raise, so that the record can refuse it and go on with the rest.

Mail and inputs are added in order to what is known to hold, each time on a fresh copy of the state, so of two that
raise only together the second is the culprit. Mail that raises is parked whole in the state; an input is recorded as
refused, its number spent. If the fold raises without any of them, the region halts.

Whoever verifies the log tries the same with what was marked (`unproved`): else an owner could refuse what it dislikes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from regions import compute, region_state
from regions.config import PARKED_MAX
from regions.errors import FoldFailed, RecordError
from regions.record import Acted, Heard, Input, Login, Mail, Record
from regions.region_state import Region
from world.events import Refusal


@dataclass(frozen=True)
class Sifted:
    """The record's given fields with the culprits marked, or why the region must halt.

    `left_out` are the places of inputs that no record can hold: nothing was spent.
    """

    given: Record
    halt: str = ""
    left_out: frozenset[int] = frozenset()


def sift(region: Region, given: Record) -> Sifted:
    """Mark what makes `fold(region, given)` raise. The region itself is left as it is."""
    before = region.encode()
    lifting = given.inputs if region.state.halted else ()
    bare = replace(given, inputs=lifting, heard=(), fresh=0, verdicts=())
    failure = _failure(region, before, bare)
    if failure:
        return Sifted(given, f"record {given.n} raises without inputs: {failure}"[:1000])
    heard: list[Heard] = []
    for one in given.heard:
        alone = replace(one, mail=())
        if not _failure(region, before, replace(given, inputs=lifting, heard=(*heard, alone))):
            heard.append(alone)
    trial = _Trial(replace(given, heard=tuple(heard)), given)
    held = 0
    while trial.parts and _failure(region, before, trial.upto(len(trial.parts))):
        held = _culprit(region, before, trial, held)
        trial.bad.add(held - 1)
        if _failure(region, before, trial.upto(held)):
            trial.out.add(held - 1)
    sifted = trial.upto(len(trial.parts))
    if len(region.state.parked) + len(sifted.parked) > PARKED_MAX:
        return Sifted(given, f"record {given.n} would park mail beyond the limit of {PARKED_MAX}")
    mails = len(trial.parts) - len(given.inputs)
    return Sifted(sifted, left_out=frozenset(part - mails for part in trial.out if part >= mails))


def _culprit(region: Region, before: bytes, trial: "_Trial", held: int) -> int:
    """The first `held` parts hold and all together raise: how many there are up to one that makes them raise."""
    low, high = held, len(trial.parts)
    while high - low > 1:
        middle = (low + high) // 2
        if _failure(region, before, trial.upto(middle)):
            high = middle
        else:
            low = middle
    return high


def marked(given: Record) -> bool:
    """Whether a record has anything that is said to make the fold raise."""
    return bool(given.parked) or Refusal.RULE_FAILED in given.verdicts


def unproved(region: Region, given: Record, fold: Callable[[Region, Record], object]) -> str:
    """The first mark in a record that follows this state which is a pretext: with what stands before it in the record,
    nothing raises. Empty when there is none.

    The region itself is left as it is, but for rules that fold elsewhere (`regions.afar`): decode it anew.
    """
    before = region.encode()
    trial = _Trial(given, given)
    mails = len(trial.parts) - len(given.inputs)
    parked = set(given.parked)
    refused = {mails + place for place, verdict in enumerate(given.verdicts) if verdict == Refusal.RULE_FAILED}
    marks = [
        place
        for place, part in enumerate(trial.parts)
        if place in refused or (isinstance(part, tuple) and (part[0], part[1].number) in parked)
    ]
    for place in marks:
        if not _failure(region, before, trial.upto(place + 1), fold):
            part = trial.parts[place]
            what = f"mail {part[1].number} of region {part[0]}" if isinstance(part, tuple) else _name(part)
            return f"{what} is said to make the rules raise, and does not"
        trial.bad.add(place)
    return ""


def _name(said: Input) -> str:
    name = type(said).__name__.lower()
    return f"{name} {said.number} of entity {said.entity}" if isinstance(said, Acted | Login) else f"an input ({name})"


class _Trial:
    """A record cut short: `parts` are its mails, then its inputs; `bad` ones are refused, those `out` are not in it."""

    def __init__(self, quiet: Record, given: Record) -> None:
        self.quiet = quiet
        regions = {one.region for one in quiet.heard}
        mails = [(one.region, mail) for one in given.heard if one.region in regions for mail in one.mail]
        self.parts: list[tuple[int, Mail] | Input] = [*mails, *given.inputs]
        self.bad: set[int] = set()
        self.out: set[int] = set()

    def upto(self, count: int) -> Record:
        """The record with the first `count` parts only."""
        mail: dict[int, tuple[Mail, ...]] = {}
        parked: list[tuple[int, int]] = []
        inputs: list[Input] = []
        verdicts: list[int] = []
        for place, part in enumerate(self.parts[:count]):
            if place in self.out:
                continue
            if isinstance(part, tuple):
                region, one = part
                mail[region] = (*mail.get(region, ()), one)
                parked += [(region, one.number)] if place in self.bad else []
            else:
                inputs.append(part)
                verdicts.append(Refusal.RULE_FAILED if place in self.bad else Refusal.DONE)
        heard = tuple(replace(one, mail=mail.get(one.region, ())) for one in self.quiet.heard)
        return replace(
            self.quiet, heard=heard, parked=tuple(parked), inputs=tuple(inputs), verdicts=tuple(map(int, verdicts))
        )


def _failure(
    region: Region, before: bytes, given: Record, fold: Callable[[Region, Record], object] = compute.fold
) -> str:
    try:
        fold(region_state.decode(before, region.rules, region.head), given)
    except (FoldFailed, RecordError) as error:
        return str(error)
    return ""
