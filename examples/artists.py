"""From the catalogue to a ranking with error bars, cell by cell.

Opens as a notebook wherever `# %%` marks a cell (VS Code, PyCharm, Spyder, jupytext), and runs from top to bottom as it is:

    pip install requests pandas pyarrow
    MARKET_URL=http://127.0.0.1:8080 MARKET_EMAIL=buyer@demo.example MARKET_PASSWORD='…' python examples/artists.py

It makes one offer, on which the members of the pool are asked to vote; run again, it finds the same offer. The files
that it reads are those of a licence that was paid for before. `cargo run -- demo` leaves a server with both.
"""

# %% Log in. The access token is good for ten minutes.
import hashlib
import io
import os
import time

import pandas
import requests

SERVER = os.environ["MARKET_URL"]
market = requests.Session()


def ask(method, path, **more):
    """The answer's JSON; or the end, with the words that say what went wrong."""
    answer = market.request(method, SERVER + path, timeout=60, **more)
    if not answer.ok:
        problem = answer.json()
        raise SystemExit(f"{problem['title']}: {problem['detail']}")
    return answer.json()


login = {"email": os.environ["MARKET_EMAIL"], "password": os.environ["MARKET_PASSWORD"]}
market.headers["Authorization"] = "Bearer " + ask("POST", "/v1/sessions", json=login)["access_token"]

# %% Browse. Every number of the catalogue is public: no play was looked at for it.
found = ask("GET", "/v1/datasets", params={"q": "artist", "kind": "artist_preference"})
for listing in found["items"]:
    floor = listing["price_floor"]
    print(f"{listing['title']}, {listing['pool_name']}: from {floor['amount'] / 100:,.2f} {floor['currency']}")
dataset = ask("GET", f"/v1/datasets/{found['items'][0]['id']}")

# %% Before buying anything: what will the numbers be worth? The accuracy sheet says it, and the twin has the same shape.
accuracy = dataset["accuracy"]
print(f"{accuracy['rows']['likely']} rows are likely, {dataset['rows_promised']} are promised")
for measure in accuracy["measures"]:
    print(f"{measure['column']}: in 95 of 100 rows off by {measure['half_width_95']} {measure['unit']} at most")
twin = market.get(f"{SERVER}/v1/datasets/{dataset['id']}/twin.parquet", timeout=60)
twin.raise_for_status()
print(pandas.read_parquet(io.BytesIO(twin.content)).head())  # made up: good for trying one's tools, and for nothing else

# %% Make an offer: on the edition in stock where there is one, as that costs the members no more privacy.
offer = {
    "dataset_id": dataset["id"],
    "price": {"amount": dataset["price"]["floor"]["amount"], "currency": dataset["price"]["floor"]["currency"]},
    "edition": "stock" if any("recall" not in edition for edition in dataset["editions"]) else "next",
    "purpose": dataset["purposes"][0],
    "field_of_use": "Choosing the artists of a weekly radio show.",
    "period_days": 90,
    "redistribution": "none",
    "models_after_term": "delete",
    "message": "A trial of this marketplace. Thank you for looking at it.",
}
# The key makes it harmless to send the offer again: the answer is that of the first time.
offer = ask("POST", "/v1/offers", json=offer, headers={"Idempotency-Key": "artists.py"})
print(f"offer {offer['id']}: {offer['total']['amount'] / 100:,.2f} {offer['total']['currency']} in all, tax included")

# %% Follow it. The vote opens within seconds, and takes as many days as the pool's rules say.
for _ in range(30):
    offer = ask("GET", f"/v1/offers/{offer['id']}")
    if offer["state"] not in ("queued", "opening"):
        break
    time.sleep(1)
if vote := offer.get("vote"):
    print(f"{offer['state']}: {vote['turnout']} of {vote['electors']} have voted, {vote['needed_yes']} yes are needed")
print(f"the members decide by {offer['decision_by']}; {offer['timeline'][-1]['detail']}")

# %% Read what was bought. A link carries its own signature: pandas, Spark and colleagues need no account for it.
licences = [one for one in ask("GET", "/v1/licences")["items"] if one["state"] == "active" and one["dataset_id"] == dataset["id"]]
if not licences:
    raise SystemExit("There is no licence to read by yet: an accepted offer is invoiced, and a paid invoice becomes one.")
licence = licences[0]
files = ask("GET", f"/v1/licences/{licence['id']}/files")["items"]
[name] = [file["name"] for file in files if file["name"].endswith(".parquet")]
links = ask("POST", f"/v1/licences/{licence['id']}/links", json={"files": [name], "lifetime_s": 600})
[link] = links["items"]
content = requests.get(link["href"], timeout=60).content
assert hashlib.sha256(content).hexdigest() == link["sha256"], "the file is not the one that was promised"
artists = pandas.read_parquet(io.BytesIO(content))
print(f"{len(artists)} rows by licence {licence['id']}, good until {licence['ends_at']}")

# %% Use the error bars. Every count carries noise that protects the members; the manifest says how much.
manifest = ask("GET", f"/v1/editions/{licence['edition_id']}/manifest")["manifest"]
bars = {measure["column"]: measure for measure in manifest["measures"]}
one_row, all_rows = bars["fans"]["half_width_95"], bars["fans"]["half_width_95_all_rows"]
artists["at_least"], artists["at_most"] = artists["fans"] - one_row, artists["fans"] + one_row
artists["share"] = artists["fans"] / manifest["members"]
print(artists.sort_values("fans", ascending=False).head(10).to_string(index=False))

# %% Who is really ahead? Two counts are told apart where the bars that hold for all rows at once do not overlap.
ranked = artists.sort_values("fans", ascending=False).reset_index(drop=True)
leader = ranked.loc[0]
level = ranked[ranked["fans"] + all_rows >= leader["fans"] - all_rows]
print(f"{leader['artist']} leads; {len(level) - 1} others are too close to call (each count is within ±{all_rows}, all at once)")
