"""Targets: what an Arweave gateway answers, and the journal and choice of a gateway that lie beside a world.

The client is the real one down to its HTTP library's responses; only the socket is missing. An input that stands for
several answers is their bytes, parted by three zero bytes.
"""

import json
from functools import lru_cache

import httpx

from archive.bundle import pack
from archive.data_item import sign_item
from archive.errors import ArchiveError
from archive.keys import Ed25519Key, RsaKey, b64
from archive.stores import journal
from archive.stores.arweave import ArweaveStore
from archive.stores.catalogue import listing
from archive.stores.gateway import Gateway, Patience
from archive.stores.journal import Journal, Sent
from archive.stores.submission import Submission, confirmations
from archive.transaction import sign_transaction
from regions.errors import ConfigError
from regions.shell import remote
from tests.fuzz.scratch import folder
from tests.fuzz.target import Target, at_most, objects

MIB = 1 << 20
KEY = Ed25519Key(bytes([9]) * 32)
PART = b"\0\0\0"
BUNDLE, STRANGE = "B" * 43, "S" * 43


@lru_cache(maxsize=1)
def _payer() -> RsaKey:
    return RsaKey.generate()


@lru_cache(maxsize=1)
def _bundle() -> bytes:
    return pack([sign_item(KEY, data, [("Type", "a"), ("World", "W" * 43)]) for data in (b"x", b"y" * 50)])


@lru_cache(maxsize=1)
def _gateway() -> Gateway:
    gateway = Gateway("http://gateway", Patience(tries=1))
    gateway._http.close()
    return gateway


def _answering(answers: dict[str, bytes]) -> Gateway:
    """The client of a gateway that answers so: the longest beginning of a path counts."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = max((path for path in answers if request.url.path.startswith(path)), key=len, default=None)
        return httpx.Response(404 if found is None else 200, content=answers.get(found or "", b""))

    gateway = _gateway()
    gateway._http = httpx.Client(transport=httpx.MockTransport(answer), trust_env=False)
    return gateway


def _reading(raw: bytes) -> object:
    """One answer of GraphQL to every question, and one bundle for every id."""
    told, _, bundle = raw.partition(PART)
    store = ArweaveStore(_answering({"/": bundle, "/graphql": told}))
    wanted = listing(_bundle())[0].id
    found: list[object] = [store.query({"World": "W"}, limit=5)]
    for work in (store.get, store.bundle_of, store.confirm):
        try:
            found.append(work(wanted))
        except ArchiveError:
            continue
    return found, list(store.ids())


@lru_cache(maxsize=1)
def _told() -> list[bytes]:
    tags = [{"name": "Bundle-Format", "value": "binary"}, {"name": "World", "value": "W" * 43}]
    head = {"owner": {"address": "A" * 43}, "data": {"size": "9"}, "block": {"height": 7}}
    outer = head | {"id": BUNDLE, "tags": tags, "bundledIn": None}
    inner = head | {"id": listing(_bundle())[0].id, "tags": tags[1:], "bundledIn": {"id": BUNDLE}}
    edges = [{"cursor": str(place), "node": one} for place, one in enumerate((inner, outer))]
    page = {"pageInfo": {"hasNextPage": False}, "edges": edges}
    answers = [{"data": {"transactions": page, "transaction": one}} for one in (inner, outer, None)]
    return [json.dumps(one).encode() for one in (*answers, {"errors": ["no"], "data": None})]


def _readings() -> list[bytes]:
    return [told + PART + held for told in _told() for held in (_bundle(), _bundle()[:150], b"")]


def _words(raw: bytes) -> object:
    """What is asked for a transaction to be signed, and how deep it lies."""
    parts = [*raw.split(PART, 4), *[b""] * 5]
    paths = ("/price", "/tx_anchor", "/tx/", "/info", "/graphql")
    gateway = _answering(dict(zip(paths, parts, strict=False)))
    found: list[object] = []
    for signed in ({}, {"data_root": ""}):
        try:
            found.append(confirmations(gateway, Sent("", BUNDLE, 9, signed)))
        except ArchiveError:
            continue
    submission = Submission(gateway, Journal(folder() / "none"), _payer(), None, lambda _: b"")
    return found, submission._signed("N" * 43, _bundle(), listing(_bundle()))


def _wordings() -> list[bytes]:
    status = b'{"block_height":1,"block_indep_hash":"","number_of_confirmations":12}'
    anchor, info = b64(bytes(48)).encode(), b'{"height":12}'
    return [PART.join((price, anchor, status, info, _told()[0])) for price in (b"12", b"9" * 26)]


def _sent(raw: bytes) -> object:
    """An entry of the journal, and the bundle sent as it says, to a gateway that takes everything."""
    place = folder() / "journal"
    place.mkdir(exist_ok=True)
    path = place / f"{BUNDLE}.json"
    path.write_bytes(raw)
    entry = journal._entry(path)
    gateway = _answering({"/": b"{}", "/graphql": _told()[3]})
    writing = Journal.opened(place)
    try:
        for bundler in (None, "http://bundler"):
            writing.keep(entry)
            Submission(gateway, writing, _payer(), bundler, lambda _: b"").send(BUNDLE, _bundle(), [], again=False)
    finally:
        writing.close()
    return entry


@lru_cache(maxsize=1)
def _sents() -> list[bytes]:
    size = len(_bundle())
    signed = sign_transaction(_payer(), _bundle(), [("Bundle", BUNDLE)], last_tx=b"", reward=0)
    item = sign_item(_payer(), _bundle(), [("Bundle", BUNDLE)])
    words = {"signature": b64(item.signature), "tags": [["Bundle", BUNDLE]]}
    entries = [
        Sent(BUNDLE, b64(signed.id), size, signed.to_json(with_data=False), signed_ms=1),
        Sent(BUNDLE, b64(item.id), size, words, signed_ms=1),
        Sent(BUNDLE, STRANGE, size, {}, posted=True, chunks=1, sent_ms=2, read_back=True),
    ]
    return [journal.msgspec.json.encode(entry) for entry in entries]


def _choice(raw: bytes) -> object:
    path = folder() / "arweave.json"
    path.write_bytes(raw)
    return remote._read(path)


TARGETS = (
    Target(
        "gateway-reading",
        _reading,
        (ArchiveError,),
        _readings,
        {
            "archive.stores.gateway": ("Gateway.search", "Gateway.one", "Gateway._graphql", "Gateway._once", "Answer"),
            "archive.stores.arweave": (
                "ArweaveStore.query",
                "ArweaveStore.get",
                "ArweaveStore._candidates",
                "ArweaveStore._take_header",
                "ArweaveStore._cut",
                "ArweaveStore.bundle",
                "_places",
            ),
        },
        at_most(4 * MIB),
        shape="json",
    ),
    Target(
        "gateway-words",
        _words,
        (ArchiveError,),
        _wordings,
        {
            "archive.stores.submission": (
                "confirmations",
                "_mined",
                "_height",
                "Submission._signed",
                "Submission._price",
            )
        },
        objects,
        words=(b"-1", b"1e9", b"null", b"9" * 30, b'"', b"\xc2\xb2", b"\xff"),
    ),
    Target(
        "journal",
        _sent,
        (ArchiveError,),
        _sents,
        {
            "archive.stores.journal": ("_entry",),
            "archive.stores.submission": ("Submission.send", "Submission._item", "Submission._transaction"),
        },
        objects,
        shape="json",
    ),
    Target(
        "gateway-choice",
        _choice,
        (ConfigError,),
        lambda: [b'{"gateway":"http://g","payer":"/k","bundler":"http://b","depth":20}'],
        {"regions.shell.remote": ("_read",)},
        objects,
        shape="json",
    ),
)
