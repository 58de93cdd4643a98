"""What a relic may be, as data: forms, materials, colours. Permanent once minted (see `world.portrait`)."""

from typing import Final, NamedTuple

from world.items import FIND, MASTERPIECE, PROP, SKIN

Colour = tuple[int, int, int]


class Form(NamedTuple):
    """A silhouette, the same left and right of its axis.

    Per row of 32 pixels `outer` is how far it reaches from the axis and `inner` how far it is hollow; the motif runs
    from row `band[0]` to `band[1]`; a gem is (row, distance from the axis, radius).
    """

    kind: int
    name: str
    outer: tuple[int, ...]
    inner: tuple[int, ...]
    band: tuple[int, int]
    gems: tuple[tuple[int, int, int], ...]


class Material(NamedTuple):
    """Five tones from outline to gleam, what it wears to, and between which rarities it occurs."""

    name: str
    lowest: int
    highest: int
    tones: tuple[Colour, ...]
    patina: Colour


class Accent(NamedTuple):
    """The colour of gems and motifs: three tones."""

    name: str
    tones: tuple[Colour, ...]


_ROWS: Final = 32
_DIGITS: Final = "0123456789abcdefg"


def _form(
    kind: int, name: str, top: int, outer: str, inner: str, band: tuple[int, int], *gems: tuple[int, int, int]
) -> Form:
    """`outer` and `inner` have a digit (0 to g = 16) per row, from row `top` on."""
    wide, hollow = (
        (0,) * top + tuple(_DIGITS.index(digit) for digit in digits) + (0,) * (_ROWS - top - len(digits))
        for digits in (outer, inner)
    )
    if len(wide) != _ROWS or len(hollow) != _ROWS:
        raise ValueError(f"{name} reaches {top + len(outer)} and {top + len(inner)} rows down, at most {_ROWS}")
    return Form(kind, name, wide, hollow, band, gems)


FORMS: Final = (
    _form(FIND, "urn", 2, "4543345789aabbbbbaa9987654456", "", (12, 17), (10, 0, 1)),
    _form(FIND, "chalice", 3, "9aaaaa998764322232222357888", "", (6, 9), (18, 0, 1)),
    _form(FIND, "amulet", 2, "24566666554324689aaaaaa9864", "01355555443200", (16, 27), (21, 0, 3)),
    _form(FIND, "ring", 5, "23443579aabbbbbbbaa9875", "00000004678888888764", (11, 27), (6, 0, 3)),
    _form(FIND, "mask", 3, "689aabbbbbbbbaaa999887654", "", (20, 24), (12, 5, 2), (6, 0, 1)),
    _form(FIND, "idol", 3, "45554346899988777788876789aa", "", (17, 21), (5, 2, 0), (13, 0, 1)),
    _form(FIND, "diadem", 7, "1223345679bccccccbb", "000000000000368999a", (16, 22), (15, 0, 2), (17, 7, 1), (9, 0, 0)),
    _form(FIND, "tablet", 3, "79aaaaaaaaaaaaaaaaaaaaaaa97", "", (8, 26), (5, 0, 1)),
    _form(FIND, "key", 2, "3567776532232222222222554255", "002444200", (11, 13), (12, 0, 1)),
    _form(FIND, "bell", 3, "2323567778888999aaabcddd22", "010", (18, 20), (11, 0, 1)),
    _form(MASTERPIECE, "sword", 2, "1122222222222222239a92222343", "", (22, 25), (20, 0, 1)),
    _form(MASTERPIECE, "torc", 4, "9aa9988899aaaaa99876543", "677665556677652", (20, 24), (22, 0, 1)),
    _form(MASTERPIECE, "shield", 3, "cdddddddddccccbbbaa98765432", "", (6, 9), (16, 0, 3)),
    _form(SKIN, "cloak", 3, "3566656899aaabbbbccccddddd", "00233200000000000000011111", (24, 27), (10, 0, 1)),
    _form(SKIN, "helm", 4, "1125789aaaaaaaaaaa999888", "000000000000000001222222", (8, 11), (15, 4, 1)),
    _form(SKIN, "gown", 3, "568998765555667788999aaabb", "22100", (22, 26), (12, 0, 1)),
    _form(PROP, "lantern", 2, "2322357896666666666667898", "0100", (23, 24), (17, 0, 3)),
    _form(PROP, "obelisk", 2, "1234445555556666666777779bbb", "", (10, 22), (7, 0, 1)),
    _form(PROP, "banner", 2, "deed9999999999999999999999998", "0000000000000000000000000135", (8, 20), (14, 0, 2)),
)

MATERIALS: Final = (
    Material(
        "clay", 0, 0, ((62, 33, 27), (118, 66, 48), (164, 97, 68), (196, 131, 94), (226, 172, 130)), (132, 112, 88)
    ),
    Material(
        "driftwood", 0, 0, ((48, 40, 36), (88, 74, 64), (124, 107, 92), (158, 141, 121), (196, 182, 160)), (84, 98, 78)
    ),
    Material(
        "slate", 0, 1, ((33, 38, 46), (62, 71, 83), (90, 101, 115), (122, 134, 147), (166, 178, 188)), (92, 110, 92)
    ),
    Material(
        "bone", 0, 1, ((82, 70, 58), (146, 130, 106), (194, 180, 150), (222, 212, 184), (244, 240, 222)), (150, 128, 92)
    ),
    Material(
        "copper", 0, 1, ((60, 32, 26), (122, 62, 42), (174, 95, 60), (210, 134, 88), (242, 184, 136)), (84, 150, 130)
    ),
    Material(
        "bronze", 1, 2, ((54, 40, 22), (104, 78, 38), (150, 116, 58), (190, 154, 84), (230, 204, 136)), (92, 142, 116)
    ),
    Material(
        "silver", 1, 2, ((52, 56, 66), (102, 108, 122), (152, 160, 174), (196, 204, 214), (240, 244, 248)), (84, 86, 96)
    ),
    Material(
        "jade", 1, 3, ((18, 52, 44), (36, 96, 76), (62, 140, 106), (102, 180, 138), (168, 222, 184)), (48, 84, 66)
    ),
    Material(
        "gold", 2, 3, ((84, 52, 16), (150, 98, 26), (208, 150, 44), (240, 194, 78), (255, 234, 150)), (170, 118, 50)
    ),
    Material(
        "amber", 2, 3, ((80, 34, 12), (146, 68, 16), (204, 112, 26), (238, 158, 54), (255, 214, 124)), (120, 52, 20)
    ),
    Material(
        "obsidian", 2, 3, ((12, 12, 20), (32, 32, 48), (54, 54, 76), (86, 86, 114), (158, 160, 194)), (70, 60, 84)
    ),
    Material(
        "moonglass",
        3,
        3,
        ((38, 56, 84), (74, 110, 146), (118, 164, 194), (170, 212, 226), (234, 252, 255)),
        (92, 130, 170),
    ),
)

ACCENTS: Final = (
    Accent("garnet", ((92, 18, 34), (160, 36, 52), (226, 96, 96))),
    Accent("sapphire", ((24, 42, 108), (48, 84, 174), (120, 164, 236))),
    Accent("emerald", ((14, 74, 52), (32, 130, 84), (108, 204, 140))),
    Accent("topaz", ((126, 72, 16), (204, 134, 36), (252, 208, 108))),
    Accent("amethyst", ((62, 32, 96), (116, 66, 158), (188, 144, 222))),
    Accent("pearl", ((132, 124, 132), (192, 186, 190), (246, 242, 240))),
    Accent("coral", ((140, 50, 44), (216, 98, 80), (250, 166, 138))),
    Accent("turquoise", ((16, 84, 96), (40, 148, 156), (130, 216, 208))),
)
