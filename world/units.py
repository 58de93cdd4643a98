"""Tick length, fixed-point units, and every capacity of the rules; the relations between them are checked on import.

Lengths are Q16: 65,536 to a tile. Speeds are Q16 a tick. Coordinates are absolute in the world, so a body handed to
a neighbour keeps its numbers.
"""

from typing import Final

TICK_MS: Final = 50
TICKS_PER_SECOND: Final = 1000 // TICK_MS

TILE: Final = 1 << 16  # one tile in Q16
WIRE_STEP: Final = TILE // 64  # positions are shown to clients in 1/64 tile
CHUNK_TILES: Final = 16  # a chunk is the unit of interest
WORLD_TILES_MAX: Final = 4096  # a side; 4096 << 16 leaves three bits of an int32

REGION_ROWS: Final = 8192  # bodies a region can hold, piles and reserved rows included
ROWS_RESERVED_PER_NEIGHBOUR: Final = 16  # rows promised ahead to each neighbour for handovers
NEIGHBOURS_MAX: Final = 16
GHOST_TILES: Final = 2  # bodies this near to a border are shown across it
BORDER_MARGIN: Final = TILE // 4  # a centre this far past the border leaves
WINDOW_TILES: Final = 16  # tiles of the neighbours' land that a region keeps for sight and paths

REACH: Final = 2 * TILE  # give, pick up, gather, build, dig: distance from centre to centre
STRIKE_REACH: Final = TILE + TILE // 2
GOODS_MAX: Final = 999  # of one kind in one purse
COINS_MAX: Final = 1_000_000_000
SPEECH_MAX: Final = 120  # characters of one utterance
ASSETS_PER_REGION: Final = 4096
FINDS_PER_HOUR: Final = 120  # the whole world's budget of rare finds
HOUR_TICKS: Final = 3600 * TICKS_PER_SECOND
DAY_TICKS: Final = 24 * 60 * TICKS_PER_SECOND  # a day is 24 minutes

ACTIONS_PER_TICK: Final = 512  # of all players in one region and tick
ACTIONS_PER_PLAYER_PER_TICK: Final = 4
PATHS_PER_TICK: Final = 32  # A* searches a region may make in a tick, in row order
PATH_RADIUS: Final = 40  # tiles a search may go from its start, each way
PATH_EXPANSIONS: Final = 2000  # cells one search may expand
PATH_STEPS_MAX: Final = 32  # steps a body remembers
SIGHT_TILES: Final = 10  # as far as any NPC perceives
EVENTS_PER_TICK: Final = 4096
ASSETS_PER_BODY: Final = 256  # what one body may hold; a handover carries them all
GHOSTS_PER_NEIGHBOUR: Final = REGION_ROWS
SPAWNS_PER_REGION: Final = 65_536
ROUTES_MAX: Final = 32  # markets and camps with a flow field
ROUTE_CELLS_MAX: Final = 1 << 26  # tiles of the map times flow fields
ROUTE_STEP_TICKS: Final = 80  # flow fields follow the map in steps of so many ticks, one field every second tick
OFFERS_MAX: Final = 1024  # open offers of trade in one region
OFFER_TICKS: Final = 600  # an offer stands so long
DUSK_TICKS: Final = DAY_TICKS * 2 // 3  # a day begins at dawn; the last third of it is night
DOORS_MAX: Final = 4096  # in one region's land
OWED_MAX: Final = REGION_ROWS  # births a region may owe for its dead
RADIUS_MIN: Final = 20_000  # of any body that pushes; what it moves between two wall clamps stays below this
SPEED_MAX: Final = 18_000  # Q16 a tick
MISSILES_MAX: Final = 256  # that the players of a region may have in the air
MISSILE_SPEED_MAX: Final = TILE  # Q16 a tick: its way is swept, so it may be faster than a body
PUSH_MAX: Final = 14_000  # Q16 that one relaxation may move a body along an axis


def _check(holds: bool, relation: str) -> None:
    if not holds:
        raise ValueError(f"world limits contradict one another: {relation}")


_check(TICK_MS * TICKS_PER_SECOND == 1000, "a second is a whole number of ticks")
_check(WORLD_TILES_MAX * TILE < 2**31, "every coordinate fits an int32")
_check(WORLD_TILES_MAX % CHUNK_TILES == 0, "the largest world is whole chunks")
_check(NEIGHBOURS_MAX * ROWS_RESERVED_PER_NEIGHBOUR * 2 < REGION_ROWS, "reserved rows leave half a region to live in")
_check(GHOST_TILES * TILE > STRIKE_REACH, "what can be struck across a border is shown across it")
_check(MISSILE_SPEED_MAX + BORDER_MARGIN < CHUNK_TILES * TILE, "no missile flies over a whole region in a tick")
_check(GHOST_TILES * TILE >= MISSILE_SPEED_MAX + TILE // 2, "what a missile may strike across a border is shown")
_check(MISSILES_MAX * 16 < REGION_ROWS, "missiles leave the rows to those who live")
_check(SPEED_MAX < RADIUS_MIN, "no step passes a wall")
_check(2 * PUSH_MAX**2 < RADIUS_MIN**2, "no push passes a wall")
_check(SIGHT_TILES <= WINDOW_TILES, "an NPC sees only known tiles")
_check(2 * ROUTES_MAX < ROUTE_STEP_TICKS, "every flow field is made anew within a step")
_check(WINDOW_TILES >= GHOST_TILES, "ghosts stand on known tiles")
