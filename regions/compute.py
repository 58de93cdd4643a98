"""`fold` and `apply`: the only fold. Live, replay, restore and verify share it.

`fold(region, given)` takes the fields of a record that were decided before it (place, claim, link, inputs, heard,
fresh) and changes the region; what it returns are the record's remaining fields and what is to be told. `apply` folds
a record of the log and holds the outcome against what the record says.
"""

import hashlib
from dataclasses import dataclass, field

import msgspec

from archive.keys import b64
from regions import assignments, chain, escrow, letters, outside, players, replies
from regions.config import CHRONICLE_KEPT, OUTBOX_MAX, SPAN, STATE_BYTES_MAX
from regions.errors import ChainBroken, Diverged, FoldFailed, RecordError
from regions.letters import Archived, Born, Handover
from regions.lift import lifts
from regions.outside import Asked
from regions.parcels import Claimed, Left, Returned
from regions.record import (
    Acted,
    Birth,
    Confirmed,
    Head,
    Issued,
    Login,
    Mail,
    Outside,
    OwnerSaid,
    Record,
    Sent,
    SpanSigned,
    decode,
    first_chain,
    record_hash,
)
from regions.region_state import Command, Entry, Line, Neighbour, Newcomer, Player, Region, RegionState, Sleeper, Told
from world.actions import Action
from world.events import Event, Kind, Refusal
from world.phases import Mark, Phase, unmarked
from world.tick import Inputs, Outputs

RULE_FAILED = int(Refusal.RULE_FAILED)
KEY_EVENTS = (Kind.MINTED, Kind.DIED, Kind.BUILT, Kind.DUG, Kind.WITHDREW, Kind.DEPOSITED)  # what the chronicle keeps


@dataclass
class Folded:
    """What a fold gave: the record's outcome, and what is told to whom once it is durable."""

    verdicts: tuple[int, ...] = ()
    replies: tuple[bytes, ...] = ()
    sent: tuple[Sent, ...] = ()
    events: list[Event] = field(default_factory=list)
    events_hash: bytes = b""
    state_hash: bytes = b""
    state_bytes: bytes = b""  # what state_hash is taken over; a snapshot holds it
    ghosts: dict[int, bytes] = field(default_factory=dict)  # by neighbour index
    left: list[tuple[int, int, int]] = field(default_factory=list)  # players' (entity, region it goes to, hop)
    handovers: int = 0


def fold(region: Region, given: Record, mark: Mark = unmarked) -> Folded:
    """Fold one record's given fields into a region, in place.

    Raises RecordError when the fields cannot follow this state, FoldFailed when a rule raised: the region is then
    spoilt and must be rebuilt from the log. `mark` is told what is begun, and gives nothing back.
    """
    state = region.state
    closed_ms = state.time_ms
    chain.take_place(state, given, region.head)
    assignments.close_span(state, given.n, given.previous, closed_ms)
    if given.claim is not None:
        chain.take_claim(state, given.claim, given)
        return _outcome(region, given, Folded())
    chain.reveal(state, given)
    if given.fresh and given.fresh >> sum([near.index != letters.WORLD for near in state.neighbours]):
        raise RecordError(f"record {given.n} has more neighbours fresh than there are: {given.fresh:#b}")
    if given.halt:
        if given.inputs or given.heard or given.fresh or given.parked:
            raise RecordError(f"record {given.n} is a halt and carries inputs")
        state.halted, state.halted_at = given.halt, given.n
        return _outcome(region, given, Folded())
    if state.halted and not any(isinstance(said, OwnerSaid) and lifts(state, said.item) for said in given.inputs):
        raise RecordError(f"record {given.n} goes on although the region is halted: {state.halted}")
    try:
        folded = _tick(region, given, mark)
        mark(Phase.HASH)
        folded = _outcome(region, given, folded)
        if len(folded.state_bytes) > STATE_BYTES_MAX:
            raise FoldFailed(f"record {given.n} leaves {len(folded.state_bytes)} bytes; the limit is {STATE_BYTES_MAX}")
        return folded
    except (RecordError, FoldFailed):
        raise
    except Exception as error:
        count = len(given.inputs) + sum(len(heard.mail) for heard in given.heard)
        raise FoldFailed(f"record {given.n} with {count} inputs: {type(error).__name__}: {error}") from error


def apply(region: Region, raw: bytes, read: Record | None = None) -> tuple[Record, Folded]:
    """Fold a record of the log, and check its owner's signatures over the claim and the head.

    `read` is what `decode` made of the bytes, where it was asked already. Raises ChainBroken, RecordError, Diverged
    or FoldFailed; then the region is spoilt.
    """
    given = decode(raw) if read is None else read
    name = region.state.region.hex()[:12]
    if given.n != region.state.n + 1:
        raise ChainBroken(name, "record number", region.state.n + 1, given.n)
    if given.previous != region.head:
        raise ChainBroken(name, f"previous hash of record {given.n}", region.head.hex(), given.previous.hex())
    folded = fold(region, given)
    for what, said, found in (
        ("verdicts", given.verdicts, folded.verdicts),
        ("replies", given.replies, folded.replies),
        ("what was sent", given.sent, folded.sent),
        ("events", given.events, folded.events_hash),
        ("state hash", given.state_hash, folded.state_hash),
    ):
        if said != found:
            raise Diverged(name, given.n, what, _brief(said), _brief(found))
    if not chain.is_signed(region.state, given):
        raise RecordError(f"region {name}: record {given.n} does not carry the signature of the node that made it")
    region.head = record_hash(raw)
    return given, folded


def _brief(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)[:200]


def open_era(region: Region, era: int, era_item: bytes, roster: int, nodes: list[bytes], module: bytes) -> None:
    """Begin an era on a state at its cut: not a record, but what the owner-signed era item says (regions.revive).

    The claim of the era before ends with it: only a claim can follow, which names the era item. Where the item names
    another Module, `module`, the world's process announces it in the chronicle.
    """
    state = region.state
    if era <= state.era:
        raise RecordError(f"era {era} cannot follow era {state.era}")
    state.era, state.era_item, state.term = era, era_item, 0
    state.roster, state.nodes = roster, nodes
    state.link, state.links_left = b"", 0
    if module != state.module:
        words = f"the rules change: Module {b64(state.module)} gives way to {b64(module)}"
        state.module = module
        if state.index == letters.WORLD:
            _tell(state, Event(Kind.RULES_CHANGED, era, text=words))
    region.rules.begin_era(region.bodies, era)


@dataclass
class _Taken:
    """What a record's letters and inputs ask of the rules, and what is to be sent."""

    new: dict[int, list[Mail]]  # by neighbour index
    arrivals: list[bytes] = field(default_factory=list)
    births: list[tuple[int, int]] = field(default_factory=list)
    mail: list[bytes] = field(default_factory=list)
    actions: list[tuple[int, Action]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)  # which verdict an action's will be
    verdicts: list[int] = field(default_factory=list)
    leaving: list[tuple[int, int, Asked]] = field(default_factory=list)  # (place, body, Withdraw or Deposit)
    returned: list[Returned] = field(default_factory=list)
    reads: list[tuple[Asked, int] | None] = field(default_factory=list)  # by outside item: what is to be told to whom


def _tick(region: Region, given: Record, mark: Mark) -> Folded:
    state, rules, bodies = region.state, region.rules, region.bodies
    taken = _Taken({near.index: [] for near in state.neighbours})
    mark(Phase.LETTERS)
    _take_letters(region, given, taken)
    mark(Phase.INPUTS)
    _take_inputs(region, given, taken)
    landed = [near for near in state.neighbours if near.index != letters.WORLD]
    for place, near in enumerate(landed):
        if not given.fresh >> place & 1:
            near.ghosts = b""
    inputs = Inputs(
        key=hashlib.sha256(given.link + state.entropy).digest(),
        actions=taken.actions,
        arrivals=taken.arrivals,
        births=taken.births,
        mail=taken.mail,
        ghosts=[near.ghosts for near in landed],
        open=[letters.may_leave(near) if given.fresh >> place & 1 else 0 for place, near in enumerate(landed)],
    )
    outputs = rules.advance(bodies, inputs, mark)
    mark(Phase.LETTERS)
    for place, verdict in zip(taken.asked, outputs.verdicts, strict=True):
        taken.verdicts[place] = verdict
    folded = Folded(events=list(outputs.events))
    _cross(region, given.n, taken, folded.events)
    folded.verdicts = tuple(map(int, taken.verdicts))
    _post(region, outputs, landed, taken, folded)
    mark(Phase.RULES)
    if given.tick % SPAN == 0:
        folded.events += players.put_to_sleep(region)
    letters.grant(state, rules.free_rows(bodies))
    folded.replies = tuple(b"" if read is None else replies.reply(region, *read) for read in taken.reads)
    folded.ghosts = {near.index: ghosts for near, ghosts in zip(landed, outputs.ghosts)}
    _chronicle(state, folded.events)
    mark(Phase.LETTERS)
    folded.sent = tuple(
        letters.sent_to(near, taken.new[near.index], folded.ghosts.get(near.index, b""))
        for near in state.neighbours
        if near.index != letters.WORLD or taken.new[near.index]
    )
    return folded


def _take_letters(region: Region, given: Record, taken: _Taken) -> None:
    state = region.state
    for heard in given.heard:
        for mail in letters.hear(state, heard):
            if (heard.region, mail.number) in given.parked:
                state.parked.append((heard.region, mail))
            else:
                try:
                    _consume(region, heard.region, mail, taken)
                except RecordError as error:
                    raise FoldFailed(f"record {given.n}: {error}") from error  # no reason to stop: it is parked
            digest = letters.mail_hash(mail)
            entry = Entry(heard.region, mail.number, digest, given.n, given.time_ms, cause=mail.cause)
            state.assignments.open.append(entry)


def _take_inputs(region: Region, given: Record, taken: _Taken) -> None:
    state, rules, bodies, verdicts = region.state, region.rules, region.bodies, taken.verdicts
    room = letters.room_for_births(state, rules.free_rows(bodies)) - len(taken.arrivals)
    failed: set[int] = set()
    if RULE_FAILED in given.verdicts:
        failed = {place for place, verdict in enumerate(given.verdicts) if verdict == RULE_FAILED}
    for place, said in enumerate(given.inputs):
        # `type(x) is` for what is asked of every input: `isinstance` of another struct is several times as slow.
        if type(said) is Acted:
            _act(taken, said.entity, players.act(state, said), place in failed)
        elif type(said) is Head:
            verdicts.append(players.head(state, said))
        elif isinstance(said, Login):
            before = len(taken.arrivals) + len(taken.births)
            verdicts.append(players.login(state, said, room, place in failed, taken.arrivals, taken.births))
            room -= len(taken.arrivals) + len(taken.births) - before
        elif isinstance(said, Outside):
            before = len(taken.arrivals) + len(taken.births)
            _take_item(region, given, said, room, place in failed, taken)
            room -= len(taken.arrivals) + len(taken.births) - before
        elif isinstance(said, SpanSigned):
            verdicts.append(assignments.take_signatures(state, said))
        elif isinstance(said, Issued):
            verdicts.append(escrow.take_signature(state, said))
        elif place in failed:
            verdicts.append(Refusal.RULE_FAILED)
        elif isinstance(said, OwnerSaid):
            verdicts.append(_owner_said(state, said))
        else:
            wanted = Newcomer(said.wallet, hashlib.sha256(said.wallet).digest()) if isinstance(said, Birth) else said
            verdicts.append(_command(region, wanted, taken))
            if isinstance(said, Confirmed) and verdicts[-1] == Refusal.DONE:
                _archived_up_to(state, said)


def _act(taken: _Taken, entity: int, action: Action | None, failed: bool) -> None:
    """An action whose number is spent goes to the rules, unless it is none, or a rule raised on it."""
    if failed:
        taken.verdicts.append(Refusal.RULE_FAILED)
    elif action is None:
        taken.verdicts.append(Refusal.NOT_AN_ACTION)
    else:
        taken.asked.append(len(taken.verdicts))
        taken.actions.append((entity, action))
        taken.verdicts.append(Refusal.DONE)


def _command(region: Region, said: Command, taken: _Taken, cause: bytes = b"") -> int:
    """What the world's process does with something; its verdict. `cause` as in `Mail`."""
    done = region.rules.command(region.bodies, region.state.era, said)
    for index, kind, body in done.mail:
        taken.new[index].append(letters.post(region.state, index, kind, body, cause))
    return done.verdict


def _cross(region: Region, n: int, taken: _Taken, events: list[Event]) -> None:
    """Assets out of hands and out of the world, and back: after the tick, when it is known who is here."""
    for place, entity, asked in taken.leaving:
        if asked.kind == "Withdraw":
            taken.verdicts[place] = escrow.withdraw(region, entity, asked, n, events)
        else:
            taken.verdicts[place], mail = escrow.claim(region, entity, asked)
            taken.new[letters.WORLD] += [mail] if mail is not None else []
    for returned in taken.returned:
        escrow.take_back(region, returned, events)
    if region.state.escrow:
        taken.new[letters.WORLD] += escrow.release(region.state)


def _take_item(region: Region, given: Record, said: Outside, room: int, failed: bool, taken: _Taken) -> None:
    """An item of an outside wallet gets an AO nonce, and does what it asks for; whoever sleeps wakes to act."""
    state, verdicts = region.state, taken.verdicts
    asked, player = outside.take(state, said)
    mailbox = outside.mailbox(asked)
    if mailbox:
        state.assignments.mailboxes.setdefault(mailbox, Line(-1, b"", b""))
    state.assignments.open.append(Entry(0, 0, asked.item.id, given.n, given.time_ms, mailbox))
    taken.reads.append(None if failed or asked.kind not in outside.READS else (asked, said.entity))
    if failed:
        verdicts.append(Refusal.RULE_FAILED)
    elif asked.kind in outside.READS or mailbox:
        verdicts.append(Refusal.DONE)
    elif state.index == letters.WORLD:
        if asked.kind == "Join":
            verdicts.append(_command(region, outside.newcomer(asked), taken, asked.item.id))
        elif asked.kind == "Transfer":
            verdicts.append(_command(region, outside.passed(asked), taken, asked.item.id))
        else:
            verdicts.append(Refusal.WRONG_PLACE)
    elif player is None:
        verdicts.append(Refusal.NO_SUCH_TARGET)
    elif not players.wake(state, player.entity, room, taken.arrivals, taken.births):
        verdicts.append(Refusal.NO_ROOM)
    elif asked.kind == "Join":
        verdicts.append(Refusal.DONE)
    elif asked.kind in outside.CROSSINGS:
        taken.leaving.append((len(verdicts), player.entity, asked))
        verdicts.append(Refusal.DONE)
    else:
        action = outside.action_of(asked, outside.recipient(state.players.values()))
        _act(taken, player.entity, action, False)


def _post(region: Region, outputs: Outputs, landed: list[Neighbour], taken: _Taken, folded: Folded) -> None:
    """Who left and what the rules send becomes mail, in the very record that took it out."""
    state, rules = region.state, region.rules
    for place, entity, image in outputs.departures:
        index = landed[place].index
        player = state.players.pop(entity, None)
        handed = letters.encode_body(Handover(image, player))
        taken.new[index].append(letters.post(state, index, letters.HANDOVER, handed))
        folded.handovers += 1
        if player is not None:
            folded.left.append((entity, index, rules.entity_of(image)[1]))
    for place, sent in outputs.mail:
        index = landed[place].index
        # A neighbour that is away for very long: rules' mail carries news, never goods, so beyond the limit it is lost.
        if len(landed[place].outbox) >= OUTBOX_MAX:
            continue
        taken.new[index].append(letters.post(state, index, letters.RULES, sent))


def _consume(region: Region, source: int, mail: Mail, taken: _Taken) -> None:
    state = region.state
    body = letters.decode_body(mail)
    if isinstance(body, Handover):
        entity, _, _ = region.rules.entity_of(body.image)
        taken.arrivals.append(body.image)
        if body.player is not None and body.player.entity != entity:
            raise RecordError(f"mail {mail.number} carries entity {entity} and the player of {body.player.entity}")
        if body.player is not None:
            state.players[entity] = body.player
    elif isinstance(body, Left | Claimed):
        if state.index != letters.WORLD or body.region != source:
            raise RecordError(f"mail {mail.number} from region {source} is for the world's process, about its own")
        _command(region, body, taken, mail.cause)
    elif mail.kind != letters.RULES and source != letters.WORLD:
        raise RecordError(f"mail {mail.number} from region {source} is of kind {mail.kind}, the world's process's own")
    elif isinstance(body, Born):
        player = Player(
            entity=body.entity,
            wallet=body.wallet,
            session=0,
            session_key=b"",
            number=0,
            chain=first_chain(body.entity),
            signed=0,
            tail=[],
            address=body.address,
            outside=0,
            idle=0,
        )
        state.sleepers[body.entity] = Sleeper(player, b"")
    elif isinstance(body, Returned):
        taken.returned.append(body)
    elif isinstance(body, Archived):
        if not 0 <= body.trim <= body.n < state.n:
            raise RecordError(f"mail {mail.number} says that {body.n} is archived, {body.trim} to be cut, at {state.n}")
        if body.checkpoint > state.checkpoint:
            state.checkpoint, state.archived, state.trim = body.checkpoint, body.n, body.trim
            kept = [told for told in state.chronicle if told.n > body.n]
            state.chronicle = kept if len(kept) < len(state.chronicle) else state.chronicle
    else:
        taken.mail.append(body)


def _archived_up_to(state: RegionState, said: Confirmed) -> None:
    """The world's process learns from the confirmation itself what the others learn by mail."""
    for region, n, trim in said.ends:
        if region == state.region:
            state.checkpoint, state.archived, state.trim = said.number, n, trim


def _owner_said(state: RegionState, said: OwnerSaid) -> Refusal:
    if not lifts(state, said.item):
        return Refusal.NOT_YOURS
    state.halted, state.halted_at = "", 0
    return Refusal.DONE


def _chronicle(state: RegionState, events: list[Event]) -> None:
    for event in events:
        if event.kind in KEY_EVENTS:
            _tell(state, event)
    del state.chronicle[:-CHRONICLE_KEPT]


def _tell(state: RegionState, event: Event) -> None:
    state.chronicle.append(Told(state.chronicle_next, state.n, state.time_ms, _plain(event)))
    state.chronicle_next += 1


def _plain(event: Event) -> tuple[int, int, int, int, int, str]:
    return int(event.kind), int(event.a), int(event.b), int(event.c), int(event.d), event.text


def events_bytes(events: list[Event]) -> bytes:
    """The bytes under a record's events hash: the MessagePack array of [kind, a, b, c, d, text]."""
    return msgspec.msgpack.encode([_plain(event) for event in events])


def _outcome(region: Region, given: Record, folded: Folded) -> Folded:
    if folded.events:
        folded.events_hash = hashlib.sha256(events_bytes(folded.events)).digest()
    if given.n % SPAN == 0:
        folded.state_bytes = region.encode()
        folded.state_hash = hashlib.sha256(folded.state_bytes).digest()
    return folded
