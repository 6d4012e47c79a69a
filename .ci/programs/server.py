"""A server on the demo's data, and those who ask it."""
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

BUYER, OPERATOR, PASSWORD = "buyer@demo.example", "operator@demo.example", "correct horse battery staple"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serve(refrain, data, log, port=None, **environment):
    """A server that runs for as long as the block does; gives its address."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    command = [refrain, "serve", "--data-dir", str(data), "--bind", f"127.0.0.1:{port}"]
    environment = {**os.environ, "REFRAIN_SERVER__PUBLIC_URL": url, **environment}
    server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_until_ready(server, url)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def wait_until_ready(server, url):
    for _ in range(300):
        try:
            urllib.request.urlopen(url + "/readyz", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None:
                sys.exit(f"the server ended with {server.returncode}")
            time.sleep(0.1)
    sys.exit("the server did not become ready")


class Account:
    """Somebody with a token."""

    def __init__(self, url, email):
        self.url, self.token = url, None
        self.token = self.ask("POST", "/v1/sessions", {"email": email, "password": PASSWORD})["access_token"]

    def ask(self, method, path, body=None, **headers):
        return json.loads(self.fetch(method, path, body, **headers))

    def fetch(self, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path} answered {error.code}: {error.read().decode()}") from error


class Buyer(Account):
    """The demo's buyer."""

    def __init__(self, url):
        super().__init__(url, BUYER)


def patiently(what, ask):
    """Asks again and again until there is an answer; gives up after a minute."""
    for _ in range(600):
        answer = ask()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"waited a minute for {what}")
