"""The AO door's requests: any path, query and body. It answers what it likes, but raises nothing and never faults."""

import atexit
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from archive.data_item import sign_item
from archive.keys import Ed25519Key, b64
from regions.ao import units
from tests.ao.inside import Inside
from tests.cluster import Cluster
from tests.fuzz.target import Target, at_most

MIB = 1 << 20
METHODS = ("GET", "POST", "DELETE", "OPTIONS")
AO = (("Data-Protocol", "ao"), ("Type", "Message"))


class ServerFault(Exception):
    """The door blamed itself."""


@lru_cache(maxsize=1)
def _inside() -> Inside:
    units.SHOWN_WITHIN_S = units.ASSIGNED_WITHIN_S = 0.0  # what is not there now need not be waited for
    folder = mkdtemp(prefix="fuzz-door-")
    atexit.register(rmtree, folder, ignore_errors=True)
    inside = Inside(Cluster(), Path(folder))
    inside.cluster.ticks(70)
    inside.read()
    return inside


def _request(raw: bytes) -> None:
    """`method number | path ? query \\0 body`."""
    head, _, body = raw[1:].partition(b"\0")
    path, _, query = head.partition(b"?")
    method = METHODS[raw[0] % len(METHODS)] if raw else "GET"
    text = "/" + path.decode("utf-8", "replace").lstrip("/").replace("\ufffd", "x")
    reply = _inside().request(method, text.encode("ascii", "replace").decode(), query, body)
    if reply.status >= 500 and reply.status != 503:
        raise ServerFault(f"{method} {text}: {reply.status} {reply.body[:200]!r}")


def _seeds() -> list[bytes]:
    inside = _inside()
    region, key = inside.cluster.processes[1], Ed25519Key(bytes(32))
    process = b64(region).encode()
    item = sign_item(key, b"hello", [("Action", "Info"), *AO], target=region)
    dry = b'{"Id":"1234","Owner":"1234","Target":"x","Tags":[{"name":"Action","value":"Info"}],"Anchor":"0"}'
    cursor = b"eyJ0aW1lc3RhbXAiOjEsIm9yZGluYXRlIjoiMSIsImNyb24iOm51bGwsInNvcnQiOiJBU0MifQ=="
    question = (
        b'{"query":"query($i:[ID!]){transactions(ids:$i){edges{node{id tags{name value}}}}}","variables":{"i":[]}}'
    )
    return [
        b"\1messenger\0" + item.raw,
        b"\1messenger?process-id=" + process + b"&assign=" + process + b"\0",
        b"\1messenger/monitor/" + process + b"\0" + item.raw,
        b"\1compute/dry-run?process-id=" + process + b"\0" + dry,
        b"\0compute/results/" + process + b"?from=" + cursor + b"&sort=DESC&limit=3\0",
        b"\0compute/result/" + process + b"?process-id=" + process + b"\0",
        b"\0scheduler/" + process + b"?from=1&to=99999999999999&limit=2\0",
        b"\0scheduler/" + process + b"?from-nonce=0&to-nonce=2\0",
        b"\0scheduler/" + process + b"?process-id=" + process + b"\0",
        b"\1mainnet/" + process + b"~process@1.0/push\0" + item.raw,
        b"\1mainnet/" + process + b"~process@1.0/as=execution/compute&Action=Info&X=%41\0",
        b"\0mainnet/" + process + b"/slot/current\0",
        b"\1gateway/graphql\0" + question,
        b"\0gateway/" + process + b"\0",
    ]


TARGETS = [
    Target(
        "ao-door",
        _request,
        (),
        _seeds,
        {
            "regions.ao.compute": ("_edge", "_nonce", "cursor", "dry", "routes"),
            "regions.ao.gateway": ("_question",),
            "regions.ao.graphql": ("_number",),
            "regions.ao.index": ("Index",),
            "regions.ao.results": ("of_outside",),
            "regions.ao.straight": ("straight",),
            "regions.ao.units": ("item_json", "an_id", "count", "body"),
            "regions.ao.view": ("View",),
        },
        at_most(32 * MIB),
        longest=20_000,
    ),
]
