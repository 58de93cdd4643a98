"""Sockets read in passes: whoever has something is read, nobody who was dropped is, and quiet ones cost no waking."""

import asyncio
import socket

from regions.shell.inboxes import PASS_S, Inboxes


def test_sockets_that_have_something_are_read_a_pass_at_a_time() -> None:
    async def read() -> list[list[int]]:
        passes: list[list[int]] = []

        def take(numbers: list[int]) -> None:
            passes.append(sorted(numbers))
            for number in numbers:
                near[number].recv(1)

        inboxes = Inboxes(take)
        pairs = [socket.socketpair() for _ in range(4)]
        near, far = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        for number, stream in enumerate(near):
            stream.setblocking(False)
            inboxes.add(stream, number)
        far[0].send(b"ab")
        far[2].send(b"c")
        await asyncio.sleep(20 * PASS_S)
        assert inboxes._next is None, "all is read: the next pass waits for a socket"
        inboxes.drop(near[2])
        inboxes.drop(near[2])
        far[2].send(b"d")
        far[3].send(b"e")
        await asyncio.sleep(20 * PASS_S)
        inboxes.close()
        far[1].send(b"f")
        await asyncio.sleep(5 * PASS_S)
        for stream in near + far:
            stream.close()
        return passes

    assert asyncio.run(read()) == [[0, 2], [0], [3]]
