"""check_asset.py URL ASSET [OWNER]: proves an asset of an Everloom world from a store alone, believing no server.

ASSET is its metadata's id. Checked are id and signature of every item on the way: metadata, picture, the checkpoint
that files them, the record in which it was found, the chain from there to the checkpoint's end, the charter that names
the nodes which signed all this, and the world's owner (OWNER: the address you expect; it is printed in any case)."""

# fmt: off
# ruff: noqa
import base64, hashlib, json, msgpack, struct, sys, urllib.request, zstandard
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
def b64(raw): return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
def unb64(text): return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
def sha256(raw): return hashlib.sha256(raw).digest()
def sha384(raw): return hashlib.sha384(raw).digest()
def require(holds, what): return holds or sys.exit(f"NOT PROVED: {what}")
def get(path, body=None):
    asked = urllib.request.Request(sys.argv[1] + path, body, {"Content-Type": "application/json"})
    return urllib.request.urlopen(asked, timeout=60).read()
def ask(query, **variables):
    return json.loads(get("/graphql", json.dumps({"query": query, "variables": variables}).encode()))["data"]
def search(owners, **tags):  # ids of the items with these tags that one of these keys is said to have signed
    found = ask("query($t: [TagFilter!], $o: [String!]) {transactions(tags: $t, owners: $o) {edges{node{id}}}}",
                t=[{"name": name, "values": [tags[name]]} for name in tags], o=[b64(sha256(one)) for one in owners])
    return [edge["node"]["id"] for edge in found["transactions"]["edges"]]
def varint(number): return bytes([number * 2]) if number < 64 else bytes([number * 2 & 127 | 128, number >> 6])
def item(name, kind, signers=None):  # the owner's key, tags and data of an item, if its owner's signature holds
    node = ask("query($i: ID!) {transaction(id: $i) {signature anchor recipient owner{key} tags{name value}}}", i=name)
    node, data = node["transaction"], get(f"/raw/{name}")
    owner, signature, tags = unb64(node["owner"]["key"]), unb64(node["signature"]), node["tags"]
    texts = b"".join(varint(len(text)) + text for tag in tags for text in (tag["name"].encode(), tag["value"].encode()))
    signed = sha384(b"list8")  # a deep hash of the eight parts
    for part in (b"dataitem", b"1", b"1" if len(owner) == 512 else b"2", owner, unb64(node["recipient"]),
                 unb64(node["anchor"]), varint(len(tags)) + texts + b"\0", data):
        signed = sha384(signed + sha384(sha384(b"blob%d" % len(part)) + sha384(part)))
    if len(owner) == 512:  # RSA, as the world's owner's is; nodes have Ed25519 keys
        key = rsa.RSAPublicNumbers(65537, int.from_bytes(owner, "big")).public_key()
        key.verify(signature, signed, padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO), SHA256())
    else: ed25519.Ed25519PublicKey.from_public_bytes(owner).verify(signature, signed)
    require(b64(sha256(signature)) == name and {"name": "Type", "value": kind} in tags, f"{name} is another item")
    require(signers is None or owner in signers, f"{name} is signed by {b64(owner)}")
    return owner, {tag["name"]: tag["value"] for tag in tags}, data
def records(raw):  # of a segment: the hash before the first record, the records by number, the hash of the last
    _, _, first, count, before, last = struct.unpack_from("<16sIQI32s32s", raw)
    require(zstandard.frame_content_size(raw[96:]) <= 64 << 20, "a segment of more than 64 MiB")
    content, found, head, at = zstandard.ZstdDecompressor().decompress(raw[96:]), {}, before, 6 * count
    sizes, places = struct.unpack_from(f"<{count}I", content), struct.unpack_from(f"<{count}H", content, 4 * count)
    for number, (size, place) in enumerate(zip(sizes, places), first):
        cut = place < 65535  # the hash of the record before was cut out there
        part, at = content[at : at + size - 32 * cut], at + size - 32 * cut
        found[number] = part[:place] + head + part[place:] if cut else part
        head = sha256(found[number])
    return require(head == last, "the records of a segment do not lead to its end") and (before, found, last)
def prove(name, expected=None):
    signer, tags, data = item(name, "token")
    world, era, number = tags["World"], tags["Era"], tags["Checkpoint"]
    owner = item(world, "Process")[0]  # whoever signed the world's own process owns the world
    require(expected in (None, b64(sha256(owner))), f"the world's owner is {b64(sha256(owner))}")
    charter_id, = search([owner], World=world, Type="Everloom-Era", Era=era)
    nodes = [unb64(node) for node in json.loads(item(charter_id, "Everloom-Era", [owner])[2])["nodes"]]
    manifest_id, = search(nodes, World=world, Type="Everloom-Manifest", Era=era, Checkpoint=number)
    manifest = json.loads(item(manifest_id, "Everloom-Manifest", nodes)[2])
    require((manifest["world"], manifest["charter"]) == (world, charter_id), "the checkpoint is of another world")
    picture = json.loads(data)["image"].removeprefix("ar://")
    require(signer in nodes and item(picture, "image", nodes)[1]["Asset"] == tags["Asset"], "picture or metadata")
    require({"asset": tags["Asset"], "metadata": name, "picture": picture} in manifest["assets"], "it is not filed")
    lines = map(json.loads, item(manifest["chronicle"], "Everloom-Chronicle", nodes)[2].decode().splitlines())
    found = next(one for one in lines if one["event"] == "minted" and one["what"][0] == int(tags["Asset"], 16))
    region, n, head = manifest["regions"][found["region"]], found["record"], None
    for run in (run for run in region["segments"] if run["last"] >= n):
        _, whose, raw = item(run["id"], "Everloom-Segment", nodes)
        before, raws, last = records(raw)
        require(head in (None, before) and whose["Process"] == region["process"], "a gap in the region's records")
        head, record = last, msgpack.unpackb(raws[n]) if n in raws else record
    require(b64(head) == region["end_hash"], "the records do not lead to the checkpoint's end")
    did = [said[:2] for said, verdict in zip(record[12], record[17]) if verdict == 0]
    require(record[3] == n and [1, found["what"][1]] in did, "the record does not hold its finder's action")
    print(f"PROVED: {json.loads(data)['name']}, found by {found['what'][1]:016x} in record {n} of region"
          f" {region['process']}, in checkpoint {era}.{number} of world {world}, whose owner is {b64(sha256(owner))}")
prove(*sys.argv[2:])
