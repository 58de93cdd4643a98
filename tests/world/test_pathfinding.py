"""Ways over the map, against a plain Dijkstra written here."""

import heapq
import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world.flow_fields import UNREACHED, flow_field, flow_step
from world.pathfinding import DIAGONAL_COST, STEP_X, STEP_Y, STRAIGHT_COST, Scratch, find_path, make_scratch

Grid = npt.NDArray[np.uint8]
SCRATCH = make_scratch(32)
PLENTY = 1_000_000


def dijkstra(
    solid: Grid, start: tuple[int, int], bound: int, straight: int, diagonal: int
) -> dict[tuple[int, int], int]:
    height, width = solid.shape
    cost = {start: 0}
    queue = [(0, start)]
    while queue:
        so_far, (x, y) = heapq.heappop(queue)
        if so_far > cost[(x, y)]:
            continue
        for dx, dy in [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]:
            nx, ny = x + dx, y + dy
            if not (0 <= nx < width and 0 <= ny < height) or solid[ny, nx]:
                continue
            if max(abs(nx - start[0]), abs(ny - start[1])) > bound or (dx and dy and (solid[y, nx] or solid[ny, x])):
                continue
            total = so_far + (diagonal if dx and dy else straight)
            if total < cost.get((nx, ny), PLENTY**3):
                cost[(nx, ny)] = total
                heapq.heappush(queue, (total, (nx, ny)))
    return cost


def walk(
    solid: Grid, start: tuple[int, int], goal: tuple[int, int], bound: int = 32, scratch: Scratch = SCRATCH
) -> list[tuple[int, int]]:
    out = np.zeros((5000, 2), np.int32)
    height, width = solid.shape
    n = find_path(solid, width, height, *start, *goal, bound, PLENTY, STRAIGHT_COST, DIAGONAL_COST, scratch, out)
    return [(int(x), int(y)) for x, y in out[:n]]


def cost_of(path: list[tuple[int, int]], solid: Grid) -> int:
    """What a path costs, having checked each of its steps."""
    total = 0
    for (x, y), (nx, ny) in itertools.pairwise(path):
        assert max(abs(nx - x), abs(ny - y)) == 1 and not solid[ny, nx]
        if nx != x and ny != y:
            assert not solid[y, nx] and not solid[ny, x]
        total += DIAGONAL_COST if nx != x and ny != y else STRAIGHT_COST
    return total


@st.composite
def grids(draw: st.DrawFn) -> tuple[Grid, tuple[int, int], tuple[int, int], int]:
    width, height = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    share = draw(st.sampled_from([0, 2, 3, 4]))
    cells = draw(st.lists(st.integers(0, 9), min_size=width * height, max_size=width * height))
    solid = (np.array(cells).reshape(height, width) < share).astype(np.uint8)
    place = st.tuples(st.integers(0, width - 1), st.integers(0, height - 1))
    return solid, draw(place), draw(place), draw(st.integers(1, 16))


@settings(max_examples=300, deadline=None)
@given(grids())
def test_every_path_is_a_cheapest_one_and_missing_only_where_there_is_none(
    case: tuple[Grid, tuple[int, int], tuple[int, int], int],
) -> None:
    solid, start, goal, bound = case
    cheapest = dijkstra(solid, start, bound, STRAIGHT_COST, DIAGONAL_COST)
    path = walk(solid, start, goal, bound)
    if goal not in cheapest:
        assert path == []
    else:
        assert path[0] == start and path[-1] == goal
        assert cost_of(path, solid) == cheapest[goal]


def test_large_blocked_grids_too() -> None:
    """The pruned successors must not lose a way: 200 goals each on dense and sparse grids of 48 x 48."""
    rng = np.random.Generator(np.random.PCG64(5))  # noqa: TID251 - a test's own scenes, nothing of the fold
    for share in (0.1, 0.3, 0.4):
        solid = (rng.random((48, 48)) < share).astype(np.uint8)
        solid[24, 24] = 0
        cheapest = dijkstra(solid, (24, 24), 32, STRAIGHT_COST, DIAGONAL_COST)
        for gx, gy in rng.integers(48, size=(200, 2)).tolist():
            path = walk(solid, (24, 24), (gx, gy))
            assert (cost_of(path, solid) == cheapest[(gx, gy)]) if (gx, gy) in cheapest else path == []


def test_corners_are_not_cut() -> None:
    solid = np.array([[0, 1], [0, 0]], np.uint8)
    assert walk(solid, (0, 0), (1, 1)) == [(0, 0), (0, 1), (1, 1)]


def test_ties_are_decided_as_stated() -> None:
    """Golden: of the 20 cheapest ways over open ground the first diagonal, then straight; a change moves every NPC."""
    path = walk(np.zeros((9, 9), np.uint8), (1, 1), (7, 4))
    assert path == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (6, 4), (7, 4)]


def test_the_bound_is_a_square_round_the_start() -> None:
    solid = np.zeros((20, 40), np.uint8)
    solid[:19, 10] = 1
    assert walk(solid, (8, 10), (12, 10), 8) == []
    around = walk(solid, (8, 10), (12, 10), 9)
    assert max(y for _, y in around) == 19
    assert walk(solid, (8, 10), (18, 10), 9) == []


def test_expansions_are_bounded() -> None:
    solid = np.zeros((40, 40), np.uint8)
    out = np.zeros((50, 2), np.int32)
    costs = (STRAIGHT_COST, DIAGONAL_COST, SCRATCH, out)
    assert find_path(solid, 40, 40, 0, 0, 30, 10, 32, 5, *costs) == 0
    assert find_path(solid, 40, 40, 0, 0, 30, 10, 32, 500, *costs) == 31


def test_a_long_path_keeps_its_beginning_and_its_length() -> None:
    out = np.zeros((3, 2), np.int32)
    solid = np.zeros((1, 10), np.uint8)
    costs = (STRAIGHT_COST, DIAGONAL_COST, SCRATCH, out)
    assert find_path(solid, 10, 1, 0, 0, 9, 0, 16, PLENTY, *costs) == 10
    assert out.tolist() == [[0, 0], [1, 0], [2, 0]]


def test_ends_that_cannot_be() -> None:
    solid = np.array([[1, 0, 1]], np.uint8)
    assert walk(solid, (1, 0), (1, 0)) == [(1, 0)]
    assert walk(solid, (0, 0), (1, 0)) == [(0, 0), (1, 0)], "a body pushed onto a solid tile finds its way off"
    assert walk(solid, (1, 0), (2, 0)) == []
    for start, goal in (((-1, 0), (1, 0)), ((3, 0), (1, 0)), ((1, 0), (1, 1)), ((1, 0), (-1, 0))):
        assert walk(solid, start, goal) == []


def test_a_small_scratch_serves_no_larger_bound() -> None:
    assert walk(np.zeros((3, 3), np.uint8), (0, 0), (2, 2), 5, make_scratch(4)) == []
    assert len(walk(np.zeros((3, 3), np.uint8), (0, 0), (2, 2), 3, make_scratch(4))) == 3
    with pytest.raises(ValueError, match="bound is 5000 tiles: expected 1 to 4096"):
        make_scratch(5000)


def test_earlier_searches_leave_no_trace() -> None:
    solid = np.zeros((30, 30), np.uint8)
    solid[5:25, 15] = 1
    fresh = walk(solid, (10, 15), (20, 14), 20, make_scratch(20))
    used = make_scratch(20)
    for goal in ((3, 3), (29, 29), (14, 2)):
        walk(solid, (10, 15), goal, 20, used)
    assert walk(solid, (10, 15), (20, 14), 20, used) == fresh


@settings(max_examples=150, deadline=None)
@given(grids())
def test_a_flow_field_holds_the_cost_of_the_way_to_the_nearest_goal(
    case: tuple[Grid, tuple[int, int], tuple[int, int], int],
) -> None:
    solid, first, second, _ = case
    goals = [goal for goal in (first, second) if not solid[goal[1], goal[0]]]
    field = flow_field(solid, np.array([first, second, (-1, 0), (99, 99)], np.int32))
    ways = [dijkstra(solid, goal, 99, 10, 14) for goal in goals]
    for (y, x), cost in np.ndenumerate(field):
        assert cost == min((way.get((x, y), UNREACHED) for way in ways), default=UNREACHED) or solid[y, x]
        if solid[y, x]:
            assert cost == UNREACHED
        elif 0 < cost < UNREACHED:
            step = flow_step(solid, field, x, y)
            after = field[y + STEP_Y[step], x + STEP_X[step]]
            assert cost - after == (14 if step & 1 else 10)
        else:
            assert flow_step(solid, field, x, y) == -1
