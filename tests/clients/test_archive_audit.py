"""Stores mirror one another; an audit tells who still has the bytes from who has lost or altered them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from archive import blocks
from archive.bundle import pack
from archive.data_item import sign_item
from archive.errors import ArchiveError, Damaged, Forged
from archive.keys import RsaKey, b64, save_key
from archive.library import Chunk, Library
from archive.merkle import chunk_hashes
from archive.possession import CHALLENGES_MAX, check_possession, offsets
from archive.stores.disk import DiskStore
from archive.stores.local_weave import LocalWeave
from archive.transaction import sign_transaction
from archive.weave import BUNDLE_NAME, Weave
from clients.archive_audit import audit
from clients.store_mirror import mirror
from regions.ao.gateway import Endpoints
from tests.clients.served_store import CHUNK, KEY, Blobs, of_size, served

SEED = sha256(b"a block of this morning").digest()
COUNT = 16


@pytest.fixture(scope="module")
def rsa_key() -> RsaKey:
    return RsaKey.generate()


@pytest.fixture(scope="module")
def original(rsa_key: RsaKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of six bundles, of one chunk to five, laid in blocks."""
    folder = tmp_path_factory.mktemp("original") / "store"
    disk = DiskStore(folder)
    (folder / "weave").mkdir(parents=True)
    save_key(folder / "weave" / "key", rsa_key)
    for size in (3_000, CHUNK, 2 * CHUNK + 5_000, 4 * CHUNK + 99_999, 70_000):
        disk.put_bundle(of_size(size))
    disk.put_bundle(pack([sign_item(KEY, b"%d" % number, []) for number in range(50)]))
    LocalWeave(disk).extend()
    return folder


def library_of(folder: Path) -> Library:
    disk = DiskStore(folder)
    local = LocalWeave(disk)
    local.extend()
    return Library(local.weave, disk)


@contextmanager
def serving(*libraries: Library) -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(served(Endpoints(library))) for library in libraries]


def copy_of(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to, copy_function=shutil.copy2)
    return to


def blocks_of(folder: Path) -> bytes:
    return (folder / "weave" / "blocks").read_bytes()


def test_a_seed_says_which_bytes_are_asked_for() -> None:
    assert offsets(b"\1", 1_000, 4) == offsets(b"\1", 1_000, 4) != offsets(b"\2", 1_000, 4)
    drawn = sha256(b"everloom-audit-1" + b"\1" + (3).to_bytes(8, "little")).digest()
    assert offsets(b"\1", 1_000, 4)[3] == 1 + int.from_bytes(drawn) % 1_000
    assert set(offsets(b"\1", 7, 500)) == set(range(1, 8))
    for seed, size, count in (
        (b"", 1, 1),
        (b"x" * 65, 1, 1),
        (b"x", 0, 1),
        (b"x", 1, 0),
        (b"x", 1, CHALLENGES_MAX + 1),
    ):
        with pytest.raises(ArchiveError):
            offsets(seed, size, count)


def test_possession_is_proved_against_a_header_alone_and_no_changed_byte_proves_it(original: Path) -> None:
    library = library_of(original)
    weave = library.weave
    for offset in offsets(SEED, weave.size, 16):
        laid = weave.at(offset)
        header, chunk = weave.headers[laid.height], library.chunk(offset)
        found = check_possession(header, offset, chunk)
        assert found.data_root == laid.transaction.data_root
        for part in ("data", "data_path", "tx_path"):
            raw = getattr(chunk, part)
            for place in {0, len(raw) // 2, len(raw) - 1}:
                bent = bytearray(raw)
                bent[place] ^= 1
                with pytest.raises(Damaged):
                    check_possession(header, offset, Chunk(**{**vars(chunk), part: bytes(bent)}))
        for other in (Chunk(b"", chunk.data_path, chunk.tx_path), Chunk(chunk.data, b"", chunk.tx_path)):
            with pytest.raises(Damaged):
                check_possession(header, offset, other)


def test_a_block_with_several_transactions_proves_each(rsa_key: RsaKey) -> None:
    datas = [bytes([size % 256]) * size for size in (1, CHUNK, 5, 3 * CHUNK + 1)]
    made = [sign_transaction(rsa_key, data, [], last_tx=b"", reward=0) for data in datas]
    weave = Weave()
    weave.add(blocks.follow(None, made, 5), made, [chunk_hashes(data) for data in datas])
    for laid, data in zip(weave.laid, datas):
        for place in {0, len(data) // 2, len(data) - 1}:
            start, end, _, path = laid.chunk(place)
            assert weave.at(laid.start + place + 1) is laid
            chunk = Chunk(data[start:end], path, laid.tx_path)
            found = check_possession(weave.headers[0], laid.start + place + 1, chunk)
            assert (found.size, found.start, found.end) == (len(data), start, end)


def test_a_mirror_keeps_the_same_blocks_and_both_prove_possession(original: Path, tmp_path: Path) -> None:
    with serving(library_of(original)) as (url,):
        done = mirror(url, tmp_path / "store")
        assert (done.blocks, done.bundles, done.same_chain) == (6, 6, True)
        assert blocks_of(tmp_path / "store") == blocks_of(original)
        assert not (tmp_path / "store" / "weave" / "key").exists()
        again = mirror(url, tmp_path / "store")
        assert (again.blocks, again.bundles, again.bytes) == (0, 0, 0)
        with serving(library_of(tmp_path / "store")) as (other,):
            both = audit([url, other], SEED, COUNT)
            assert [(one.proved, one.failed) for one in both] == [(COUNT, []), (COUNT, [])]
            second = mirror(other, tmp_path / "third")
    assert second.bundles == 6 and blocks_of(tmp_path / "third") == blocks_of(original)
    assert {*DiskStore(tmp_path / "third").ids()} == {*DiskStore(original).ids()}


class Enough(Exception):
    """Whoever copies was killed."""


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_mirror_goes_on_where_it_was_stopped(original: Path, tmp_path: Path, after: int) -> None:
    folder = tmp_path / "store"

    def stop(at: int, total: int) -> None:
        if at == after:
            raise Enough

    with serving(library_of(original)) as (url,):
        with pytest.raises(Enough):
            mirror(url, folder, progress=stop)
        (path,) = folder.rglob(LocalWeave(DiskStore(folder)).store.bundles().popitem()[0])
        path.unlink()  # as if it had been killed between a block and its bundle
        (folder / "index").unlink()
        done = mirror(url, folder)
    assert (done.blocks, done.bundles, done.healed) == (6 - after, 6 - after, 1)
    assert blocks_of(folder) == blocks_of(original)
    assert not DiskStore(folder).check()


def test_a_store_that_lost_or_altered_bytes_fails_and_heals_from_another(original: Path, tmp_path: Path) -> None:
    altered, lost = copy_of(original, tmp_path / "altered"), copy_of(original, tmp_path / "lost")
    largest = max((path for path in (altered / "bundles").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size)
    raw = bytearray(largest.read_bytes())
    for place in range(10, len(raw), CHUNK // 2):
        raw[place] ^= 1
    largest.write_bytes(raw)
    (lost / largest.relative_to(altered)).unlink()
    libraries = [library_of(folder) for folder in (original, altered, lost)]
    with serving(*libraries) as urls:
        honest, changed, gone = audit(urls, SEED, COUNT)
        assert (honest.proved, honest.failed) == (COUNT, []) and honest.ok
        laid = next(one for one in libraries[0].weave.laid if one.bundle == largest.name)
        expected = [
            offset for offset in offsets(SEED, libraries[0].weave.size, COUNT) if laid.start < offset <= laid.end
        ]
        assert expected, "the seed asks for some of it"
        for one, why in ((changed, "not what the store once held"), (gone, "gone")):
            assert [offset for offset, _ in one.failed] == expected and not one.ok
            assert one.proved == COUNT - len(expected)
            assert all(why in reason for _, reason in one.failed)
        assert mirror(urls[0], altered, check=True).healed == 1
        assert mirror(urls[0], lost).healed == 1
    with serving(*(library_of(folder) for folder in (original, altered, lost))) as urls:
        assert all(one.ok for one in audit(urls, SEED, COUNT))


class Lying(Library):
    """Hands out whatever the test says in a chunk's place."""

    def chunk(self, offset: int) -> Chunk:
        honest = super().chunk(offset)
        other = super().chunk(1 + (offset + CHUNK) % self.weave.size)
        if self.lie == "zeros":
            return Chunk(bytes(len(honest.data)), honest.data_path, honest.tx_path)
        if self.lie == "another":
            return other
        return Chunk(honest.data, other.data_path, honest.tx_path)

    lie = ""


@pytest.mark.parametrize("lie", ["zeros", "another", "path"])
def test_a_server_that_makes_up_its_answers_is_found(original: Path, lie: str) -> None:
    liar = library_of(original)
    liar.__class__ = Lying
    assert isinstance(liar, Lying)
    liar.lie = lie
    with serving(library_of(original), liar) as urls:
        honest, lying = audit(urls, SEED, COUNT)
    assert honest.ok and not lying.ok and len(lying.failed) > COUNT // 2


def test_a_store_with_blocks_of_its_own_proves_the_same_bytes(original: Path, rsa_key: RsaKey, tmp_path: Path) -> None:
    own = tmp_path / "own"
    disk = DiskStore(own)
    (own / "weave").mkdir(parents=True)
    save_key(own / "weave" / "key", rsa_key)
    source = DiskStore(original)
    names = list(source.bundles())
    for name in (*names[3:], *names[:2]):
        disk.put_bundle(source.bundle(name))
    with serving(library_of(original), library_of(own)) as urls:
        _, partly = audit(urls, SEED, COUNT)
        assert partly.proved and any("does not list bundle" in reason for _, reason in partly.failed)
        done = mirror(urls[0], own)
        assert (done.same_chain, done.bundles) == (False, 1)
    with serving(library_of(original), library_of(own)) as urls:
        assert all(one.ok for one in audit(urls, SEED, COUNT))


def test_nothing_that_does_not_verify_is_kept(rsa_key: RsaKey, tmp_path: Path) -> None:
    """A server whose blocks are in order, but whose bundle holds an item that nobody signed."""
    good, bad = pack([sign_item(KEY, b"good", [])]), bytearray(pack([sign_item(KEY, b"bad", [])]))
    bad[-1] ^= 1
    datas = [good, bytes(bad)]
    weave = Weave()
    for data in datas:
        tag = [(BUNDLE_NAME, b64(sha256(data).digest()))]
        made = [sign_transaction(rsa_key, data, tag, last_tx=b"", reward=0)]
        weave.add(blocks.follow(weave.newest, made, 5), made, [chunk_hashes(data)])
    with serving(Library(weave, Blobs(datas))) as (url,), pytest.raises(Forged):
        mirror(url, tmp_path / "store")
    kept = DiskStore(tmp_path / "store")
    assert [kept.bundle(name) for name in kept.bundles()] == [good]
    local = LocalWeave(kept)
    local.refresh()
    assert len(local.weave.headers) == 1


class Bent(Endpoints):
    """A server whose answers are bent on their way."""

    bend: Any = staticmethod(lambda what, words: words)

    def by_height(self, request: Any) -> Any:
        return self._bent("block", super().by_height(request))

    def transaction(self, request: Any) -> Any:
        return self._bent("tx", super().transaction(request))

    def _bent(self, what: str, response: Any) -> Any:
        from starlette.responses import JSONResponse

        return JSONResponse(self.bend(what, json.loads(response.body)))


@pytest.mark.parametrize(
    ("what", "field", "value"),
    [
        ("block", "height", 5),
        ("block", "timestamp", 1),
        ("block", "txs", []),
        ("block", "tx_root", "A" * 43),
        ("block", "indep_hash", "A" * 64),
        ("block", "weave_size", "9" * 15),
        ("tx", "data_size", "1"),
        ("tx", "data_root", "A" * 43),
        ("tx", "id", "A" * 43),
        ("tx", "signature", "A" * 683),
        ("tx", "tags", []),
    ],
)
def test_blocks_and_transactions_that_were_bent_are_refused(
    original: Path, tmp_path: Path, what: str, field: str, value: Any
) -> None:
    endpoints = Bent(library_of(original))
    endpoints.bend = lambda which, words: words | {field: value} if which == what else words
    with served(endpoints) as url:
        with pytest.raises((Damaged, Forged)):
            mirror(url, tmp_path / "store")
        if field in ("weave_size", "tags"):
            with pytest.raises((Damaged, Forged)):
                audit([url], SEED, 1)
    assert not DiskStore(tmp_path / "store").bundles()


def test_a_store_that_is_not_there_fails_and_the_others_are_audited_all_the_same(original: Path) -> None:
    with serving(library_of(original)) as (url,):
        there, away = audit([url, "http://127.0.0.1:1"], SEED, 4)
    assert there.ok and not away.ok and len(away.failed) == 4
    assert "chain cannot be read" in away.failed[0][1]


def everloom(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "clients.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_the_commands_do_all_this_between_processes(original: Path, tmp_path: Path) -> None:
    servers: list[subprocess.Popen[str]] = []
    urls = []
    try:
        for folder in (original, tmp_path / "copy"):
            if servers:
                status, said = everloom("archive", "mirror", "--from", urls[0], "--to", str(folder), "--json")
                assert status == 0 and json.loads(said.splitlines()[-1])["bundles"] == 6, said
            command = [sys.executable, "-m", "clients.cli", "archive", "serve", "--store", str(folder), "--port", "0"]
            servers.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
            stderr = servers[-1].stderr
            assert stderr is not None
            urls.append(stderr.readline().split(" at ")[1].strip())
        status, said = everloom("archive", "audit", *urls, "--seed", SEED.hex(), "--count", "8")
        assert status == 0 and said.count("proved possession of 8 of 8 chunks") == 2, said
        victim = max(
            (path for path in (tmp_path / "copy" / "bundles").rglob("*")), key=lambda path: path.stat().st_size
        )
        os.truncate(victim, 100)
        status, said = everloom("archive", "audit", *urls, "--seed", SEED.hex(), "--count", "8", "--json")
        words = json.loads(said.splitlines()[-1])
        assert status == 1 and [one["ok"] for one in words["stores"]] == [True, False], said
        assert words["stores"][0]["head"] == words["stores"][1]["head"]
        status, said = everloom("archive", "audit", urls[0], "--seed", "xyz")
        assert status == 1 and "hex digits" in said
    finally:
        for server in servers:
            server.terminate()
            server.communicate(timeout=20)
    assert all(server.returncode == 0 for server in servers)
