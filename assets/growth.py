"""What stands on the ground: trees, bushes, rocks, ears of grain: strips of variants, the foot at the bottom middle."""

from collections.abc import Callable

from assets.canvas import Canvas, Colour, hashed, mixed, strip

LEAVES: tuple[tuple[Colour, ...], ...] = (
    ((57, 88, 66), (74, 108, 74), (93, 129, 84), (117, 151, 96), (143, 172, 112)),
    ((64, 92, 58), (84, 114, 66), (106, 137, 77), (131, 159, 92), (158, 181, 110)),
    ((52, 84, 74), (66, 103, 84), (84, 124, 95), (108, 147, 108), (136, 169, 124)),
)
NEEDLES: tuple[Colour, ...] = ((40, 70, 64), (51, 86, 74), (65, 103, 84), (84, 122, 96), (108, 143, 112))
BARK: tuple[Colour, ...] = ((74, 57, 47), (97, 76, 60), (122, 97, 75))
ROCK: tuple[Colour, ...] = ((92, 92, 96), (117, 117, 119), (141, 140, 139), (166, 164, 160), (190, 187, 180))
BERRIES: tuple[Colour, ...] = ((176, 74, 86), (206, 104, 106))
EARS: tuple[Colour, ...] = ((156, 128, 66), (188, 158, 84), (214, 187, 108), (232, 210, 138))
STALK: Colour = (136, 134, 78)


def _lit(tones: tuple[Colour, ...], seed: int) -> Callable[[int, int], Colour | None]:
    """Tones of a round thing lit from the upper left, its borders ragged."""

    def colour_at(dx: int, dy: int) -> Colour | None:
        far = dx * dx + dy * dy
        rough = hashed(seed, dx, dy) % 64
        if far > 56000 and rough > 36:
            return None
        light = 128 - (dx * 5 + dy * 8) // 16 + rough - 32
        return tones[max(0, min(len(tones) - 1, light * len(tones) // 270))]

    return colour_at


def tree(variant: int) -> Canvas:
    """A broadleaf of 24 x 34."""
    canvas = Canvas(24, 34)
    tones = LEAVES[variant % len(LEAVES)]
    for y in range(22, 33):
        wide = 3 if y < 31 else 4
        for x in range(12 - wide // 2 - (y >= 31), 12 + (wide + 1) // 2 + (y >= 31)):
            canvas.put(x, y, BARK[0 if x < 11 else 2 if x > 12 else 1])
    clumps = [(24, 34, 20, 18), (14, 38, 13, 12), (34, 38, 13, 12), (20, 20, 16, 15), (30, 24, 14, 13)]
    for k, (x, y, wide, high) in enumerate(clumps):
        shift = hashed(101, variant, k) % 5 - 2
        canvas.blob(x + shift, y + hashed(102, variant, k) % 3, wide, high, _lit(tones, 103 + variant * 7 + k))
    canvas.outline(mixed(tones[0], (30, 44, 44), 130))
    return canvas


def pine(variant: int) -> Canvas:
    """A conifer of 24 x 34, in skirts."""
    canvas = Canvas(24, 34)
    for y in range(28, 33):
        for x in range(11, 14):
            canvas.put(x, y, BARK[(x - 11)])
    for skirt in range(4):
        top, rows = 1 + skirt * 6, 10
        for row in range(rows):
            y = top + row
            half = row * (3 + skirt) // 5 + 1 + (hashed(111, variant, skirt, row) & 1)
            for x in range(12 - half, 12 + half):
                side = x - 12
                light = 2 - side * 2 // max(half, 1) - (1 if row > rows - 3 else 0) + (row < 3)
                light += (hashed(112, x, y, variant) % 5 == 0) - (hashed(113, x, y, variant) % 5 == 0)
                canvas.put(x, min(y, 30), NEEDLES[max(0, min(4, light))])
    canvas.outline((30, 52, 52))
    return canvas


def bush(variant: int) -> Canvas:
    """A berry bush of 18 x 15."""
    canvas = Canvas(18, 15)
    tones = LEAVES[(variant + 1) % len(LEAVES)]
    for k, (x, y, wide, high) in enumerate([(11, 19, 9, 8), (25, 19, 9, 8), (18, 14, 13, 11), (18, 21, 13, 7)]):
        canvas.blob(x, y, wide, high, _lit(tones, 121 + variant * 5 + k))
    for k in range(6):
        x, y = 4 + hashed(122, variant, k) % 10, 4 + hashed(123, variant, k) % 8
        if canvas.at(x, y)[3]:
            canvas.put(x, y, BERRIES[0])
            canvas.put(x, y - 1, BERRIES[1])
    canvas.outline(mixed(tones[0], (30, 44, 44), 130))
    return canvas


def rock(variant: int) -> Canvas:
    """A boulder of 18 x 16 with moss."""
    canvas = Canvas(18, 16)
    shapes = ([(18, 18, 15, 12)], [(13, 20, 10, 9), (24, 17, 11, 12)], [(19, 16, 13, 14), (11, 22, 8, 7)])
    for k, (x, y, wide, high) in enumerate(shapes[variant % 3]):

        def facet(dx: int, dy: int, k: int = k) -> Colour:
            plane = 3 if dy < -90 else 2 if dx * 2 + dy < -60 else 1 if dx < 120 else 0
            plane += (dy < -170 and dx < 60) - (dy > 150)
            return mixed(ROCK[max(0, min(4, plane))], ROCK[1], hashed(131 + k, dx, dy) % 60)

        canvas.blob(x, y, wide, high, facet)
    for y in range(16):
        for x in range(18):
            if canvas.at(x, y)[3] and not canvas.at(x, y - 2)[3] and hashed(132, x, y, variant) % 3 == 0:
                canvas.put(x, y, (126, 140, 98))
    canvas.outline((70, 70, 78))
    return canvas


def grain(variant: int) -> Canvas:
    """Ripe grain of 18 x 20, which stands in front of who walks in it."""
    canvas = Canvas(18, 20)
    for k in range(13):
        x = 1 + k * 16 // 12 + (hashed(141, variant, k) & 1)
        foot = 19 - hashed(142, variant, k) % 5
        top = foot - 9 - hashed(143, variant, k) % 4
        lean = hashed(144, variant, k) % 3 - 1
        for y in range(top + 3, foot + 1):
            canvas.put(x, y, mixed(STALK, EARS[0], hashed(145, k, y) % 160))
        for y in range(top, top + 4):
            canvas.put(x + (lean if y < top + 2 else 0), y, EARS[3 - (y - top) // 2 - (k & 1)])
    return canvas


def strips() -> dict[str, Canvas]:
    """Every strip by name."""
    return {
        "tree": strip([tree(0), tree(1), tree(2), pine(0), pine(1)]),
        "bush": strip([bush(k) for k in range(3)]),
        "rock": strip([rock(k) for k in range(3)]),
        "grain": strip([grain(k) for k in range(3)]),
    }
