"""The routines of those who have a home and somewhere to go: workers, traders, guards on their rounds, raiders.

Each is in a mode (`world.habits`); when its time is over the routine says what comes next, and where. Journeys to a
market or a camp follow the shared ways (`world.routes`), all others a path of one's own.
"""

from numba import njit

from world.draws import DIRECTION, DURATION, PLACE, draw
from world.faucets import Flow
from world.habits import (
    ARRIVED_DISTANCE,
    AT_HOME,
    AT_MARKET,
    AT_WORK,
    BED_TICKS,
    FLEE,
    GRAIN_MAX,
    HOME_DISTANCE,
    MARKET_GRAIN,
    MARKET_TICKS,
    MARKET_TILES,
    POST_TICKS,
    POTTER_DISTANCE,
    PROWL_DISTANCE,
    ROUND_TILES,
    SATED,
    SLEEP_TICKS,
    STALL_TICKS,
    STAY_TICKS,
    TO_HOME,
    TO_MARKET,
    TO_WORK,
    TRAVEL_PACE,
    TRAVEL_TICKS,
    WAY_TICKS,
    WORK_TICKS,
)
from world.items import GRAIN
from world.routes import MARKET
from world.species import PACE_OF, PATROL, RAID, ROUTINE_OF, SLEEPS_OF, TRADE, WORK
from world.state import (
    GOAL_X,
    GOAL_Y,
    GOODS,
    GOODS_0,
    HOME_X,
    HOME_Y,
    INTENT_X,
    INTENT_Y,
    KIND,
    MODE,
    MODE_TICKS,
    WORK_X,
    WORK_Y,
    Bytes2,
    Bytes3,
    Int32s,
    Int64s,
    X,
    Y,
)
from world.steering import follow_path, follow_way, forget_path, near_goal, sidestep, stroll, towards_goal, way_to_goal
from world.tilemap import FIELD
from world.units import DAY_TICKS, DUSK_TICKS, TILE, WORLD_TILES_MAX

HARVESTED = int(Flow.HARVESTED)
EATEN_AT_HOME = int(Flow.EATEN_AT_HOME)


@njit(cache=True)
def is_night(tick: int) -> bool:
    """Whether it is night; a day begins at dawn."""
    return tick % DAY_TICKS >= DUSK_TICKS


@njit(cache=True)
def in_bed_time(tick: int, entity: int) -> bool:
    """Whether one who sleeps wants to be at home: from its own time before dusk until dawn."""
    return tick % DAY_TICKS >= DUSK_TICKS - (entity * 2_654_435_761 >> 12) % BED_TICKS


@njit(cache=True)
def live(
    rows: Int32s,
    i: int,
    turn: int,
    tick: int,
    seed_0: int,
    seed_1: int,
    entity: int,
    species: Int64s,
    flows: Int64s,
    goals: Int32s,
    ways: Bytes3,
    window_x: int,
    window_y: int,
) -> bool:
    """A tick of a routine: the next mode when its time is over, then its steps; whether it walks without a path."""
    mode = rows[MODE, i]
    kind = rows[KIND, i]
    sleepy = species[SLEEPS_OF, kind] != 0 and in_bed_time(tick, entity)
    if sleepy and mode in (TO_WORK, AT_WORK, TO_MARKET, AT_MARKET):
        _set_out(rows, i, TO_HOME, rows[HOME_X, i], rows[HOME_Y, i], goals)
        return False
    if mode in (TO_WORK, TO_HOME, TO_MARKET):
        if near_goal(rows, i, ARRIVED_DISTANCE):
            _arrive(rows, i, int(species[ROUTINE_OF, kind]), draw(seed_0, seed_1, entity, DURATION), flows)
        elif rows[MODE_TICKS, i] == 0:
            stay(rows, i)
        else:
            _travel(rows, i, turn, goals, ways, window_x, window_y)
        return False
    if rows[MODE_TICKS, i] == 0:
        _go_on(rows, i, tick, sleepy, int(species[ROUTINE_OF, kind]), draw(seed_0, seed_1, entity, PLACE), goals)
        return False
    if mode != FLEE and turn & 15 == 0:
        prowls = mode == AT_WORK and species[ROUTINE_OF, kind] == RAID
        if near_goal(rows, i, PROWL_DISTANCE if prowls else POTTER_DISTANCE):
            stroll(rows, i, draw(seed_0, seed_1, entity, DIRECTION), species[PACE_OF, kind], 4)
        else:
            towards_goal(rows, i, species[PACE_OF, kind])
    return True


@njit(cache=True)
def _travel(rows: Int32s, i: int, turn: int, goals: Int32s, ways: Bytes3, window_x: int, window_y: int) -> None:
    way = way_to_goal(rows, i, goals)
    if way >= 0:
        if not follow_way(rows, i, ways[way], window_x, window_y, TRAVEL_PACE):
            towards_goal(rows, i, TRAVEL_PACE)
    elif not follow_path(rows, i, TRAVEL_PACE):
        rows[INTENT_X, i] = 0
        rows[INTENT_Y, i] = 0
        return
    if turn & 16:
        sidestep(rows, i, turn & 32)


@njit(cache=True)
def _arrive(rows: Int32s, i: int, routine: int, chance: int, flows: Int64s) -> None:
    mode = rows[MODE, i]
    if mode == TO_MARKET:
        rows[MODE, i] = AT_MARKET
        rows[MODE_TICKS, i] = MARKET_TICKS + chance % MARKET_TICKS
        return
    rows[MODE, i] = AT_WORK if mode == TO_WORK else AT_HOME
    if routine == PATROL:
        rows[MODE_TICKS, i] = POST_TICKS + chance % (2 * POST_TICKS)
    elif routine == TRADE:
        rows[MODE_TICKS, i] = STALL_TICKS + chance % STALL_TICKS
    else:
        rows[MODE_TICKS, i] = WORK_TICKS + chance % WORK_TICKS
    if mode == TO_HOME and routine == WORK:
        for item in range(GOODS):
            flows[EATEN_AT_HOME, item] += rows[GOODS_0 + item, i]
            rows[GOODS_0 + item, i] = 0


@njit(cache=True)
def _go_on(rows: Int32s, i: int, tick: int, sleepy: bool, routine: int, chance: int, goals: Int32s) -> None:
    """What comes next for one whose time where it is, or in flight, is over."""
    mode = rows[MODE, i]
    home_x = rows[HOME_X, i]
    home_y = rows[HOME_Y, i]
    if sleepy:
        if mode == AT_HOME and _near(rows, i, home_x, home_y, HOME_DISTANCE):
            rows[MODE_TICKS, i] = SLEEP_TICKS
            rows[GOAL_X, i] = home_x
            rows[GOAL_Y, i] = home_y
        else:
            _set_out(rows, i, TO_HOME, home_x, home_y, goals)
    elif routine == PATROL:
        x = home_x + chance % (2 * ROUND_TILES + 1) - ROUND_TILES
        y = home_y + (chance >> 20) % (2 * ROUND_TILES + 1) - ROUND_TILES
        x = min(max(x, 0), WORLD_TILES_MAX - 1)
        y = min(max(y, 0), WORLD_TILES_MAX - 1)
        _set_out(rows, i, TO_WORK, x, y, goals)
    elif routine == RAID:
        market = nearest_market(goals, home_x, home_y, WORLD_TILES_MAX)
        if is_night(tick) and market >= 0:
            _set_out(rows, i, TO_WORK, goals[market, 0], goals[market, 1], goals)
        elif mode == AT_HOME:
            rows[MODE_TICKS, i] = SLEEP_TICKS
        else:
            _set_out(rows, i, TO_HOME, home_x, home_y, goals)
    elif mode == AT_HOME or (routine == TRADE and mode in (FLEE, SATED) and chance & 1):
        _set_out(rows, i, TO_WORK, rows[WORK_X, i], rows[WORK_Y, i], goals)
    else:
        market = -1
        if routine == WORK and mode == AT_WORK and rows[GOODS_0 + GRAIN, i] >= MARKET_GRAIN:
            market = nearest_market(goals, home_x, home_y, MARKET_TILES)
        if market >= 0:
            _set_out(rows, i, TO_MARKET, goals[market, 0], goals[market, 1], goals)
        else:
            _set_out(rows, i, TO_HOME, home_x, home_y, goals)


@njit(cache=True)
def _near(rows: Int32s, i: int, x: int, y: int, distance: int) -> bool:
    dx = abs((x << 16) + TILE // 2 - rows[X, i])
    dy = abs((y << 16) + TILE // 2 - rows[Y, i])
    return bool(max(dx, dy) <= distance)


@njit(cache=True)
def nearest_market(goals: Int32s, x: int, y: int, within: int) -> int:
    """The number of the market nearest to a tile, or -1 when none is within so many tiles."""
    found = -1
    best = within * within + 1
    for k in range(goals.shape[0]):
        far = (goals[k, 0] - x) * (goals[k, 0] - x) + (goals[k, 1] - y) * (goals[k, 1] - y)
        if goals[k, 2] == MARKET and far < best:
            best = far
            found = k
    return found


@njit(cache=True)
def _set_out(rows: Int32s, i: int, mode: int, x: int, y: int, goals: Int32s) -> None:
    forget_path(rows, i)
    rows[MODE, i] = mode
    rows[GOAL_X, i] = x
    rows[GOAL_Y, i] = y
    rows[MODE_TICKS, i] = TRAVEL_TICKS if way_to_goal(rows, i, goals) < 0 else WAY_TICKS


@njit(cache=True)
def harvest(
    rows: Int32s, i: int, feature: Bytes2, stock: Bytes2, window_x: int, window_y: int, land: Int64s, flows: Int64s
) -> None:
    """Take a grain from the field under one's feet, if it is this region's."""
    x = rows[X, i] >> 16
    y = rows[Y, i] >> 16
    if x < land[0] or y < land[1] or x >= land[2] or y >= land[3] or rows[GOODS_0 + GRAIN, i] >= GRAIN_MAX:
        return
    if feature[y - window_y, x - window_x] == FIELD and stock[y - window_y, x - window_x] > 0:
        stock[y - window_y, x - window_x] -= 1
        rows[GOODS_0 + GRAIN, i] += 1
        flows[HARVESTED, GRAIN] += 1


@njit(cache=True)
def stay(rows: Int32s, i: int) -> None:
    """Give up the way: potter here for a while, then try the other end."""
    rows[MODE, i] = AT_HOME if rows[MODE, i] == TO_HOME else AT_WORK
    rows[MODE_TICKS, i] = STAY_TICKS
    rows[GOAL_X, i] = rows[X, i] >> 16
    rows[GOAL_Y, i] = rows[Y, i] >> 16
