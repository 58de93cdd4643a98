"""Where the window looks: between tiles of the world and pixels of the window."""

from dataclasses import dataclass

from clients.draw.pictures import TEXELS


@dataclass
class Camera:
    """Looks at (x, y), in tiles, in the middle of a window of `width` x `height` pixels, `zoom` pixels a texel."""

    x: float
    y: float
    width: int
    height: int
    zoom: int = 2

    @property
    def tile(self) -> int:
        """Pixels a tile."""
        return TEXELS * self.zoom

    @property
    def left(self) -> int:
        """The window's left edge in pixels from the world's: whole, so that nothing shimmers."""
        return round(self.x * self.tile) - self.width // 2

    @property
    def top(self) -> int:
        return round(self.y * self.tile) - self.height // 2

    def on_screen(self, x: float, y: float) -> tuple[int, int]:
        """The pixel of a place."""
        return round(x * self.tile) - self.left, round(y * self.tile) - self.top

    def tile_at(self, x: int, y: int) -> tuple[int, int]:
        """The tile under a pixel."""
        return (x + self.left) // self.tile, (y + self.top) // self.tile

    def tiles_seen(self, margin: int) -> tuple[int, int, int, int]:
        """The tiles in the window and `margin` more each way: x0, y0, x1, y1, half open; some may be off the world."""
        x0, y0 = self.tile_at(0, 0)
        x1, y1 = self.tile_at(self.width - 1, self.height - 1)
        return x0 - margin, y0 - margin, x1 + 1 + margin, y1 + 1 + margin
