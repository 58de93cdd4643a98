"""Things that are made: what lies before a sack when it was dropped, crates, doors, arrows and stones in flight."""

from assets.canvas import Canvas, Colour, mixed, strip

LINE: Colour = (38, 34, 40)
PLANK: tuple[Colour, ...] = ((92, 68, 48), (126, 94, 64), (158, 122, 84), (186, 150, 108))
IRON: tuple[Colour, ...] = ((74, 78, 88), (122, 128, 138), (176, 182, 190), (226, 230, 234))
LEATHER: tuple[Colour, ...] = ((104, 74, 52), (142, 104, 72), (176, 136, 98))
CRUST: tuple[Colour, ...] = ((150, 102, 54), (192, 142, 80), (226, 186, 122))


def before_sack(canvas: Canvas, name: str) -> None:
    """Paint a made good onto a sack's picture of 16 x 14."""
    if name == "hide":
        canvas.blob(15, 21, 12, 6, lambda dx, dy: LEATHER[2 if dy < -70 else 1 if dx < 120 else 0])
        canvas.box(4, 9, 2, 2, LEATHER[0])
        canvas.box(10, 9, 2, 2, LEATHER[0])
    elif name == "bread":
        canvas.blob(16, 21, 11, 6, lambda dx, dy: CRUST[2 if dy < -60 else 1 if dy < 90 else 0])
        for x in (5, 8, 11):
            canvas.box(x, 9, 1, 2, CRUST[0])
    elif name == "arrow":
        for k, y in enumerate((8, 10, 12)):
            canvas.box(2 + k, y, 10, 1, PLANK[3])
            canvas.box(12 + k, y, 2, 1, IRON[2])
            canvas.box(1 + k, y - 1, 2, 3, (220, 214, 204))
    elif name == "bow":
        for x, y in ((3, 12), (4, 10), (5, 9), (7, 8), (9, 8), (11, 9), (12, 10), (13, 12)):
            canvas.box(x, y, 2, 2, PLANK[2])
        canvas.box(4, 13, 10, 1, (230, 226, 214))
    elif name == "sword":
        canvas.box(5, 10, 10, 2, IRON[2])
        canvas.box(5, 10, 10, 1, IRON[3])
        canvas.box(4, 8, 1, 6, (190, 148, 74))
        canvas.box(1, 10, 3, 2, LEATHER[0])
    elif name == "coat":
        canvas.box(4, 8, 8, 6, LEATHER[1])
        canvas.box(2, 8, 2, 4, LEATHER[0])
        canvas.box(12, 8, 2, 4, LEATHER[0])
        canvas.box(7, 8, 2, 6, LEATHER[2])


def crate(hurt: bool) -> Canvas:
    """A box of planks, 18 x 18."""
    canvas = Canvas(18, 18)
    canvas.box(1, 4, 16, 13, PLANK[1])
    canvas.box(1, 1, 16, 4, PLANK[3])
    for y in (4, 8, 12):
        canvas.box(1, y, 16, 1, PLANK[0])
    canvas.box(1, 4, 2, 13, PLANK[2])
    canvas.box(15, 4, 2, 13, PLANK[0])
    for k in range(11):
        canvas.box(3 + k, 5 + k, 2, 1, PLANK[2])
    if hurt:
        for x, y in ((5, 6), (6, 7), (6, 8), (7, 9), (11, 11), (10, 12), (11, 13)):
            canvas.put(x, y, LINE)
    canvas.outline(LINE)
    return canvas


def door(is_open: bool) -> Canvas:
    """A door in its frame, 18 x 24: a leaf of planks with a ring, or the frame alone and the leaf turned in."""
    canvas = Canvas(18, 24)
    canvas.box(1, 1, 16, 3, PLANK[0])
    canvas.box(1, 1, 2, 22, PLANK[0])
    canvas.box(15, 1, 2, 22, PLANK[0])
    if is_open:
        canvas.box(3, 4, 3, 18, PLANK[1])
        canvas.box(3, 4, 1, 18, PLANK[2])
    else:
        for k in range(4):
            canvas.box(3 + 3 * k, 4, 3, 19, PLANK[2 if k & 1 else 1])
            canvas.box(5 + 3 * k, 4, 1, 19, PLANK[0])
        for y in (7, 18):
            canvas.box(3, y, 12, 1, IRON[0])
        canvas.box(12, 13, 2, 2, IRON[2])
    canvas.outline(mixed(PLANK[0], LINE, 160))
    return canvas


def missile(stone: bool) -> Canvas:
    """An arrow that flies east, or a stone: 16 x 8."""
    canvas = Canvas(16, 8)
    if stone:
        canvas.blob(16, 8, 5, 5, lambda dx, dy: IRON[2] if dx + dy < 0 else IRON[0])
    else:
        canvas.box(2, 4, 11, 1, PLANK[3])
        canvas.box(12, 3, 3, 3, IRON[2])
        canvas.put(15, 4, IRON[3])
        canvas.box(1, 3, 3, 3, (226, 222, 212))
    canvas.outline(LINE)
    return canvas


def strips() -> dict[str, Canvas]:
    """Every strip by name."""
    return {
        "crate": strip([crate(False), crate(True)]),
        "door": strip([door(False), door(True)]),
        "missile": strip([missile(False), missile(True)]),
    }
