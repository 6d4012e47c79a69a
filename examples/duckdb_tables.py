"""SQL over a licensed edition with DuckDB.

    pip install duckdb
    MARKET_URL=http://127.0.0.1:8080 MARKET_EMAIL=buyer@demo.example MARKET_PASSWORD='…' python examples/duckdb_tables.py

Downloads the Parquet file of a licensed artist preference into the directory that it runs in, checks its digest, and asks it
something. It needs no network beyond the server: DuckDB reads the file from the disk.
"""
import hashlib
import json
import os
import pathlib
import urllib.request

import duckdb

SERVER = os.environ["MARKET_URL"]
table = pathlib.Path("artist_preference.parquet")


def fetch(path, token=None, body=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(SERVER + path, data, headers), timeout=60) as answer:
        return answer.read()


login = {"email": os.environ["MARKET_EMAIL"], "password": os.environ["MARKET_PASSWORD"]}
token = json.loads(fetch("/v1/sessions", body=login))["access_token"]
# The newest licence to an edition of this table that is in force.
for licence in json.loads(fetch("/v1/licences", token))["items"]:
    if licence["state"] == "active":
        files = {file["name"]: file for file in json.loads(fetch(f"/v1/licences/{licence['id']}/files", token))["items"]}
        if table.name in files:
            break
else:
    raise SystemExit(f"There is no licence in force that has a file {table}.")

# Download, and look whether the bytes are those that were promised.
content = fetch(files[table.name]["href"], token)
assert hashlib.sha256(content).hexdigest() == files[table.name]["sha256"], f"{table} is not as promised"
table.write_bytes(content)
print(f"{table}: {len(content):,} bytes, digest as promised")

database = duckdb.connect()

# What the columns mean travels in the file itself.
[(columns,)] = database.execute(
    "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'refrain.columns'", [str(table)]
).fetchall()
for column in json.loads(columns):
    print(f"  {column['name']} ({column['type']}): {column['meaning']} Error: {column['error_bar']}")

# Counts carry noise. The manifest says how wide it is, so that a query can say what is certain: here, the plays that each fan
# has are known far worse than the fans are.
manifest = json.loads(fetch(f"/v1/editions/{licence['edition_id']}/manifest", token))["manifest"]
bars = {measure["column"]: measure["half_width_95"] for measure in manifest["measures"]}
answer = database.execute(
    """
    SELECT artist, fans, fans - $fans_bar AS at_least, fans + $fans_bar AS at_most,
           round(capped_plays / fans, 1) AS plays_per_fan, round($plays_bar / fans, 1) AS give_or_take
    FROM read_parquet($file) ORDER BY fans DESC, artist LIMIT 10
    """,
    {"fans_bar": bars["fans"], "plays_bar": bars["capped_plays"], "file": str(table)},
)
print("  ".join(column[0] for column in answer.description))
for row in answer.fetchall():
    print("  ".join(str(value) for value in row))
