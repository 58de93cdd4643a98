"""What NPCs do, as data: the modes they are in, how long, how fast and how far."""

from typing import Final

from world.units import TILE

# Modes: what an NPC is doing. Villagers are at home, on the way to work, at work, on the way home; deer graze; wolves
# roam. The numbers stand in snapshots.
AT_HOME: Final = 0
TO_WORK: Final = 1
AT_WORK: Final = 2
TO_HOME: Final = 3
FLEE: Final = 4
GRAZE: Final = 5
ROAM: Final = 6
HUNT: Final = 7
SATED: Final = 8
TO_MARKET: Final = 9
AT_MARKET: Final = 10

WORK_TICKS: Final = 900  # at either end of the way, and up to as many more
TRAVEL_TICKS: Final = 1_500  # who has not arrived by then stays where it is
FLEE_TICKS: Final = 60
HUNT_TICKS: Final = 400
TIRED_TICKS: Final = 160
STAY_TICKS: Final = 300
POTTER_DISTANCE: Final = TILE * 3 // 2
ARRIVED_DISTANCE: Final = TILE * 3 // 2
STIRRED: Final = 1_200  # below this sum of urges a standing animal stays
HARVEST_TICKS: Final = 256
GRAIN_MAX: Final = 20
HUNT_EXPANSIONS: Final = 700
TRAVEL_PACE: Final = 100
BITES_MAX: Final = 256
WAY_TICKS: Final = 6_000  # a journey along a shared way may take so long
MARKET_TICKS: Final = 300  # a villager spends so long at the market, and up to as much more
MARKET_GRAIN: Final = 3  # with so much grain it goes there
MARKET_TILES: Final = 64  # a market farther from home is another village's
STALL_TICKS: Final = 1_800  # a trader stays at either market so long, and up to as much more
POST_TICKS: Final = 60  # a guard stops so long at a post, and up to twice as much more
ROUND_TILES: Final = 14  # a guard's posts lie so near to the square
PROWL_DISTANCE: Final = TILE * 8  # bandits roam so far about the square they raid
BED_TICKS: Final = 1_200  # who sleeps goes home so long before dusk, each at its own time
HOME_DISTANCE: Final = TILE * 4
SLEEP_TICKS: Final = 200
