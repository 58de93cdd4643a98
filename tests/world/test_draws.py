"""Draws follow from key, entity and purpose, and from nothing else."""

import pytest

from world.draws import below, draw, seeds


def test_the_first_draws_are_fixed_for_ever() -> None:
    """Archived history was computed with these numbers: a change of the mixing would make every old world diverge."""
    one, two = seeds(bytes(32))
    assert (one, two) == (1195017017267030800, 7381389764614043003)
    drawn = [draw(one, two, 1, 1), draw(one, two, 1, 2), draw(one, two, 2, 1)]
    assert drawn == [320686295685573498, 4416118008052250465, 4110144522938457395]


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seeds(b"short")


def test_limits_hold_and_all_values_come_up() -> None:
    one, two = seeds(b"k" * 32)
    values = [below(one, two, entity, 3, 6) for entity in range(1, 6001)]
    assert min(values) == 0 and max(values) == 5
    assert all(850 < values.count(value) < 1150 for value in range(6))


def test_neighbouring_entities_purposes_and_keys_share_nothing() -> None:
    one, two = seeds(bytes(32))
    words = {draw(one, two, entity, purpose) for entity in range(1, 200) for purpose in range(1, 7)}
    words |= {draw(*seeds(bytes([n]) * 32), 1, 1) for n in range(1, 200)}
    assert len(words) == 199 * 6 + 199
    flips = [bin(draw(one, two, 1 << bit, 1) ^ draw(one, two, 1 << bit + 1, 1)).count("1") for bit in range(60)]
    assert 27 < sum(flips) / len(flips) < 36
