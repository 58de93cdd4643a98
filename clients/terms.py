"""What an offer of trade says, out of the text of its event."""

from typing import Final

NUMBERS: Final = 8
"""Of the maker's side, then of the other's: coins, 1 + the item, how many of it, an asset; each 0: none."""


def numbers(text: str, count: int = NUMBERS) -> tuple[int, ...]:
    """So many whole numbers from an event's text; zeros for any other text."""
    parts = text.split(" ")
    fits = len(parts) == count and all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts)
    return tuple(int(part) for part in parts) if fits else (0,) * count
