"""A proxy before a server, on which downloads break off."""
import http.client
import threading
import urllib.parse
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def breaking(url, cuts):
    """Hands on what is asked of the server at `url`; so many answers to a GET of a link end in the middle of their body.

    Gives the address, and the list to which every GET of a link is added: the `Range` that was asked for, the status, and how
    many bytes were handed on.
    """
    noted = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def hand_on(self):
            upstream = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            upstream.request(self.command, self.path, sent, headers)
            answer = upstream.getresponse()
            body = answer.read()
            if answer.headers.get_content_type() == "application/json":
                body = body.replace(url.encode(), here.encode())  # links lead past the proxy otherwise
            is_link = self.command == "GET" and self.path.startswith("/v1/links/")
            is_cut = is_link and sum(handed_on < all_bytes for _, _, handed_on, all_bytes in noted) < cuts
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            handed_on = body[: len(body) // 2] if is_cut else body
            if is_link:
                noted.append((self.headers.get("Range"), answer.status, len(handed_on), len(body)))
            self.wfile.write(handed_on)
            upstream.close()

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = hand_on

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = f"http://127.0.0.1:{proxy.server_address[1]}"
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield here, noted
    finally:
        proxy.shutdown()
        proxy.server_close()
