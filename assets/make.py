"""Makes the pictures of this folder: `python -m assets.make`. Integers only, so everyone makes the same ones."""

from pathlib import Path

from assets import bodies, gear, grounds, growth, things
from assets.canvas import Canvas

FOLDER = Path(__file__).parent / "pictures"


def pictures() -> dict[str, Canvas]:
    """Every picture by the name of its file, without the ending."""
    made = {name: grounds.texture(name) for name in grounds.TEXTURES}
    return made | growth.strips() | things.strips() | bodies.sheets() | gear.sheets()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures().items():
        picture.save(FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
