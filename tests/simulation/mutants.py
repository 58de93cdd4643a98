"""Defects that the checkers must find: each replaces a few lines of the production code in one process."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Patch:
    """`old` stands once in the file and becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """`laws` are the checkers (tests.simulation.checker.LAWS) of which one must find it; `says` what is wrong; `needs`
    kinds of faults without any of which it cannot show, so that a seed that draws none of them need not be run.
    """

    name: str
    says: str
    laws: tuple[str, ...]
    patches: tuple[Patch, ...]
    needs: tuple[str, ...] = ()
    full_rules: bool = False


EARLIER_PROTOTYPE: Final = (
    Mutant(
        "no_cas",
        "the log takes an append whatever stands there already",
        ("owner",),
        (
            Patch(
                "regions/shell/memory_log.py",
                """        if stream.last >= position:
            return Taken(stream.last)
""",
                "",
            ),
        ),
    ),
    Mutant(
        "cas_failure_ignored_by_the_owner",
        "an owner whose position was taken goes on as if its record stood there",
        ("durable",),
        (
            Patch(
                "regions/process.py",
                """        if event.outcome == "durable":
""",
                """        if event.outcome in ("durable", "taken"):
""",
            ),
        ),
    ),
    Mutant(
        "no_inbox_dedupe",
        "mail is taken again whenever a letter repeats it",
        ("mail",),
        (
            Patch(
                "regions/letters.py",
                """    for place, mail in enumerate(heard.mail):
        if mail.number != near.taken + 1 + place:
            raise RecordError(f"mail {mail.number} from region {heard.region}; the next is {near.taken + 1 + place}")
""",
                "",
            ),
            Patch(
                "regions/letters.py",
                """    near.taken += len(heard.mail)
""",
                """    near.taken = heard.mail[-1].number if heard.mail else near.taken
""",
            ),
            Patch(
                "regions/post_box.py",
                """        if one.number <= near.taken:
            continue
        if one.number != near.taken + 1 + len(mail) or size + len(one.body) > room:
""",
                """        if size + len(one.body) > room:
""",
            ),
        ),
    ),
    Mutant(
        "body_copied_at_a_handover",
        "a body that leaves also stays",
        ("place",),
        (
            Patch(
                "tests/simulation/small_rules.py",
                """        del state.bodies[body.entity]
""",
                "",
            ),
        ),
    ),
    Mutant(
        "last_number_not_carried",
        "a player's numbers begin anew in the region it crosses into",
        ("numbers",),
        (
            Patch(
                "regions/compute.py",
                """        handed = letters.encode_body(Handover(image, player))
""",
                """        if player is not None:
            player.number, player.chain, player.signed, player.tail = 0, first_chain(entity), 0, []
        handed = letters.encode_body(Handover(image, player))
""",
            ),
        ),
    ),
    Mutant(
        "ack_before_durable",
        "receipts go out with the append",
        ("durable",),
        (
            Patch(
                "regions/process.py",
                """        self.pending = Pending(record, raw, folded, waiting, late_ms)
        return [Append(record.n, raw), Wake(now_ms + WAITING_BEAT_MS)]
""",
                """        self.pending = Pending(record, raw, folded, waiting, late_ms)
        self._region().head = record_hash(raw)
        assert self.scheduler is not None
        told = receipts(self._region(), record, folded, waiting, self.scheduler, list(self.gateways))
        return [Append(record.n, raw), *told, Wake(now_ms + WAITING_BEAT_MS)]
""",
            ),
        ),
    ),
    Mutant(
        "snapshot_not_verified",
        "a snapshot's state is not held against its hash",
        ("fold",),
        (
            Patch(
                "archive/snapshot.py",
                """    if (found := sha256(state).digest()) != digest:
        raise Damaged("snapshot", f"its state hashes to {b64(found)}, its header says {b64(digest)}", record=n)
""",
                "",
            ),
            Patch("archive/compression.py", "write_checksum=True", "write_checksum=False"),
            Patch("archive/snapshot.py", "if sha256(body).digest() != digest:", "if len(digest) != 32:"),
        ),
        needs=("bit flip",),
    ),
    Mutant(
        "tick_lost_after_a_snapshot_at_the_logs_end",
        "who begins at a snapshot that no record follows counts its ticks anew",
        ("fold",),
        (
            Patch(
                "regions/process.py",
                """        heads = {region.state.n: region.head}  # by record, as far as they are known
""",
                """        heads = {region.state.n: region.head}  # by record, as far as they are known
        region.state.tick = region.state.tick if event.records else 0
""",
            ),
        ),
    ),
    Mutant(
        "lazy_fsync",
        "a log server that crashes has lost what it acknowledged last",
        ("acked", "owner"),
        (
            Patch(
                "tests/simulation/log_host.py",
                """        self.writing.clear()
""",
                """        self.writing.clear()
        for name, stream in self.logs._streams.items():
            self.logs.lose_tail(name, min(8, len(stream.records)))
""",
            ),
        ),
        needs=("log crash",),
    ),
)

DUPES_OF_OTHERS: Final = (
    Mutant(
        "ultima_online_mirror",
        "the controller of a body that crosses stays behind as well: both sides own it",
        ("place",),
        (
            Patch(
                "regions/compute.py",
                """        player = state.players.pop(entity, None)
""",
                """        player = state.players.get(entity)
""",
            ),
        ),
    ),
    Mutant(
        "new_world_persist_failure",
        "an owner whose log is full goes on from memory",
        ("durable",),
        (
            Patch(
                "regions/process.py",
                """        if event.outcome == "durable":
""",
                """        if event.outcome in ("durable", "full"):
""",
            ),
        ),
        needs=("log full",),
    ),
    Mutant(
        "guild_wars_reconnect",
        "a body as it fell asleep is kept, and comes back with every later login",
        ("place",),
        (
            Patch(
                "regions/players.py",
                """    del state.sleepers[entity]
""",
                """    if not sleeper.image:
        del state.sleepers[entity]
""",
            ),
        ),
        needs=("player dies",),
    ),
    Mutant(
        "minecraft_chunks",
        "a restore takes every region as its own newest snapshot has it, each of another moment",
        ("cut",),
        (
            Patch(
                "regions/revive.py",
                """        for raw in part.records:
""",
                """        for raw in part.records if part.snapshot is None else ():
""",
            ),
            Patch(
                "regions/revive.py",
                """    if (region.state.n, region.head) != (part.end.end, unb64(part.end.end_hash)):
""",
                """    if part.snapshot is None and region.state.n != part.end.end:
""",
            ),
            Patch(
                "regions/revive.py",
                """    restore.check_state_hashes(found.manifest, [region.digest() for region in regions])
    broken = violations(found.manifest.ends(), {index: numbers_of(one.state) for index, one in enumerate(regions)})
    if broken:
        raise Damaged(found.manifest_id, f"the cut is not consistent: {broken[0]}")
    return regions
""",
                """    return regions
""",
            ),
            Patch(
                "regions/revive.py",
                """    state_hash = restore.check_state_hashes(found.manifest, digests)
""",
                """    state_hash = digests[0]
""",
            ),
        ),
        needs=("restore",),
    ),
    Mutant(
        "eve_transfer_retried",
        "a handover that is not confirmed yet is sent again under a new number",
        ("place",),
        (
            Patch(
                "regions/compute.py",
                """    letters.grant(state, rules.free_rows(bodies))
""",
                """    letters.grant(state, rules.free_rows(bodies))
    for near in landed:
        if near.outbox and given.tick % SPAN == 0:
            mail = near.outbox[0]
            taken.new[near.index].append(letters.post(state, near.index, mail.kind, mail.body))
""",
            ),
        ),
    ),
)

OWNERS: Final = (
    Mutant(
        "unknown_taken_for_done",
        "no answer from the log is taken for a yes",
        ("durable",),
        (
            Patch(
                "regions/process.py",
                """        if event.outcome == "durable":
""",
                """        if event.outcome in ("durable", "unknown"):
""",
            ),
        ),
    ),
    Mutant(
        "anothers_record_taken_for_mine",
        "whatever stands at its position an owner takes for its own record",
        ("durable",),
        (
            Patch(
                "regions/process.py",
                """        if event.raw == self.pending.raw:
""",
                """        if event.position == self.pending.record.n:
""",
            ),
        ),
    ),
    Mutant(
        "retry_by_reading",
        "after no answer the owner reads the log, and appends another record if it does not find its own",
        ("durable",),
        (
            Patch(
                "regions/process.py",
                """        self.why = f"waiting for the log: {event.outcome}: {event.reason}"
""",
                """        if event.outcome == "unknown" and pending.record.claim is None:
            self.pending, self.suspected = None, Suspected(pending.waiting, pending.record.heard, pending.record.fresh)
            self.links.append(pending.record.link)
            return [Load()]
        self.why = f"waiting for the log: {event.outcome}: {event.reason}"
""",
            ),
            Patch(
                "regions/process.py",
                """            self.region = self.scheduler.region = region
""",
                """            self.region = self.scheduler.region = region
            if region.state.link == self.links[-1]:
                self.links.pop()
""",
            ),
            Patch(
                "regions/process.py",
                """        if event.raw == self.pending.raw:
""",
                """        if compute.decode(event.raw).term == self.pending.record.term:
""",
            ),
        ),
        needs=("append late",),
    ),
    Mutant(
        "claim_before_load",
        "a claimant that finds its position taken claims after what stands there, without folding it",
        ("fold",),
        (
            Patch(
                "regions/process.py",
                """        return self._end(f"fenced: another owner's record stands at {event.position}", fenced=True)
""",
                """        if self.phase == "claiming":
            self._region().head = record_hash(event.raw)
            return self._claim(now_ms)
        return self._end(f"fenced: another owner's record stands at {event.position}", fenced=True)
""",
            ),
        ),
    ),
    Mutant(
        "term_not_raised",
        "a claim goes on in the term of the owner before",
        ("owner",),
        (
            Patch("regions/process.py", "term=state.term + 1, claim=claim", "term=max(1, state.term), claim=claim"),
            Patch(
                "regions/claims.py",
                "state.era, state.term + 1, state.n + 1",
                "state.era, max(1, state.term), state.n + 1",
            ),
            Patch(
                "regions/chain.py",
                "    if (given.era, given.term) != (state.era, state.term + 1) or claim.era_item",
                "    if given.era != state.era or claim.era_item",
            ),
        ),
    ),
    Mutant(
        "letter_before_durable",
        "letters go out with the append",
        ("durable",),
        (
            Patch(
                "regions/process.py",
                """        self.pending = Pending(record, raw, folded, waiting, late_ms)
        return [Append(record.n, raw), Wake(now_ms + WAITING_BEAT_MS)]
""",
                """        self.pending = Pending(record, raw, folded, waiting, late_ms)
        self._region().head = record_hash(raw)
        told = self.post.letters(now_ms, self._region(), folded.ghosts)
        return [Append(record.n, raw), *told, Wake(now_ms + WAITING_BEAT_MS)]
""",
            ),
        ),
    ),
    Mutant(
        "snapshot_before_durable",
        "a snapshot is filed with the append",
        ("durable",),
        (
            Patch(
                "regions/process.py",
                """        self.pending = Pending(record, raw, folded, waiting, late_ms)
        return [Append(record.n, raw), Wake(now_ms + WAITING_BEAT_MS)]
""",
                """        self.pending = Pending(record, raw, folded, waiting, late_ms)
        filed = Snapshot(given.era, record.n, record_hash(raw), folded.state_bytes)
        snapshots: list[Effect] = [filed] if folded.state_bytes else []
        return [Append(record.n, raw), *snapshots, Wake(now_ms + WAITING_BEAT_MS)]
""",
            ),
        ),
    ),
    Mutant(
        "answers_tell_of_the_record_in_flight",
        "what is asked while a record is in flight is answered from the state after it",
        ("durable",),
        (
            Patch(
                "regions/process.py",
                """        if self.pending is not None or self.suspected is not None:
            # What the fold knows now is not durable yet, and no answer may tell of it.
            return self._defer(message)
""",
                "",
            ),
        ),
    ),
    Mutant(
        "rolled_back_log_served",
        "witnesses are not asked",
        ("chain",),
        (
            Patch(
                "regions/chain.py",
                """    for witness in witnesses:
""",
                """    for witness in ():
""",
            ),
        ),
        needs=(
            "log set back",
            "log made anew",
        ),
    ),
    Mutant(
        "neighbours_are_no_witnesses",
        "only the archive's word counts against a log that was set back",
        ("chain",),
        (
            Patch(
                "regions/chain.py",
                """        if witness.era != state.era:
""",
                """        if witness.era != state.era or not witness.where.startswith("checkpoint"):
""",
            ),
        ),
        needs=(
            "log set back",
            "log made anew",
        ),
    ),
    Mutant(
        "trim_before_confirmation",
        "an owner trims its log at each local snapshot",
        ("trim",),
        (
            Patch(
                "regions/process.py",
                """        if region.state.trim > self.trimmed:
            self.trimmed = region.state.trim
""",
                """        if pending.folded.state_bytes:
            self.trimmed = pending.record.n - 1
""",
            ),
        ),
    ),
    Mutant(
        "trim_to_the_archived_end",
        "an owner trims its log up to the archived record, though the snapshot to begin from is older",
        ("trim",),
        (
            Patch(
                "regions/process.py",
                """        if region.state.trim > self.trimmed:
            self.trimmed = region.state.trim
""",
                """        if region.state.archived > self.trimmed:
            self.trimmed = region.state.archived
""",
            ),
        ),
    ),
    Mutant(
        "poison_not_sifted",
        "a rule that raises is nobody's business",
        ("input",),
        (
            Patch(
                "regions/process.py",
                """        except (FoldFailed, RecordError) as error:
            self.why = str(error)
""",
                """        except RecordError as error:
            self.why = str(error)
""",
            ),
        ),
        needs=("poison",),
    ),
)

PLAYERS: Final = (
    Mutant(
        "gap_admitted",
        "an action is admitted although one before it is missing",
        ("numbers",),
        (
            Patch(
                "regions/scheduler.py",
                """        if said.number != expected.number + 1:
            return self._out_of_order(said, expected)
        chain = player_chain(expected.chain, said.number, said.body)
""",
                """        if said.number <= expected.number:
            return self._out_of_order(said, expected)
        chain = player_chain(expected.chain, said.number, said.body)
""",
            ),
            Patch(
                "regions/players.py",
                """    if number != player.number + 1:
""",
                """    if number <= player.number:
""",
            ),
        ),
    ),
    Mutant(
        "number_lost_in_a_handover",
        "a player leaves with the number it had before the tick in which it leaves",
        ("numbers",),
        (
            Patch(
                "regions/compute.py",
                """        handed = letters.encode_body(Handover(image, player))
""",
                """        if player is not None:
            player.number -= sum(one == entity for one, _ in taken.actions)
        handed = letters.encode_body(Handover(image, player))
""",
            ),
        ),
    ),
    Mutant(
        "sleeper_forgets_its_number",
        "who fell asleep begins at number 1 again",
        ("numbers",),
        (
            Patch(
                "regions/players.py",
                """        state.sleepers[entity] = Sleeper(state.players.pop(entity), image)
""",
                """        state.sleepers[entity] = Sleeper(state.players.pop(entity), image)
        state.sleepers[entity].player.number = state.sleepers[entity].player.signed = 0
        state.sleepers[entity].player.tail = []
""",
            ),
        ),
        needs=("player dies",),
    ),
    Mutant(
        "busy_spends_a_number",
        "an action that was answered busy counts as said",
        ("numbers",),
        (
            Patch(
                "regions/scheduler.py",
                """            return self._last(said, messages.STATUS_BUSY)
        self._admit(said, gateway, expected, chain, head)
""",
                """            expected.number, expected.chain = said.number, chain
            return self._last(said, messages.STATUS_BUSY)
        self._admit(said, gateway, expected, chain, head)
""",
            ),
            Patch(
                "regions/players.py",
                """    if number != player.number + 1:
""",
                """    if number <= player.number:
""",
            ),
        ),
    ),
    Mutant(
        "older_session_acts",
        "who logged in before may still act after a newer login",
        ("numbers",),
        (
            Patch(
                "regions/scheduler.py",
                """        if said.session != expected.session:
""",
                """        if said.session > expected.session:
""",
            ),
            Patch(
                "regions/players.py",
                """    if player is None or said.session != player.session:
""",
                """    if player is None or said.session > player.session:
""",
            ),
        ),
        needs=("second session",),
    ),
    Mutant(
        "second_sessions_ack_taken_for_ones_own",
        "neither gateway nor client looks whose receipt it is",
        ("acked",),
        (
            Patch(
                "clients/session.py",
                """        if one is None or one.chain != acked.chain:
""",
                """        if one is None:
""",
            ),
            Patch(
                "regions/peers.py",
                """        if answer.session not in (self.session, 0):  # 0: of a head
            return []
""",
                "",
            ),
        ),
        needs=("second session",),
    ),
    Mutant(
        "unsure_actions_sent_again",
        "a client repeats actions of which it cannot know whether they were admitted",
        ("numbers",),
        (
            Patch(
                "clients/session.py",
                """                news.append(Unsure(waiting))
                again = ()
""",
                """                news.append(Unsure(waiting))
""",
            ),
        ),
        needs=("second session",),
    ),
    Mutant(
        "era_ignored_on_resume",
        "a returning client goes on over a restore as if nothing had been undone",
        ("acked",),
        (
            Patch(
                "clients/session.py",
                """        if known and (welcome.era, welcome.entity) != (self.era, self.entity):
""",
                """        if known and welcome.entity != self.entity:
""",
            ),
        ),
        needs=(
            "restore",
            "log set back",
            "log made anew",
        ),
    ),
    Mutant(
        "inputs_of_another_era_admitted",
        "what a gateway sent before it heard of the restore counts after it",
        ("numbers",),
        (
            Patch(
                "regions/process.py",
                """        if batch.era not in (0, self._region().state.era):
            return []  # meant for the world before or after a restore
""",
                "",
            ),
        ),
        needs=("restore",),
    ),
    Mutant(
        "answers_of_another_era_believed",
        "who slept through a restore takes inputs meant for the era after it, and players hear that they are done",
        ("acked",),
        (
            Patch(
                "regions/peers.py",
                """        if answers.era != self.era:
            return self.era_began(now_ms) if answers.era > self.era else []
""",
                "",
            ),
            Patch(
                "regions/process.py",
                """        if batch.era not in (0, self._region().state.era):
            return []  # meant for the world before or after a restore
""",
                "",
            ),
        ),
        needs=("restore",),
    ),
    Mutant(
        "gateway_forgets_at_a_crossing",
        "what a region has not answered is not sent to the region into which the body went",
        ("live",),
        (
            Patch(
                "regions/peers.py",
                """        self.region, self.hop = region, hop
        if self.state is State.ENTERING:
""",
                """        self.region, self.hop = region, hop
        self.unanswered.acts.clear()
        if self.state is State.ENTERING:
""",
            ),
        ),
    ),
    Mutant(
        "wallet_born_twice",
        "a birth that is asked for again gives a second body",
        ("place",),
        (
            Patch(
                "regions/world_process.py",
                """        if said.wallet in state.wallets:
            return Commanded(Refusal.NOT_YOURS, [])  # it has a body already
""",
                "",
            ),
        ),
    ),
    Mutant(
        "title_changes_at_sleep",
        "whose owner falls asleep, that asset goes to a bystander",
        ("title",),
        (
            Patch(
                "tests/simulation/small_rules.py",
                """        return bytes(_encoder.encode(state.bodies.pop(entity)))
""",
                """        body = state.bodies.pop(entity)
        for heir in list(state.bodies.values())[:1]:
            heir.assets, body.assets = heir.assets + body.assets, []
        return bytes(_encoder.encode(body))
""",
            ),
        ),
        needs=("player dies",),
    ),
)

WALLETS: Final = (
    Mutant(
        "outside_number_not_spent",
        "an outside wallet's number is the same after its item was taken",
        ("numbers",),
        (
            Patch(
                "regions/outside.py",
                """        player.outside = asked.number
""",
                "",
            ),
        ),
    ),
    Mutant(
        "outside_item_of_another_era_taken",
        "an item that was signed in the era before a restore counts after it",
        ("numbers",),
        (
            Patch("regions/items.py", "or (asked.numbered and asked.era != state.era):", "or False:"),
            Patch(
                "regions/outside.py",
                "if said.number != asked.number or (asked.numbered and asked.era != state.era):",
                "if said.number != asked.number:",
            ),
        ),
        needs=("restore", "log set back", "log made anew"),
    ),
    Mutant(
        "outside_number_lost_in_a_handover",
        "a body that crosses a border forgets its wallet's number",
        ("numbers",),
        (
            Patch(
                "regions/compute.py",
                """        handed = letters.encode_body(Handover(image, player))
""",
                """        if player is not None:
            player.outside = 0
        handed = letters.encode_body(Handover(image, player))
""",
            ),
        ),
    ),
    Mutant(
        "items_without_a_number_forgotten",
        "of items that carry no number none is remembered, so they are taken as often as they are sent",
        ("numbers",),
        (
            Patch(
                "regions/outside.py",
                """    state.items.append(asked.item.id)
""",
                "",
            ),
        ),
    ),
    Mutant(
        "item_acknowledged_before_durable",
        "whoever sends an item again while it waits is told that it is done",
        ("durable", "acked"),
        (
            Patch(
                "regions/items.py",
                """        if self._waits(asked, player):
            return None
""",
                """        if self._waits(asked, player):
            return self._answer(messages.STATUS_DONE, asked, player)
""",
            ),
        ),
    ),
)

NEIGHBOURS: Final = (
    Mutant(
        "fenced_owners_ghost_accepted",
        "a letter counts although a newer one was heard, of a later term even",
        ("mail",),
        (
            Patch(
                "regions/post_box.py",
                """        before = self.newest.get(letter.sender)
        if before is not None and (letter.term, letter.n) <= (before[0].term, before[0].n):
            return
""",
                "",
            ),
            Patch(
                "regions/post_box.py",
                """ <= (near.era, near.term, near.n):
                continue
            one = _take(near, letter, HEARD_BYTES_MAX - size)
""",
                """ == (near.era, near.term, near.n):
                continue
            one = _take(near, letter, HEARD_BYTES_MAX - size)
""",
            ),
            Patch(
                "regions/letters.py",
                """    if (heard.era, heard.term, heard.n) <= (near.era, near.term, near.n):
""",
                """    if heard.hash == near.hash:
""",
            ),
        ),
    ),
    Mutant(
        "letter_of_another_era_accepted",
        "a region listens to neighbours of the world before the restore",
        ("mail",),
        (
            Patch(
                "regions/post_box.py",
                "        if near is None or letter.era != state.era or len(letter.ghosts)",
                "        if near is None or len(letter.ghosts)",
            ),
        ),
        needs=("restore",),
    ),
    Mutant(
        "outbox_drops_one_too_many",
        "mail leaves the outbox when the one before it is named consumed",
        ("place", "mail"),
        (
            Patch(
                "regions/letters.py",
                "if mail.number > heard.consumed]",
                "if mail.number > heard.consumed + (heard.consumed > 0)]",
            ),
        ),
    ),
    Mutant(
        "room_counted_twice",
        "rows promised to one neighbour are promised to the next as well",
        ("room",),
        (
            Patch(
                "regions/letters.py",
                """    spare = free_rows - reserved(state)
""",
                """    spare = free_rows
""",
            ),
        ),
    ),
    Mutant(
        "mail_parked_twice",
        "mail that makes a rule raise is kept twice",
        ("place", "conservation"),
        (
            Patch(
                "regions/compute.py",
                """                state.parked.append((heard.region, mail))
""",
                """                state.parked += [(heard.region, mail)] * 2
""",
            ),
        ),
        needs=("poison",),
    ),
)

ARCHIVE: Final = (
    Mutant(
        "cut_not_moved_forward",
        "a checkpoint ends each region where its log was just read to",
        ("cut",),
        (
            Patch(
                "archive/cut.py",
                """    moved = not wanted
""",
                """    moved = False
""",
            ),
        ),
    ),
    Mutant(
        "cut_without_dropped_le_consumed",
        "a cut may have dropped what its receiver has not consumed in it, or heard what is beyond it",
        ("cut",),
        (
            Patch(
                "archive/cut.py",
                """    if dropped > consumed:
        yield receiver, into.reached(sender, CONSUMED, dropped)
""",
                "",
            ),
            Patch(
                "archive/cut.py",
                """    if heard > ends[sender]:
        yield sender, heard
""",
                "",
            ),
        ),
    ),
    Mutant(
        "cut_without_sent",
        "a cut may have consumed what its sender has not sent in it, or heard what is beyond it",
        ("cut",),
        (
            Patch(
                "archive/cut.py",
                """    if consumed > out.value(receiver, SENT, ends[sender]):
        yield sender, out.reached(receiver, SENT, consumed)
""",
                "",
            ),
            Patch(
                "archive/cut.py",
                """    if heard > ends[sender]:
        yield sender, heard
""",
                "",
            ),
        ),
    ),
    Mutant(
        "confirmed_before_read_back",
        "a checkpoint counts as stored once the store has taken it",
        ("archive",),
        (
            Patch(
                "archive/upload.py",
                """            for item_id, raw in raws.items():
                check(store, item_id, raw)
""",
                "",
            ),
        ),
        needs=("store forgets",),
    ),
    Mutant(
        "stores_old_answer_believed",
        "an archivist that begins from an old answer of its store makes confirmed checkpoints anew",
        ("archive",),
        (
            Patch(
                "regions/world_process.py",
                "if said.number != state.ordered + 1:",
                "if said.number > state.ordered + 1:",
            ),
            Patch(
                "regions/archivist.py",
                "said.number > self.built or self.names",
                "said.number <= self.built and self.names",
            ),
            Patch(
                "regions/archivist.py",
                """                self.ordered = max(self.ordered, said.number)
                if self.first:
""",
                """                if self.first:
""",
            ),
        ),
        needs=("store is old",),
    ),
    Mutant(
        "replaced_archivist_confirms",
        "an archivist has its checkpoint confirmed although another has ordered since",
        ("archive",),
        (
            Patch(
                "regions/world_process.py",
                "ordered = said.maker == state.maker and state.since <= said.number <= state.ordered",
                "ordered = said.number <= state.ordered",
            ),
            Patch(
                "regions/archivist.py",
                """                if self.first:
                    return self._step_back(f"another archivist ordered checkpoint {said.number}")
""",
                """                continue
""",
            ),
        ),
    ),
    Mutant(
        "first_listed_taken_for_newest",
        "a restore takes the last of the manifests that the store lists first",
        ("archive",),
        (
            Patch(
                "archive/restore.py",
                """    number = ahead = max(numbers)
    while ahead < number + UNMADE:
        ahead += 1
        number = ahead if manifests(store, opening, ahead) else number
""",
                """    number = numbers[-1]
""",
            ),
        ),
    ),
    Mutant(
        "records_before_the_checkpoint_dropped",
        "a checkpoint names the new records only, not those since its snapshot",
        ("archive",),
        (Patch("regions/filing.py", "if run.last > kept_n or run.first > old.end]", "if run.first > old.end]"),),
    ),
    Mutant(
        "ids_of_an_earlier_era",
        "after a restore ids are given that the undone end of the era before has given already",
        ("place",),
        (
            Patch(
                "regions/compute.py",
                """    region.rules.begin_era(region.bodies, era)
""",
                "",
            ),
        ),
        needs=(
            "restore",
            "log set back",
            "log made anew",
        ),
    ),
)

ESCROW: Final = (
    Mutant(
        "escrow_released_before_confirmation",
        "an asset leaves the world although no confirmed checkpoint holds the item it leaves by",
        ("outside",),
        (Patch("regions/escrow.py", "parcel.n > state.archived", "parcel.n > state.n"),),
    ),
    Mutant(
        "escrow_signed_again_after_a_restore",
        "after a restore an asset in escrow gets a new outgoing item, though the old one may be outside already",
        ("outside",),
        (
            Patch(
                "regions/compute.py",
                """    state.link, state.links_left = b"", 0
    if module""",
                """    state.link, state.links_left = b"", 0
    for parcel in state.escrow:
        parcel.id = b""
    if module""",
            ),
        ),
        needs=("restore", "log set back", "log made anew"),
    ),
    Mutant(
        "escrow_kept_after_release",
        "an asset that left stays in escrow and leaves again",
        ("conservation", "place", "title"),
        (Patch("regions/escrow.py", "        state.escrow.remove(parcel)\n", ""),),
    ),
    Mutant(
        "who_passed_it_on_may_still_claim_it",
        "a claim is not held against who has the asset outside now",
        ("title",),
        (
            Patch(
                "regions/world_process.py",
                """        if found is None or found.holder != said.address:
""",
                """        if found is None:
""",
            ),
        ),
    ),
)

MUTANTS: Final[tuple[Mutant, ...]] = (
    EARLIER_PROTOTYPE + DUPES_OF_OTHERS + OWNERS + PLAYERS + WALLETS + NEIGHBOURS + ARCHIVE + ESCROW
)
