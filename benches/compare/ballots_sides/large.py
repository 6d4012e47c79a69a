"""One vote with very many electors: how long it takes to open, to close, and what goes on beside it."""
import json
import shutil
import subprocess
import time
import urllib.request
from datetime import datetime

from market import Market
from running import Postgres, ask, finish, load, patiently, start_load

CHOICES = ['{"choice":"yes"}', '{"choice":"yes"}', '{"choice":"no"}', '{"choice":"abstain"}']
# Members whose ballots in one vote are cast over and over while another vote opens.
BUSY = 5_000


class Large:
    """A pool of `members`, of whom three in five vote."""

    def __init__(self, backend, refrain, side, folder, members, voting_period_s):
        folder.mkdir()
        folder.chmod(0o755)
        self.side, self.folder, self.members, self.ballots = side, folder, members, members * 3 // 5
        self.postgres = Postgres(folder) if backend == "postgres" else None
        url = None
        if self.postgres:
            self.postgres.ask("CREATE DATABASE market")
            url = self.postgres.url("market")
        self.market = Market(refrain, folder, members, self.ballots, url, voting_period_s)
        if self.postgres:
            self.postgres.ask("VACUUM ANALYZE", "market")

    def ask_much(self, path, **options):
        return load(self.side, self.market.server.port, path, **options)

    def busy(self, vote_id, seconds):
        """Ballots of a vote and reads of the catalogue, both at once and without pause."""
        port, busy = self.market.server.port, min(BUSY, self.ballots)
        ballots = start_load(self.side, port, f"/v1/votes/{vote_id}/ballot", method="PUT", body=CHOICES, connections=32,
                             tokens=self.market.tokens, take=busy, seconds=seconds)
        reads = start_load(self.side, port, "/v1/datasets", connections=8, seconds=seconds)
        return ballots, reads

    def rates(self, loads):
        answers = [json.loads(finish(one)) for one in loads]
        if any(one["failed"] for one in answers):
            raise SystemExit(f"requests failed beside the opening: {answers}")
        return [one["rate"] for one in answers]

    def measure(self, say):
        found = {"members": self.members, "ballots": self.ballots}
        began = time.monotonic()
        first = self.market.vote(self.market.offer(), 600)
        found["open_alone_s"] = time.monotonic() - began
        say(f"{self.members:,} electors: open in {found['open_alone_s']:.1f} s, with nothing beside it")
        # From here on everybody is told of the vote, which takes minutes and goes on beside all that follows.
        self.ask_much(f"/v1/votes/{first}/ballot", method="PUT", body=CHOICES, connections=32, tokens=self.market.tokens,
                  take=min(BUSY, self.ballots), once=True)
        usual = self.rates(self.busy(first, 6))
        began = time.monotonic()
        beside = self.busy(first, max(2, found["open_alone_s"]))
        offer = self.market.offer()
        second = self.market.vote(offer, 600)
        found["open_s"] = time.monotonic() - began
        beside = self.rates(beside)
        found["kept_ballots"], found["kept_reads"] = (one / before for one, before in zip(beside, usual))
        say(f"{self.members:,} electors: open in {found['open_s']:.1f} s, while ballots of another vote kept "
            f"{found['kept_ballots']:.2f} of their rate ({usual[0]:,.0f}/s) and reads {found['kept_reads']:.2f} ({usual[1]:,.0f}/s)")
        cast = self.ask_much(f"/v1/votes/{second}/ballot", method="PUT", body=CHOICES, connections=64, tokens=self.market.tokens,
                         once=True)
        found["ballots_per_s"] = cast["rate"]
        say(f"{cast['answered']:,} members voted, {cast['rate']:,.0f} a second, each for the first time")
        receipts = self.ask_much(f"/v1/votes/{second}/ballot", connections=16, tokens=self.market.tokens, rate=300, seconds=10)
        found["receipt_p99_ms"] = receipts["p99_ms"]
        say(f"receipts with their proofs, 300 a second: p99 {receipts['p99_ms']:.1f} ms")
        found["close_s"] = self.until_published(second)
        say(f"closed, counted and published in {found['close_s']:.1f} s")
        found["peak_mib"] = self.market.server.peak_mib()
        self.check(second)
        return found

    def until_published(self, vote_id):
        with open(self.market.tokens) as lines:
            token = next(lines).strip()
        def vote():
            return ask(self.market.server.port, "GET", f"/v1/votes/{vote_id}", token=token)
        closes_at = datetime.fromisoformat(vote()["closes_at"].replace("Z", "+00:00")).timestamp()
        if time.time() > closes_at:
            raise SystemExit("the vote was over before all ballots were cast: give it a longer period")
        time.sleep(max(0, closes_at - time.time()))
        patiently("the vote to be published", lambda: vote().get("bundle"), 600)
        return time.time() - closes_at

    def check(self, vote_id):
        """The checker for anyone counts it again."""
        bundle = self.folder / "bundle.jsonl"
        url = f"http://127.0.0.1:{self.market.server.port}/v1/votes/{vote_id}/bundle"
        with urllib.request.urlopen(url) as answer, open(bundle, "wb") as file:
            shutil.copyfileobj(answer, file)
        subprocess.run([self.market.refrain, "verify", str(bundle)], check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        self.market.stop()
        if self.postgres:
            self.postgres.stop()
