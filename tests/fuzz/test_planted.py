"""A bug put into a decoder is found: by the fuzzer, and by the short form's own random changes."""

import importlib.util

import pytest

from tests.fuzz.__main__ import ROOT, fuzz
from tests.fuzz.target import Plant, Target
from tests.fuzz.targets import TARGETS

PLANTED = [(target, plant) for target in TARGETS.values() for plant in target.plants]


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_the_fuzzer_finds_an_index_error_within_a_minute() -> None:
    target = TARGETS["websocket-frames"]
    words = fuzz(target, 60, plant=target.plants[0])
    assert [one["what"] for one in words["findings"]] == ["IndexError"], words
    assert words["findings"][0]["after_s"] < 60


@pytest.mark.parametrize(("target", "plant"), PLANTED, ids=[target.name for target, _ in PLANTED])
def test_a_planted_line_stands_where_it_is_said_to_stand(target: Target, plant: Plant) -> None:
    """So that `--plant` goes on working when decoders change; and the bug is one line of real code."""
    text = (ROOT / (plant.module.replace(".", "/") + ".py")).read_text()
    assert text.count(plant.line + "\n") == 1 and plant.module in target.covers
    compile(text.replace(plant.line, plant.bug), plant.module, "exec")
