"""`everloom archive`: each command's work lies in a module of its own, imported when it is asked for."""

from pathlib import Path
from typing import Annotated

import typer

from clients.options import ANY_ID, DEFAULT_STORE, DEFAULT_WORLD, Bundler, From, FromAny, Json, Payer, World, remote_of

app = typer.Typer(help="What is stored, submitted, permanent.", no_args_is_help=True)


@app.command("status")
def archive_status(store: From = DEFAULT_WORLD / "store", as_json: Json = False) -> None:
    """How much is stored, submitted, permanent."""
    from clients.archive_view import status

    raise typer.Exit(status(store, as_json))


@app.command("publish", context_settings=ANY_ID)
def archive_publish(
    which: Annotated[str, typer.Argument(help="A world's id; everything without it.")] = "",
    store: From = DEFAULT_WORLD / "store",
    to: Annotated[str, typer.Option(help="An Arweave gateway's address.", metavar="URL")] = "",
    payer: Payer = None,
    bundler: Bundler = None,
    as_json: Json = False,
) -> None:
    """Bring a store to Arweave, and read every item back."""
    from clients.archive_publish import run

    remote = remote_of(to, payer, bundler)
    if remote is None:
        raise typer.BadParameter("say where to with --to, and who pays with --payer")
    raise typer.Exit(run(store, remote, which, as_json))


@app.command("list")
def archive_list(
    store: From = DEFAULT_WORLD / "store",
    kind: Annotated[str, typer.Option(help="Only items of this kind.")] = "",
    as_json: Json = False,
) -> None:
    """Every item: id, kind, size, owner, file, state."""
    from clients.archive_view import listing

    raise typer.Exit(listing(store, kind, as_json))


@app.command("show", context_settings=ANY_ID)
def archive_show(
    which: Annotated[str, typer.Argument(help="An item's id.")],
    store: From = DEFAULT_WORLD / "store",
    as_json: Json = False,
) -> None:
    """One item: tags, owner, what it holds."""
    from clients.archive_view import show

    raise typer.Exit(show(which, store, as_json))


@app.command("serve")
def archive_serve(
    world: World = DEFAULT_WORLD,
    store: Annotated[Path | None, typer.Option(help="Serve this store instead of a world's.")] = None,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes any.")] = 1984,
) -> None:
    """Let anyone read a store as they read Arweave: /ID, /tx, /chunk with proofs, /graphql."""
    from clients.archive_serve import run
    from regions.shell.files import WorldDir

    raise typer.Exit(run(store or WorldDir(world).store().folder, host, port))


@app.command("mirror")
def archive_mirror(
    url: Annotated[str, typer.Option("--from", help="Where another store is served.")],
    folder: Annotated[Path, typer.Option("--to", help="The store to fill: a new folder, or one filled before.")],
    check: Annotated[bool, typer.Option(help="Read all that is here too; fetch again what is damaged.")] = False,
    as_json: Json = False,
) -> None:
    """Copy a served store, every item verified; go on where a copy was stopped."""
    from clients.store_mirror import run

    raise typer.Exit(run(url, folder, check, as_json))


@app.command("audit")
def archive_audit(
    urls: Annotated[list[str], typer.Argument(help="Served stores; the first says what there is to have.")],
    seed: Annotated[str, typer.Option(help="Hex digits that nobody could foresee, such as today's newest block hash.")],
    count: Annotated[int, typer.Option(help="How many chunks.")] = 32,
    as_json: Json = False,
) -> None:
    """Ask stores for random chunks; report who proved possession, and who did not."""
    from clients.archive_audit import run

    raise typer.Exit(run(urls, seed, count, as_json))


@app.command("cost", context_settings=ANY_ID)
def archive_cost(
    which: Annotated[str, typer.Argument(help="A world's id; the newest world without it.")] = "",
    store: FromAny = DEFAULT_STORE,
    players: Annotated[str, typer.Option(help="For how many players at a time, too.")] = "10,100,1000",
    ar_per_gib: Annotated[float | None, typer.Option(help="What a GiB costs, in AR.")] = None,
    price_from: Annotated[str, typer.Option(help="Ask this Arweave gateway what a GiB costs.")] = "",
    as_json: Json = False,
) -> None:
    """What a day of the world takes, in bytes and AR, by kind of item; and with more players."""
    from clients.archive_cost import run

    raise typer.Exit(run(store, which, players, ar_per_gib, price_from, as_json))
