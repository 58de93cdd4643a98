"""Textures of the ground: 64 x 64 texels (four tiles a side) that repeat without a seam."""

from assets.canvas import Canvas, Colour, hashed, mixed, noise

SIDE = 64

GRASS: tuple[Colour, ...] = ((117, 147, 95), (121, 151, 98), (126, 155, 101), (131, 160, 105))
BLADE_DARK: Colour = (98, 128, 82)
BLADE_LIGHT: Colour = (153, 178, 120)
FLOWERS: tuple[Colour, ...] = ((226, 216, 170), (206, 166, 178), (178, 186, 216))
WATER: tuple[Colour, ...] = ((84, 130, 150), (89, 136, 155), (95, 142, 160))
DEEP: tuple[Colour, ...] = ((62, 104, 130), (66, 109, 134), (71, 115, 139))
SAND: tuple[Colour, ...] = ((188, 173, 134), (197, 183, 144), (205, 191, 153))
MUD: tuple[Colour, ...] = ((112, 93, 72), (121, 101, 78), (130, 110, 85))
PATH: tuple[Colour, ...] = ((164, 143, 108), (171, 150, 114), (178, 157, 120))
SOIL: tuple[Colour, ...] = ((119, 92, 68), (133, 104, 77), (147, 117, 87))
PLANK: tuple[Colour, ...] = ((160, 128, 92), (168, 136, 98), (176, 144, 105))
SEAM: Colour = (128, 99, 70)
STONE: tuple[Colour, ...] = ((146, 143, 138), (155, 152, 147), (164, 161, 155))
JOINT: Colour = (126, 123, 120)
FACE: tuple[Colour, ...] = ((103, 99, 99), (111, 107, 106), (119, 115, 113))
FACE_JOINT: Colour = (84, 81, 83)


def texture(name: str) -> Canvas:
    """The texture of this name; KeyError for another."""
    paint = _PAINTERS[name]
    canvas = Canvas(SIDE, SIDE)
    for y in range(SIDE):
        for x in range(SIDE):
            canvas.put(x, y, paint(x, y))
    if name == "grass":
        _tufts(canvas)
    return canvas


def _soft(seed: int, x: int, y: int) -> int:
    """0..255: large and small features together."""
    return (
        noise(seed, x, y, 32, SIDE) * 3 + noise(seed + 1, x, y, 16, SIDE) * 3 + noise(seed + 2, x, y, 8, SIDE) * 2
    ) // 8


def _toned(tones: tuple[Colour, ...], seed: int, x: int, y: int, rough: int) -> Colour:
    """A tone by soft noise, its borders broken up by single texels."""
    value = _soft(seed, x, y) + (hashed(seed, x, y) & 255) * rough // 256 - rough // 2
    step = (value - 88) * len(tones) // 80
    return tones[max(0, min(len(tones) - 1, step))]


def _grass(x: int, y: int) -> Colour:
    """Even, or the repetition would show; the window adds slow changes of its own."""
    value = (noise(12, x, y, 16, SIDE) + noise(13, x, y, 8, SIDE) + noise(14, x, y, 4, SIDE)) // 3
    value += (hashed(11, x, y) & 63) - 32
    return GRASS[0 if value < 96 else 1 if value < 128 else 2 if value < 160 else 3]


def _tufts(canvas: Canvas) -> None:
    """Blades of grass in small groups, here and there a flower."""
    for k in range(58):
        x, y = hashed(21, k) % SIDE, hashed(22, k) % SIDE
        light = hashed(23, k) & 1
        for dx, dy in ((0, 0), (0, -1), (2, 0), (2, -1), (1, 1))[: 3 + hashed(24, k) % 3]:
            canvas.put((x + dx) % SIDE, (y + dy) % SIDE, BLADE_LIGHT if light else BLADE_DARK)
    for k in range(9):
        x, y = hashed(31, k) % SIDE, hashed(32, k) % SIDE
        flower = FLOWERS[hashed(33, k) % len(FLOWERS)]
        canvas.put(x, y, flower)
        canvas.put((x + 1) % SIDE, y, mixed(flower, GRASS[1], 90))
        canvas.put(x, (y + 1) % SIDE, BLADE_DARK)


def _water(x: int, y: int) -> Colour:
    return _waves(WATER, x, y)


def _deep(x: int, y: int) -> Colour:
    return _waves(DEEP, x, y)


def _waves(tones: tuple[Colour, ...], x: int, y: int) -> Colour:
    """Long low ripples lying across."""
    value = noise(41, x, (y * 2) % SIDE, 16, SIDE) + noise(42, x, (y * 4) % SIDE, 32, SIDE)
    return tones[0 if value < 215 else 1 if value < 310 else 2]


def _sand(x: int, y: int) -> Colour:
    return _toned(SAND, 51, x, y, 60)


def _mud(x: int, y: int) -> Colour:
    wet = noise(62, x, y, 16, SIDE)
    colour = _toned(MUD, 61, x, y, 44)
    return mixed(colour, (96, 88, 80), 120) if wet > 178 else colour


def _path(x: int, y: int) -> Colour:
    """Trodden earth with pebbles."""
    colour = _toned(PATH, 65, x, y, 70)
    pebble = hashed(66, x // 2, y // 2) % 37
    if pebble < 2:
        return mixed(colour, (198, 188, 166) if (x + y) & 1 == 0 or y & 1 == 0 else (112, 98, 80), 150)
    return colour


def _soil(x: int, y: int) -> Colour:
    """Furrows, four to a tile."""
    line = (y + (noise(71, x, y, 16, SIDE) >> 7)) % 4
    tone = (0, 1, 2, 1)[line]
    return mixed(SOIL[tone], SOIL[0], hashed(72, x, y) % 70)


def _floor(x: int, y: int) -> Colour:
    """Planks across the tile, four to a tile, ends staggered."""
    plank = y // 4
    end = (x + hashed(81, plank) % 4 * 16) % 32 == 0
    if y % 4 == 3 or end:
        return SEAM
    tone = PLANK[hashed(82, plank, (x + hashed(81, plank) % 4 * 16) // 32) % 3]
    grain = noise(83, (x // 2) % SIDE, (y * 8) % SIDE, 8, SIDE)
    return mixed(tone, SEAM, 60) if grain > 190 else tone


def _stones(x: int, y: int, high: int, wide: int, tones: tuple[Colour, ...], joint: Colour, seed: int) -> Colour:
    course = y // high
    shifted = x + (course & 1) * (wide // 2)
    if y % high == high - 1 or shifted % wide == 0:
        return joint
    tone = tones[hashed(seed, course, shifted // wide % (SIDE // wide)) % len(tones)]
    if y % high == 0:
        return mixed(tone, (255, 255, 255), 22)
    return mixed(tone, joint, hashed(seed, x, y) % 60)


def _wall(x: int, y: int) -> Colour:
    return _stones(x, y, 8, 8, STONE, JOINT, 91)


def _face(x: int, y: int) -> Colour:
    return _stones(x, y, 4, 8, FACE, FACE_JOINT, 92)


def _ruffle(x: int, y: int) -> Colour:
    """Not seen itself: the grey by which borders between grounds waver."""
    value = (noise(95, x, y, 16, SIDE) + noise(96, x, y, 8, SIDE)) // 2
    return value, value, value


_PAINTERS = {
    "grass": _grass,
    "water": _water,
    "deep": _deep,
    "sand": _sand,
    "mud": _mud,
    "path": _path,
    "soil": _soil,
    "floor": _floor,
    "wall": _wall,
    "face": _face,
    "ruffle": _ruffle,
}
TEXTURES = tuple(_PAINTERS)
