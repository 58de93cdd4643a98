"""`everloom asset`: each command's work lies in a module of its own, imported when it is asked for."""

from pathlib import Path
from typing import Annotated

import typer

from clients.options import ANY_ID, DEFAULT_STORE, FromAny, Json

DEFAULT_DOOR = "http://127.0.0.1:7778"

Door = Annotated[str, typer.Option("--door", help="The world's AO door.")]
WalletFile = Annotated[Path, typer.Option("--key", help="The wallet's key file (JWK).")]
ToAddress = Annotated[str, typer.Option("--to", help="An address: base64url, or 0x.")]
AssetId = Annotated[str, typer.Argument(help="The asset's id: 16 hex digits.")]

app = typer.Typer(help="Assets: what they are, and whose.", no_args_is_help=True)


@app.command("show", context_settings=ANY_ID)
def asset_show(
    which: Annotated[str, typer.Argument(help="An asset's id (16 hex digits), or its metadata's.")],
    store: FromAny = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """An asset's name, picture, traits, holder, and every hand it passed through, with the records that did it."""
    from clients.asset_show import run

    raise typer.Exit(run(which, store, as_json))


@app.command("withdraw")
def asset_withdraw(
    which: AssetId,
    to: ToAddress,
    key: WalletFile,
    door: Door = DEFAULT_DOOR,
    wait: Annotated[float, typer.Option(help="Seconds to wait until it is outside.")] = 120.0,
    as_json: Json = False,
) -> None:
    """Send an asset that this wallet's body holds out of the world, to an address."""
    from clients.asset_move import withdraw

    raise typer.Exit(withdraw(which, to, key, door, wait, as_json))


@app.command("transfer")
def asset_transfer(
    which: AssetId,
    to: ToAddress,
    key: WalletFile,
    door: Door = DEFAULT_DOOR,
    as_json: Json = False,
) -> None:
    """Pass an asset that this wallet holds outside to another address."""
    from clients.asset_move import transfer

    raise typer.Exit(transfer(which, to, key, door, as_json))


@app.command("deposit")
def asset_deposit(
    which: AssetId,
    key: WalletFile,
    door: Door = DEFAULT_DOOR,
    as_json: Json = False,
) -> None:
    """Bring an asset that this wallet holds outside back into the world, to its body there."""
    from clients.asset_move import deposit

    raise typer.Exit(deposit(which, key, door, as_json))
