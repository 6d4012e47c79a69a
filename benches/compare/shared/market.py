"""A market with one listing and as many members as are wanted, made over HTTP but for the members themselves."""
import os
import re
import subprocess

from running import Server, ask, free_port, patiently

PASSWORD = "correct horse battery staple"
OPERATOR, BUYER = "operator@market.example", "buyer@market.example"
ISSUER = "http://market.example"


class Market:
    """A service on a database of its own. `url` names PostgreSQL's; without it the embedded one is used."""

    def __init__(self, refrain, folder, members, tokens, url=None, voting_period_s=86_400):
        self.refrain, self.folder, self.url = refrain, folder, url
        self.data, self.tokens = folder / "data", folder / "tokens.txt"
        self.members, self.server, self.offers = members, None, 0
        self.run("operator", "add", OPERATOR, typed=PASSWORD)
        self.start()
        self.open(voting_period_s)
        self.stop()
        self.run("bench-members", "--pool", self.pool_id, "--members", str(members), "--tokens", str(tokens),
                 "--out", str(self.tokens))
        self.start()

    def settings(self):
        return ["--data-dir", str(self.data), *(["--database-url", self.url] if self.url else [])]

    def env(self):
        return {"REFRAIN_SERVER__PUBLIC_URL": ISSUER, "REFRAIN_AUTH__ACCESS_TTL_S": "86400"}

    def run(self, *words, typed=None):
        subprocess.run([self.refrain, *words, *self.settings()], check=True, text=True, input=typed,
                       stdout=subprocess.DEVNULL, env={**os.environ, **self.env()})

    def start(self):
        port = free_port()
        command = [self.refrain, "serve", "--bind", f"127.0.0.1:{port}", *self.settings()]
        self.server = Server(command, port, self.folder / "refrain.log", self.env())

    def stop(self):
        if self.server:
            self.server.stop()
            self.server = None

    def ask(self, *words, **options):
        return ask(self.server.port, *words, **options)

    def token(self, email):
        return self.ask("POST", "/v1/sessions", {"email": email, "password": PASSWORD})["access_token"]

    def open(self, voting_period_s):
        operator = self.token(OPERATOR)
        purposes = ["model_training"]
        pool = self.ask("POST", "/v1/pools", {
            "name": "Measured pool", "description": "Members who do not exist.", "contact_email": OPERATOR,
            "tax_note": "No tax.", "fee_bp": 1_000, "price_floor": {"amount": 10_000, "currency": "USD"},
            "payment_days": 14,
            "rules": {"quorum_bp": 1_000, "voting_period_s": voting_period_s, "cool_off_s": 30 * 86_400, "open_votes_max": 10},
            "consent": {"body": "Only noisy aggregates leave the pool.", "purposes": purposes},
        }, token=operator)
        self.pool_id = pool["id"]
        recipe = self.ask("POST", "/v1/recipes", {"pool_id": self.pool_id, "name": "artists",
                                                  "document": {"kind": "artist_preference"}}, token=operator)
        self.recipe_id = recipe["id"]
        self.dataset_id = self.list_dataset(operator, "Artist preference")
        buyer = self.ask("POST", "/v1/organisations", {
            "organisation": {"legal_name": "Northwind Radio B.V.", "country": "NL", "website": "https://northwind.example",
                             "purpose": "Training a recommender on what people listen to.",
                             "address": "2 Harbour Street, Amsterdam", "tax_id": "NL123456789B01"},
            "email": BUYER, "password": PASSWORD})
        token = patiently("the buyer's mail", self.mailed_token)
        self.ask("PUT", "/v1/email-verifications", {"token": token})
        self.ask("POST", f"/v1/organisations/{buyer['organisation']['id']}/decisions",
                 {"outcome": "approve", "reason": "Known."}, token=operator)

    def list_dataset(self, operator, title):
        listing = self.ask("POST", "/v1/datasets", {
            "recipe_id": self.recipe_id, "title": title, "description": "How many members love an artist.",
            "keywords": ["artists"], "purposes": ["model_training"], "licence_name": "Licence",
            "licence_text": "As the terms say.", "price_floor": {"amount": 10_000, "currency": "USD"}, "rows_promised": 10},
            token=operator)
        self.ask("POST", f"/v1/datasets/{listing['id']}/publish", token=operator)
        return listing["id"]

    def list_another(self, number):
        return self.list_dataset(self.token(OPERATOR), f"Artist preference {number}")

    def mailed_token(self):
        for mail in (self.data / "mail").glob("*.eml"):
            text = mail.read_text().replace("=\n", "").replace("=\r\n", "")
            found = re.search(r"verify_[A-Za-z0-9_-]+", text)
            if BUYER in text and found:
                return found.group(0)
        return None

    def offer(self):
        """Places an offer."""
        self.offers += 1
        self.buyer = self.token(BUYER)
        return self.ask("POST", "/v1/offers", {
            "dataset_id": self.dataset_id, "edition": "next", "price": {"amount": 10_000, "currency": "USD"},
            "purpose": "model_training", "field_of_use": "A recommender.", "period_days": 365, "redistribution": "none",
            "models_after_term": "keep", "message": "Please."}, token=self.buyer, **{"Idempotency-Key": f"offer-{self.offers}"})["id"]

    def vote(self, offer_id, seconds=120):
        """The id of the offer's vote as soon as it is open."""
        def opened():
            offer = self.ask("GET", f"/v1/offers/{offer_id}", token=self.buyer)
            return offer["vote"]["id"] if offer["state"] == "voting" else None
        return patiently("the vote to open", opened, seconds)
