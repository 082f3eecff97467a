"""Make the archives beside this file: pages of our own, fetched by wget and through warcprox.

    pip install warcprox brotli && python make_archives.py

Wget 1.21.3 and warcprox 2.13.1 made those that are kept. The pages are in the public domain.
"""

from __future__ import annotations

import gzip
import http.server
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from pathlib import Path

import brotli

HERE = Path(__file__).parent
TEA = [
    "Tea is picked by hand in the hills behind the village, one bud and one leaf at a time, before "
    "the rains of April begin. The leaves are spread out on bamboo trays the same day, because a "
    "bud that is left in the basket for a night turns brown at the edges and loses its scent.",
    "In the evening the pans are heated with pine wood. One man keeps the fire, another turns the "
    "leaves with his bare hands, and neither of them speaks, for the sound of the leaves tells "
    "them when to stop. A pound of dry tea takes four pounds of leaves and most of the night.",
    "The tea of May is darker and cheaper. The tea house at the foot of the hill serves it all "
    "year round, and the old people of the village prefer it, since the first tea, they say, is "
    "for guests and for those who have never carried a basket up the slope.",
]
CHA = [
    "清明前后，山里的茶农便背着竹篓上山采茶。一芽一叶的嫩芽最为珍贵，采下来当天就要摊在竹匾上，隔一夜芽尖便会发黑，香气也就散了。",
    "到了晚上，灶里烧起松木，一个人看火，一个人用手在锅里翻叶子，谁也不说话，因为叶子的声音会告诉他们什么时候该停。四斤鲜叶只炒得出一斤干茶，常常要忙到半夜。",
    "谷雨之后的茶颜色更深，价钱也便宜得多。山脚下的茶馆一年到头都卖这种茶，村里的老人尤其爱喝，他们说，头道茶是给客人的，没有背过竹篓上山的人才稀罕它。",
]
NOTES = """Notes on prices

A basket of leaves in April: p < 40, where p is the price in yuan.
In May:                      p > 12 & p < 20.

""" + "\n".join(paragraph for paragraph in TEA).replace(". ", ".\n")
LINKS = "zh.html gbk.html gzip.html br.html deflate.html chunked.html moved gone.html notes.txt"


def page(
    title: str, paragraphs: list[str], charset: str = "utf-8", links: str = "zh.html"
) -> bytes:
    """Return a page."""
    menu = " ".join(f"<a href=/{name}>{name}</a>" for name in links.split())
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<!DOCTYPE html><html><head><meta charset={charset}><title>{title}</title></head><body>"
        f"<nav>{menu}</nav><article><h1>{title}</h1>{text}</article></body></html>"
    ).encode(charset)


PAGES: dict[str, tuple[str, bytes, str]] = {
    "/": ("text/html; charset=utf-8", page("The tea of the hills", TEA, links=LINKS), ""),
    "/zh.html": ("text/html; charset=utf-8", page("山里的茶", CHA), ""),
    "/gbk.html": ("text/html", page("茶馆", CHA[::-1], "gbk"), ""),
    "/gzip.html": ("text/html", page("Evening", TEA[1:] + TEA[:1]), "gzip"),
    "/br.html": ("text/html", page("Brown", TEA[::-1]), "br"),
    "/deflate.html": ("text/html", page("Deflated", [TEA[0], TEA[2], TEA[1]]), "deflate"),
    "/chunked.html": ("text/html", page("In pieces", [TEA[1], TEA[0], TEA[2]]), "chunked"),
    "/notes.txt": ("text/plain; charset=utf-8", NOTES.encode(), ""),
}
CODERS = {"gzip": gzip.compress, "br": brotli.compress, "deflate": zlib.compress}


class Site(http.server.BaseHTTPRequestHandler):
    """Serve the pages, each in its coding."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a request."""
        if self.path == "/moved":
            self._answer(301, "text/html", b"", Location="/zh.html")
        elif self.path not in PAGES:
            self._answer(404, "text/html", page("Not here", TEA * 3))
        else:
            kind, body, coding = PAGES[self.path]
            if coding == "chunked":
                parts = [body[at : at + 500] for at in range(0, len(body), 500)]
                whole = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])
                self._answer(200, kind, whole, length=False, **{"Transfer-Encoding": "chunked"})
            elif coding:
                self._answer(200, kind, CODERS[coding](body), **{"Content-Encoding": coding})
            else:
                self._answer(200, kind, body)

    def _answer(
        self, status: int, kind: str, body: bytes, *, length: bool = True, **more: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in more.items():
            self.send_header(name, value)
        if length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


PROXY = """
import socket, sys
socket.gethostname = lambda: "localhost"
socket.gethostbyname = lambda _name: "127.0.0.1"
import warcprox.main
from warcprox.warcproxy import WarcProxyHandler
WarcProxyHandler.allow_localhost = True
warcprox.main.main(["warcprox", *sys.argv[1:]])
"""


def main() -> None:
    """Serve the site, fetch it, and keep the archives."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = f"http://127.0.0.1:{server.server_port}/"
    with tempfile.TemporaryDirectory() as folder:
        codings = "--header=Accept-Encoding: gzip, br, deflate"
        subprocess.run(
            ["wget", "-nv", codings, "-r", "-e", "robots=off", "--warc-file=wget", "--warc-cdx",
             "-P", "pages", site], cwd=folder, check=False,
        )  # fmt: skip
        through_proxy(site, Path(folder))
        for name in ("wget.warc.gz", "wget.cdx"):
            (HERE / name).write_bytes((Path(folder) / name).read_bytes())
        [made] = (Path(folder) / "proxy").glob("*.warc.gz")
        (HERE / "warcprox.warc.gz").write_bytes(made.read_bytes())


def through_proxy(site: str, folder: Path) -> None:
    """Fetch the pages through warcprox, the Chinese one twice."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["-p", str(port), "-b", "127.0.0.1", "-d", "proxy", "-z", "--quiet"]
    proxy = subprocess.Popen([sys.executable, "-c", PROXY, *arguments], cwd=folder)
    time.sleep(8)
    ask = urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{port}"})
    )
    for name in ["", *LINKS.split(), "zh.html"]:
        try:
            ask.open(site + name).read()
        except OSError as error:
            print(name, error)
        time.sleep(0.5)
    time.sleep(3)
    proxy.terminate()
    proxy.wait()


if __name__ == "__main__":
    main()
