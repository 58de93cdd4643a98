"""For the archive's tests: one slow RSA key a run, quick Ed25519 ones from fixed seeds, and a real arlocal."""

from collections.abc import Iterator

import pytest

from archive.keys import Ed25519Key, RsaKey, address
from tests.archive.arlocal_server import Arlocal


@pytest.fixture(scope="session")
def rsa_key() -> RsaKey:
    return RsaKey.generate()


@pytest.fixture(scope="session")
def key() -> Ed25519Key:
    return Ed25519Key.from_seed(bytes(range(32)))


@pytest.fixture(scope="session")
def arlocal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arlocal]:
    """An Arweave network of one node, started when it is first needed."""
    server = Arlocal(tmp_path_factory.mktemp("arlocal"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def payer(arlocal: Arlocal, rsa_key: RsaKey) -> RsaKey:
    """A wallet with something in it."""
    arlocal.mint(address(rsa_key.public))
    arlocal.mine()
    return rsa_key
