"""The service that tests put behind the gate. Runs in a pod, from a ConfigMap, with tornado alone.

/echo      what arrived: method, address, headers, number of bytes in the body
/ws        a websocket that sends back what it gets, after the headers that it was opened with
/events    server-sent events, one each 200 ms, five in all
/bytes     ?n=: that many bytes
/accel     an answer that tries to command the proxy: ?header=&value=
/set       ?cookie=: sets a cookie
/page      ?html=: a page, or &kind= of something else
/drop      closes the connection without an answer
"""

import asyncio
import json
import os
import sys

import tornado.web
import tornado.websocket


class Echo(tornado.web.RequestHandler):
    def _answer(self, size: int) -> None:
        request = self.request
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.get_all():
            headers.setdefault(name, []).append(value)
        self.write(
            {
                "method": request.method,
                "uri": request.uri,
                "headers": headers,
                "bytes": size,
                "port": self.settings["port"],
            }
        )

    def get(self) -> None:
        self._answer(0)

    delete = get


@tornado.web.stream_request_body
class Sink(Echo):
    def prepare(self) -> None:
        self.size = 0

    def data_received(self, chunk: bytes) -> None:
        self.size += len(chunk)

    def post(self) -> None:
        self._answer(self.size)

    put = post


class Socket(tornado.websocket.WebSocketHandler):
    def open(self) -> None:
        self.write_message(json.dumps(dict(self.request.headers.get_all())))

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))

    def check_origin(self, origin: str) -> bool:
        return True  # that is what the front is for


class Events(tornado.web.RequestHandler):
    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        for number in range(5):
            self.write(f"data: {number}\n\n")
            await self.flush()
            await asyncio.sleep(0.2)


class Bytes(tornado.web.RequestHandler):
    async def get(self) -> None:
        left, block = int(self.get_argument("n")), b"x" * 2**20
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Length", str(left))
        while left > 0:
            self.write(block[:left])
            left -= len(block)
            await self.flush()


class Accel(tornado.web.RequestHandler):
    def get(self) -> None:
        self.set_header(self.get_argument("header"), self.get_argument("value"))
        self.write("mine")


class SetCookie(tornado.web.RequestHandler):
    def get(self) -> None:
        self.set_header("Set-Cookie", self.get_argument("cookie"))


class Page(tornado.web.RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", self.get_argument("kind", "text/html; charset=utf-8"))
        self.write(self.get_argument("html", strip=False))


class Drop(tornado.web.RequestHandler):
    def get(self) -> None:
        self.detach().close()


def application(port: int) -> tornado.web.Application:
    return tornado.web.Application(
        [
            (r"/ws.*", Socket),
            (r"/events", Events),
            (r"/bytes", Bytes),
            (r"/accel", Accel),
            (r"/set", SetCookie),
            (r"/page", Page),
            (r"/drop", Drop),
            (r"/sink", Sink),
            (r".*", Echo),
        ],
        port=port,
    )


async def main(ports: list[int], late: float) -> None:
    await asyncio.sleep(late)
    for port in ports:
        application(port).listen(port, max_body_size=2**40)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main([int(port) for port in sys.argv[1:]], float(os.environ.get("LATE", "0"))))
