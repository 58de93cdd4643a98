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

WORK_TICKS: Final = 900  # at either end of the way, and up to as many more
TRAVEL_TICKS: Final = 1_500  # who has not arrived by then stays where it is
FLEE_TICKS: Final = 60
HUNT_TICKS: Final = 400
FED_TICKS: Final = 2_400
TIRED_TICKS: Final = 160
STAY_TICKS: Final = 300
POTTER_DISTANCE: Final = TILE * 3 // 2
ARRIVED_DISTANCE: Final = TILE * 3 // 2
STIRRED: Final = 1_200  # below this sum of urges a standing animal stays
HARVEST_TICKS: Final = 256
GRAIN_MAX: Final = 20
RANGE_TILES: Final = 30  # deer and wolves turn back beyond this distance from home
HUNT_EXPANSIONS: Final = 700
GRAZE_PACE: Final = 34
ROAM_PACE: Final = 45
POTTER_PACE: Final = 50
TRAVEL_PACE: Final = 100
BITES_MAX: Final = 256
