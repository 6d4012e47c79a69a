"""A receiver of deliveries, which the library of Standard Webhooks verifies."""
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from programs import refused, say
from programs.server import patiently


@contextmanager
def receiver():
    """An address, and the list to which the body and the headers of every delivery are added."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            received.append((self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers.items())))
            self.send_response(204)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", received
    finally:
        server.shutdown()
        server.server_close()


def check_webhooks(buyer):
    """The server has to be started with REFRAIN_WEBHOOKS__ALLOW_PRIVATE=true: the receiver is on this machine."""
    from standardwebhooks.webhooks import Webhook

    with receiver() as (address, received):
        hook = buyer.ask("POST", "/v1/webhooks", {"url": address})
        path = f"/v1/webhooks/{hook['id']}"
        buyer.ask("POST", f"{path}/test")
        body, headers = patiently("a delivery", lambda: received and received.pop())
        told = Webhook(hook["secret"]).verify(body, headers)
        assert told["type"] == "webhook.ping" and told["data"]["webhook_id"] == hook["id"], told
        refused("No matching signature", lambda: Webhook(hook["secret"]).verify(body + b" ", headers))
        late = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 3_600)}
        refused("too old", lambda: Webhook(hook["secret"]).verify(body, late))
        # While two secrets overlap, both find their signature.
        rotated = buyer.ask("POST", f"{path}/secret", {"overlap_s": 3_600})
        buyer.ask("POST", f"{path}/test")
        body, headers = patiently("a delivery after the rotation", lambda: received and received.pop())
        for secret in (hook["secret"], rotated["secret"]):
            assert Webhook(secret).verify(body, headers)["type"] == "webhook.ping"
        # And something that really happened.
        [offer] = buyer.ask("GET", "/v1/offers?state=voting")["items"][:1]
        buyer.ask("POST", f"/v1/offers/{offer['id']}/withdraw")

        def of_the_offer():
            told = (Webhook(rotated["secret"]).verify(body, headers) for body, headers in received)
            return next((one for one in told if one["type"].startswith("offer.") and offer["id"] in str(one["data"])), None)

        told = patiently("the delivery of a withdrawal", of_the_offer)
        buyer.fetch("DELETE", path)
    say(f"standardwebhooks: verifies pings by either secret, and {told['type']}; refuses what was changed or is too old")
