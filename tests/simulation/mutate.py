"""Plants a mutant: its lines replace lines of a module's source when that module is imported, in this process only."""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

from tests.simulation.mutants import MUTANTS, Mutant, Patch

ROOT = Path(__file__).resolve().parents[2]


def names() -> list[str]:
    """All mutants."""
    return [one.name for one in MUTANTS]


def mutant(name: str) -> Mutant:
    """The mutant of this name. Raises ValueError."""
    for one in MUTANTS:
        if one.name == name:
            return one
    raise ValueError(f"no mutant {name!r}; there are {', '.join(names())}")


def law_of(name: str) -> tuple[str, ...]:
    """By which checkers it must be found."""
    return mutant(name).laws


def full_rules(name: str) -> bool:
    """Whether it needs the full rules."""
    return mutant(name).full_rules


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, patches: Sequence[Patch]) -> None:
        super().__init__(name, path)
        self.patches = patches

    def get_code(self, fullname: str) -> object:  # never from a cache of bytecode
        return compile(patched(Path(self.path).read_text(encoding="utf-8"), self.patches), self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, patches: Sequence[Patch]) -> None:
        self.files = {ROOT / one.file: [two for two in patches if two.file == one.file] for one in patches}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        file = ROOT.joinpath(*fullname.split(".")).with_suffix(".py")
        if file not in self.files:
            return None
        loader = _Loader(fullname, str(file), self.files[file])
        return spec_from_file_location(fullname, file, loader=loader)


def patched(source: str, patches: Sequence[Patch]) -> str:
    """A source with the mutant's lines in it. Raises ValueError where the lines to replace are not there once."""
    for one in patches:
        if source.count(one.old) != 1:
            raise ValueError(f"{one.file} holds {source.count(one.old)} times what the mutant replaces:\n{one.old}")
        source = source.replace(one.old, one.new)
    return source


def plant(name: str) -> None:
    """From now on modules come with the mutant in them. Must be called before any of them is imported."""
    patches = mutant(name).patches
    loaded = [one.file for one in patches if one.file[:-3].replace("/", ".") in sys.modules]
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if loaded:
        raise ValueError(f"{loaded} are imported already")
    sys.meta_path.insert(0, _Finder(patches))
