"""SQL over a licensed edition with DuckDB.

    pip install duckdb
    MARKET_URL=http://127.0.0.1:8080 MARKET_EMAIL=buyer@demo.example MARKET_PASSWORD='…' python examples/duckdb_tables.py

Downloads the Parquet files of the newest licence in force into the directory that it runs in, checks their digests, and asks
them something. It needs no network beyond the server: DuckDB reads the files from the disk.
"""
import hashlib
import json
import os
import pathlib
import urllib.request

import duckdb

SERVER = os.environ["MARKET_URL"]


def fetch(path, token=None, body=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(SERVER + path, data, headers), timeout=60) as answer:
        return answer.read()


login = {"email": os.environ["MARKET_EMAIL"], "password": os.environ["MARKET_PASSWORD"]}
token = json.loads(fetch("/v1/sessions", body=login))["access_token"]
licences = json.loads(fetch("/v1/licences", token))["items"]
licence = next((one for one in licences if one["state"] == "active"), None)
if licence is None:
    raise SystemExit("There is no licence in force to read by.")

# Download, and look whether the bytes are those that were promised.
for file in json.loads(fetch(f"/v1/licences/{licence['id']}/files", token))["items"]:
    if file["name"].endswith(".parquet"):
        content = fetch(file["href"], token)
        assert hashlib.sha256(content).hexdigest() == file["sha256"], f"{file['name']} is not as promised"
        table = pathlib.Path(file["name"])
        table.write_bytes(content)
        print(f"{table}: {len(content):,} bytes, digest as promised")

database = duckdb.connect()

# What the columns mean travels in the file itself.
[(columns,)] = database.execute(
    "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'refrain.columns'", [str(table)]
).fetchall()
for column in json.loads(columns):
    print(f"  {column['name']} ({column['type']}): {column['meaning']} {column['error_bar']}")

# Counts carry noise. The manifest says how wide it is, so that a query can say what is certain.
manifest = json.loads(fetch(f"/v1/editions/{licence['edition_id']}/manifest", token))["manifest"]
bar = next(measure["half_width_95"] for measure in manifest["measures"] if measure["column"] == "fans")
answer = database.execute(
    """
    SELECT artist, fans, fans - $bar AS at_least, fans + $bar AS at_most,
           round(capped_plays / greatest(fans, 1), 1) AS plays_per_fan
    FROM read_parquet($file) ORDER BY fans DESC, artist LIMIT 10
    """,
    {"bar": bar, "file": str(table)},
)
answer_names = [column[0] for column in answer.description]
print("  ".join(answer_names))
for row in answer.fetchall():
    print("  ".join(str(value) for value in row))
