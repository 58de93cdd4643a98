"""Mutants stay aimed: what they replace stands in today's sources, once, and what comes of it is a program."""

import pytest

from tests.simulation import mutate
from tests.simulation.checker import LAWS
from tests.simulation.mutants import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: str(mutant.name))
def test_a_mutant_applies_to_the_sources_as_they_are(mutant: Mutant) -> None:
    assert mutant.laws and set(mutant.laws) <= set(LAWS)
    for file in {patch.file for patch in mutant.patches}:
        source = (mutate.ROOT / file).read_text(encoding="utf-8")
        made = mutate.patched(source, [patch for patch in mutant.patches if patch.file == file])
        assert made != source
        compile(made, file, "exec")


def test_names_are_given_once() -> None:
    assert len(set(mutate.names())) == len(MUTANTS) >= 25
