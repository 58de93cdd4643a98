"""Defects that the checkers must find: each replaces a few lines of the production code in one process."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Patch:
    """`old` stands once in the file and becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """`laws` are the checkers (tests.simulation.checker.LAWS) of which one must find it."""

    name: str
    laws: tuple[str, ...]
    patches: tuple[Patch, ...]
    full_rules: bool = False


MUTANTS: Final[tuple[Mutant, ...]] = ()
