"""Traits of an asset to words and a picture, in integers only: the same bytes on every machine, for ever.

Permanent: an asset's metadata and picture are archived once, and anyone may draw them again from its traits and
compare. Nothing here may change for a kind that has been minted; new forms need a new kind. Not here: who holds an
asset, and the data items its picture and metadata travel in.
"""

from typing import Any, Final, NamedTuple

from world.items import ASSET_KINDS, RARITIES, rarity
from world.png import png
from world.relics import ACCENTS, FORMS, MATERIALS, Accent, Form, Material

SIDE: Final = 32  # pixels
SCALE: Final = 10
TRAITS_MAX: Final = 2**63 - 1

MOTIFS: Final = ("plain", "dots", "waves", "lozenges", "teeth", "rings", "runes", "steps")
AGES: Final = ("aged", "old", "ancient", "immemorial")
_AGED: Final = ("", "Old ", "Ancient ", "Immemorial ")
_HEADS: Final = (
    "Hollow", "Alder", "Winter", "Mirror", "Raven", "Saffron", "Thistle", "Ember",
    "Moon", "Heron", "Briar", "Silver", "Morrow", "Quiet", "Wolf", "Harvest",
)  # fmt: skip
_TAILS: Final = (
    "mere", "ford", "wick", "holt", "fell", "water", "gate", "moor",
    "stead", "vale", "crag", "hythe", "barrow", "reach", "weald", "tarn",
)  # fmt: skip

# The colours of a picture by their place in its palette.
_SKY = 0  # four tones, dark to light
_GLOW = 4  # two tones
_BODY = 6  # five tones: outline, shade, middle, light, gleam
_GEM = 11  # three tones
_SPARK = 14
_PATINA = 15

_SKIES: Final = (
    ((26, 29, 38), (32, 36, 47), (39, 44, 56), (47, 53, 66)),
    ((19, 33, 38), (24, 42, 47), (30, 52, 57), (38, 63, 67)),
    ((24, 27, 48), (31, 35, 61), (39, 45, 76), (49, 57, 92)),
    ((38, 24, 40), (50, 31, 50), (64, 39, 59), (81, 49, 68)),
)
_GLOWS: Final = (
    ((52, 58, 71), (59, 66, 79)),
    ((49, 82, 82), (64, 103, 98)),
    ((66, 80, 128), (87, 109, 163)),
    ((140, 92, 70), (196, 146, 84)),
)
_SPARKS: Final = ((150, 158, 170), (170, 222, 198), (182, 212, 255), (255, 236, 170))
_BAYER: Final = (0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5)


class Traits(NamedTuple):
    """What the 63 bits and the kind say, as numbers; `named` gives the words."""

    kind: int
    rarity: int
    form: Form
    material: Material
    accent: Accent
    motif: int
    age: int
    place: str
    grain: int  # all bits, mixed: from which speckles and sparks follow


def read_traits(traits: int, kind: int) -> Traits:
    """Take the bits apart: 0..7 form, 8..15 material, 16..23 accent, 24..27 motif, 28..30 age, 32..39 place, 55..62
    rarity. ValueError for traits beyond 63 bits or a kind that does not exist."""
    if not 0 <= traits <= TRAITS_MAX or not 1 <= kind < len(ASSET_KINDS):
        raise ValueError(f"traits {traits:#x} of kind {kind}: expected up to 63 bits and 1 to {len(ASSET_KINDS) - 1}")
    rare = rarity(traits)
    forms = [form for form in FORMS if form.kind == kind]
    materials = [material for material in MATERIALS if material.lowest <= rare <= material.highest]
    return Traits(
        kind=kind,
        rarity=rare,
        form=forms[(traits & 0xFF) % len(forms)],
        material=materials[(traits >> 8 & 0xFF) % len(materials)],
        accent=ACCENTS[(traits >> 16 & 0xFF) % len(ACCENTS)],
        motif=(traits >> 24 & 0xF) % len(MOTIFS),
        age=(traits >> 28 & 7) * len(AGES) // 8,
        place=_HEADS[traits >> 32 & 15] + _TAILS[traits >> 36 & 15],
        grain=_mixed(traits ^ kind << 56),
    )


def named(traits: int, kind: int) -> dict[str, str]:
    """The traits in words: kind, rarity, form, material, colour, motif, age, place, name."""
    read = read_traits(traits, kind)
    name = f"{_AGED[read.age]}{read.material.name.capitalize()} {read.form.name.capitalize()} of {read.place}"
    return {
        "kind": ASSET_KINDS[kind],
        "rarity": RARITIES[read.rarity],
        "form": read.form.name,
        "material": read.material.name,
        "colour": read.accent.name,
        "motif": MOTIFS[read.motif],
        "age": AGES[read.age],
        "place": read.place,
        "name": name,
    }


def erc721(asset: int, traits: int, kind: int, image: str, world: str = "") -> dict[str, Any]:
    """The asset's metadata as ERC-721 has it, with `attributes` as marketplaces read them.

    `image` is the URI of its picture, `world` the id of the world that minted it.
    """
    words = named(traits, kind)
    sentence = (
        f"An {words['age']} {words['form']} of {words['material']} and {words['colour']}, "
        f"{'undecorated' if words['motif'] == 'plain' else 'worked with ' + words['motif']}. "
        f"{words['rarity'].capitalize()} {words['kind']} of the Everloom world{' ' + world if world else ''}."
    )
    order = ("kind", "rarity", "form", "material", "colour", "motif", "age", "place")
    attributes = [{"trait_type": key.capitalize(), "value": words[key]} for key in order]
    attributes.append({"trait_type": "Asset", "value": f"{asset:016x}"})
    return {"name": words["name"], "description": sentence, "image": image, "attributes": attributes}


def picture_png(traits: int, kind: int) -> bytes:
    """The asset's picture as a PNG file of 320 x 320."""
    pixels, palette = picture(traits, kind)
    return png(pixels, palette, SCALE)


def picture(traits: int, kind: int) -> tuple[list[list[int]], list[tuple[int, int, int]]]:
    """The asset's picture: SIDE rows of SIDE palette indices, and the palette of 16 colours."""
    read = read_traits(traits, kind)
    pixels = _background(read)
    _draw_body(pixels, read)
    _draw_gems(pixels, read)
    _draw_sparks(pixels, read)
    rare = read.rarity
    palette = [
        *_SKIES[rare], *_GLOWS[rare], *read.material.tones, *read.accent.tones, _SPARKS[rare], read.material.patina,
    ]  # fmt: skip
    return pixels, palette


def _mixed(value: int) -> int:
    """SplitMix64's finisher: 64 bits from which neighbouring values look unrelated."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & 2**64 - 1
    value = (value ^ value >> 27) * 0x94D049BB133111EB & 2**64 - 1
    return value ^ value >> 31


def _background(read: Traits) -> list[list[int]]:
    """A dark room lit from behind the relic, the more the rarer; legends have rays."""
    pixels = []
    for y in range(SIDE):
        row = []
        for x in range(SIDE):
            dx, dy = 2 * x - 31, 2 * y - 31
            far = dx * dx + dy * dy + 14 * _BAYER[(y & 3) * 4 + (x & 3)]
            tone = _SKY + 3 - min(far // 360, 3)
            if read.rarity >= 1 and far < 250 + 130 * read.rarity:
                tone = _GLOW + (read.rarity >= 2 and far < 300)
            if read.rarity == 3 and far >= 400 and (abs(dx) == abs(dy) or abs(dx * dy) < 40 or 2 * abs(dx) == abs(dy)):
                tone = _GLOW + (far < 700)
            row.append(tone)
        pixels.append(row)
    return pixels


def _inside(form: Form, x: int, y: int) -> bool:
    if not 0 <= y < SIDE or not 0 <= x < SIDE:
        return False
    off = 15 - x if x < 16 else x - 16  # columns from the axis, the same on both sides
    return form.inner[y] <= off < form.outer[y]


def _draw_body(pixels: list[list[int]], read: Traits) -> None:
    form = read.form
    for y in range(SIDE):
        for x in range(SIDE):
            if not _inside(form, x, y):
                continue
            edge = not all(_inside(form, x + dx, y + dy) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)))
            pixels[y][x] = _BODY if edge else _BODY + _shade(read, x, y)
    for y in range(SIDE):
        for x in range(SIDE):
            if _BODY < pixels[y][x] < _GEM:
                pixels[y][x] = _worn(read, x, y, _ornament(read, x, y, pixels[y][x]))


def _shade(read: Traits, x: int, y: int) -> int:
    """1..4: the light comes from the upper left, on a body turned around its axis."""
    wide = max(read.form.outer[y], 1)
    lit = 128 - (2 * x - 31 + wide) * 90 // wide + (15 - y) * 2
    lit += (_BAYER[(y & 3) * 4 + (x & 3)] - 8) * 3
    return 4 if lit > 168 else 3 if lit > 98 else 2 if lit > 12 else 1


def _ornament(read: Traits, x: int, y: int, tone: int) -> int:
    """The motif, in the form's bands, in gem colour; dark where the body is in shade."""
    top, bottom = read.form.band
    if not top <= y <= bottom or read.motif == 0:
        return tone
    off = 15 - x if x < 16 else x - 16
    line = y - top
    on = (
        False,
        off % 3 == 1 and line % 3 == 1,
        line % 4 == (0, 1, 2, 1)[off % 4],
        (off + line) % 4 == 0 or (off - line) % 4 == 0,
        line % 4 >= (off * 2 % 4),
        line % 3 == 0,
        read.grain >> ((off * 7 + line * 5) % 61) & 1 == 1 and line % 2 == 0,
        (off // 2 + line // 2) % 2 == 0,
    )[read.motif]
    if not on:
        return tone
    return _GEM + (0 if tone <= _BODY + 1 else 1)


def _worn(read: Traits, x: int, y: int, tone: int) -> int:
    """Patina: speckles, more the older."""
    speck = _mixed(read.grain + y * SIDE + min(x, SIDE - 1 - x) * 4099) & 63
    return _PATINA if speck < (0, 2, 5, 9)[read.age] else tone


def _draw_gems(pixels: list[list[int]], read: Traits) -> None:
    for gem_y, off, radius in read.form.gems:
        for centre in {15 - off, 16 + off}:
            for y in range(gem_y - radius, gem_y + radius + 1):
                for x in range(centre - radius, centre + radius + 1):
                    away = abs(x - centre) + abs(y - gem_y)
                    if away > radius or not (0 <= x < SIDE and 0 <= y < SIDE):
                        continue
                    lit = (x - centre) + (y - gem_y)
                    tone = _GEM + (2 if lit < 0 else 1 if lit == 0 else 0)
                    pixels[y][x] = _GEM + 2 if radius == 0 else tone


def _draw_sparks(pixels: list[list[int]], read: Traits) -> None:
    """Sparks in the air around rare things, mirrored; a cross for the brightest."""
    count = (0, 2, 3, 5)[read.rarity]
    for k in range(count):
        draw = _mixed(read.grain ^ k * 0x9E3779B97F4A7C15)
        x, y = 2 + draw % 11, 2 + (draw >> 16) % 26
        cross = read.rarity >= 2 and k % 2 == 0
        spots = [(x, y)] + ([(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)] if cross else [])
        if any(pixels[spot_y][spot_x] >= _BODY for spot_x, spot_y in spots):
            continue
        for spot_x, spot_y in spots:
            tone = _SPARK if (spot_x, spot_y) == (x, y) else _GLOW + 1
            pixels[spot_y][spot_x] = pixels[spot_y][SIDE - 1 - spot_x] = tone
