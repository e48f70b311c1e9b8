#!/usr/bin/env python3
"""proxy.py - a TCP proxy that breaks Kafka connections on command.

    proxy.py LISTEN TARGET CONTROL [SECONDS]
    proxy.py tell CONTROL COMMAND          sends one command, prints its answer

Clients connect to 127.0.0.1:LISTEN, which is what the broker must advertise; the broker itself
listens on 127.0.0.1:TARGET. Commands are lines on 127.0.0.1:CONTROL, each answered by one line:

    pass                  forward everything (the mode at start); disarms what is armed
    cut                   close every connection once; new ones are accepted
    refuse                close every connection, also new ones, until pass
    blackhole             swallow everything in both directions, until pass
    delay S               every piece of data waits S seconds in each direction
    drop-request K        the next request with api key K is lost, with its connection
    drop-response K       the next request K is delivered, its answer lost, with the connection
    hold-request K S      as drop-request, but the broker gets the request S seconds later
    status                mode, connections, how often an armed command has struck, and held requests
    quit

Keys: 0 Produce, 1 Fetch, 11 JoinGroup, 22 InitProducerId, 24 AddPartitionsToTxn,
25 AddOffsetsToTxn, 26 EndTxn, 28 TxnOffsetCommit, 68 ConsumerGroupHeartbeat.
It ends by itself after SECONDS (1800), or when the control connection says quit.
"""
import asyncio
import socket
import struct
import sys


class Proxy:
    def __init__(self, target):
        self.target = target
        self.mode = "pass"
        self.delay = 0.0
        self.armed = None  # (command, api key, seconds)
        self.struck = 0
        self.held = 0
        self.connections = set()

    async def client(self, reader, writer):
        if self.mode == "refuse":
            writer.close()
            return
        try:
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        connection = Connection(self, reader, writer, broker_reader, broker_writer)
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)

    def cut(self):
        for connection in list(self.connections):
            connection.close()

    def command(self, line):
        words = line.split()
        if not words:
            return "error: empty command"
        verb, values = words[0], words[1:]
        if verb in ("pass", "blackhole", "refuse"):
            self.mode, self.delay, self.armed = verb, 0.0, None
            if verb == "refuse":
                self.cut()
        elif verb == "cut":
            self.cut()
        elif verb == "delay":
            self.delay = float(values[0])
        elif verb in ("drop-request", "drop-response", "hold-request"):
            self.struck = 0
            self.armed = (verb, int(values[0]), float(values[1]) if verb == "hold-request" else 0.0)
        elif verb == "status":
            return (f"mode={self.mode} delay={self.delay} connections={len(self.connections)} "
                    f"armed={'-' if self.armed is None else self.armed[0]} struck={self.struck} held={self.held}")
        else:
            return f"error: unknown command {verb}"
        return "ok"


class Connection:
    def __init__(self, proxy, client_reader, client_writer, broker_reader, broker_writer):
        self.proxy = proxy
        self.client_reader, self.client_writer = client_reader, client_writer
        self.broker_reader, self.broker_writer = broker_reader, broker_writer
        self.lost_answer = None  # the correlation id whose response closes the connection
        self.broker_is_ours = True

    def close(self):
        self.client_writer.transport.abort()
        if self.broker_is_ours:
            self.broker_writer.transport.abort()

    async def run(self):
        pumps = [asyncio.create_task(self.requests()), asyncio.create_task(self.responses())]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        self.close()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def forward(self, frame, writer):
        if self.proxy.delay:
            await asyncio.sleep(self.proxy.delay)
        if self.proxy.mode != "blackhole":
            writer.write(frame)
            await writer.drain()

    async def requests(self):
        while True:
            frame = await read_frame(self.client_reader)
            armed = self.proxy.armed
            if armed is not None and len(frame) >= 12:
                key, _, correlation = struct.unpack(">hhi", frame[4:12])
                if key == armed[1]:
                    self.proxy.armed = None
                    self.proxy.struck += 1
                    if armed[0] == "drop-request":
                        return
                    if armed[0] == "hold-request":
                        self.hold(frame, armed[2])
                        return
                    self.lost_answer = correlation
            await self.forward(frame, self.broker_writer)

    async def responses(self):
        while True:
            frame = await read_frame(self.broker_reader)
            if self.lost_answer is not None and struct.unpack(">i", frame[4:8])[0] == self.lost_answer:
                return
            await self.forward(frame, self.client_writer)

    def hold(self, frame, seconds):
        """The client sees a closed connection now; the broker gets the request later."""
        self.broker_is_ours = False
        self.proxy.held += 1
        writer, reader = self.broker_writer, self.broker_reader

        async def deliver():
            await asyncio.sleep(seconds)
            try:
                writer.write(frame)
                await writer.drain()
                await asyncio.wait_for(reader.read(65536), 5)
            except (OSError, asyncio.TimeoutError):
                pass
            finally:
                self.proxy.held -= 1
                writer.close()

        self.delivery = asyncio.create_task(deliver())
        HELD.add(self.delivery)
        self.delivery.add_done_callback(HELD.discard)


HELD = set()  # keeps tasks alive until they are done


async def read_frame(reader):
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack(">i", head)[0])


async def main(listen, target, control, seconds):
    proxy = Proxy(target)
    ended = asyncio.Event()

    async def controlled(reader, writer):
        while line := await reader.readline():
            words = line.decode()
            try:
                answer = "ok" if words.strip() == "quit" else proxy.command(words)
            except (ValueError, IndexError):
                answer = f"error: wrong values in {words.strip()}"
            writer.write((answer + "\n").encode())
            await writer.drain()
            if words.strip() == "quit":
                ended.set()
                break
        writer.close()

    async with await asyncio.start_server(proxy.client, "127.0.0.1", listen), \
            await asyncio.start_server(controlled, "127.0.0.1", control):
        try:
            await asyncio.wait_for(ended.wait(), seconds)
        except asyncio.TimeoutError:
            print(f"proxy: ended after {seconds} s", file=sys.stderr)
        proxy.cut()


def quiet(loop, context):
    if not isinstance(context.get("exception"), (OSError, asyncio.IncompleteReadError)):
        loop.default_exception_handler(context)


def tell(control, command):
    try:
        with socket.create_connection(("127.0.0.1", control), 5) as connection:
            connection.sendall((command + "\n").encode())
            answer = connection.makefile().readline().strip()
    except OSError as problem:
        answer = f"error: no proxy answers on 127.0.0.1:{control}: {problem}"
    print(answer)
    return 0 if answer and not answer.startswith("error") else 1


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "tell":
        sys.exit(tell(int(sys.argv[2]), sys.argv[3]))
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    runner = asyncio.new_event_loop()
    runner.set_exception_handler(quiet)
    runner.run_until_complete(main(*map(int, sys.argv[1:4]), float((sys.argv + ["1800"])[4])))
