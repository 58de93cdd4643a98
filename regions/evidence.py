"""What in a record must be signed, and by whom: checked by auditors, who trust no owner.

The fold takes inputs as recorded; whoever recorded them could have invented them. So every login, birth, player's head,
confirmation, owner's word and AO assignment is held here against the key that must have made it, and a player's signed
heads against the actions they cover. A finding is a sentence; an empty list means nothing was found.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from hashlib import sha256

from archive.checkpoint import Manifest
from archive.data_item import parse_item, signing_message
from archive.errors import ArchiveError, Forged
from archive.keys import ED25519, b64, unb64, verify
from archive.tags import encode_tags
from regions import assignments, letters
from regions.charter import Charter
from regions.config import UNSIGNED_ACTIONS_MAX
from regions.errors import RecordError
from regions.letters import Handover
from regions.lift import owner_signed
from regions.record import (
    Acted,
    Birth,
    Confirmed,
    Head,
    Login,
    Outside,
    OwnerSaid,
    Record,
    SpanSigned,
    claim_message,
    head_message,
    login_message,
    player_head_message,
)
from regions.region_state import Entry, Line, Player, Region, Span
from regions.scheduler import confirmed_message, valuable
from world.events import Refusal


@dataclass
class Seen:
    """A player as it stands while the inputs of a record are taken one by one."""

    key: bytes
    number: int
    signed: int


@dataclass
class Looked:
    """What is noted of a state before a record changes it."""

    findings: list[str] = field(default_factory=list)
    heads: list[tuple[int, Head, Seen]] = field(default_factory=list)  # (place among the inputs, head, its player)
    valuable: list[Acted] = field(default_factory=list)
    span: Span | None = None
    lines: dict[bytes, Line] = field(default_factory=dict)  # the numberings of the processes in it


def look(region: Region, record: Record) -> Looked:
    """Note what `judge` will need, before the record is applied to the region."""
    looked = Looked()
    if not record.inputs:
        return looked
    state = region.state
    players: dict[int, Seen | None] = {}
    for place, said in enumerate(record.inputs):
        if type(said) is Acted or type(said) is Head or type(said) is Login:  # see compute._take_inputs
            if said.entity not in players:
                players[said.entity] = _player(region, record, said.entity)
            player = players[said.entity]
            if player is None:
                continue
            if type(said) is Head:
                looked.heads.append((place, said, Seen(player.key, player.number, player.signed)))
                if player.signed < said.number <= player.number:
                    player.signed = said.number
                continue
            if type(said) is Acted and player.number - player.signed >= UNSIGNED_ACTIONS_MAX:
                looked.findings.append(
                    f"action {said.number} of entity {said.entity} was admitted although"
                    f" {player.number - player.signed} before it are covered by no head"
                )
            if type(said) is Acted and valuable(said.body):
                looked.valuable.append(said)
            player.number = said.number
            if type(said) is Login:
                player.key = said.session_key
        elif isinstance(said, SpanSigned) and state.assignments.waiting:
            looked.span = copy(state.assignments.waiting[0])
            looked.span.entries = list(looked.span.entries)  # the fold takes off those that are signed
            for entry in (*looked.span.entries[: len(said.signatures)], None):
                line = assignments.line_of(state.assignments, entry)
                looked.lines[assignments.process_of(state, entry)] = Line(line.nonce, line.last, line.chain)
    return looked


def _player(region: Region, record: Record, entity: int) -> Seen | None:
    state = region.state
    player: Player | None = state.players.get(entity)
    if player is None and entity in state.sleepers:
        player = state.sleepers[entity].player
    if player is None:
        player = _arriving(record, entity)
    return None if player is None else Seen(player.session_key, player.number, player.signed)


def _arriving(record: Record, entity: int) -> Player | None:
    for heard in record.heard:
        for mail in heard.mail:
            if mail.kind != letters.HANDOVER:
                continue
            try:
                body = letters.decode_body(mail)
            except RecordError:
                continue
            if isinstance(body, Handover) and body.player is not None and body.player.entity == entity:
                return body.player
    return None


def judge(
    looked: Looked, region: Region, record: Record, charter: Charter, manifests: Mapping[bytes, Manifest]
) -> list[str]:
    """What is wrong with the evidence in a record that was just applied to `region`.

    `manifests` are those of the world's checkpoints so far, by id.
    """
    findings = list(looked.findings)
    state = region.state
    for place, head, player in looked.heads:
        findings += _judge_head(head, player, record.verdicts[place], state.world, record.era)
    findings += _judge_valuable(looked, record)
    for said in record.inputs:
        if type(said) is Acted or type(said) is Head:
            continue
        if isinstance(said, Login | Birth):
            if not verify(ED25519, said.wallet, login_message(state.world, said), said.signature):
                findings.append(f"{_name(said)} is not signed by its wallet")
        elif isinstance(said, Confirmed):
            message = confirmed_message(state.world, said)
            if said.node not in state.nodes or not verify(ED25519, said.node, message, said.signature):
                findings.append(f"the confirmation of checkpoint {said.number} is not signed by a node of the roster")
            else:
                findings += _judge_confirmed(said, charter, manifests.get(said.manifest))
        elif isinstance(said, OwnerSaid):
            if not owner_signed(said.item, state.owner):
                findings.append("an owner's word is not signed by the world's owner")
        elif isinstance(said, Outside):
            findings += _judge_outside(said)
        elif isinstance(said, SpanSigned) and looked.span is not None:
            findings += _judge_span(said, looked, region, charter)
    return findings


def node_signed(region: Region, record: Record) -> bool:
    """Whether claim and head, where a record has them, were signed by the node of its term; the fold asks this, too."""
    state, claim = region.state, record.claim
    place = state.region, record.era, record.term, record.n, record.previous
    if claim is not None and not verify(ED25519, claim.node, claim_message(*place, claim), claim.signature):
        return False
    if not record.state_hash:
        return not record.head
    return verify(ED25519, state.claim_node, head_message(*place, record.state_hash), record.head)


def _name(said: Login | Birth) -> str:
    return f"login {said.number} of entity {said.entity}" if isinstance(said, Login) else "a birth"


def _judge_head(head: Head, player: Seen, verdict: int, world: bytes, era: int) -> list[str]:
    what = f"the head over action {head.number} of entity {head.entity}"
    message = player_head_message(world, era, head.entity, head.number, head.chain, head.seen)
    if not verify(ED25519, player.key, message, head.signature):
        return [f"{what} is not signed by the player's session key"]
    if verdict == Refusal.DONE or head.number <= player.signed:
        return []
    if head.number > player.number:
        return [f"{what} covers more than the {player.number} actions that the log has: one was left out"]
    return [f"{what} covers other actions than the log has: one was changed, added or left out"]


def _judge_confirmed(said: Confirmed, charter: Charter, manifest: Manifest | None) -> list[str]:
    """What is confirmed is what lets assets leave and logs be cut: no more of it than the manifest holds (law 2)."""
    if manifest is None or manifest.number != said.number:
        return [f"a confirmation names a manifest that checkpoint {said.number} does not have"]
    ours = manifest.era == charter.era
    ends = [
        (unb64(seat.process), end.end, end.snapshot_before if ours else 0)
        for seat, end in zip(charter.seats, manifest.regions)
    ]
    if list(said.ends) != ends:
        return [f"the confirmation of checkpoint {said.number} says that it holds other records than it does"]
    return []


def _judge_valuable(looked: Looked, record: Record) -> list[str]:
    """What moves something of worth is admitted together with a head that covers it: law 13, Title."""
    covered = [(head.entity, head.number) for place, head, _ in looked.heads if not record.verdicts[place]]
    return [
        f"action {said.number} of entity {said.entity} gives something of worth away and its record has no head over it"
        for said in looked.valuable
        if not any(entity == said.entity and number >= said.number for entity, number in covered)
    ]


def _judge_outside(said: Outside) -> list[str]:
    try:
        parse_item(said.item).verify()
    except ArchiveError as error:
        return [f"an outside item is not what it says: {error}"]
    return []


def _judge_span(said: SpanSigned, looked: Looked, region: Region, charter: Charter) -> list[str]:
    """Rebuild the span's items and assignments with the signatures given, and check each."""
    span = looked.span
    assert span is not None
    state, key = region.state, unb64(charter.scheduler)
    processes = charter.processes()
    try:
        for entry, (item_signature, signature) in zip([*span.entries, None], said.signatures):
            item_id = _item_id(key, region, processes, span, entry, item_signature)
            process = assignments.process_of(state, entry)
            nonce, chain = assignments.following(looked.lines[process], process)
            time_ms = span.time_ms if entry is None else entry.time_ms
            message = item_id if item_id != process else None
            tags = assignments.assignment_tags(process, nonce, chain, said.block_height, time_ms, message)
            looked.lines[process] = Line(nonce, _signed_id(key, signature, None, tags, b""), chain)
    except (ArchiveError, ValueError) as error:
        return [f"the AO assignments of records {span.first}..{span.last} are not signed by the scheduler: {error}"]
    return []


def _item_id(
    key: bytes, region: Region, processes: dict[int, bytes], span: Span, entry: Entry | None, signature: bytes
) -> bytes:
    """The id of the item that an assignment names, once its signature holds."""
    if entry is not None and not entry.source and not entry.number:
        if signature:
            raise Forged("data item", f"{b64(entry.hash)} is its wallet's, and was signed again")
        return entry.hash
    if entry is None:
        tags, data = assignments.advance_tags(span.first, span.last), span.hash.hex().encode()
    else:
        tags = assignments.mail_tags(processes[entry.source], region.state.module, entry.number, entry.cause)
        data = entry.hash.hex().encode()
    return _signed_id(key, signature, region.state.region, tags, data)


def _signed_id(key: bytes, signature: bytes, target: bytes | None, tags: list[tuple[str, str]], data: bytes) -> bytes:
    """The id of the data item with this signature, once it holds; the item itself is not put together."""
    message = signing_message(ED25519, key, target, None, encode_tags(tags), data)
    if not verify(ED25519, key, message, signature):
        raise Forged("data item", f"not signed by {b64(key)}")
    return sha256(signature).digest()
