"""Options that several commands of `everloom` take, and how their texts are read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regions.shell.remote import Remote

DEFAULT_URL = "ws://127.0.0.1:7777"
DEFAULT_WORLD = Path("worlds/default")
DEFAULT_STORE = str(DEFAULT_WORLD / "store")
ANY_ID = {"ignore_unknown_options": True}  # an id may begin with a hyphen

World = Annotated[Path, typer.Option("--world", help="The world's directory.")]
From = Annotated[Path, typer.Option("--from", help="A store: the folder `store` of a world, or a copy of it.")]
FromAny = Annotated[
    str,
    typer.Option("--from", help="A store: the folder `store` of a world, a copy of it, or an Arweave gateway's URL."),
]
Payer = Annotated[Path | None, typer.Option(help="Who pays at a gateway: an Arweave wallet's key file.")]
Bundler = Annotated[str | None, typer.Option(help="Hand bundles to this upload endpoint, not to the chain itself.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Url = Annotated[str, typer.Argument(help="The gateway's address.")]


def seconds_of(text: str) -> float:
    """Read a duration such as 30s, 5m, 1h or 90. Raises BadParameter for anything else."""
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:].lower())
    number = text[:-1] if unit else text
    try:
        seconds = float(number) * (unit or 1.0)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 366 * 86400:
        raise typer.BadParameter(f"{text!r} is not a duration; write 30s, 5m or 1h")
    return seconds


def shape_of(text: str) -> tuple[int, int]:
    """Read a partition such as 2x2. Raises BadParameter for anything else."""
    columns, _, rows = text.lower().partition("x")
    if not (columns.isdigit() and rows.isdigit() and int(columns) and int(rows)):
        raise typer.BadParameter(f"{text!r} is not a partition; write columns x rows, such as 2x2")
    return int(columns), int(rows)


def remote_of(gateway: str, payer: Path | None, bundler: str | None, depth: int = 20) -> "Remote | None":
    """Where else the archive is kept, from the options. Raises BadParameter unless they go together."""
    from regions.shell.remote import Remote

    if not gateway or payer is None:
        if gateway or payer is not None or bundler is not None:
            raise typer.BadParameter("a gateway's address and --payer go together, and --bundler goes with them")
        return None
    return Remote(gateway, str(payer.resolve()), bundler, depth)
