"""The short form of `python -m tests.fuzz`: every target, from the same seeds, with some thousand random changes."""

import time
from random import Random

import pytest

from tests.fuzz.mutations import mutate
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

EXECUTIONS = 3_000
SECONDS_MAX = 0.4  # of one target: those that set up a whole core for each input get as far as they do


def run(target: Target, data: bytes) -> None:
    """An input; AssertionError with it for whatever is raised beside the documented errors."""
    try:
        target.run(data)
    except target.errors:
        return
    except Exception as error:
        raise AssertionError(f"{target.name} raised {error!r} for {data!r:.4000}") from error


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_decoder_raises_nothing_but_its_documented_errors(target: Target) -> None:
    seeds = target.seeds()
    assert seeds
    for seed in seeds[:50]:
        run(target, seed)
    random, until = Random(target.name), time.monotonic() + SECONDS_MAX
    for _ in range(EXECUTIONS):
        run(target, mutate(random.choice(seeds), random, target.shape, seeds, target.words)[: target.longest])
        if time.monotonic() > until:
            break
