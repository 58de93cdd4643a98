"""The short form of `everloom bench economy`: a small world with bots for a while; everything is accounted for."""

import pytest

from clients.bench import economy


def test_a_small_world_with_bots_keeps_its_books(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole ten days are in tests/benchmarks/economy.md; here a day is cut to 900 ticks."""
    monkeypatch.setattr(economy, "DAY_TICKS", 900)
    row = economy.one_world(3, 1, 20, side=128, npcs=(160, 100, 20))
    assert not {"conserved", "species", "prices"} & set(row["broken"]), row
    assert len(row["fewest"]) >= 8 and max(row["coins"]) < 4 * row["coins"][0]
