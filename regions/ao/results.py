"""What came of an item, in a compute unit's words: Messages, Spawns, Assignments, Output, Error, GasUsed."""

from typing import Any

import msgspec

from archive.data_item import DataItem
from archive.keys import b64
from regions import assignments
from regions.outside import READS, address_text, names
from world.events import REASONS, Refusal

Result = dict[str, Any]
WORDS = {
    "Withdraw": "in escrow until a confirmed checkpoint holds it",
    "Deposit": "claimed; it comes to the wallet's body when the wallet holds it outside",
}


def of_outside(item: DataItem, verdict: int, reply: bytes) -> Result:
    """The result of a wallet's item, from its verdict and reply in the record."""
    kind = item.tag("Action") or ""
    _, address = names(item.signature_type, item.owner)
    asker = address_text(address)
    if verdict:
        return _result(error=f"{kind}: {REASONS.get(Refusal(verdict), Refusal(verdict).name)}")
    if kind in READS:
        return of_reply(kind, asker, msgspec.json.decode(reply) if reply else {"Error": "no reply"})
    if kind in WORDS:
        return _result(output={"data": f"{kind}: {WORDS[kind]}"})
    messages = _notices(item, asker) if kind in ("Give", "Transfer") else []
    return _result(messages, {"data": f"{kind}: done"})


def of_post(verdict: int) -> Result:
    """The result of what is for a mailbox: it is kept, and nothing computes on it."""
    return _result(output={"data": "kept"}) if not verdict else _result(error=Refusal(verdict).name)


def of_reply(kind: str, asker: str, reply: Any) -> Result:
    """The result of a read."""
    if "Error" in reply:
        return _result(error=f"{kind}: {reply['Error']}")
    tags = {"Action": f"{kind}-Notice"} | reply["Tags"]
    return _result([_message(asker, tags, reply["Data"], 1)], {"data": reply["Data"]})


def of_own(processes: dict[int, bytes], module: bytes, sent: list[tuple[int, int, bytes]]) -> Result:
    """The result of an item of the world's own: of Advance, the mail that the span's records sent."""
    messages = [
        {
            "Target": b64(processes[index]),
            "Tags": [_tag("Action", "Mail"), _tag("Reference", str(number)), _tag("From-Module", b64(module))],
            "Data": digest.hex(),
            "Anchor": f"{number:032d}",
        }
        for index, number, digest in sent
    ]
    return _result(messages)


def _notices(item: DataItem, asker: str) -> list[Result]:
    """Who gave and who was given are told, as tokens do. (A recipient named by its body's id has no address here.)"""
    moved = {name: item.tag(name) or "" for name in ("Asset", "Quantity", "Item", "Count") if item.tag(name)}
    recipient = item.tag("Recipient") or ""
    debit = _message(asker, {"Action": "Debit-Notice", "Recipient": recipient} | moved, "given", 1)
    if recipient.isdigit():
        return [debit]
    return [debit, _message(recipient, {"Action": "Credit-Notice", "Sender": asker} | moved, "received", 2)]


def _message(target: str, tags: dict[str, str], data: str, reference: int) -> Result:
    own = [
        ("Data-Protocol", "ao"),
        ("Variant", assignments.VARIANT),
        ("Type", "Message"),
        ("Reference", str(reference)),
    ]
    return {
        "Target": target,
        "Tags": [_tag(name, value) for name, value in (*tags.items(), *own)],
        "Data": data,
        "Anchor": f"{reference:032d}",
    }


def _tag(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def _result(messages: list[Result] | None = None, output: Any = None, error: str = "") -> Result:
    made: Result = {"Messages": messages or [], "Spawns": [], "Assignments": [], "Output": output or {"data": ""}}
    if error:
        made["Error"] = error
    return made | {"GasUsed": 0}
