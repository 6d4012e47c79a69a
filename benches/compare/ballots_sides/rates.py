"""How many ballots a second: the service, the yardstick, and others that write such rows, in turn."""
import json
import shutil
import statistics
import subprocess

from market import ISSUER, Market
from running import PocketBase, Postgres, Server, free_port, load

CONNECTIONS = (32, 256)
CHOICES = ['{"choice":"yes"}', '{"choice":"no"}', '{"choice":"abstain"}']
ROW = """
\\set member random(1, 1000000000)
INSERT INTO leaves (vote_id, tag, sequence, commitment, leaf_hash, choice, nonce, cast_at)
VALUES ('vote_01jd2k8m0wfv9s3x6q4r7t5y2z', '\\x00', :member, '\\x00', '\\x00', 'yes', '\\x00', now());
"""
TABLE = """CREATE TABLE leaves (log_index BIGSERIAL PRIMARY KEY, vote_id TEXT NOT NULL, tag BYTEA NOT NULL, sequence INTEGER NOT NULL,
  commitment BYTEA NOT NULL, leaf_hash BYTEA NOT NULL, choice TEXT NOT NULL, nonce BYTEA NOT NULL, cast_at TIMESTAMP NOT NULL)"""


class Rates:
    """One backend: its contestants, and what they reached."""

    def __init__(self, backend, refrain, side, folder, members, seconds, rounds):
        self.backend, self.side, self.folder, self.seconds, self.rounds = backend, side, folder, seconds, rounds
        folder.mkdir()
        folder.chmod(0o755)
        self.postgres = Postgres(folder) if backend == "postgres" else None
        url = None
        if self.postgres:
            self.postgres.ask("CREATE DATABASE market")
            url = self.postgres.url("market")
        self.market = Market(refrain, folder, members, members, url)
        self.vote_id = self.market.vote(self.market.offer())
        # Telling everybody of the vote takes the writer some time: it is over before anything is measured.
        self.market.server.wait_until_idle()
        self.start_yardstick()
        if self.postgres:
            self.postgres.ask("CREATE DATABASE peer")
            self.postgres.ask(TABLE, "peer")
            (folder / "row.sql").write_text(ROW)
        else:
            self.start_pocketbase()

    def start_yardstick(self):
        """On a copy of the database, made while nobody writes."""
        self.market.stop()
        copy = self.folder / "yardstick"
        shutil.copytree(self.market.data, copy, ignore=shutil.ignore_patterns("mail", "refrain.lock"))
        command = [self.side, "yardstick", "--data-dir", str(copy), "--issuer", ISSUER]
        if self.postgres:
            self.postgres.ask("CREATE DATABASE yardstick TEMPLATE market")
            command += ["--database-url", self.postgres.url("yardstick")]
        port = free_port()
        self.yardstick = Server([*command, "--bind", f"127.0.0.1:{port}"], port, self.folder / "yardstick.log")
        self.market.start()

    def start_pocketbase(self):
        """Whoever comes may create records, and no token is looked at: that spares it work."""
        self.pocketbase = PocketBase(self.folder / "pocketbase")
        texts = [{"name": name, "type": "text"} for name in
                 ("vote_id", "tag", "commitment", "leaf_hash", "choice", "nonce", "cast_at")]
        self.pocketbase.collection("leaves", [*texts, {"name": "sequence", "type": "number"}], createRule="")
        some = "ab" * 32
        self.record = ('{"vote_id":"vote_01jd2k8m0wfv9s3x6q4r7t5y2z","tag":"%s","sequence":0,"commitment":"%s","leaf_hash":"%s",'
                       '"choice":"yes","nonce":"%s","cast_at":"2026-01-02T09:30:00Z"}' % (some, some, some, some))

    def ballots(self, port, connections, **options):
        return load(self.side, port, f"/v1/votes/{self.vote_id}/ballot", method="PUT", body=CHOICES,
                    tokens=self.market.tokens, connections=connections, **{"seconds": self.seconds, **options})

    def contestants(self):
        found = {
            "refrain": lambda connections: self.ballots(self.market.server.port, connections),
            "yardstick": lambda connections: self.ballots(self.yardstick.port, connections),
        }
        if self.postgres:
            found["pgbench"] = lambda connections: {
                "rate": self.postgres.insert_rate(connections, max(1, self.seconds), self.folder / "row.sql")}
        else:
            found["pocketbase"] = lambda connections: load(
                self.side, self.pocketbase.server.port, "/api/collections/leaves/records", method="POST", body=self.record,
                connections=connections, seconds=self.seconds)
            found["raw"] = lambda _: self.raw()
        return found

    def raw(self):
        file = self.folder / "raw.db"
        for left in self.folder.glob("raw.db*"):
            left.unlink()
        command = ["taskset", "-c", "0", self.side, "raw", "--database", str(file), "--seconds", str(self.seconds)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)

    def measure(self, say):
        """Medians of the rounds, and the service's waiting times at half of what it reached."""
        # Every token is known to the servers and every member has a ballot: from here on the work stays the same.
        for port in (self.market.server.port, self.yardstick.port):
            self.ballots(port, 64, once=True)
        reached, at_half = {}, {}
        for connections in CONNECTIONS:
            rates = {name: [] for name in self.contestants()}
            for number in range(self.rounds):
                for name, run in self.contestants().items():
                    rates[name].append(run(connections)["rate"])
                say(f"{self.backend}, {connections} connections, round {number + 1}: "
                    + ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in rates.items()))
            reached[connections] = {name: statistics.median(values) for name, values in rates.items()}
            half = reached[connections]["refrain"] / 2
            waits = [self.ballots(self.market.server.port, connections, rate=half) for _ in range(self.rounds)]
            at_half[connections] = statistics.median(one["p99_ms"] for one in waits)
            say(f"{self.backend}, {connections} connections, at {half:,.0f}/s: p99 {at_half[connections]:.1f} ms")
        return {"rates": reached, "p99_ms_at_half": at_half, "peak_mib": self.market.server.peak_mib()}

    def stop(self):
        self.market.stop()
        self.yardstick.stop()
        if self.postgres:
            self.postgres.stop()
        else:
            self.pocketbase.stop()
