"""Every limit and setting of the running world, in one place; how they relate is checked on import.

Times are milliseconds, sizes bytes, unless the name says otherwise.
"""

from typing import Final

from world.units import ACTIONS_PER_TICK, TICK_MS

RECORD_FORMAT: Final = 1
SPAN: Final = 32  # records between two state hashes, two signed heads, two AO Advance items

RECORD_BYTES_MAX: Final = 256 * 1024  # the log's message limit is above it
INPUT_BYTES_MAX: Final = 96 * 1024  # of one tick; inputs close before the record reaches its limit
OUTSIDE_BYTES_MAX: Final = 16 * 1024  # an item of an outside wallet
OUTSIDE_REMEMBERED: Final = 1_024  # items without a number that a region remembers, so that none is taken twice
MAILBOXES_MAX: Final = 10_000  # processes that wallets spawned
ABROAD_MAX: Final = 100_000  # assets outside the world
OUTSIDE_WAITING_MAX: Final = 4_096
OUTSIDE_PER_TICK: Final = 128
REPLY_BYTES_MAX: Final = 2_048  # what a record says to one outside item
MAIL_BYTES_MAX: Final = 16 * 1024  # one mail
MAIL_PER_LETTER: Final = 32
GHOST_BYTES_MAX: Final = 24 * 1024  # of one neighbour
LETTER_BYTES_MAX: Final = 256 * 1024
HEARD_BYTES_MAX: Final = 96 * 1024  # letters consumed in one tick, ghosts included

UNSIGNED_ACTIONS_MAX: Final = 64  # a player's actions that no head covers yet
HEAD_TICKS_MAX: Final = 20  # ticks a player may act without a head
UNSIGNED_KEPT_MAX: Final = 128  # chain hashes kept of a player who only logs in: those before stay unsigned for ever
QUEUE_PER_PLAYER: Final = 64
QUEUE_TOTAL: Final = 16_384
DEFERRED_MAX: Final = 4_096  # messages that wait for the record in flight
SLEEP_AFTER_TICKS: Final = 6_000  # five minutes without an action
SLEEPERS_MAX: Final = 20_000
OUTBOX_MAX: Final = 4_096
ESCROW_MAX: Final = 256  # assets of one region on their way out of the world
PARKED_MAX: Final = 256  # mails that made a rule raise; one more halts the region
SIGNATURES_PER_RECORD: Final = 256  # of the scheduler; a span with more is signed in several records
CHRONICLE_KEPT: Final = 512  # key events kept in the state until the archive has them

LETTER_FRESH_MS: Final = 200
LETTER_REPEAT_MS: Final = 1_000  # to and from the world's process
CLAIM_LINKS: Final = 65_536  # draw links a claim commits to: 54 minutes; then the owner claims again
CLOCK_STEP_MS_MAX: Final = 1_000

APPEND_TIMEOUT_MS: Final = 1_000
APPEND_BACKOFF_MS: Final = (20, 40, 80, 160, 320, 500)
SNAPSHOT_EVERY_MS: Final = 2_000  # local files
SNAPSHOTS_KEPT: Final = 4
CHECKPOINT_EVERY_MS: Final = 30_000
SNAPSHOT_EVERY_CHECKPOINTS: Final = 10
TICKS_LATE_MS: Final = 10
TICK_MS_MIN: Final = TICK_MS // 2  # between two ticks, when late ones are made up for
MADE_UP_MS_MAX: Final = 4 * TICK_MS  # what is made up for; beyond it the world's time slows down
NICENESS: Final = 5  # of processes whose work may wait for a tick: the archivist and the AO door
CAUTIOUS_TICKS: Final = 40  # an owner whose predecessors died at one record admits one input a tick for so long

CLIENT_FRAME_BYTES_MAX: Final = 4_096
CLIENT_FRAMES_PER_SECOND: Final = 100  # sustained, per connection
CLIENT_BURST: Final = 200
CLIENT_READS_PER_SECOND: Final = 400  # of one player's socket: frames may come in pieces, but not in crumbs
OPENING_BYTES_MAX: Final = 8_192  # of the request that opens a websocket; browsers add cookies
OPENING_TIMEOUT_MS: Final = 5_000
LOGIN_TIMEOUT_MS: Final = 10_000
CHALLENGE_TTL_MS: Final = 60_000
SESSION_TTL_MS: Final = 24 * 3600 * 1000
QUIET_MS: Final = 20_000  # without a byte from a client: it is asked for a sign of life; after as long again it is cut
CUT_LINGER_MS: Final = 50  # an offender's socket stays so long, so that it can read why
CLOSE_LINGER_MS: Final = 2_000  # anyone else's
CLIENT_BACKLOG_BYTES_MAX: Final = 64 * 1024  # unsent bytes of one socket; above it frames stop and a keyframe follows
CLIENT_UNSENT_BYTES_MAX: Final = 1024 * 1024  # whatever they are: the socket is cut
CLIENTS_MAX: Final = 4_000
STRANGERS_MAX: Final = 10_000  # sockets before their login; one more, and the oldest of them gives way
STRANGER_READS_MAX: Final = 64
STRANGER_UNSENT_BYTES_MAX: Final = 8_192
ARRIVALS_PER_SECOND: Final = 2_000  # sockets taken from the system's queue, where the others wait
ARRIVALS_BURST: Final = 200
ADDRESSES_FREE: Final = ("127.0.0.1", "::1")  # this machine's own, or a proxy's on it: not counted by address
ADDRESS_STRANGERS_MAX: Final = 64
ADDRESS_PLAYERS_MAX: Final = 1_000
ADDRESS_VISITS_PER_SECOND: Final = 16
ADDRESS_VISITS_BURST: Final = 64
ADDRESS_FAULT_COST: Final = 16  # visits that a fault costs
LOGIN_STEPS_PER_SECOND: Final = (
    800  # two a login, each of which costs the gateway's one core a quarter of a millisecond
)
LOGIN_STEPS_AT_ONCE: Final = 4
LOGINS_WAITING_MAX: Final = 2_400  # in six seconds all of them are in
RESEND_AFTER_MS: Final = 400  # an unanswered action goes to its region again
BATCH_MS: Final = 5  # a gateway gathers actions this long before it sends them on
CROWD_BODIES: Final = (300, 600, 1_200)  # in view: above each the update rate is halved once more
CROWD_LOOK_TICKS: Final = 10  # how often bodies in view are counted
VIEW_TILES: Final = 24  # half the side of the square a player sees

STATE_BYTES_MAX: Final = 64 * 1024 * 1024
SEGMENT_BYTES_MAX: Final = 64 * 1024 * 1024
LOG_BYTES_MAX: Final = 1024 * 1024 * 1024  # one region's stream
WORLD_LOG_BYTES_MAX: Final = 256 * 1024 * 1024  # reserved for the world's own stream
LOG_BYTES_TOTAL: Final = 24 * 1024 * 1024 * 1024  # the log server's quota
SPOOL_BYTES_MAX: Final = 512 * 1024 * 1024  # segments that wait for a store
GATEWAYS_MAX: Final = 64
REGIONS_MAX: Final = 16  # on one machine


def _check(holds: bool, relation: str) -> None:
    if not holds:
        raise ValueError(f"limits contradict one another: {relation}")


_check(
    INPUT_BYTES_MAX + HEARD_BYTES_MAX + SIGNATURES_PER_RECORD * 144 + 16 * 1024 < RECORD_BYTES_MAX,
    "a full tick and the scheduler's signatures fit a record",
)
_check(OUTSIDE_BYTES_MAX + REPLY_BYTES_MAX < INPUT_BYTES_MAX, "an outside item and its reply fit a tick")
_check(UNSIGNED_KEPT_MAX >= 2 * UNSIGNED_ACTIONS_MAX, "a login after a full tail of actions keeps them all")
_check(GHOST_BYTES_MAX + MAIL_BYTES_MAX * 2 < LETTER_BYTES_MAX, "ghosts and mail fit a letter")
_check(MAIL_BYTES_MAX < HEARD_BYTES_MAX, "one mail always fits a tick")
_check(SPOOL_BYTES_MAX < LOG_BYTES_MAX, "the spool's limit is below the log's quota")
_check(REGIONS_MAX * LOG_BYTES_MAX + WORLD_LOG_BYTES_MAX < LOG_BYTES_TOTAL, "every log has its reserved quota")
_check(LOGINS_WAITING_MAX * 2 * 1000 <= LOGIN_STEPS_PER_SECOND * LOGIN_TIMEOUT_MS, "who waits to log in gets its turn")
_check(STRANGERS_MAX >= LOGINS_WAITING_MAX + ARRIVALS_BURST, "a newcomer does not push out who waits to log in")
_check(ADDRESS_VISITS_BURST >= ADDRESS_FAULT_COST, "one fault does not shut out a household")
_check(CLIENT_BACKLOG_BYTES_MAX < CLIENT_UNSENT_BYTES_MAX, "a slow client is slowed before it is cut")
_check(HEAD_TICKS_MAX * TICK_MS == 1000, "a head a second")
_check(list(CROWD_BODIES) == sorted(CROWD_BODIES) and len(CROWD_BODIES) < 4, "a frame's header can name each rate")
_check((TICK_MS << len(CROWD_BODIES)) < RESEND_AFTER_MS + TICK_MS, "whoever is shown little is answered in time")
_check(QUEUE_PER_PLAYER >= UNSIGNED_ACTIONS_MAX, "a player's unsigned actions can all wait")
_check(ACTIONS_PER_TICK * 64 <= INPUT_BYTES_MAX, "a tick of ordinary actions fits its bytes")
