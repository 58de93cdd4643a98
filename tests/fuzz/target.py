"""What a fuzz target is: one decoder that meets strangers' bytes, and what it may do with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

SMALL = 1 << 20
"""Memory a decoder may use beside its input and what it is permitted to give: caches, exceptions, numpy's blocks."""

Shape = Literal["bytes", "msgpack", "json", "text"]


@dataclass(frozen=True)
class Plant:
    """A bug for the harness to find: in `module`, `line` becomes `bug`, which must raise IndexError somewhere."""

    module: str
    line: str
    bug: str


@dataclass(frozen=True)
class Target:
    """One decoder. `run` gives it any bytes and may raise nothing but `errors`, the ones its docstring names.

    `covers` are the functions whose lines are counted, by module. `permitted` is how many bytes the result may take for
    an input of so many: by a limit that the decoder keeps, or as Python's objects. `jit=False` runs
    numba's kernels as plain Python: then they are instrumented, and reading past an array raises.
    """

    name: str
    run: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]
    covers: Mapping[str, tuple[str, ...]]
    permitted: Callable[[int], int]
    shape: Shape = "bytes"
    longest: int = 8192
    jit: bool = True
    words: tuple[bytes, ...] = ()
    plants: tuple[Plant, ...] = field(default=())


def objects(size: int) -> int:
    """What bytes of MessagePack or JSON may become: an array of four bytes is a tuple of 72, a map of two one of 64."""
    return 40 * size


def nothing(size: int) -> int:
    """The result is no larger than the input."""
    return size


def at_most(limit: int) -> Callable[[int], int]:
    """Compressed: whatever the input's size, up to the decoder's own limit."""
    return lambda size: limit
