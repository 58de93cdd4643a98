"""A world maker's species and how they look: the `.toml` and `.look` files of a folder, read as `world.species_text`
and `clients.look_files` say."""

from collections.abc import Sequence
from pathlib import Path

from clients.look_files import own_looks
from regions.looks import Look
from world.species import SpeciesError, species_table
from world.species_text import FILE_CHARACTERS_MAX, FILES_MAX
from world.state import Int64s


def read_folder(folder: Path) -> Int64s:
    """The table of the built-in species and of the files in a folder. Raises SpeciesError."""
    paths = sorted(folder.glob("*.toml"))
    if not folder.is_dir() or not paths:
        raise SpeciesError(str(folder), 1, "folder", "has no species file", "a folder with files that end in .toml")
    return species_table(_texts(paths))


def read_looks(folder: Path, table: Int64s) -> tuple[Look, ...]:
    """How the species of a table look, as far as it is not as the program's own do: the files in a folder that end in
    .look, named after the species. Raises SpeciesError."""
    return own_looks(table, _texts(sorted(folder.glob("*.look"))))


def _texts(paths: Sequence[Path]) -> list[tuple[str, str]]:
    texts = []
    for path in paths[: FILES_MAX + 1]:
        with path.open("rb") as file:
            raw = file.read(4 * FILE_CHARACTERS_MAX + 1)
        try:
            texts.append((path.name, raw.decode("utf-8")))
        except UnicodeDecodeError:
            raise SpeciesError(path.name, 1, "file", "is no UTF-8 text", "a text file") from None
    return texts
