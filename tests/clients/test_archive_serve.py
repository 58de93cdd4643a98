"""`everloom archive serve`, read by unmodified arweave-js, by plain HTTP, and by those who ask for nonsense."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from archive import blocks
from archive.bundle import pack
from archive.data_item import DataItem, assemble, sign_item
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import Ed25519Key, RsaKey, b64, save_key, unb64
from archive.library import Library
from archive.merkle import check_proof, chunk_hashes
from archive.stores.disk import DiskStore
from archive.stores.local_weave import LocalWeave
from archive.transaction import sign_transaction
from archive.weave import BUNDLE_NAME, Weave
from regions.ao.gateway import BODY_BYTES_MAX, Endpoints
from tests.clients.served_store import CHUNK, KEY, Blobs, of_size, served
from tests.node_packages import node_with

NODE_FOLDER = Path(__file__).resolve().parents[1] / "archive" / "arweave_js"
OTHER = Ed25519Key(b"\6" * 32)
SIZES = (1, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 32_767, 3 * CHUNK, 3 * CHUNK + 12_345, 4 * CHUNK + 40_000)


@pytest.fixture(scope="module")
def rsa_key() -> RsaKey:
    return RsaKey.generate()


@pytest.fixture(scope="module")
def node() -> str:
    return node_with(NODE_FOLDER, "node_modules/arweave/node/index.js")


def read_by_arweave_js(node: str, url: str, ids: Sequence[str]) -> dict[str, Any]:
    command = [node, str(NODE_FOLDER / "check.mjs"), url, *ids]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)  # type: ignore[no-any-return]


def weave_of(key: RsaKey, datas: Sequence[bytes]) -> Weave:
    """Two blocks: several transactions in the first, one in the second."""
    weave = Weave()
    for group in (datas[:-1], datas[-1:]):
        newest = weave.newest
        anchor = newest.id if newest is not None else b""
        made = [
            sign_transaction(key, one, [(BUNDLE_NAME, b64(sha256(one).digest()))], last_tx=anchor, reward=0)
            for one in group
        ]
        weave.add(blocks.follow(newest, made, 1_700_000_000), made, [chunk_hashes(one) for one in group])
    return weave


def test_arweave_js_reads_and_validates_every_size(node: str, rsa_key: RsaKey) -> None:
    datas = [bytes((byte * 7 + size) % 251 for byte in range(size)) for size in SIZES]
    weave = weave_of(rsa_key, datas)
    ids = [b64(laid.transaction.id) for laid in weave.laid]
    with served(Endpoints(Library(weave, Blobs(datas)))) as url:
        report = read_by_arweave_js(node, url, ids)
    assert report["head"]["height"] == 1 and report["head"]["current"]
    assert len(unb64(report["head"]["anchor"])) == 48
    expected_chunks = [1, 1, 1, 2, 2, 3, 4, 5]
    for one, data, count in zip(report["reports"], datas, expected_chunks, strict=True):
        assert one.get("error") is None, one
        assert (one["verified"], one["data_root"], one["in_block"], one["chunked"]) == (True, True, True, True), one
        assert (one["size"], one["sha256"]) == (len(data), sha256(data).hexdigest())
        assert one["chunks"] == count, one
        assert one["complaints"] == [], "it had to fall back on something"


def test_arweave_js_finds_what_was_altered(node: str, rsa_key: RsaKey) -> None:
    """The check itself can fail: a server that hands out other bytes than it holds."""
    data = bytes(CHUNK + 70_000)
    weave = weave_of(rsa_key, [data, b"x"])
    name = b64(weave.laid[0].transaction.id)

    class Lying(Library):
        def _piece(self, *place: Any) -> bytes:
            return bytes([*super()._piece(*place)[:-1], 1])

    with served(Endpoints(Lying(weave, Blobs([data, b"x"])))) as url:
        report = read_by_arweave_js(node, url, [name])
    assert "chunk's hash" in report["reports"][0]["error"]


@pytest.fixture(scope="module")
def shelf(rsa_key: RsaKey, tmp_path_factory: pytest.TempPathFactory) -> tuple[DiskStore, list[bytes], list[DataItem]]:
    """A store of bundles at sizes that matter, and one with items of several makers."""
    disk = DiskStore(tmp_path_factory.mktemp("shelf") / "store")
    (disk.folder / "weave").mkdir(parents=True)
    save_key(disk.folder / "weave" / "key", rsa_key)
    bundles = [of_size(size) for size in SIZES[1:]]
    target, anchor = bytes(range(32)), bytes(range(32, 64))
    tags = [("Type", "Message"), ("Content-Type", "text/plain"), ("Größe", "日本")]
    items = [sign_item(KEY, b"%d" % number, [*tags, ("n", str(number))]) for number in range(25)]
    items += [sign_item(OTHER, b"to you", tags, target, anchor), sign_item(OTHER, b"<script>", [("Type", "Page")])]
    items += [sign_item(OTHER, b"", [("Content-Type", "text/html\r\nX: y")]), sign_item(OTHER, b"1", [])]
    for bundle in [*bundles, pack(items)]:
        disk.put_bundle(bundle)
    return disk, [*bundles, pack(items)], items


@pytest.fixture(scope="module")
def url(shelf: tuple[DiskStore, list[bytes], list[DataItem]]) -> Iterator[str]:
    local = LocalWeave(shelf[0])
    local.extend()
    library = Library(local.weave, shelf[0])
    with served(Endpoints(library, local.extend)) as address:
        yield address


def test_a_store_s_bundles_are_transactions_in_blocks(node: str, url: str, shelf: Any) -> None:
    local = LocalWeave(shelf[0])
    local.refresh()
    ids = [b64(laid.transaction.id) for laid in local.weave.laid]
    items: list[DataItem] = shelf[2]
    report = read_by_arweave_js(node, url, [*ids, "items", *(b64(item.id) for item in items if item.data)])
    assert [one["sha256"] for one in report["items"]] == [sha256(item.data).hexdigest() for item in items if item.data]
    assert unb64(httpx.get(f"{url}/tx/{ids[-1]}/data").text) == shelf[1][-1]
    for one, bundle in zip(report["reports"], shelf[1], strict=True):
        assert one.get("error") is None and one["verified"] and one["chunked"] and one["data_root"], one
        assert (one["size"], one["sha256"], one["complaints"]) == (len(bundle), sha256(bundle).hexdigest(), [])


def test_blocks_follow_from_key_and_bundles_alone_and_only_grow(shelf: Any, tmp_path: Path) -> None:
    disk = shelf[0]
    first = LocalWeave(disk)
    assert first.extend() == 0 or first.weave.headers
    lines = (disk.folder / "weave" / "blocks").read_bytes()
    copy = tmp_path / "store"
    shutil.copytree(disk.folder, copy, copy_function=shutil.copy2)
    (copy / "weave" / "blocks").unlink()
    again = LocalWeave(DiskStore(copy))
    assert again.extend() == len(shelf[1])
    assert (copy / "weave" / "blocks").read_bytes() == lines
    DiskStore(copy).put_bundle(of_size(5_000))
    assert again.extend() == 1 and again.extend() == 0
    assert (copy / "weave" / "blocks").read_bytes().startswith(lines)
    for header, before in zip(again.weave.headers, [None, *again.weave.headers]):
        blocks.check_follows(header, before)


def test_a_torn_line_is_written_anew_and_a_changed_one_refused(shelf: Any, tmp_path: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(shelf[0].folder, copy, copy_function=shutil.copy2)
    path = copy / "weave" / "blocks"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    healed = LocalWeave(DiskStore(copy))
    assert healed.extend() == 1 and path.read_bytes() == whole
    for place in range(40, len(whole), len(whole) // 23):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ArchiveError):
            LocalWeave(DiskStore(copy)).refresh()


def test_chunks_are_proved_and_lost_ones_are_not_served(shelf: Any, tmp_path: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(shelf[0].folder, copy, copy_function=shutil.copy2)
    disk = DiskStore(copy)
    local = LocalWeave(disk)
    local.extend()
    library = Library(local.weave, disk)
    library.lookup.grow()
    laid = max(local.weave.laid, key=lambda one: one.transaction.data_size)
    one = laid.transaction
    for place in (0, 1, CHUNK - 1, CHUNK, one.data_size - 1):
        chunk = library.chunk(laid.start + place + 1)
        proven = check_proof(one.data_root, one.data_size, place, chunk.data_path)
        assert proven.data_hash == sha256(chunk.data).digest()
    path = copy / "bundles" / laid.bundle[0] / laid.bundle[1] / laid.bundle
    raw = bytearray(path.read_bytes())
    raw[CHUNK + 5] ^= 1
    path.write_bytes(raw)
    assert library.chunk(laid.start + 1).data == bytes(raw[:CHUNK])
    with pytest.raises(Damaged, match="not what the store once held"):
        library.chunk(laid.start + CHUNK + 1)
    (item_id,) = [listed.id for listed in disk.items(laid.bundle)]
    with pytest.raises(Damaged):
        list(library.data(library.entry(item_id), 0, 10 * CHUNK))
    path.unlink()
    with pytest.raises(Missing):
        library.chunk(laid.start + 1)


def test_an_item_is_served_though_another_in_its_chunk_is_damaged(tmp_path: Path) -> None:
    disk = DiskStore(tmp_path / "store")
    whole, broken = sign_item(KEY, b"whole" * 50, []), sign_item(KEY, b"broken" * 50, [])
    disk.put_bundle(pack([whole, broken]))
    local = LocalWeave(disk)
    local.extend()
    library = Library(local.weave, disk)
    library.lookup.grow()
    (path,) = (path for path in (tmp_path / "store" / "bundles").rglob("*") if path.is_file())
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    assert b"".join(library.data(library.entry(b64(whole.id)), 0, library.size(library.entry(b64(whole.id))))) == (
        whole.data
    )
    with pytest.raises(Damaged):
        list(library.data(library.entry(b64(broken.id)), 0, 10))


def test_what_a_world_puts_while_it_is_served_is_there_at_once(rsa_key: RsaKey, tmp_path: Path) -> None:
    disk = DiskStore(tmp_path / "store")
    (tmp_path / "store" / "weave").mkdir(parents=True)
    save_key(tmp_path / "store" / "weave" / "key", rsa_key)
    disk.put_bundle(of_size(5_000))
    local = LocalWeave(disk)
    local.extend()
    with served(Endpoints(Library(local.weave, disk), local.extend)) as url:
        assert httpx.get(f"{url}/height").text == "0"
        item = sign_item(OTHER, b"later", [])
        DiskStore(tmp_path / "store").put(item.raw)  # as another process would
        until = time.monotonic() + 10
        while httpx.get(f"{url}/raw/{b64(item.id)}").content != b"later":
            assert time.monotonic() < until
            time.sleep(0.1)
        assert httpx.get(f"{url}/height").text == "1"


# Plain HTTP.


def test_data_by_id_whole_and_in_ranges(url: str, shelf: Any) -> None:
    items: list[DataItem] = shelf[2]
    for item in items:
        for path in (f"/raw/{b64(item.id)}", f"/{b64(item.id)}"):
            answer = httpx.get(url + path, headers={"Origin": "http://a.example"})
            assert (answer.status_code, answer.content) == (200, item.data)
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "sandbox" in answer.headers["content-security-policy"]
    assert httpx.get(f"{url}/{b64(items[0].id)}").headers["content-type"] == "text/plain"
    assert httpx.get(f"{url}/{b64(items[-2].id)}").headers["content-type"] == "application/octet-stream"
    (big,) = [item.id for item in shelf[0].items(sorted_by_size(shelf)[-1])]
    for first, last in ((0, 0), (5, 300_000), (CHUNK - 2_000, CHUNK + 2_000)):
        part = httpx.get(f"{url}/raw/{big}", headers={"Range": f"bytes={first}-{last}"})
        assert part.status_code == 206 and len(part.content) == last - first + 1
        assert part.content == bytes(byte % 251 for byte in range(first, last + 1))
    assert httpx.get(f"{url}/raw/{big}", headers={"Range": "bytes=99999999-"}).status_code == 416
    head = httpx.head(f"{url}/raw/{big}")
    assert head.status_code == 200 and not head.content and int(head.headers["content-length"]) > 4 * CHUNK


def sorted_by_size(shelf: Any) -> list[str]:
    """Names of the store's bundles, the largest last."""
    return sorted(shelf[0].bundles(), key=lambda name: sum(item.size for item in shelf[0].items(name)))


NODE = "id anchor signature recipient owner{address key} tags{name value} block{id height timestamp previous} \
bundledIn{id} parent{id} data{size type} fee{winston ar} quantity{winston ar}"


def ask(url: str, query: str, **variables: Any) -> Any:
    answer = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    assert "errors" not in answer.json(), answer.text
    return answer.json()["data"]


def test_graphql_tells_enough_to_put_an_item_together_again(url: str, shelf: Any) -> None:
    for item in shelf[2]:
        node = ask(url, f"query($id: ID!) {{transaction(id: $id) {{ {NODE} }}}}", id=b64(item.id))["transaction"]
        signature, owner = unb64(node["signature"]), unb64(node["owner"]["key"])
        target, anchor = unb64(node["recipient"]) or None, unb64(node["anchor"]) or None
        tags = [(tag["name"], tag["value"]) for tag in node["tags"]]
        again = assemble(2, owner, signature, target, anchor, tags, httpx.get(f"{url}/raw/{b64(item.id)}").content)
        assert again.raw == item.raw and node["owner"]["address"] == item.address
        assert node["data"]["size"] == str(len(item.data)) and node["parent"] == node["bundledIn"]
        bundle = httpx.get(f"{url}/raw/{node['bundledIn']['id']}").content
        assert item.raw in bundle


def test_graphql_finds_by_tags_owners_ids_bundles_heights_and_pages(url: str, shelf: Any) -> None:
    items: list[DataItem] = shelf[2]
    query = (
        "query($ids: [ID!], $owners: [String!], $recipients: [String!], $tags: [TagFilter!], $in: [ID!],"
        " $first: Int, $after: String, $sort: SortOrder, $block: BlockFilter) {"
        " transactions(ids: $ids, owners: $owners, recipients: $recipients, tags: $tags, bundledIn: $in, first: $first,"
        " after: $after, sort: $sort, block: $block)"
        " { pageInfo { hasNextPage } edges { cursor node { id bundledIn { id } block { height } } } } }"
    )

    def ids(**wanted: Any) -> list[str]:
        found = ask(url, query, **{"first": 100, **wanted})["transactions"]
        return [edge["node"]["id"] for edge in found["edges"]]

    messages = [b64(item.id) for item in items if item.tag("Type") == "Message"]
    tag = [{"name": "Type", "values": ["Message"]}]
    assert ids(tags=tag) == messages[::-1] and ids(tags=tag, sort="HEIGHT_ASC") == messages
    assert ids(tags=[*tag, {"name": "n", "values": ["3", "7"]}]) == [messages[7], messages[3]]
    assert ids(tags=[*tag, {"name": "n", "values": ["3"], "op": "NEQ"}]) == [
        one for one in messages[::-1] if one != messages[3]
    ]
    assert ids(owners=[OTHER_ADDRESS := items[-1].address], tags=tag) == [messages[-1]]
    assert len(ids(owners=[OTHER_ADDRESS])) == 4
    assert ids(recipients=[b64(bytes(range(32)))]) == [messages[-1]]
    assert ids(ids=[messages[2], "x" * 43, messages[1]]) == [messages[2], messages[1]]
    (within,) = {
        edge["node"]["bundledIn"]["id"] for edge in ask(url, query, tags=tag, first=50)["transactions"]["edges"]
    }
    assert ids(**{"in": [within]}) == [b64(item.id) for item in items][::-1]
    last = len(shelf[1]) - 1
    assert ids(block={"min": last}) == [*(b64(item.id) for item in reversed(items)), within]
    assert ids(block={"max": -1}) == []
    paged: list[str] = []
    after: str | None = ""
    while True:
        page = ask(url, query, tags=tag, first=4, after=after)["transactions"]
        paged += [edge["node"]["id"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["edges"][-1]["cursor"]
    assert paged == messages[::-1]
    found = ask(url, "{ blocks(first: 2) { pageInfo{hasNextPage} edges { cursor node { id height previous } } } }")
    newest, before = (edge["node"] for edge in found["blocks"]["edges"])
    assert newest["height"] == last and newest["previous"] == before["id"]
    assert ask(url, "query($id: String!) { block(id: $id) { height } }", id=before["id"])["block"]["height"] == last - 1


BAD = [
    ("/short", 400),
    ("/" + "x" * 42, 400),
    ("/" + "x" * 43, 404),
    ("/raw/..%2f..%2f..%2fetc%2fpasswd", 404),
    ("/raw/%00" + "x" * 42, 400),
    ("/raw/" + "~" * 43, 400),
    ("/tx/" + "x" * 43, 404),
    ("/tx/nonsense", 400),
    ("/tx/" + "x" * 43 + "/offset", 404),
    ("/tx/" + "x" * 43 + "/else", 404),
    ("/chunk/0", 404),
    ("/chunk/-1", 400),
    ("/chunk/1e3", 400),
    ("/chunk/" + "9" * 18, 404),
    ("/chunk/" + "9" * 40, 400),
    ("/chunk/١", 400),
    ("/block/height/99999", 404),
    ("/block/height/x", 400),
    ("/block/hash/" + "x" * 64, 404),
    ("/block/hash/" + "x" * 43, 400),
    ("/price/1", 404),
    ("/graphql", 400),
    ("/graphql?query=%7B", 400),
    ("/a/b/c/d", 404),
]


@pytest.mark.parametrize(("path", "status"), BAD)
def test_a_bad_request_is_refused_with_a_reason(url: str, path: str, status: int) -> None:
    answer = httpx.get(url + path)
    assert answer.status_code == status, answer.text
    words = answer.json()
    assert words.get("error") or words["errors"][0]["message"]


def test_bad_questions_are_refused_with_a_reason(url: str) -> None:
    graphql = f"{url}/graphql"
    deep = "{transactions{edges{node{" * 3
    many = "{" + " ".join(f"a{n}: transactions {{ pageInfo {{ hasNextPage }} }}" for n in range(17)) + "}"
    for query in (
        "",
        "{",
        "{nothing}",
        deep,
        many,
        "{transactions(first: 0) {pageInfo{hasNextPage}}}",
        "{transactions(first: 1001) {pageInfo{hasNextPage}}}",
        '{transactions(after: "?!") {pageInfo{hasNextPage}}}',
        "{" * 3_000,
        "mutation {transactions{edges{cursor}}}",
        "query A {transactions{edges{cursor}}} query B {transactions{edges{cursor}}}",
    ):
        answer = httpx.post(graphql, json={"query": query})
        assert answer.status_code == 400 and answer.json()["errors"][0]["message"], (query[:50], answer.text)
    for body in (
        b"",
        b"[]",
        b"nonsense",
        b"\xff",
        b"[" * 10_000,
        b'{"query": 1}',
        b'{"query": "{a}", "variables": []}',
    ):
        answer = httpx.post(graphql, content=body)
        assert answer.status_code == 400 and answer.json()["error"]
    assert httpx.post(graphql, content=b" " * (BODY_BYTES_MAX + 1)).status_code == 413
    for path in ("/tx", "/chunk", "/" + "x" * 43):
        answer = httpx.post(url + path, json={})
        assert 400 <= answer.status_code < 500 and answer.json()["error"]
    assert httpx.delete(f"{url}/info").status_code == 405


def test_browsers_may_ask(url: str) -> None:
    asked = {"Origin": "http://a.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{url}/graphql", headers=asked | {"Access-Control-Request-Headers": "content-type"})
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
