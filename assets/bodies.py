"""Who walks about, on two legs or four; and the piles they leave.

A sheet has a line per direction (south, east, north, west) and in it the standing picture and two steps. Each comes
as layers: what is always the same, and in greys, which the window dyes, cloth or coat, and a beast's belly.
"""

from collections.abc import Callable

from assets import things
from assets.canvas import Canvas, Colour, hashed

FRAMES = 3
SOUTH, EAST, NORTH, WEST = range(4)

SKIN: tuple[Colour, ...] = ((190, 144, 114), (222, 178, 144), (238, 202, 170))
HAIR: tuple[Colour, ...] = ((70, 50, 42), (94, 68, 54), (116, 86, 66))
STRAW: tuple[Colour, ...] = ((170, 138, 84), (204, 174, 112), (226, 202, 142))
TROUSERS: tuple[Colour, ...] = ((72, 66, 76), (92, 84, 92))
BOOT: Colour = (62, 50, 48)
EYE: Colour = (44, 38, 44)
LINE: Colour = (48, 42, 50)
CLOTH: tuple[Colour, ...] = ((150, 150, 150), (198, 198, 198), (236, 236, 236))

FUR: tuple[Colour, ...] = ((1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0))
"""Four tones, dark to light and the belly, that stand for what is dyed while a beast is painted."""
FUR_GREYS = (164, 212, 255, 255)
BELLY = 3
EDGE: Colour = (44, 40, 44)
HORN: Colour = (214, 196, 162)
SACK: tuple[Colour, ...] = ((122, 94, 66), (152, 120, 84), (180, 148, 106))


def person(facing: int, frame: int, hat: bool) -> tuple[Canvas, Canvas]:
    """A person of 16 x 22, without and only with cloth."""
    if facing == WEST:
        body, cloth = person(EAST, frame, hat)
        return mirrored(body), mirrored(cloth)
    body, cloth = Canvas(16, 22), Canvas(16, 22)
    lift = 1 if frame else 0
    if facing == EAST:
        _legs_aside(body, frame)
        cloth.box(5, 9 - lift, 6, 7, CLOTH[1])
        cloth.box(5, 9 - lift, 2, 7, CLOTH[0])
        cloth.box(9, 9 - lift, 2, 5, CLOTH[2])
        swing = (0, 2, -2)[frame]
        for k in range(5):
            cloth.put(7 + swing * k // 5, 10 - lift + k, CLOTH[0])
            cloth.put(8 + swing * k // 5, 10 - lift + k, CLOTH[2])
        body.box(7 + swing, 15 - lift, 2, 1, SKIN[1])
    else:
        _legs(body, frame)
        cloth.box(4, 9 - lift, 8, 7, CLOTH[1])
        cloth.box(4, 9 - lift, 2, 6, CLOTH[2])
        cloth.box(10, 9 - lift, 2, 7, CLOTH[0])
        for side, x in ((0, 3), (1, 12)):
            swing = (0, 1, -1)[frame] * (1 - 2 * side)
            cloth.box(x, 10 - lift, 1, 4 + swing, CLOTH[2 if side == 0 else 0])
            body.put(x, 14 - lift + swing, SKIN[1])
        if facing == SOUTH:
            cloth.box(7, 9 - lift, 2, 1, CLOTH[0])
            body.box(5, 14 - lift, 6, 1, BOOT)
            body.put(8, 14 - lift, STRAW[1])
    _head(body, facing, 2 - lift, hat)
    _surround(body, cloth)
    return body, cloth


def _head(body: Canvas, facing: int, top: int, hat: bool) -> None:
    body.box(5, top + 1, 6, 6, SKIN[1])
    body.box(5, top + 6, 6, 1, SKIN[0])
    if facing == NORTH:
        body.box(4, top, 8, 6, HAIR[1])
        body.box(5, top - 1, 6, 1, HAIR[2])
        body.box(5, top + 6, 6, 1, HAIR[0])
    elif facing == SOUTH:
        body.box(4, top, 8, 2, HAIR[1])
        body.box(5, top - 1, 6, 1, HAIR[2])
        body.box(4, top + 2, 1, 2, HAIR[0])
        body.box(11, top + 2, 1, 2, HAIR[0])
        body.put(6, top + 4, EYE)
        body.put(9, top + 4, EYE)
        body.put(5, top + 5, SKIN[2])
    else:
        body.box(4, top, 7, 2, HAIR[1])
        body.box(5, top - 1, 6, 1, HAIR[2])
        body.box(4, top + 2, 3, 4, HAIR[0])
        body.put(9, top + 4, EYE)
        body.put(11, top + 5, SKIN[2])
    if hat:
        body.box(2, top + 1, 12, 1, STRAW[1])
        body.box(3, top + 2, 10, 1, STRAW[0])
        body.box(4, top - 1, 8, 2, STRAW[1])
        body.box(5, top - 2, 6, 1, STRAW[2])


def _legs(body: Canvas, frame: int) -> None:
    for side, x in ((0, 5), (1, 9)):
        up = 1 if frame == side + 1 else 0
        body.box(x, 15, 2, 5 - up, TROUSERS[1 - side])
        body.box(x, 19 - up, 2, 1, BOOT)


def _legs_aside(body: Canvas, frame: int) -> None:
    for back, x in ((True, (6, 4, 7)[frame]), (False, (8, 9, 6)[frame])):
        body.box(min(x, 7) if back else max(x, 7), 15, 2, 2, TROUSERS[0 if back else 1])
        up = 1 if back and frame == 1 else 0
        body.box(x, 17, 2, 2 - up, TROUSERS[0 if back else 1])
        body.box(x, 19 - up, 3, 1, BOOT)


def _surround(body: Canvas, cloth: Canvas) -> None:
    """A line round the whole figure, painted on the body."""
    whole = Canvas(body.width, body.height)
    whole.paste(cloth, 0, 0)
    whole.paste(body, 0, 0)
    painted = [[pixel[3] for pixel in row] for row in whole.rows]
    whole.outline(LINE)
    for y in range(body.height):
        for x in range(body.width):
            if not painted[y][x] and whole.at(x, y)[3]:
                body.put(x, y, LINE)
            elif body.at(x, y)[3]:
                cloth.rows[y][x] = (0, 0, 0, 0)


def mirrored(canvas: Canvas) -> Canvas:
    other = Canvas(canvas.width, canvas.height)
    other.paste(canvas, 0, 0, mirrored=True)
    return other


def beast(facing: int, frame: int, sort: str) -> tuple[Canvas, Canvas, Canvas]:
    """A beast of 24 x 24: what is always the same, its coat, and its belly, in greys."""
    if facing == WEST:
        body, coat, belly = beast(EAST, frame, sort)
        return mirrored(body), mirrored(coat), mirrored(belly)
    canvas = Canvas(24, 24)
    if sort == "eared":
        _rabbit(canvas, facing, frame)
    elif facing == EAST:
        _beast_aside(canvas, frame, sort == "antlered")
    else:
        _beast_along(canvas, facing, frame, sort == "antlered")
    canvas.outline(EDGE)
    return _layers(canvas)


def _layers(canvas: Canvas) -> tuple[Canvas, Canvas, Canvas]:
    """Take apart what is dyed from what is not."""
    body, coat, belly = (Canvas(canvas.width, canvas.height) for _ in range(3))
    for y, row in enumerate(canvas.rows):
        for x, pixel in enumerate(row):
            if pixel[:3] in FUR and pixel[3]:
                tone = FUR.index(pixel[:3])
                (belly if tone == BELLY else coat).put(x, y, (FUR_GREYS[tone],) * 3)
            elif pixel[3]:
                body.put(x, y, pixel[:3])
    return body, coat, belly


def _fur(deer: bool, seed: int, dx: int, dy: int) -> Colour:
    light = 2 if dy < -70 else 1 if dy < 120 else BELLY if dy > 190 else 0
    if deer and dy < 0 and hashed(seed, dx, dy) % 9 == 0:
        return FUR[BELLY]
    return FUR[light]


def _rabbit(canvas: Canvas, facing: int, frame: int) -> None:
    """Low on its legs, and up in the air in both its steps."""
    up = (0, 3, 1)[frame]
    if facing == EAST:
        stretch = (0, 1, 2)[frame]
        canvas.box(6 - stretch, 21 - up // 2, 4, 1, FUR[0])
        canvas.box(13 + stretch, 21 - up, 3, 1, FUR[1])
        canvas.blob(20, 35 - 2 * up, 12, 9, lambda dx, dy: _fur(False, 0, dx, dy))
        canvas.box(2, 17 - up, 3, 3, FUR[BELLY])
        canvas.box(13, 6 - up, 2, 6, FUR[0])
        canvas.box(15, 5 - up, 2, 7, FUR[2])
        canvas.blob(32, 27 - 2 * up, 8, 7, lambda dx, dy: FUR[2 if dy < 60 else BELLY])
        canvas.put(17, 13 - up, EYE)
        canvas.put(19, 14 - up, LINE)
        return
    for x in (7, 14):
        canvas.box(x, 21 - up // 2, 3, 1, FUR[1])
    canvas.blob(23, 35 - 2 * up, 9, 9, lambda dx, dy: _fur(False, 0, dx, dy))
    for x in (8, 13):
        canvas.box(x, 5 - up, 3, 7, FUR[1])
        canvas.box(x + 1, 6 - up, 1, 5, FUR[0 if facing == NORTH else BELLY])
    canvas.blob(23, 28 - 2 * up, 8, 8, lambda dx, dy: FUR[1 if facing == NORTH else 2])
    if facing == NORTH:
        canvas.box(10, 18 - up, 4, 3, FUR[BELLY])
    else:
        canvas.put(9, 13 - up, EYE)
        canvas.put(14, 13 - up, EYE)
        canvas.box(10, 15 - up, 4, 2, FUR[BELLY])
        canvas.box(11, 15 - up, 2, 1, LINE)


def _beast_aside(canvas: Canvas, frame: int, deer: bool) -> None:
    foot = 22
    stride = ((0, 0), (2, -2), (-2, 2))[frame]
    high = 7 if deer else 6
    for k, (x, tone) in enumerate(((6, 0), (15, 0), (5, 1), (14, 1))):
        move = stride[k % 2] * (1 if k < 2 else -1)
        for step in range(high):
            canvas.put(x + move * step // high, foot - high + step, FUR[tone])
            canvas.put(x + 1 + move * step // high, foot - high + step, FUR[tone])
        canvas.box(x + move, foot - 1, 2, 1, LINE)
    canvas.blob(21, 27, 17, 9 if deer else 8, lambda dx, dy: _fur(deer, 201, dx, dy))
    if deer:
        for step in range(6):
            canvas.box(15 + step // 2, 12 - step, 3, 2, FUR[1 if step < 3 else 2])
        canvas.box(16, 5, 5, 3, FUR[2])
        canvas.box(20, 6, 2, 2, FUR[BELLY])
        canvas.put(22, 6, LINE)
        canvas.put(19, 5, EYE)
        canvas.box(14, 4, 2, 2, FUR[1])
        for dx, dy in ((16, 3), (15, 2), (15, 1), (17, 2), (18, 1), (18, 3), (19, 2)):
            canvas.put(dx, dy, HORN)
        canvas.box(2, 10, 2, 3, FUR[BELLY])
    else:
        canvas.box(15, 8, 4, 4, FUR[1])
        canvas.box(16, 7, 5, 4, FUR[2])
        canvas.box(20, 9, 3, 2, FUR[BELLY])
        canvas.put(23, 9, LINE)
        canvas.put(19, 8, (226, 190, 92))
        canvas.box(16, 5, 1, 2, FUR[0])
        canvas.box(18, 5, 1, 2, FUR[1])
        for step in range(5):
            canvas.box(3 - step * 2 // 3, 11 + step, 2, 2, FUR[1 if step < 3 else 3])


def _beast_along(canvas: Canvas, facing: int, frame: int, deer: bool) -> None:
    foot = 22
    for side, x in ((0, 8), (1, 14)):
        up = 2 if frame == side + 1 else 0
        canvas.box(x, 15, 2, 7 - up, FUR[1 - side])
        canvas.box(x, foot - 1 - up, 2, 1, LINE)
    canvas.blob(24, 28, 9, 12, lambda dx, dy: _fur(deer, 202, dx, dy))
    if facing == NORTH:
        canvas.box(9, 5, 6, 5, FUR[1])
        canvas.box(11, 16, 2, 4, FUR[BELLY])
    else:
        canvas.box(9, 7, 6, 6, FUR[2])
        canvas.box(10, 11, 4, 4, FUR[BELLY])
        canvas.box(11, 14, 2, 1, LINE)
        canvas.put(9, 9, EYE if deer else (226, 190, 92))
        canvas.put(14, 9, EYE if deer else (226, 190, 92))
    top = 4 if facing == NORTH else 6
    if deer:
        canvas.box(7, top + 1, 2, 2, FUR[1])
        canvas.box(15, top + 1, 2, 2, FUR[1])
        for side in (-1, 1):
            x = 11 if side < 0 else 12
            for dx, dy in ((1, 0), (2, -1), (3, -2), (3, -3), (1, -2), (4, -4)):
                canvas.put(x + side * dx, max(top + dy, 0), HORN)
    else:
        for x in (9, 13):
            canvas.box(x, top - 1, 2, 2, FUR[0])
            canvas.put(x, top - 2, FUR[1])


GOODS = ("wood", "berry", "stone", "grain", "meat", "hide", "bread", "arrow", "bow", "sword", "coat", "coin")


def pile(good: int) -> Canvas:
    """What was dropped, 16 x 14: a sack, and before it the one of GOODS it has most of."""
    canvas = Canvas(16, 14)
    canvas.blob(16, 15, 10, 10, lambda dx, dy: SACK[2 if dx + dy < -110 else 1 if dx < 110 else 0])
    canvas.box(6, 2, 4, 2, SACK[1])
    canvas.box(6, 4, 4, 1, SACK[0])
    wood, berry, stone, grain, meat, coin = (*range(5), len(GOODS) - 1)
    if good == wood:
        for y, tone in ((9, 150), (11, 176)):
            canvas.box(2, y, 11, 2, (tone, tone * 3 // 4, tone // 2))
            canvas.box(12, y, 2, 2, (218, 186, 140))
    elif good == berry:
        for x, y in ((4, 10), (7, 11), (10, 10), (6, 9), (9, 12)):
            canvas.box(x, y, 2, 2, (176, 74, 86))
            canvas.put(x, y, (222, 136, 132))
    elif good == stone:
        canvas.blob(12, 22, 6, 5, lambda dx, dy: (168, 166, 162) if dy < 0 else (124, 122, 122))
        canvas.blob(21, 23, 6, 4, lambda dx, dy: (150, 148, 146) if dy < 0 else (110, 108, 110))
    elif good == grain:
        for k in range(6):
            canvas.box(3 + k * 2, 8 + (k & 1), 1, 5, (204, 174, 100) if k & 1 else (228, 204, 132))
    elif good == meat:
        canvas.blob(15, 21, 9, 6, lambda dx, dy: (188, 96, 84) if dy > -60 else (220, 148, 128))
        canvas.box(11, 9, 3, 2, (238, 228, 208))
    elif good == coin:
        for x, y in ((4, 11), (7, 10), (10, 11), (8, 12)):
            canvas.box(x, y, 3, 2, (226, 184, 84))
            canvas.put(x, y, (252, 230, 150))
    else:
        things.before_sack(canvas, GOODS[good])
    canvas.outline(LINE)
    return canvas


def sheets() -> dict[str, Canvas]:
    """Every sheet by the name of its shape."""
    made: dict[str, Canvas] = {}
    for name, hat in (("biped", False), ("hatted", True)):
        _cut(made, (name, f"{name}_cloth"), 16, 22, lambda facing, frame, hat=hat: person(facing, frame, hat))
    for name in ("quadruped", "antlered", "eared"):
        names = (name, f"{name}_cloth", f"{name}_belly")
        _cut(made, names, 24, 24, lambda facing, frame, name=name: beast(facing, frame, name))
    piles = Canvas(16 * len(GOODS), 14)
    for good in range(len(GOODS)):
        piles.paste(pile(good), 16 * good, 0)
    made["pile"] = piles
    return made


def _cut(
    made: dict[str, Canvas],
    names: tuple[str, ...],
    wide: int,
    high: int,
    draw: Callable[[int, int], tuple[Canvas, ...]],
) -> None:
    """Make the sheets of these names, a layer each, of the pictures that `draw` makes by facing and frame."""
    made.update((name, Canvas(wide * FRAMES, high * 4)) for name in names)
    for facing in range(4):
        for frame in range(FRAMES):
            for name, layer in zip(names, draw(facing, frame), strict=True):
                made[name].paste(layer, frame * wide, facing * high)
