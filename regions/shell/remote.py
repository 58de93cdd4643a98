"""Where else than on this machine a world's archive is kept: Arweave, by a gateway's address and a payer's key file.

arweave.json   in the world's directory: what was chosen, until it is chosen anew
arweave/       what was handed over, a journal for each gateway, with its gateway.json
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from archive.errors import ArchiveError
from archive.keys import RsaKey, load_key
from archive.stores.arweave import DEPTH, ArweaveStore
from archive.stores.gateway import Gateway, Patience
from archive.stores.journal import Journal
from archive.stores.submission import upload_url
from regions.errors import ConfigError
from regions.shell.files import write_whole

NAME: Final = "arweave.json"
ABOUT: Final = "gateway.json"
DEPTH_MAX: Final = 1_000_000
BYTES_MAX: Final = 64 << 10


@dataclass(frozen=True)
class Remote:
    """A gateway, who pays, a bundler's upload endpoint if there is one, and how deep is permanent."""

    gateway: str
    payer: str
    bundler: str | None = None
    depth: int = DEPTH

    def __post_init__(self) -> None:
        if not self.gateway.startswith(("http://", "https://")):
            raise ConfigError(f"{self.gateway!r} is no gateway's address; write http://... or https://...")
        if not 1 <= self.depth <= DEPTH_MAX:
            raise ConfigError(f"a depth of {self.depth} confirmations, allowed 1 to {DEPTH_MAX}")
        if self.bundler is not None:
            try:
                upload_url(self.bundler)
            except ArchiveError as error:
                raise ConfigError(str(error)) from None

    @classmethod
    def of(cls, world_dir: Path) -> "Remote | None":
        """What was chosen for a world; None: nothing. Raises ConfigError."""
        return _read(world_dir / NAME)

    def choose(self, world_dir: Path) -> None:
        """Keep the choice in a world's directory. Raises ConfigError unless the key file can pay."""
        self.key()
        write_whole(world_dir / NAME, json.dumps(asdict(self), indent=1).encode() + b"\n")

    def key(self) -> RsaKey:
        """The payer's key. Raises ConfigError."""
        try:
            key = load_key(Path(self.payer))
        except (OSError, ArchiveError, ValueError) as error:
            raise ConfigError(f"{self.payer}: {error}; the payer's key is an Arweave wallet's file") from None
        if not isinstance(key, RsaKey):
            raise ConfigError(f"{self.payer} is not an RSA key; Arweave transactions are signed with RSA-4096")
        return key

    def journal(self, world_dir: Path) -> Path:
        """The journal's folder: one for each gateway, as another one may be another network's."""
        return world_dir / "arweave" / sha256(self.gateway.encode()).hexdigest()[:16]

    def open(self, world_dir: Path, patience: Patience | None = None) -> ArweaveStore:
        """The store, to write to. Raises ArchiveError while another process uploads from here, ConfigError."""
        key, folder = self.key(), self.journal(world_dir)
        journal = Journal.opened(folder)
        write_whole(folder / ABOUT, json.dumps(asdict(self), indent=1).encode() + b"\n")
        return ArweaveStore(Gateway(self.gateway, patience), journal, key, self.bundler, self.depth)


def journals(world_dir: Path) -> list[tuple[Remote, Path]]:
    """Every gateway that something was handed to from a world's directory, and its journal. Raises ConfigError."""
    folders = sorted(path for path in (world_dir / "arweave").glob("*") if path.is_dir())
    return [(remote, folder) for folder in folders if (remote := _read(folder / ABOUT)) is not None]


def _read(path: Path) -> Remote | None:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(BYTES_MAX), type=Remote)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from None
