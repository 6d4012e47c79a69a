"""A buyer's way from the login to the file, with a Python client that is generated from the API's own document.

    pip install openapi-python-client==0.27.1
    openapi-python-client generate --url $MARKET_URL/openapi.json --config generator.yml --output-path refrain-client
    pip install ./refrain-client
    MARKET_URL=http://127.0.0.1:8080 MARKET_EMAIL=buyer@demo.example MARKET_PASSWORD='…' python buy.py

Functions are named after their paths: `GET /v1/licences/{id}/files` is `get_licence_files`. It makes one offer, on which the
members of the pool are asked to vote, and downloads by a licence that was paid for before. (0.27.1, because what 0.28 and 0.29
make of an operation that takes a file in several forms cannot be imported.)
"""
import hashlib
import os
import pathlib
import time
from typing import TypeVar

from refrain_client import AuthenticatedClient, Client
from refrain_client.api.accounts import post_sessions
from refrain_client.api.catalogue import get_dataset, get_datasets
from refrain_client.api.licences import get_licence_file, get_licence_files, get_licences
from refrain_client.api.offers import get_offer, post_offers
from refrain_client.models import (
    CatalogueView, DatasetView, EditionChoice, FilesView, LicenceState, LicenceSummaryPage, Login, ModelsAfterTerm, NewOffer, OfferState,
    OfferView, Problem, Redistribution, SessionView,
)
from refrain_client.types import File


T = TypeVar("T")


def good(kind: type[T], answer: object) -> T:
    """The answer that was hoped for; or the end, with the words that say what went wrong."""
    if isinstance(answer, kind):
        return answer
    raise SystemExit(f"{answer.title}: {answer.detail}" if isinstance(answer, Problem) else f"an unknown answer: {answer}")


# Log in. The access token is good for ten minutes.
server = os.environ["MARKET_URL"]
login = Login(email=os.environ["MARKET_EMAIL"], password=os.environ["MARKET_PASSWORD"])
session = good(SessionView, post_sessions.sync(client=Client(base_url=server), body=login))
market = AuthenticatedClient(base_url=server, token=session.access_token)

# Browse the catalogue.
listing = good(CatalogueView, get_datasets.sync(client=market, q="artist")).items[0]
dataset = good(DatasetView, get_dataset.sync(listing.id, client=market))
floor = dataset.price.floor
print(f"{dataset.title} of {dataset.pool.name}: {dataset.accuracy.rows.likely} rows are likely")
print(f"from {floor.amount / 100:,.2f} {floor.currency} on")

# Make an offer: on the edition in stock where there is one, as that costs the members no more privacy. The key makes it
# harmless to send it again.
offer = good(OfferView, post_offers.sync(
    client=market,
    idempotency_key="python-client",
    body=NewOffer(
        dataset_id=dataset.id,
        edition=EditionChoice.STOCK if any(not edition.recall for edition in dataset.editions) else EditionChoice.NEXT,
        price=floor,
        purpose=dataset.purposes[0],
        field_of_use="Choosing the artists of a weekly radio show.",
        period_days=90,
        redistribution=Redistribution.NONE,
        models_after_term=ModelsAfterTerm.DELETE,
    ),
))

# Follow it until the members may vote on it.
for _ in range(30):
    offer = good(OfferView, get_offer.sync(offer.id, client=market))
    if offer.state not in (OfferState.QUEUED, OfferState.OPENING):
        break
    time.sleep(1)
print(f"offer {offer.id} is {offer.state}: {offer.timeline[-1].detail} The members decide by {offer.decision_by:%d %B %Y}.")

# Download by a licence that is in force, and look whether the bytes are those that were promised.
licences = good(LicenceSummaryPage, get_licences.sync(client=market)).items
licence = next((one for one in licences if one.state == LicenceState.ACTIVE), None)
if licence is None:
    raise SystemExit("There is no licence in force to download by.")
files = good(FilesView, get_licence_files.sync(licence.id, client=market)).items
for file in files:
    print(f"{file.name}: {file.size_bytes:,} bytes of {file.media_type}")
file = next(file for file in files if file.name.endswith(".parquet"))
content = good(File, get_licence_file.sync(licence.id, file.name, client=market)).payload.read()
assert hashlib.sha256(content).hexdigest() == file.sha256, "the file is not the one that was promised"
pathlib.Path(file.name).write_bytes(content)
print(f"{file.name}: downloaded, digest as promised")
