"""What a region tells gateways about its players: receipts of a durable record, who left, whose body is here."""

from collections.abc import Iterable
from typing import Final

from regions import letters, messages
from regions.compute import Folded
from regions.letters import Handover
from regions.messages import Answer, Answers, Here, Where
from regions.record import Acted, Head, Login, Outside, Record
from regions.region_state import Player, Region
from regions.scheduler import Scheduler
from regions.verbs import Publish
from regions.waiting import Waiting
from world.actions import Move, encode_action
from world.events import Kind, Refusal

STEP: Final = encode_action(Move(0, 0))[:2]
"""How the body of a Move begins: what most actions are, and what changes nobody's goods."""


def receipts(
    region: Region,
    record: Record,
    folded: Folded,
    waiting: list[Waiting],
    scheduler: Scheduler,
    gateways: Iterable[str],
) -> list[Publish]:
    """What a record that has just become durable says to each gateway. `waiting` are its inputs as they were admitted.

    What still waits for a body that left or fell asleep is dropped, and its gateway told: it is not spent.
    """
    by_gateway: dict[str, list[Answer]] = {}
    touched = {event.a for event in folded.events} | {event.b for event in folded.events}
    for one, verdict in zip(waiting, record.verdicts, strict=True):
        answer = _answer(one, verdict)
        if answer is not None:
            by_gateway.setdefault(one.gateway, []).append(answer)
            if not (type(one.said) is Acted and one.said.body[:2] == STEP):
                touched.add(answer.entity)
    slept = [event.a for event in folded.events if event.kind == Kind.FELL_ASLEEP]
    for entity in [*(entity for entity, _, _ in folded.left), *slept]:
        for gateway, answer in scheduler.gone(entity):
            by_gateway.setdefault(gateway, []).append(answer)
    players = region.state.players
    own = tuple(region.rules.own(region.bodies, entity) for entity in sorted(touched) if entity in players)
    left = tuple(folded.left)
    told: list[Publish] = []
    for gateway in gateways:
        answers = tuple(by_gateway.get(gateway, ()))
        if answers or own or left:
            message = Answers(region.state.index, record.era, record.n, region.head, answers, own, left)
            told.append(Publish(f"answer.{gateway}", message))
    return told


def _answer(one: Waiting, verdict: int) -> Answer | None:
    said = one.said
    if type(said) is Acted:
        return Answer(said.entity, messages.STATUS_DONE, said.number, one.chain, verdict, said.session)
    if type(said) is Head:
        status = messages.STATUS_HEAD if verdict == Refusal.DONE else messages.STATUS_INVALID
        return Answer(said.entity, status, said.number, said.chain, verdict, 0)
    if isinstance(said, Login):
        return Answer(said.entity, messages.STATUS_DONE, said.number, one.chain, verdict, said.number)
    if isinstance(said, Outside):
        return Answer(said.entity, messages.STATUS_DONE, said.number, one.chain, verdict, 0)
    return None


def whereabouts(region: Region, asked: Where) -> list[Publish]:
    """The bodies of a wallet that are here: awake, asleep, or on their way out."""
    state, rules = region.state, region.rules
    found: list[Here] = []

    def here(player: Player, hop: int, leaving: bool, asleep: bool) -> None:
        index, era = state.index, state.era
        found.append(Here(index, asked.wallet, player.entity, hop, player.number, player.chain, era, leaving, asleep))

    for player in state.players.values():
        if player.wallet == asked.wallet:
            here(player, rules.hop(region.bodies, player.entity), False, False)
    for sleeper in state.sleepers.values():
        if sleeper.player.wallet == asked.wallet:
            here(sleeper.player, rules.entity_of(sleeper.image)[1] if sleeper.image else 0, False, True)
    for near in state.neighbours:
        for mail in near.outbox:
            body = letters.decode_body(mail) if mail.kind == letters.HANDOVER else None
            if isinstance(body, Handover) and body.player is not None and body.player.wallet == asked.wallet:
                here(body.player, rules.entity_of(body.image)[1], True, False)
    return [Publish(f"answer.{asked.gateway}", one) for one in found]
