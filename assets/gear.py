"""What people bear, to be laid over or under their pictures: a sword or bow in hand, a leather coat over the cloth.

Sheets like those of `assets.bodies`, 24 x 22 a picture, so that a blade may stand out beside the 16 of the person.
"""

from assets.bodies import BOOT, EAST, FRAMES, NORTH, SOUTH, STRAW, WEST, mirrored
from assets.canvas import Canvas, Colour
from assets.things import IRON, LEATHER, LINE, PLANK

WIDE = 24
_ASIDE = (WIDE - 16) // 2  # where the person stands in a picture
_GOLD: Colour = (206, 162, 82)
_STRING: Colour = (232, 228, 214)
_BEND = (3, 2, 1, 1, 0, 0, 0, 0, 0, 1, 1, 2, 3)  # of a bow, from tip to tip


def _hand(facing: int, frame: int) -> tuple[int, int]:
    """Where the hand is that holds something, as `assets.bodies.person` moves it."""
    lift = 1 if frame else 0
    if facing == EAST:
        return _ASIDE + 8 + (0, 2, -2)[frame], 15 - lift
    return _ASIDE + 12, 14 - lift - (0, 1, -1)[frame]


def sword(facing: int, frame: int) -> Canvas:
    """A sword held up beside the body, or before it."""
    canvas, (x, y) = Canvas(WIDE, 22), _hand(facing, frame)
    for k in range(10):
        across = x + 1 + (k * 2 // 3 if facing == EAST else k // 4)
        canvas.put(across, y - 2 - k, IRON[3])
        canvas.put(across + 1, y - 2 - k, IRON[2 if k < 9 else 3])
    canvas.box(x - 1, y - 1, 5, 1, _GOLD)
    canvas.box(x, y, 2, 2, LEATHER[0])
    canvas.outline(LINE)
    return canvas


def bow(facing: int, frame: int) -> Canvas:
    """A bow held at the side, or out to the front."""
    canvas, (x, y) = Canvas(WIDE, 22), _hand(facing, frame)
    belly, way = (x + 6, -1) if facing == EAST else (x + 1, 1)  # it bends this way, to its string
    for k, bend in enumerate(_BEND):
        canvas.put(belly + way * bend, y - 8 + k, PLANK[3])
        canvas.put(belly + way * (bend - 1), y - 8 + k, PLANK[1])
    canvas.outline(LINE)
    for k, bend in enumerate(_BEND):
        for between in range(bend + 1, _BEND[0] + 2):
            canvas.clear(belly + way * between, y - 8 + k)
        canvas.put(belly + way * _BEND[0], y - 8 + k, _STRING)
    return canvas


def coat(facing: int, frame: int) -> Canvas:
    """A sleeveless coat of leather, belted, that leaves the sleeves of the cloth to be seen."""
    canvas, lift = Canvas(WIDE, 22), 1 if frame else 0
    left, wide, top = (_ASIDE + 5, 6, 9 - lift) if facing == EAST else (_ASIDE + 4, 8, 9 - lift)
    canvas.box(left, top, wide, 8, LEATHER[1])
    canvas.box(left, top, 1, 8, LEATHER[2])
    canvas.box(left + wide - 1, top, 1, 8, LEATHER[0])
    canvas.box(left, top + 7, wide, 1, LEATHER[0])
    canvas.box(left, top + 5, wide, 1, BOOT)
    if facing == EAST:
        swing = (0, 2, -2)[frame]
        for k in range(5):  # the sleeve swings before it
            canvas.clear(_ASIDE + 7 + swing * k // 5, top + 1 + k)
            canvas.clear(_ASIDE + 8 + swing * k // 5, top + 1 + k)
    elif facing == SOUTH:
        canvas.box(left + 3, top, 2, 1, LEATHER[0])
        for k in range(1, 5, 2):
            canvas.box(left + 3, top + k, 2, 1, STRAW[1])
            canvas.box(left + 3, top + k + 1, 2, 1, LEATHER[0])
        canvas.put(left + 4, top + 5, STRAW[1])
    return canvas


def sheets() -> dict[str, Canvas]:
    """Every sheet by name."""
    made = {}
    for name, draw in (("sword", sword), ("bow", bow), ("coat", coat)):
        sheet = made[name] = Canvas(WIDE * FRAMES, 22 * 4)
        for facing in (SOUTH, EAST, NORTH, WEST):
            for frame in range(FRAMES):
                picture = mirrored(draw(EAST, frame)) if facing == WEST else draw(facing, frame)
                sheet.paste(picture, frame * WIDE, facing * 22)
    return made
