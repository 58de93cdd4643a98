"""Keys for the archive's tests: one slow RSA key a run, and quick Ed25519 ones from fixed seeds."""

import pytest

from archive.keys import Ed25519Key, RsaKey


@pytest.fixture(scope="session")
def rsa_key() -> RsaKey:
    return RsaKey.generate()


@pytest.fixture(scope="session")
def key() -> Ed25519Key:
    return Ed25519Key.from_seed(bytes(range(32)))
