"""A wire between two network namespaces: TCP on one side, a socket in the file system between them.

`wire.py PORT SOCKET` listens on 127.0.0.1:PORT and connects to SOCKET for each connection;
`wire.py --out SOCKET PORT` listens on SOCKET and connects to 127.0.0.1:PORT.
"""

import asyncio
import sys


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def main():
    if sys.argv[1] == "--out":
        _, _, path, port = sys.argv
        connect = lambda: asyncio.open_connection("127.0.0.1", int(port))
        listen = lambda answer: asyncio.start_unix_server(answer, path)
    else:
        _, port, path = sys.argv
        connect = lambda: asyncio.open_unix_connection(path)
        listen = lambda answer: asyncio.start_server(answer, "127.0.0.1", int(port))

    async def answer(reader, writer):
        try:
            far_reader, far_writer = await connect()
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    server = await listen(answer)
    await server.serve_forever()


asyncio.run(main())
