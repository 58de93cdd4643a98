"""The past is re-executed to the very states it had, shown as its regions showed it, and a fault in it is named."""

from itertools import islice
from typing import Any

import numpy as np
import pytest

from archive.errors import ArchiveError
from archive.stores.memory import MemoryStore
from clients.history import History, moment, open_history, utc
from clients.theatre import Theatre
from regions import letters
from regions.config import SPAN
from regions.land_rules import LandRules
from tests.archived import Archived
from tests.clients.lived import HOUR_MS, lived, lived_twice, slept
from tests.cluster import START_MS
from world.shown import wire_rows
from world.state import State, X


def opened(world: Archived, which: str = "") -> Theatre:
    return Theatre(open_history(world.store, which))


def go(theatre: Theatre, time_ms: float) -> None:
    for going in theatre.seek(time_ms):
        assert going.done <= going.total


def digests(theatre: Theatre) -> dict[int, str]:
    found = {}
    for index, stage in theatre._stages.items():
        assert stage.region is not None
        found[index] = stage.region.digest().hex()
    return found


def play(theatre: Theatre, until_ms: float, step_ms: float = 50.0) -> None:
    while theatre.now_ms < until_ms and not theatre.ended:
        theatre.advance(theatre.now_ms + step_ms)


def test_played_to_its_end_each_region_has_the_state_its_manifest_names() -> None:
    world, _ = lived()
    theatre = opened(world)
    go(theatre, theatre.history.begin_ms)
    play(theatre, theatre.history.end_ms + 1000)
    manifest = theatre.history.manifests[-1]
    assert theatre.ended
    assert digests(theatre) == {index: manifest.regions[index].state_hash for index in (1, 2)}
    assert theatre.checked == sum(manifest.regions[index].end // SPAN for index in (1, 2))
    assert all(stand.agreed == stand.n - stand.n % SPAN for stand in theatre.stands().values())


def test_seeking_leads_to_the_states_that_playing_leads_to() -> None:
    world, _ = lived()
    played, sought = opened(world), opened(world)
    begin, end = played.history.begin_ms, played.history.end_ms
    go(played, begin)
    go(sought, begin)
    for share in (0.3, 0.55, 0.8):
        play(played, begin + (end - begin) * share)
        go(sought, end)
        go(sought, played.now_ms)
        assert digests(sought) == digests(played)
        shown = [sorted(one.view.bodies(one.clock_ms).ids.tolist()) for one in (sought, played)]
        assert shown[0] == shown[1]


def test_seeking_back_begins_at_the_nearest_state_before() -> None:
    world, _ = lived()
    theatre = opened(world)
    begin_ms, end_ms = theatre.history.begin_ms, theatre.history.end_ms
    assert len(list(theatre.seek(end_ms))) < 8, "from the last snapshot"
    go(theatre, begin_ms)
    play(theatre, end_ms)
    steps = list(theatre.seek(begin_ms + 7_000))
    assert 0 < steps[-1].done < 2 * 32, "from a bookmark at record 128"
    assert opened(world).stands() == {}
    steps = list(opened(world).seek(begin_ms + 7_000))
    assert 2 * 32 < steps[-1].done < 2 * 140, "from the snapshots at record 32"


def test_an_abandoned_seek_leaves_a_stage_that_can_go_elsewhere() -> None:
    world, _ = lived()
    theatre = opened(world)
    list(islice(theatre.seek(theatre.history.end_ms), 40))
    go(theatre, theatre.history.begin_ms + 3_000)
    straight = opened(world)
    go(straight, straight.history.begin_ms + 3_000)
    assert digests(theatre) == digests(straight)


def test_bodies_stand_where_their_region_showed_them() -> None:
    world, player = lived()
    theatre = opened(world)
    go(theatre, theatre.history.end_ms)
    shown = theatre.view.bodies(theatre.clock_ms)
    expected: dict[int, tuple[float, float]] = {}
    for index in (1, 2):
        region = world.region(index)
        rows = wire_rows(region.bodies, letters.in_flight(region.state))
        expected |= {int(one): (x / 64, y / 64) for one, (x, y) in zip(rows.ids, rows.cols[:, :2].tolist())}
    assert set(shown.ids.tolist()) == set(expected)
    assert player.entity in expected
    places = dict(zip(shown.ids.tolist(), zip(shown.x.tolist(), shown.y.tolist())))
    assert places == {one: pytest.approx(at) for one, at in expected.items()}
    height, width = theatre.view.terrain.shape
    assert (width, height) == world.charter.map_tiles
    assert np.array_equal(theatre.view.terrain[:, :64], world.region(1).bodies.terrain[:, :64])


def test_playing_shows_every_tick_smoothly_words_and_crossings_included() -> None:
    world, player = lived()
    theatre = opened(world)
    go(theatre, theatre.history.begin_ms)
    words: set[str] = set()
    track: list[float] = []
    regions: set[int] = set()
    while not theatre.ended:
        theatre.advance(theatre.now_ms + 1000 / 60)
        words |= {text for text, _ in theatre.view.speech.values()}
        bodies = theatre.view.bodies(theatre.clock_ms)
        for row in np.flatnonzero(bodies.ids == player.entity).tolist():
            track.append(float(bodies.x[row]))
            regions.add(theatre.region_at(track[-1], float(bodies.y[row])))
    assert "good morning" in words
    assert regions == {1, 2}
    assert np.ptp(track) > 8
    assert np.abs(np.diff(track)).max() < 2 * 0.21, "no jump above two ticks of motion"


def test_fast_playing_comes_to_the_same_end_and_can_stop_for_breath() -> None:
    world, _ = lived()
    theatre = opened(world)
    go(theatre, theatre.history.begin_ms)
    breaths = 0

    def breathe() -> bool:
        nonlocal breaths
        breaths += 1
        return breaths % 7 == 0

    while not theatre.ended:
        before = theatre.now_ms
        theatre.advance(theatre.now_ms + 60_000, breathe)
        assert theatre.now_ms >= before
    assert breaths > 100
    assert digests(theatre) == {index: theatre.history.manifests[-1].regions[index].state_hash for index in (1, 2)}


def test_history_goes_on_through_eras_without_what_was_undone() -> None:
    first, second = lived_twice()
    theatre = opened(second)
    history = theatre.history
    assert sorted(history.eras) == [1, 2]
    cut = second.charter.cut
    assert cut is not None
    assert first.region(1).state.n > cut[1].n, "era 1 went on past the cut"
    go(theatre, history.begin_ms)
    assert {stand.era for stand in theatre.stands().values()} == {1}
    play(theatre, history.end_ms + 1)
    assert {stand.era for stand in theatre.stands().values()} == {2}
    assert digests(theatre) == {index: history.manifests[-1].regions[index].state_hash for index in (1, 2)}
    go(theatre, history.begin_ms + 500)
    assert {stand.era for stand in theatre.stands().values()} == {1}


def test_time_in_which_nobody_ran_the_world_is_passed_over() -> None:
    world = slept()
    theatre = opened(world)
    history = theatre.history
    assert history.end_ms - history.begin_ms > HOUR_MS
    go(theatre, history.begin_ms)
    pictures = 0
    while not theatre.ended:
        theatre.advance(theatre.now_ms + 50)
        pictures += 1
    assert pictures < 1_000
    assert 0.2 < history.share_at(history.begin_ms + HOUR_MS) < 0.9, "on the line of time an empty hour has no width"
    for share in (0.0, 0.25, 0.5, 1.0):
        assert history.share_at(history.time_at(share)) == pytest.approx(share, abs=1e-6)


def test_a_state_that_does_not_agree_stops_the_play_at_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if one rule were another one than it was: the next state hash tells."""
    world, _ = lived()
    theatre = opened(world)
    advance = LandRules.advance

    def other(rules: LandRules, state: State, inputs: Any, *mark: Any) -> Any:
        made = advance(rules, state, inputs, *mark)
        if state.land[0] == 0 and state.counters[0] == 40:
            state.rows[X, int(np.flatnonzero(state.ids)[0])] += 1
        return made

    monkeypatch.setattr(LandRules, "advance", other)
    go(theatre, theatre.history.begin_ms)
    with pytest.raises(ArchiveError, match="state hash") as caught:
        play(theatre, theatre.history.end_ms)
    assert (caught.value.region, caught.value.record) == ("1", 2 * SPAN)
    assert theatre.stands()[2].n > 0
    monkeypatch.undo()
    go(theatre, theatre.history.begin_ms + 4_000)
    assert theatre.stands()[1].n > 2 * SPAN, "one can go elsewhere and come back"


def test_a_missing_segment_is_named_when_one_comes_to_it() -> None:
    world, _ = lived()
    history = open_history(world.store)
    gone = history.manifests[2].regions[2].segments[-1]
    kept = MemoryStore()
    for item_id in reversed(list(world.store.ids())):
        if item_id != gone.id:
            kept.put(world.store.get(item_id))
    theatre = Theatre(open_history(kept))
    go(theatre, theatre.history.begin_ms)
    with pytest.raises(ArchiveError, match=gone.id):
        go(theatre, history.manifests[2].time_ms)
    with pytest.raises(ArchiveError, match=gone.id):
        play(theatre, theatre.history.end_ms)
    go(theatre, theatre.history.end_ms)
    assert theatre.ended, "the snapshot behind it is whole"


def test_a_named_checkpoint_ends_its_history_and_a_named_world_is_its_whole() -> None:
    world, _ = lived()
    whole = open_history(world.store, world.charter.world)
    second = whole.manifests[2].previous
    assert second is not None
    part = open_history(world.store, second)
    assert (len(part.manifests), part.named, whole.named) == (2, True, False)
    assert part.begin_ms <= part.start_of_last() < part.end_ms < whole.end_ms
    theatre = Theatre(part)
    go(theatre, whole.end_ms)
    assert theatre.now_ms == part.end_ms


def test_of_several_worlds_the_one_that_lived_last_is_shown() -> None:
    store = MemoryStore()
    Archived(store, interval_ms=1_500, small=False).checkpoint(2)
    other = Archived(store, interval_ms=1_500, small=False, tiles=(64, 64), shape=(1, 1))
    other.ticks(200)
    other.checkpoint(4)
    assert open_history(store).charter.world == other.charter.world
    with pytest.raises(ArchiveError):
        open_history(MemoryStore())


def test_moments_are_read_in_every_form_and_only_within_history() -> None:
    history: History = open_history(lived()[0].store)
    assert abs(history.begin_ms - START_MS) < 100
    assert moment("+2.5", history) == history.begin_ms + 2_500
    words = utc(history.begin_ms + 4_000)
    assert abs(moment(words.removesuffix(" UTC").replace(" ", "T") + "Z", history) - history.begin_ms - 4_000) < 1_000
    assert moment(words[11:19], history) == moment(words[:10] + " " + words[11:19], history)
    for wrong in ("", "soon", "+", "+x", "25:00", "2023-13-01", "+1e400", "+nan", "-5", "+999999", "2001-01-01"):
        with pytest.raises(ValueError, match=r"no moment|outside of history"):
            moment(wrong, history)


def test_the_chronicle_is_in_words_with_names_and_places() -> None:
    world, _ = lived()
    lines = open_history(world.store).chronicle()
    assert lines == sorted(lines, key=lambda line: line.time_ms)
    for line in lines:
        assert line.words.isprintable()
        assert line.kind in ("died", "minted", "built", "dug")
        assert line.kind != "died" or line.place is not None
