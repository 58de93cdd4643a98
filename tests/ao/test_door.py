"""The AO door's answers: what is refused says why, pages never part a record, and every view shows the same bytes."""

import base64
import json
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archive.data_item import DataItem, parse_item, sign_item
from archive.keys import Ed25519Key, b64, unb64
from regions.ao import units
from regions.ao.view import View
from regions.config import SPAN
from regions.letters import WORLD
from regions.record import Outside
from tests.ao.inside import Inside
from tests.cluster import SCHEDULER, Cluster
from tests.wallets import EthereumKey

AO = (("Data-Protocol", "ao"), ("Type", "Message"), ("Variant", "ao.TN.1"))
KEY = Ed25519Key(bytes(range(32)))


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inside]:
    monkeypatch.setattr(units, "SHOWN_WITHIN_S", 0.0)
    monkeypatch.setattr(units, "ASSIGNED_WITHIN_S", 0.0)
    made = Inside(Cluster())
    yield made
    made.index.close()


def item(inside: Inside, action: str, region: int = 1, data: bytes = b"", key: Any = KEY, **tags: Any) -> DataItem:
    pairs = [("Action", action), *AO, *((name, str(value)) for name, value in tags.items())]
    return sign_item(key, data, pairs, inside.cluster.processes[region])


def post(inside: Inside, raw: bytes) -> tuple[int, Any]:
    reply = inside.request("POST", "/messenger", body=raw)
    return reply.status, json.loads(reply.body)


def get(inside: Inside, path: str, query: str = "") -> Any:
    reply = inside.request("GET", path, query.encode())
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


def test_a_read_is_answered_from_its_record(inside: Inside) -> None:
    asked = item(inside, "Info")
    status, words = post(inside, asked.raw)
    assert (status, words["id"]) == (202, b64(asked.id))
    process = b64(inside.cluster.processes[1])
    result = get(inside, f"/compute/result/{b64(asked.id)}", f"process-id={process}")
    assert json.loads(result["Output"]["data"])["Era"] == 1
    assert result["Messages"][0]["Target"] == asked.address


def test_an_ethereum_wallet_is_named_by_its_own_address(inside: Inside) -> None:
    key = EthereumKey(b"e" * 32)
    asked = item(inside, "Info", key=key)
    assert post(inside, asked.raw)[0] == 202
    process = b64(inside.cluster.processes[1])
    result = get(inside, f"/compute/result/{b64(asked.id)}", f"process-id={process}")
    target = result["Messages"][0]["Target"]
    assert target.startswith("0x") and len(target) == 42 and target != target.lower()


@pytest.mark.parametrize(
    ("spoil", "status", "reason"),
    [
        (lambda one, _: one.raw[:-1] + b"!", 400, "signature"),
        (lambda one, _: one.raw[:40], 400, "cut short"),
        (lambda one, _: b"", 400, "cut short"),
        (lambda one, _: one.raw + bytes(20_000), 413, "16384"),
        (lambda one, inside: item(inside, "Rob").raw, 400, "none of"),
        (lambda one, inside: item(inside, "Move", X=1, Y=1).raw, 400, "Number"),
        (lambda one, inside: item(inside, "Move", X=1, Y=1, Number="2.1").raw, 400, "era 2"),
        (lambda one, inside: item(inside, "Move", X=1, Y=1, Number="0.1").raw, 400, "era 0"),
        (lambda one, inside: item(inside, "Say", data=b"x").raw, 409, "body"),
        (lambda one, inside: sign_item(KEY, b"", [("Action", "Info"), *AO], bytes(32)).raw, 404, "none of world"),
        (lambda one, inside: sign_item(KEY, b"", [("Action", "Info"), *AO]).raw, 400, "target"),
        (lambda one, inside: sign_item(KEY, b"", [("Action", "Info")], one.target).raw, 400, "Data-Protocol"),
    ],
)
def test_what_is_refused_says_why_and_changes_nothing(inside: Inside, spoil: Any, status: int, reason: str) -> None:
    good = item(inside, "Say", data=b"hello")
    found, words = post(inside, spoil(good, inside))
    assert (found, reason in words["error"]) == (status, True), words
    assert not any(record.replies for record in inside.cluster.records(1))


def test_an_item_is_taken_once(inside: Inside) -> None:
    asked = item(inside, "Info")
    assert post(inside, asked.raw)[0] == 202
    status, words = post(inside, asked.raw)
    assert status == 409 and "already" in words["error"]


def test_pages_of_results_hold_every_result_once_and_part_no_record(inside: Inside) -> None:
    asked = [item(inside, "Info", Part=number) for number in range(7)]
    for one in asked[:3]:
        post(inside, one.raw)
    inside.cluster.send(1, *(Outside(one.raw, 0, 0) for one in asked[3:]), gateway="door")  # all in one record
    inside.cluster.ticks(3 * SPAN)
    inside.read()
    process = b64(inside.cluster.processes[1])
    whole = get(inside, f"/compute/results/{process}", "limit=1000")["edges"]
    cursors = [edge["cursor"] for edge in whole]
    for sort in ("ASC", "DESC"):
        pages: list[list[str]] = []
        start = ""
        while True:
            page = get(inside, f"/compute/results/{process}", f"limit=2&sort={sort}{start}")
            if not page["edges"]:
                break
            pages.append([_ordinate(edge["cursor"]) for edge in page["edges"]])
            start = f"&from={page['edges'][-1]['cursor']}"
        flat = [one for page in pages for one in page]
        wanted = [_ordinate(one) for one in cursors]
        assert flat == (wanted if sort == "ASC" else wanted[::-1])
        records = [{inside.index.numbered(1, one).n for one in page} for page in pages]
        assert all(not (one & other) for one, other in pairwise(records))


def _ordinate(cursor: str) -> int:
    return int(json.loads(base64.b64decode(cursor))["ordinate"])


def test_the_schedulers_pages_are_a_chain_that_anyone_can_check(inside: Inside) -> None:
    for number in range(3):
        post(inside, item(inside, "Info", Part=number).raw)
    inside.cluster.ticks(3 * SPAN)
    inside.read()
    process = inside.cluster.processes[1]
    edges = get(inside, f"/scheduler/{b64(process)}", "from-nonce=0&limit=100")["edges"]
    first = get(inside, f"/scheduler/{b64(process)}", "limit=1")["edges"][0]
    chain, last = sha256(process).digest(), unb64(first["node"]["assignment"]["id"])
    assert len(edges) >= 5
    for nonce, edge in enumerate(edges, 1):
        tags = {tag["name"]: tag["value"] for tag in edge["node"]["assignment"]["tags"]}
        chain = sha256(last + chain).digest()
        assert (tags["Nonce"], tags["Hash-Chain"]) == (str(nonce), b64(chain))
        assert tags["Message"] == edge["node"]["message"]["id"]
        last = unb64(edge["node"]["assignment"]["id"])
        raw = inside.index.slot(1, nonce).raw
        assert parse_item(raw).owner == SCHEDULER.public
        parse_item(raw).verify()


def test_a_second_view_of_the_same_log_shows_the_same_bytes(inside: Inside) -> None:
    for region in (1, 2):
        post(inside, item(inside, "Info", region).raw)
    inside.cluster.ticks(4 * SPAN)
    inside.read()
    other = Inside(inside.cluster)
    other.read()
    for region in (1, 2):
        last = inside.index.last(region)
        assert last is not None and last.nonce > 2
        for nonce in range(last.nonce + 1):
            assert inside.index.slot(region, nonce) == other.index.slot(region, nonce)
    other.index.close()


def test_a_view_goes_on_from_where_another_stopped(inside: Inside) -> None:
    inside.cluster.ticks(40)
    raws = inside.cluster.raws(1)
    whole, half = inside.views[1], inside.views[2]
    assert whole.place.n == 0 and half.place.n == 0
    found = [whole.follow(raw) for raw in raws]
    begun = View.begin(whole.process, whole.module, whole.scheduler, whole.processes, unb64(_first(inside)))
    shown = [begun.follow(raw) for raw in raws[:20]]
    place = msgspec.msgpack.decode(msgspec.msgpack.encode(begun.place), type=type(begun.place))
    later = View(whole.process, whole.module, whole.scheduler, whole.processes, place)
    shown += [later.follow(raw) for raw in raws[20:]]
    assert shown == found and later.place == whole.place


def _first(inside: Inside) -> str:
    return inside.cluster.charter.seats[1].assignment


def test_a_mailbox_is_read_at_the_schedulers_door(inside: Inside) -> None:
    module = inside.cluster.charter.module
    box = sign_item(
        KEY, b"", [("Data-Protocol", "ao"), ("Type", "Process"), ("Variant", "ao.TN.1"), ("Module", module)]
    )
    status, words = post(inside, box.raw)
    assert (status, words["processId"]) == (202, b64(box.id))
    posted = sign_item(KEY, b"for the agent", [("Action", "Anything"), *AO], box.id)
    assert post(inside, posted.raw)[0] == 202
    for _ in range(40 * SPAN):
        inside.cluster.ticks(1)
    inside.read()
    assert inside.index.last(WORLD) is not None
    edges = get(inside, f"/scheduler/{b64(box.id)}")["edges"]
    assert [edge["node"]["message"]["id"] for edge in edges] == [b64(box.id), b64(posted.id)]
    assert edges[1]["node"]["message"]["data"] == "for the agent"
    assert "Message" not in {tag["name"] for tag in edges[0]["node"]["assignment"]["tags"]}
    other = sign_item(KEY, b"", [("Data-Protocol", "ao"), ("Type", "Process"), ("Module", "A" * 43)])
    status, words = post(inside, other.raw)
    assert status == 400 and module in words["error"]


def test_mail_names_the_item_that_it_was_sent_for(inside: Inside) -> None:
    joined = item(inside, "Join", WORLD)
    assert post(inside, joined.raw)[0] == 202
    inside.cluster.ticks(4 * SPAN)
    inside.read()
    found = []
    for region in (1, 2):
        for edge in get(inside, f"/scheduler/{b64(inside.cluster.processes[region])}", "from-nonce=0&limit=100")[
            "edges"
        ]:
            tags = {tag["name"]: tag["value"] for tag in edge["node"]["message"]["tags"]}
            if tags["Action"] == "Mail":
                found.append((tags["From-Process"], tags.get("Pushed-For")))
    world = b64(inside.cluster.processes[WORLD])
    assert found.count((world, b64(joined.id))) == 1  # the body that the wallet asked for
    assert all(cause in (None, b64(joined.id)) for _, cause in found)


def test_pages_from_anywhere_may_ask_every_door(tmp_path: Path) -> None:
    inside = Inside(Cluster(), tmp_path)
    for name in ("messenger", "scheduler", "compute", "gateway", "mainnet"):
        assert inside.request("GET", f"/{name}").headers["access-control-allow-origin"] == "*"
    module = inside.cluster.charter.module
    asked = b'{"query": "{transactions(ids: [\\"%s\\"]) {edges {node {tags {name value}}}}}"}' % module.encode()
    found = json.loads(inside.request("POST", "/gateway/graphql", body=asked).body)["data"]["transactions"]["edges"]
    assert {"name": "Module-Format", "value": "everloom-python-1"} in found[0]["node"]["tags"]
    inside.index.close()
