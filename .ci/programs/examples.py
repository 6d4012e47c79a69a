"""The examples, run as somebody would who has just read them."""
import hashlib
import os
import pathlib
import subprocess
import sys

from programs import say
from programs.proxies import breaking
from programs.server import BUYER, PASSWORD

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


def run(url, command, directory, **environment):
    """What a program wrote that plays the buyer; it has to end well."""
    environment = {**os.environ, "MARKET_URL": url, "MARKET_EMAIL": BUYER, "MARKET_PASSWORD": PASSWORD, **environment}
    command = [str(word) for word in command]
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def check_examples(buyer, licence_id, url, directory):
    told = run(url, [sys.executable, EXAMPLES / "artists.py"], directory)
    assert "leads" in told and "have voted" in told, told
    assert told == run(url, [sys.executable, EXAMPLES / "artists.py"], directory), "run again, it finds the same offer"
    told = run(url, [sys.executable, EXAMPLES / "duckdb_tables.py"], directory)
    assert "digest as promised" in told and "at_least" in told, told
    say("examples: artists.py and duckdb_tables.py tell their stories")
    check_resuming(buyer, licence_id, url, directory / "resumed")


def check_resuming(buyer, licence_id, url, directory):
    """curl takes a download up that was cut off twice, and ends with the same bytes."""
    directory.mkdir()
    with breaking(url, cuts=2) as (proxy, noted):
        told = run(proxy, ["sh", EXAMPLES / "download.sh"], directory)
    assert told.count("It broke off after") == 2, told
    assert [(asked is None, status) for asked, status, _, _ in noted] == [(True, 200), (False, 206), (False, 206)], noted
    [file] = directory.iterdir()
    listed = buyer.ask("GET", f"/v1/licences/{licence_id}/files")["items"]
    [promised] = [one["sha256"] for one in listed if one["name"] == file.name]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == promised
    # What is whole already is left as it is.
    told = run(url, ["sh", EXAMPLES / "download.sh"], directory)
    assert "as promised" in told and "broke off" not in told and hashlib.sha256(file.read_bytes()).hexdigest() == promised, told
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout.split()[1]
    say(f"curl {version}: {file.stat().st_size} bytes, broken off twice, end with the digest that was promised")
