"""An error names its object, and where in history that stands, and survives being handed to another process."""

import copy

from archive.errors import ArchiveError, Damaged, Diverged, Forged, Missing


def test_an_error_says_what_and_where() -> None:
    error = Damaged("abc", "3 bytes, limit 2", region="harbour", record=7)
    assert str(error) == "abc: 3 bytes, limit 2 (region harbour, record 7)"
    assert str(Missing("abc", "gone")) == "abc: gone"
    assert str(Forged("abc", "no", record=0)) == "abc: no (record 0)"
    assert (error.object, error.reason, error.region, error.record) == ("abc", "3 bytes, limit 2", "harbour", 7)


def test_callers_tell_four_kinds_apart_and_catch_them_as_one() -> None:
    kinds = [Damaged, Forged, Missing, Diverged]
    assert all(issubclass(kind, ArchiveError) for kind in kinds)
    assert not any(issubclass(a, b) for a in kinds for b in kinds if a is not b)


def test_a_copied_error_keeps_everything() -> None:
    copied = copy.copy(Diverged("abc", "other hash", region="harbour", record=7))
    assert (type(copied), str(copied)) == (Diverged, "abc: other hash (region harbour, record 7)")
