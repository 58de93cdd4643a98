"""A real gateway core before a little world, and clients whose sockets are queues in this process."""

from collections import deque
from collections.abc import Callable

from archive.keys import Ed25519Key
from clients.seen import Seen
from clients.session import News, Session, Welcomed
from regions.gateway import Gateway
from regions.gateway_verbs import Backlog, Close, Closed, Connected, Effect, Event, Framed, Heard, Publish, Send, Timer
from regions.protocol import TOLD, VIEW
from regions.wishes import Door
from tests.regions.little_world import LittleWorld
from world.actions import Action


class LittleGateway:
    """One gateway; `name` must differ between gateways of one world. It hears regions `late_ms` late."""

    def __init__(self, world: LittleWorld, name: str = "g1") -> None:
        self.world = world
        self.core = Gateway(Door(world.world, name, world.tiles, world.rectangles))
        self.inbox: dict[int, Callable[[bytes], None]] = {}
        self.closed: dict[int, tuple[int, str]] = {}
        self.published: list[Publish] = []
        self.late_ms = 0
        self._under_way: deque[tuple[int, Event]] = deque()
        self._numbers = 0
        self._queue: deque[Event] = deque()
        self._busy = False
        for subject in ("delta", "beat", "answer", f"answer.{name}"):
            world.listen(subject, self._hear)

    def connect(self, receive: Callable[[bytes], None]) -> int:
        """Open a connection: its number."""
        self._numbers += 1
        self.inbox[self._numbers] = receive
        self.step(Connected(self._numbers, self.world.random.randbytes(48)))
        return self._numbers

    @property
    def due_ms(self) -> int:
        """When `catch_up` is wanted."""
        return min(self.core.due_ms, self._under_way[0][0]) if self._under_way else self.core.due_ms

    def catch_up(self) -> None:
        """Do what is due."""
        while self._under_way and self._under_way[0][0] <= self.world.now_ms:
            self.step(self._under_way.popleft()[1])
        if self.core.due_ms <= self.world.now_ms:
            self.step(Timer())

    def _hear(self, raw: bytes) -> None:
        if self.late_ms or self._under_way:
            self._under_way.append((self.world.now_ms + self.late_ms, Heard(raw)))
        else:
            self.step(Heard(raw))

    def step(self, event: Event) -> None:
        """Give the core an event; those that its effects cause come after it."""
        self._queue.append(event)
        if self._busy:
            return
        self._busy = True
        while self._queue:
            for effect in self.core.step(self.world.now_ms, self._queue.popleft()):
                self._carry_out(effect)
        self._busy = False

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Send(peer, frame):
                if peer in self.inbox:
                    self.inbox[peer](frame)
            case Publish(subject, data):
                self.published.append(effect)
                self.world.publish(subject, data)
            case Close(peer, code, reason):
                self.closed[peer] = (code, reason)
                self.inbox.pop(peer, None)


class LittleClient:
    """A player: the client's own session and sight, over a queue instead of a socket."""

    def __init__(self, gateway: LittleGateway, wallet: Ed25519Key | None = None) -> None:
        self.gateway = gateway
        self.session = Session(wallet or Ed25519Key(gateway.world.random.randbytes(32)), gateway.world.world)
        self.seen: Seen | None = None
        self.news: list[News] = []
        self.frames: list[bytes] = []  # view frames received
        self.reads = True
        self.number = 0
        self._unread: deque[bytes] = deque()

    def connect(self) -> None:
        """Open a connection and begin the login."""
        self._unread.clear()
        self.number = self.gateway.connect(self._unread.append)
        self.send(self.session.opened(self.gateway.world.random.randbytes(32)))

    def drop(self) -> None:
        """Lose the connection; what is on the way to the client is lost too."""
        self.gateway.inbox.pop(self.number, None)
        self.gateway.step(Closed(self.number))
        self._unread.clear()
        self.session.welcome = None

    def send(self, frames: list[bytes]) -> None:
        """Send frames."""
        for frame in frames:
            self.gateway.step(Framed(self.number, frame))

    def act(self, action: Action) -> None:
        """Do something."""
        self.send(self.session.act(self.gateway.world.now_ms, action))

    def read(self) -> None:
        """Take what has come."""
        now_ms = self.gateway.world.now_ms
        if not self.reads:
            self.gateway.step(Backlog(self.number, sum(map(len, self._unread))))
            return
        while self._unread:
            raw = self._unread.popleft()
            if raw[0] == VIEW:
                assert self.seen is not None
                self.frames.append(raw)
                self.seen.take(raw)
                continue
            assert raw[0] == TOLD
            frames, news = self.session.told(now_ms, raw[1:])
            for one in news:
                if isinstance(one, Welcomed):
                    assert self.session.welcome is not None
                    self.seen = Seen(self.session.welcome.regions)
            self.news += news
            self.send(frames)
        self.gateway.step(Backlog(self.number, 0))
        self.send(self.session.signed_head(now_ms))

    def told(self, kind: type) -> list[News]:
        """News of one kind."""
        return [one for one in self.news if isinstance(one, kind)]


def run(world: LittleWorld, gateways: list[LittleGateway], clients: list[LittleClient], ms: int) -> None:
    """Let time pass in steps of the gateways' and regions' own timers."""
    end_ms = world.now_ms + ms
    while world.now_ms < end_ms:
        due = min([world.due_ms, end_ms, *(gateway.due_ms for gateway in gateways)])
        world.advance(max(due, world.now_ms + 1))
        for gateway in gateways:
            gateway.catch_up()
        for client in clients:
            client.read()
