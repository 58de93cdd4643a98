"""The `everloom` command. Each command's work lies in a module of its own, imported when it is asked for."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regions.shell.remote import Remote

app = typer.Typer(
    name="everloom",
    help="A game world that outlives every machine that runs it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
archive_app = typer.Typer(help="What is stored, submitted, permanent.", no_args_is_help=True)
asset_app = typer.Typer(help="Assets: what they are, and whose.", no_args_is_help=True)
map_app = typer.Typer(help="Maps made with Tiled, and MovingAI maps.", no_args_is_help=True)
app.add_typer(archive_app, name="archive")
app.add_typer(asset_app, name="asset")
app.add_typer(map_app, name="map")

DEFAULT_URL = "ws://127.0.0.1:7777"
DEFAULT_WORLD = Path("worlds/default")
DEFAULT_STORE = str(DEFAULT_WORLD / "store")

DEFAULT_DOOR = "http://127.0.0.1:7778"
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


def _shape(text: str) -> tuple[int, int]:
    columns, _, rows = text.lower().partition("x")
    if not (columns.isdigit() and rows.isdigit() and int(columns) and int(rows)):
        raise typer.BadParameter(f"{text!r} is not a partition; write columns x rows, such as 2x2")
    return int(columns), int(rows)


def _remote(gateway: str, payer: Path | None, bundler: str | None, depth: int = 20) -> "Remote | None":
    """Where else the archive is kept, from the options. Raises BadParameter unless they go together."""
    from regions.shell.remote import Remote

    if not gateway or payer is None:
        if gateway or payer is not None or bundler is not None:
            raise typer.BadParameter("a gateway's address and --payer go together, and --bundler goes with them")
        return None
    return Remote(gateway, str(payer.resolve()), bundler, depth)


@app.command()
def up(
    world: World = DEFAULT_WORLD,
    store: Annotated[Path | None, typer.Option(help="Keep the store elsewhere (a new world only).")] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="A Tiled .tmx or MovingAI .map (a new world only).")
    ] = None,
    species: Annotated[
        Path | None, typer.Option(help="A folder of species files of your own (a new world only).", metavar="DIR")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the built-in world (a new world only).")] = 1,
    regions: Annotated[str, typer.Option(help="Columns x rows of regions, a core each (a new world only).")] = "2x1",
    npcs: Annotated[int, typer.Option(help="How many NPCs (a new world only).")] = 2000,
    bots: Annotated[int, typer.Option(help="Bots to let in.")] = 0,
    run_for: Annotated[str, typer.Option("--for", help="Stop by itself after, for example, 60s.")] = "",
    host: Annotated[str, typer.Option(help="Where the gateway listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port; 0 takes any.")] = 7777,
    ao_port: Annotated[int, typer.Option(help="The port of the AO door; 0 takes any.")] = 7778,
    checkpoint_every: Annotated[str, typer.Option(help="How often the archive gets a checkpoint.")] = "30s",
    arweave: Annotated[
        str, typer.Option(help="Keep the archive on Arweave too, through this gateway; remembered.", metavar="URL")
    ] = "",
    payer: Payer = None,
    bundler: Bundler = None,
    depth: Annotated[int, typer.Option(help="Confirmations that make an item permanent.")] = 20,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve metrics for Prometheus at this port of 127.0.0.1; 0 takes any.")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="Where the metrics listen.")] = "127.0.0.1",
    as_json: Json = False,
) -> None:
    """Run a world on this machine; found it if there is none."""
    from clients.up import Wishes, run

    # The other species come on top, 220 to these 1,780.
    villagers, deer, wolves = npcs * 820 // 2_000, npcs * 780 // 2_000, npcs * 180 // 2_000
    wishes = Wishes(
        world=world,
        store=store,
        map_file=map_file,
        seed=seed,
        shape=_shape(regions),
        population=(villagers, deer, wolves),
        bots=bots,
        seconds=seconds_of(run_for) if run_for else None,
        host=host,
        port=port,
        ao_port=ao_port,
        checkpoint_ms=int(seconds_of(checkpoint_every) * 1000),
        remote=_remote(arweave, payer, bundler, depth),
        metrics=None if metrics_port is None else (metrics_host, metrics_port),
        as_json=as_json,
        species=species,
    )
    raise typer.Exit(run(wishes))


@app.command()
def top(
    world: World = DEFAULT_WORLD,
    run_for: Annotated[str, typer.Option("--for", help="Look for so long; a sample is then of all of it.")] = "",
    as_json: Json = False,
) -> None:
    """Where a running world's time goes, live; with --json, one sample."""
    from clients.top import run

    raise typer.Exit(run(world, seconds_of(run_for) if run_for else None, as_json))


@app.command()
def play(
    url: Url = DEFAULT_URL, key: Annotated[Path | None, typer.Option(help="Your wallet's key file.")] = None
) -> None:
    """Walk about in the world (a window)."""
    from clients.play import run

    raise typer.Exit(run(url, key))


@app.command()
def bots(
    url: Url = DEFAULT_URL,
    count: Annotated[int, typer.Option("-n", help="How many.")] = 20,
    behaviour: Annotated[
        list[str] | None, typer.Option(help="wander, gather, fight, give, trade, border-runner.")
    ] = None,
    walks: Annotated[Path | None, typer.Option(help="Recorded human trajectories to follow.")] = None,
    run_for: Annotated[str, typer.Option("--for", help="Stop by themselves after, for example, 60s.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of what they do.")] = 1,
    ledger: Annotated[Path | None, typer.Option(help="File of every acknowledged action.")] = None,
    as_json: Json = False,
) -> None:
    """Let bots in, and report what they were told."""
    from clients.bots.run import run

    seconds = seconds_of(run_for) if run_for else None
    raise typer.Exit(run(url, count, tuple(behaviour or ()), walks, seconds, seed, ledger, as_json))


@app.command()
def probe(
    url: Url = DEFAULT_URL,
    count: Annotated[int, typer.Option("-n", help="How many probe clients.")] = 4,
    run_for: Annotated[str, typer.Option("--for", help="Stop by themselves after, for example, 60s.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of when they send.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure how long an action takes until its effect is seen."""
    from clients.bots.probe import run

    raise typer.Exit(run(url, count, seconds_of(run_for) if run_for else None, seed, as_json))


@app.command(context_settings=ANY_ID)
def restore(
    which: Annotated[str, typer.Argument(help="A checkpoint's or world's id; the newest world without it.")] = "",
    store: FromAny = DEFAULT_STORE,
    world: World = Path("worlds/restored"),
    owner_key: Annotated[Path | None, typer.Option(help="The owner's key: go on as the same world.")] = None,
    payer: Payer = None,
    bundler: Bundler = None,
    as_json: Json = False,
) -> None:
    """Rebuild a world from its store alone."""
    from clients.restore import run
    from clients.source import is_url

    remote = _remote(store if is_url(store) and payer is not None else "", payer, bundler)
    raise typer.Exit(run(which, store, world, owner_key, as_json, remote))


@app.command(context_settings=ANY_ID)
def replay(
    which: Annotated[str, typer.Argument(help="A checkpoint's or world's id; the newest world without it.")] = "",
    store: FromAny = DEFAULT_STORE,
    at: Annotated[str, typer.Option(help="Where to begin: a UTC time, or +SECONDS from the first record.")] = "",
) -> None:
    """Watch the past, re-executed from archived records (a window)."""
    from clients.replay import run

    raise typer.Exit(run(which, store, at))


@app.command(context_settings=ANY_ID)
def verify(
    which: Annotated[str, typer.Argument(help="A checkpoint's or world's id; the newest world without it.")] = "",
    store: FromAny = DEFAULT_STORE,
    since: Annotated[str, typer.Option(help="Begin at the snapshots of this checkpoint number.")] = "",
    run_module: Annotated[
        bool, typer.Option("--run-module", help="Where the rules were others, run the archived Module, confined.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Re-execute history from the store alone; name what is damaged, forged or diverges."""
    import gc

    gc.set_threshold(50_000, 20, 50)  # nearly all that is made here is either imported or gone at once: no cycles
    from clients.verify import run

    raise typer.Exit(run(which, store, since, as_json, run_module))


@app.command()
def upgrade(
    world: World = DEFAULT_WORLD,
    owner_key: Annotated[Path | None, typer.Option(help="The owner's key, where it is not in the directory.")] = None,
    as_json: Json = False,
) -> None:
    """Have a stopped world go on under the installed rules; its history stays under those that made it."""
    from clients.upgrade import run

    raise typer.Exit(run(world, owner_key, as_json))


@archive_app.command("status")
def archive_status(store: From = DEFAULT_WORLD / "store", as_json: Json = False) -> None:
    """How much is stored, submitted, permanent."""
    from clients.archive_view import status

    raise typer.Exit(status(store, as_json))


@archive_app.command("publish", context_settings=ANY_ID)
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

    remote = _remote(to, payer, bundler)
    if remote is None:
        raise typer.BadParameter("say where to with --to, and who pays with --payer")
    raise typer.Exit(run(store, remote, which, as_json))


@archive_app.command("list")
def archive_list(
    store: From = DEFAULT_WORLD / "store",
    kind: Annotated[str, typer.Option(help="Only items of this kind.")] = "",
    as_json: Json = False,
) -> None:
    """Every item: id, kind, size, owner, file, state."""
    from clients.archive_view import listing

    raise typer.Exit(listing(store, kind, as_json))


@archive_app.command("show", context_settings=ANY_ID)
def archive_show(
    which: Annotated[str, typer.Argument(help="An item's id.")],
    store: From = DEFAULT_WORLD / "store",
    as_json: Json = False,
) -> None:
    """One item: tags, owner, what it holds."""
    from clients.archive_view import show

    raise typer.Exit(show(which, store, as_json))


@archive_app.command("serve")
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


@archive_app.command("mirror")
def archive_mirror(
    url: Annotated[str, typer.Option("--from", help="Where another store is served.")],
    folder: Annotated[Path, typer.Option("--to", help="The store to fill: a new folder, or one filled before.")],
    check: Annotated[bool, typer.Option(help="Read all that is here too; fetch again what is damaged.")] = False,
    as_json: Json = False,
) -> None:
    """Copy a served store, every item verified; go on where a copy was stopped."""
    from clients.store_mirror import run

    raise typer.Exit(run(url, folder, check, as_json))


@archive_app.command("audit")
def archive_audit(
    urls: Annotated[list[str], typer.Argument(help="Served stores; the first says what there is to have.")],
    seed: Annotated[str, typer.Option(help="Hex digits that nobody could foresee, such as today's newest block hash.")],
    count: Annotated[int, typer.Option(help="How many chunks.")] = 32,
    as_json: Json = False,
) -> None:
    """Ask stores for random chunks; report who proved possession, and who did not."""
    from clients.archive_audit import run

    raise typer.Exit(run(urls, seed, count, as_json))


@archive_app.command("cost", context_settings=ANY_ID)
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


@asset_app.command("show", context_settings=ANY_ID)
def asset_show(
    which: Annotated[str, typer.Argument(help="An asset's id (16 hex digits), or its metadata's.")],
    store: FromAny = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """An asset's name, picture, traits, holder, and every hand it passed through, with the records that did it."""
    from clients.asset_show import run

    raise typer.Exit(run(which, store, as_json))


Door = Annotated[str, typer.Option("--door", help="The world's AO door.")]
WalletFile = Annotated[Path, typer.Option("--key", help="The wallet's key file (JWK).")]
ToAddress = Annotated[str, typer.Option("--to", help="An address: base64url, or 0x.")]


@asset_app.command("withdraw")
def asset_withdraw(
    which: Annotated[str, typer.Argument(help="The asset's id: 16 hex digits.")],
    to: ToAddress,
    key: WalletFile,
    door: Door = DEFAULT_DOOR,
    wait: Annotated[float, typer.Option(help="Seconds to wait until it is outside.")] = 120.0,
    as_json: Json = False,
) -> None:
    """Send an asset that this wallet's body holds out of the world, to an address."""
    from clients.asset_move import withdraw

    raise typer.Exit(withdraw(which, to, key, door, wait, as_json))


@asset_app.command("transfer")
def asset_transfer(
    which: Annotated[str, typer.Argument(help="The asset's id: 16 hex digits.")],
    to: ToAddress,
    key: WalletFile,
    door: Door = DEFAULT_DOOR,
    as_json: Json = False,
) -> None:
    """Pass an asset that this wallet holds outside to another address."""
    from clients.asset_move import transfer

    raise typer.Exit(transfer(which, to, key, door, as_json))


@asset_app.command("deposit")
def asset_deposit(
    which: Annotated[str, typer.Argument(help="The asset's id: 16 hex digits.")],
    key: WalletFile,
    door: Door = DEFAULT_DOOR,
    as_json: Json = False,
) -> None:
    """Bring an asset that this wallet holds outside back into the world, to its body there."""
    from clients.asset_move import deposit

    raise typer.Exit(deposit(which, key, door, as_json))


@map_app.command("check")
def map_check(file: Annotated[Path, typer.Argument(help="A .tmx or .map file.")], as_json: Json = False) -> None:
    """What a map holds, what the game makes of it, and what is missing."""
    from clients.map_check import run

    raise typer.Exit(run(file, as_json))


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="Which one; all that need no argument without it.")] = "",
    folder: Annotated[Path | None, typer.Argument(help="`bench paths DIR`: a folder of .scen files.")] = None,
    bound: Annotated[int, typer.Option(help="`bench paths`: the search's radius in tiles.")] = 1024,
    compare: Annotated[
        Path | None, typer.Option(help="The kept figures of an earlier run, to put these beside.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The project's benchmarks. Each run's figures are kept in a file of their own."""
    from clients.bench.run import run

    raise typer.Exit(run(name, folder, bound, as_json, compare))


def main() -> None:
    """Run the command; an error a user can mend is one line, not a traceback."""
    from archive.errors import ArchiveError
    from clients.kernels import use_cache

    use_cache()
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        app()
    except (ArchiveError, ValueError, OSError, RuntimeError) as error:
        print(f"everloom: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
