"""The first words of a connection, from Hello to a certificate that the wallet signed.

What a stranger says is read at once, and what it asks for is done when the gateway has time (`answer`): each step costs
it a quarter of a millisecond of public-key arithmetic, which nobody in play is to wait for (`regions.admission`). Not
here: which body the wallet has (`regions.peers`).
"""

from regions import protocol
from regions.config import SESSION_TTL_MS
from regions.errors import RecordError
from regions.handshake import gateway_key, gateway_point, is_signed
from regions.protocol import Challenge, Hello, LoginSigned
from regions.record import Birth, login_message
from regions.wishes import Door


class Greeting:
    """Of one connection. Methods raise RecordError for what a client may not say.

    `certificate` is None until the wallet's signature held; `key` is the MAC key of later frames.
    """

    __slots__ = ("_door", "_nonce", "_said", "_secret", "certificate", "expires_ms", "key", "session_key", "wallet")

    def __init__(self, door: Door, secret: bytes) -> None:
        self.wallet = self.session_key = self.key = b""
        self.expires_ms = 0
        self.certificate: Birth | None = None
        self._door = door
        self._secret, self._nonce = secret[:32], secret[32:48]
        self._said: Hello | LoginSigned | None = None

    def read(self, frame: bytes) -> None:
        """A frame: Hello first, then the signature over the challenge."""
        if self._said is not None:
            raise RecordError("a frame before the answer to the one before")
        said = protocol.decode_said(frame)
        expected = LoginSigned if self.key else Hello
        if not isinstance(said, expected):
            raise RecordError(f"{type(said).__name__} where {expected.__name__} is expected")
        if isinstance(said, Hello) and said.version != protocol.VERSION:
            raise RecordError(f"protocol version {said.version}; this gateway speaks {protocol.VERSION}")
        self._said = said

    def answer(self, now_ms: int) -> Challenge | Birth:
        """What was read last: the challenge to a Hello, the certificate that a signature makes."""
        said, self._said = self._said, None
        if isinstance(said, Hello):
            return self._challenge(now_ms, said)
        assert said is not None
        certificate = Birth(self.wallet, self.session_key, self._nonce, self.expires_ms, said.signature)
        if not is_signed(self.wallet, said.signature, login_message(self._door.world, certificate)):
            raise RecordError("the wallet's signature over the challenge does not hold")
        self.certificate = certificate
        return certificate

    def _challenge(self, now_ms: int, said: Hello) -> Challenge:
        self.key = gateway_key(self._secret, said.session, self._nonce)
        self.wallet, self.session_key = said.wallet, said.session
        self.expires_ms = now_ms + SESSION_TTL_MS
        door = self._door
        return Challenge(door.world, door.gateway, self._nonce, self.expires_ms, gateway_point(self._secret))
