"""A receiver of deliveries over TLS, which the library of Standard Webhooks verifies."""
import datetime
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from programs import refused, say
from programs.server import patiently


def certificate(file):
    """A certificate for this machine that vouches for itself, with its key in the same file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, file.stem)])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256()))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + pem)
    return file


@contextmanager
def receiver(its_certificate):
    """An address, and the list to which the body and the headers of every delivery are added."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            received.append((self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers.items())))
            self.send_response(204)
            self.end_headers()

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):
            """Of who hangs up as the certificate is not good nothing is told here."""

    server = Server(("127.0.0.1", 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(its_certificate)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{server.server_address[1]}/hook", received
    finally:
        server.shutdown()
        server.server_close()


def check_webhooks(buyer, trusted, directory):
    """The server has to be started with REFRAIN_WEBHOOKS__ALLOW_PRIVATE=true, as the receiver is on this machine, and has to trust its
    certificate."""
    from standardwebhooks.webhooks import Webhook

    with receiver(certificate(directory / "unknown.pem")) as (address, received):
        hook = buyer.ask("POST", "/v1/webhooks", {"url": address})
        path = f"/v1/webhooks/{hook['id']}"
        sent = buyer.ask("POST", f"{path}/test")
        tried = patiently("a try", lambda: buyer.ask("GET", f"/v1/deliveries/{sent['id']}")["attempts"])
        assert "certificate" in tried[0]["error"] and not received, (tried, received)
        buyer.fetch("DELETE", path)
    with receiver(trusted) as (address, received):
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
    say(f"standardwebhooks: over TLS, and not to who cannot show a good certificate, verifies pings by either secret, and {told['type']}; "
        "refuses what was changed or is too old")
