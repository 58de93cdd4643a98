"""The way from a certificate to a body: asks where the wallet's body is, asks for its birth if none has it, logs it in.

Not here: what regions answer to that (`regions.peers`).
"""

from typing import Final

from regions.config import RESEND_AFTER_MS
from regions.protocol import Status
from regions.record import Birth, Login, login_body, player_chain
from regions.unanswered import BACKOFF_MS
from regions.wishes import AskWhere, Tell, ToRegion, Wish

SEEK_EVERY_MS: Final = 100
BIRTH_AFTER_MS: Final = 300
BIRTH_EVERY_MS: Final = 1_000


class Arrival:
    """Of one connection. `wait_ms` is when to ask or send again; `chain` is the body's chain hash after the login."""

    __slots__ = ("_birth_at_ms", "_busy", "_certificate", "began_ms", "chain", "login", "wait_ms")

    def __init__(self, certificate: Birth, now_ms: int) -> None:
        self.began_ms = self.wait_ms = now_ms
        self.login: Login | None = None
        self.chain = b""
        self._certificate = certificate
        self._birth_at_ms = now_ms + BIRTH_AFTER_MS
        self._busy = 0  # times the login was put off

    def seek(self, now_ms: int) -> list[Wish]:
        """Ask for the body, and after a while for its birth."""
        self.wait_ms = now_ms + SEEK_EVERY_MS
        wishes: list[Wish] = [AskWhere()]
        if now_ms >= self._birth_at_ms:
            if self._birth_at_ms == self.began_ms + BIRTH_AFTER_MS:
                wishes.append(Tell(Status("no region has your body yet; asking for its birth")))
            self._birth_at_ms = now_ms + BIRTH_EVERY_MS
            wishes.append(ToRegion(0, (self._certificate,)))
        return wishes

    def seek_again(self, now_ms: int) -> list[Wish]:
        """The body was found and is elsewhere now: no birth is asked for at once."""
        self._birth_at_ms = max(self._birth_at_ms, now_ms + BIRTH_AFTER_MS)
        return self.seek(now_ms)

    def enter(self, now_ms: int, region: int, entity: int, number: int, chain: bytes) -> list[Wish]:
        """Send the login to a region, as the body's action after `number`, whose chain hash is `chain`."""
        said = self._certificate
        self.login = Login(
            entity, number + 1, said.wallet, said.session_key, said.nonce, said.expires_ms, said.signature
        )
        self.chain = player_chain(chain, number + 1, login_body(self.login))
        return self.send(now_ms, region)

    def send(self, now_ms: int, region: int) -> list[Wish]:
        """Send the login again, or to where the body is now."""
        assert self.login is not None
        self.wait_ms = now_ms + RESEND_AFTER_MS
        return [ToRegion(region, (self.login,))]

    def put_off(self, now_ms: int) -> None:
        """The region has no time for it: later, and each time later still."""
        self.wait_ms = now_ms + BACKOFF_MS[min(self._busy, len(BACKOFF_MS) - 1)]
        self._busy += 1
