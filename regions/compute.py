"""`fold` and `apply`: the only fold. Live, replay, restore and verify share it.

`fold(region, given)` takes the fields of a record that were decided before it (place, claim, link, inputs, heard,
fresh) and changes the region; what it returns are the record's remaining fields and what is to be told. `apply` folds
a record of the log and holds the outcome against what the record says.
"""

import hashlib
from dataclasses import dataclass, field

import msgspec

from archive.data_item import parse_item
from regions import assignments, letters
from regions.config import CHRONICLE_KEPT, CLAIM_LINKS, SLEEP_AFTER_TICKS, SLEEPERS_MAX, SPAN
from regions.errors import ChainBroken, Diverged, FoldFailed, RecordError
from regions.letters import Archived, Born, Handover
from regions.record import (
    Acted,
    Claim,
    Confirmed,
    Head,
    Login,
    Mail,
    Outside,
    OwnerSaid,
    Record,
    Sent,
    SpanSigned,
    decode,
    first_chain,
    login_body,
    player_chain,
    record_hash,
)
from regions.region_state import Entry, Player, Region, RegionState, Sleeper, Told
from world.actions import Action, decode_action
from world.events import Event, Kind, Refusal
from world.tick import Inputs

KEY_EVENTS = (Kind.MINTED, Kind.DIED, Kind.BUILT, Kind.DUG)  # what the chronicle keeps


@dataclass
class Folded:
    """What a fold gave: the record's outcome, and what is told to whom once it is durable."""

    verdicts: tuple[int, ...] = ()
    sent: tuple[Sent, ...] = ()
    events: list[Event] = field(default_factory=list)
    events_hash: bytes = b""
    state_hash: bytes = b""
    state_bytes: bytes = b""  # what state_hash is taken over; a snapshot holds it
    ghosts: dict[int, bytes] = field(default_factory=dict)  # by neighbour index
    left: list[tuple[int, int, int]] = field(default_factory=list)  # players' (entity, region it goes to, hop)
    handovers: int = 0


def fold(region: Region, given: Record) -> Folded:
    """Fold one record's given fields into a region, in place.

    Raises RecordError when the fields cannot follow this state, FoldFailed when a rule raised: the region is then
    spoilt and must be rebuilt from the log.
    """
    state = region.state
    closed_ms = state.time_ms
    _take_place(state, given, region.head)
    assignments.close_span(state, given.n, given.previous, closed_ms)
    if given.claim is not None:
        _take_claim(region, given.claim, given)
        return _outcome(region, given, Folded())
    _reveal(state, given)
    if given.halt:
        state.halted = given.halt
        return _outcome(region, given, Folded())
    if state.halted and not any(isinstance(said, OwnerSaid) for said in given.inputs):
        raise RecordError(f"record {given.n} goes on although the region is halted: {state.halted}")
    try:
        folded = _tick(region, given)
    except RecordError:
        raise
    except Exception as error:
        count = len(given.inputs) + sum(len(heard.mail) for heard in given.heard)
        raise FoldFailed(f"record {given.n} with {count} inputs: {type(error).__name__}: {error}") from error
    return _outcome(region, given, folded)


def apply(region: Region, raw: bytes) -> tuple[Record, Folded]:
    """Fold a record of the log. Raises ChainBroken, RecordError or Diverged; then the region is spoilt."""
    given = decode(raw)
    name = region.state.region.hex()[:12]
    if given.n != region.state.n + 1:
        raise ChainBroken(name, "record number", region.state.n + 1, given.n)
    if given.previous != region.head:
        raise ChainBroken(name, f"previous hash of record {given.n}", region.head.hex(), given.previous.hex())
    folded = fold(region, given)
    for what, said, found in (
        ("verdicts", given.verdicts, folded.verdicts),
        ("what was sent", given.sent, folded.sent),
        ("events", given.events, folded.events_hash),
        ("state hash", given.state_hash, folded.state_hash),
    ):
        if said != found:
            raise Diverged(name, given.n, what, _brief(said), _brief(found))
    region.head = record_hash(raw)
    return given, folded


def _brief(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)[:200]


def _take_place(state: RegionState, given: Record, head: bytes) -> None:
    claiming = given.claim is not None
    expected_tick = state.tick if claiming or given.halt else state.tick + 1
    if given.n != state.n + 1 or given.tick != expected_tick or given.previous != head:
        raise RecordError(f"record {given.n}, tick {given.tick} cannot follow record {state.n}, tick {state.tick}")
    if given.time_ms <= state.time_ms and state.n > 0:
        raise RecordError(f"record {given.n} at {given.time_ms} ms does not come after {state.time_ms} ms")
    if not claiming and (given.era, given.term) != (state.era, state.term):
        raise RecordError(f"record {given.n} is of term {given.era}.{given.term}; it is {state.era}.{state.term}")
    if (given.module, given.roster, given.partition) != (state.module, state.roster, state.partition):
        raise RecordError(f"record {given.n} names another Module, roster or partition than the state it follows")
    state.n, state.tick, state.time_ms, state.previous = given.n, given.tick, given.time_ms, given.previous


def _take_claim(region: Region, claim: Claim, given: Record) -> None:
    state = region.state
    if (given.era, given.term) != (state.era, state.term + 1) or claim.era_item != state.era_item:
        raise RecordError(f"record {given.n} claims term {given.era}.{given.term} after {state.era}.{state.term}")
    if claim.links > CLAIM_LINKS or claim.node not in state.nodes:
        raise RecordError(
            f"record {given.n} claims {claim.links} links for node {claim.node.hex()[:12]}: not admissible"
        )
    if given.inputs or given.heard or given.link or given.fresh:
        raise RecordError(f"record {given.n} is a claim and carries inputs")
    state.term = given.term
    state.claim_node, state.claim_process = claim.node, claim.process
    state.link, state.links_left = claim.commitment, claim.links
    state.entropy = hashlib.sha256(b"everloom-claim" + claim.commitment).digest()


def open_era(region: Region, era: int, era_item: bytes, roster: int, nodes: list[bytes]) -> None:
    """Begin an era on a restored state: not a record, but what the owner-signed era item says (regions.revive)."""
    state = region.state
    if era <= state.era:
        raise RecordError(f"era {era} cannot follow era {state.era}")
    state.era, state.era_item, state.term = era, era_item, 0
    state.roster, state.nodes = roster, nodes
    region.rules.begin_era(region.bodies, era)


def _reveal(state: RegionState, given: Record) -> None:
    if state.links_left < 1:
        raise RecordError(
            f"record {given.n}: the claim's {CLAIM_LINKS} draw links are used up; the owner must claim again"
        )
    if hashlib.sha256(given.link).digest() != state.link:
        raise RecordError(f"record {given.n}: the draw link does not follow the one before")
    state.link, state.links_left = given.link, state.links_left - 1
    heard = b"".join(one.hash for one in given.heard)
    heads = b"".join(one.signature for one in given.inputs if isinstance(one, Head))
    if heard or heads:
        state.entropy = hashlib.sha256(state.entropy + heads + heard).digest()


def _tick(region: Region, given: Record) -> Folded:
    state, rules, bodies = region.state, region.rules, region.bodies
    arrivals: list[bytes] = []
    births: list[tuple[int, int]] = []
    rules_mail: list[bytes] = []
    new: dict[int, list[Mail]] = {near.index: [] for near in state.neighbours}
    for heard in given.heard:
        for mail in letters.hear(state, heard):
            if (heard.region, mail.number) in given.parked:
                state.parked.append((heard.region, mail))
            else:
                _consume(region, heard.region, mail, arrivals, rules_mail)
            entry = Entry(heard.region, mail.number, letters.mail_hash(mail), given.n, given.time_ms)
            state.assignments.open.append(entry)

    room = rules.free_rows(bodies) - letters.reserved(state) - len(arrivals)
    verdicts: list[int] = []
    actions: list[tuple[int, Action]] = []
    asked: list[int] = []  # which verdict an action's will be
    failed = {place for place, verdict in enumerate(given.verdicts) if verdict == Refusal.RULE_FAILED}
    for place, said in enumerate(given.inputs):
        if isinstance(said, Acted):
            action = _act(state, said)
            if place in failed:
                verdicts.append(Refusal.RULE_FAILED)
            elif action is None:
                verdicts.append(Refusal.NOT_AN_ACTION)
            else:
                asked.append(len(verdicts))
                actions.append((said.entity, action))
                verdicts.append(Refusal.DONE)
        elif isinstance(said, Login):
            woke = len(arrivals) + len(births)
            verdicts.append(_login(state, said, room, arrivals, births))
            room -= len(arrivals) + len(births) - woke
        elif isinstance(said, Head):
            verdicts.append(_head(state, said))
        elif isinstance(said, SpanSigned):
            verdicts.append(assignments.take_signatures(state, said))
        elif place in failed:
            verdicts.append(Refusal.RULE_FAILED)
        elif isinstance(said, OwnerSaid):
            verdicts.append(_owner_said(state, said))
        elif isinstance(said, Outside):
            verdicts.append(Refusal.NOT_AN_ACTION)  # outside wallets' doors open with the AO view
        else:
            done = rules.command(bodies, state.era, said)
            verdicts.append(done.verdict)
            if isinstance(said, Confirmed) and done.verdict == Refusal.DONE:
                _archived_up_to(state, said)
            for index, kind, body in done.mail:
                new[index].append(letters.post(state, index, kind, body))

    landed = [near for near in state.neighbours if near.index != letters.WORLD]
    for place, near in enumerate(landed):
        if not given.fresh >> place & 1:
            near.ghosts = b""
    inputs = Inputs(
        key=hashlib.sha256(given.link + state.entropy).digest(),
        actions=actions,
        arrivals=arrivals,
        births=births,
        mail=rules_mail,
        ghosts=[near.ghosts for near in landed],
        open=[letters.may_leave(near) if given.fresh >> place & 1 else 0 for place, near in enumerate(landed)],
    )
    outputs = rules.advance(bodies, inputs)
    for place, verdict in zip(asked, outputs.verdicts, strict=True):
        verdicts[place] = int(verdict)

    folded = Folded(verdicts=tuple(int(verdict) for verdict in verdicts), events=list(outputs.events))
    for place, entity, image in outputs.departures:
        index = landed[place].index
        player = state.players.pop(entity, None)
        handed = letters.encode_body(Handover(image, player))
        new[index].append(letters.post(state, index, letters.HANDOVER, handed))
        folded.handovers += 1
        if player is not None:
            folded.left.append((entity, index, rules.entity_of(image)[1]))
    for place, sent in outputs.mail:
        index = landed[place].index
        new[index].append(letters.post(state, index, letters.RULES, sent))
    if given.tick % SPAN == 0:
        folded.events += _put_to_sleep(region)
    letters.grant(state, rules.free_rows(bodies))
    for place, near in enumerate(landed):
        if place < len(outputs.ghosts):
            folded.ghosts[near.index] = outputs.ghosts[place]
    _chronicle(state, folded.events)
    folded.sent = tuple(
        letters.sent_to(near, new[near.index], folded.ghosts.get(near.index, b""))
        for near in state.neighbours
        if near.index != letters.WORLD or new[near.index]
    )
    return folded


def _consume(region: Region, source: int, mail: Mail, arrivals: list[bytes], rules_mail: list[bytes]) -> None:
    state = region.state
    body = letters.decode_body(mail)
    if isinstance(body, Handover):
        entity, _, _ = region.rules.entity_of(body.image)
        arrivals.append(body.image)
        if body.player is not None:
            state.players[entity] = body.player
    elif isinstance(body, Born):
        if source != letters.WORLD:
            raise RecordError(f"mail {mail.number} from region {source} bears a player; only the world's process does")
        player = Player(body.entity, body.wallet, 0, b"", 0, first_chain(body.entity), 0, [], 0)
        state.sleepers[body.entity] = Sleeper(player, b"")
    elif isinstance(body, Archived):
        if body.checkpoint > state.checkpoint:
            state.checkpoint, state.archived, state.trim = body.checkpoint, body.n, body.trim
            kept = [told for told in state.chronicle if told.n > body.n]
            state.chronicle = kept if len(kept) < len(state.chronicle) else state.chronicle
    else:
        rules_mail.append(body)


def _spend(player: Player, number: int, body: bytes) -> None:
    if number != player.number + 1:
        raise RecordError(f"action {number} of entity {player.entity}; the next is {player.number + 1}")
    player.number = number
    player.chain = player_chain(player.chain, number, body)
    player.tail.append(player.chain)
    player.idle = 0


def _act(state: RegionState, said: Acted) -> Action | None:
    player = state.players.get(said.entity)
    if player is None or said.session != player.session:
        raise RecordError(
            f"action {said.number} of entity {said.entity}, session {said.session}, is not admissible here"
        )
    _spend(player, said.number, said.body)
    try:
        return decode_action(said.body)
    except ValueError:
        return None


def _login(state: RegionState, said: Login, room: int, arrivals: list[bytes], births: list[tuple[int, int]]) -> Refusal:
    sleeper = state.sleepers.get(said.entity)
    player = sleeper.player if sleeper is not None else state.players.get(said.entity)
    if player is None or player.wallet != said.wallet:
        raise RecordError(f"a login for entity {said.entity}, which that wallet does not have here")
    _spend(player, said.number, login_body(said))
    if sleeper is not None:
        if room < 1:
            return Refusal.NO_ROOM
        if sleeper.image:
            arrivals.append(sleeper.image)
        else:
            births.append((said.entity, said.entity & 0xFFFFFFFFF))
        del state.sleepers[said.entity]
        state.players[said.entity] = player
    player.session, player.session_key = said.number, said.session_key
    return Refusal.DONE


def _head(state: RegionState, said: Head) -> Refusal:
    player = state.players.get(said.entity)
    if player is None or not player.signed < said.number <= player.number:
        return Refusal.NOT_YOURS
    if player.tail[said.number - player.signed - 1] != said.chain:
        return Refusal.NOT_YOURS
    del player.tail[: said.number - player.signed]
    player.signed = said.number
    return Refusal.DONE


def _archived_up_to(state: RegionState, said: Confirmed) -> None:
    """The world's process learns from the confirmation itself what the others learn by mail."""
    for region, n, trim in said.ends:
        if region == state.region:
            state.checkpoint, state.archived, state.trim = said.number, n, trim


def _owner_said(state: RegionState, said: OwnerSaid) -> Refusal:
    """`Action: Lift` lifts the halt of the region it is addressed to. Its signature was checked at the door."""
    item = parse_item(said.item)
    if item.tag("Action") != "Lift" or item.target != state.region or not state.halted:
        return Refusal.NOT_YOURS
    state.halted = ""
    return Refusal.DONE


def _put_to_sleep(region: Region) -> list[Event]:
    state = region.state
    slept: list[int] = []
    for entity, player in sorted(state.players.items()):
        player.idle += SPAN
        if player.idle >= SLEEP_AFTER_TICKS and len(state.sleepers) + len(slept) < SLEEPERS_MAX:
            slept.append(entity)
    for entity in slept:
        image = region.rules.sleep(region.bodies, entity)
        state.sleepers[entity] = Sleeper(state.players.pop(entity), image)
    return [Event(Kind.FELL_ASLEEP, entity) for entity in slept]


def _chronicle(state: RegionState, events: list[Event]) -> None:
    for event in events:
        if event.kind in KEY_EVENTS:
            state.chronicle.append(Told(state.chronicle_next, state.n, state.time_ms, _plain(event)))
            state.chronicle_next += 1
    del state.chronicle[:-CHRONICLE_KEPT]


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
