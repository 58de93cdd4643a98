"""The `everloom` command. Each command's work lies in a module of its own, imported when it is asked for.

Those of `archive` and `asset` stand in `clients.archive_commands` and `clients.asset_commands`.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from clients import archive_commands, asset_commands
from clients.options import (
    ANY_ID,
    DEFAULT_STORE,
    DEFAULT_URL,
    DEFAULT_WORLD,
    Bundler,
    FromAny,
    Json,
    Payer,
    Url,
    World,
    remote_of,
    seconds_of,
    shape_of,
)

app = typer.Typer(
    name="everloom",
    help="A game world that outlives every machine that runs it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
map_app = typer.Typer(help="Maps made with Tiled, and MovingAI maps.", no_args_is_help=True)
app.add_typer(archive_commands.app, name="archive")
app.add_typer(asset_commands.app, name="asset")
app.add_typer(map_app, name="map")


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
        shape=shape_of(regions),
        population=(villagers, deer, wolves),
        bots=bots,
        seconds=seconds_of(run_for) if run_for else None,
        host=host,
        port=port,
        ao_port=ao_port,
        checkpoint_ms=int(seconds_of(checkpoint_every) * 1000),
        remote=remote_of(arweave, payer, bundler, depth),
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

    remote = remote_of(store if is_url(store) and payer is not None else "", payer, bundler)
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
