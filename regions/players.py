"""A player's numbered inputs, as the fold takes them: actions, logins, heads; and who falls asleep.

The numbers have no gaps: what is not the next one never gets into a record, so here it is an error. Whether a signature
holds was decided at the door (`regions.scheduler`) and is checked again by whoever verifies the log.
"""

from regions.config import SLEEP_AFTER_TICKS, SLEEPERS_MAX, SPAN, UNSIGNED_KEPT_MAX
from regions.errors import RecordError
from regions.record import Acted, Head, Login, login_body, player_chain
from regions.region_state import Player, Region, RegionState, Sleeper
from world.actions import Action, decode_action
from world.events import Event, Kind, Refusal


def act(state: RegionState, said: Acted) -> Action | None:
    """Spend an action's number; the action, or None for bytes that are none. Raises RecordError."""
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


def login(
    state: RegionState, said: Login, room: int, failed: bool, arrivals: list[bytes], births: list[tuple[int, int]]
) -> Refusal:
    """Spend a login's number and make its session the controller; a sleeper joins `arrivals`, or `births` if it never
    was awake, as long as there is `room`. `failed`: a rule raised on it, so it changes nothing. Raises RecordError.
    """
    sleeper = state.sleepers.get(said.entity)
    player = sleeper.player if sleeper is not None else state.players.get(said.entity)
    if player is None or player.wallet != said.wallet:
        raise RecordError(f"a login for entity {said.entity}, which that wallet does not have here")
    _spend(player, said.number, login_body(said))
    # Only logins come without a head between them; what they push out stays unsigned for ever.
    beyond = max(0, len(player.tail) - UNSIGNED_KEPT_MAX)
    del player.tail[:beyond]
    player.signed += beyond
    if failed:
        return Refusal.RULE_FAILED
    if not wake(state, said.entity, room, arrivals, births):
        return Refusal.NO_ROOM
    player.session, player.session_key = said.number, said.session_key
    return Refusal.DONE


def wake(state: RegionState, entity: int, room: int, arrivals: list[bytes], births: list[tuple[int, int]]) -> bool:
    """Let a sleeper take a row; whether it is awake now. Who is awake stays so."""
    sleeper = state.sleepers.get(entity)
    if sleeper is None:
        return True
    if room < 1:
        return False
    if sleeper.image:
        arrivals.append(sleeper.image)
    else:
        births.append((entity, entity & 0xFFFFFFFFF))
    del state.sleepers[entity]
    state.players[entity] = sleeper.player
    return True


def head(state: RegionState, said: Head) -> Refusal:
    """Note what a head covers."""
    player = state.players.get(said.entity)
    if player is None or not player.signed < said.number <= player.number:
        return Refusal.NOT_YOURS
    if player.tail[said.number - player.signed - 1] != said.chain:
        return Refusal.NOT_YOURS
    del player.tail[: said.number - player.signed]
    player.signed = said.number
    return Refusal.DONE


def put_to_sleep(region: Region) -> list[Event]:
    """Once a span: whoever did nothing for SLEEP_AFTER_TICKS gives back its row."""
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


def _spend(player: Player, number: int, body: bytes) -> None:
    if number != player.number + 1:
        raise RecordError(f"action {number} of entity {player.entity}; the next is {player.number + 1}")
    player.number = number
    player.chain = chain = player_chain(player.chain, number, body)
    player.tail.append(chain)
    player.idle = 0
