"""Licences from the offer to their end, with a clock that is set ahead: what tools may read, and what they are told when not."""
import shutil

from programs import refused, say, sharing, tables
from programs.clock import ahead
from programs.server import OPERATOR, Account, Buyer, free_port, patiently, serve

# Names as they are found in the wild, and some that a careless reader takes for something else.
ARTISTS = [
    "Björk", "Motörhead", "Sigur Rós", "Дельфин", "聴く人", "فيروز", "👩‍🎤 & Friends", "Zoe\u0301",
    '"Weird Al" Yankovic', "Guns N' Roses", "'Til Tuesday", "Earth, Wind & Fire", "AC/DC", "Tab;ular|Pipes", "\\N", "C:\\new",
    "NA", "null", "None", "nan", "true", "1999", "007", "1e9", "2026-01-10",
    "-", "=1+1", "+44", "@home", "'=quoted", "#hash", "<b>bold</b>",
]
# A table with a column of every type: texts, whole numbers, numbers that may be absent, and yes or no.
RECIPE = {
    "kind": "custom", "group_by": ["artist", "country", "weekday"], "keys_from": "offer", "most_artists": 100,
    "countries": ["US", "SE"], "keys_per_member": 5, "plays_per_key": 10, "minutes_per_key": 60, "min_ms_played": 0,
    "fans_rho_nano": 10_000_000, "hours_rho_nano": 10_000_000, "skip_share_rho_nano": 10_000_000,
}
GROUND = "breach of these terms that is not mended within the notice"
PERIOD_DAYS, NOTICE_DAYS, VOTE_DAYS = 90, 30, 8


def check_licences_in_time(refrain, data, directory, log):
    """On a copy of the data, since its clock is set ahead by months."""
    moved, port = directory / "moved", free_port()
    shutil.copytree(data, moved)

    def after(days):
        return serve(refrain, moved, log, port, **ahead(days))

    with after(0) as url:
        place_second_offer(Account(url, OPERATOR), Buyer(url), url)
    with after(VOTE_DAYS) as url:
        buyer, operator = Buyer(url), Account(url, OPERATOR)
        second, first = settled(buyer, operator)
        [(kinds, told)] = tables.check_formats(buyer, second, directory).values()
        assert set(kinds.values()) == set(tables.PYTHON), f"not every type of column is among {kinds}"
        assert {row["artist"] for row in told} == set(ARTISTS) and any(value is None for row in told for value in row.values())
        profiles = [sharing.saved_profile(buyer, licence, directory) for licence in (first, second)]
        (of_first, of_second) = [sharing.tables_of(profile) for profile in profiles]
        sharing.check_values(of_second[0], kinds, told)
        rows = second["rows_given"]
        sharing.check_limits(of_second[0], rows)
        sharing.check_other_licence(profiles[0], of_second)
        revocation = {"ground": GROUND, "reason": "Rows of it were published."}
        noticed = operator.ask("POST", f"/v1/licences/{first['id']}/revoke", revocation)
        assert noticed["state"] == "active" and noticed["revoked_from"], noticed
    with after(VOTE_DAYS + NOTICE_DAYS - 1):
        assert sharing.loaded_rows(of_first[0]) == first["rows_given"], "a notice leaves time"
    with after(VOTE_DAYS + NOTICE_DAYS + 1):
        refused("The licence was revoked", lambda: sharing.loaded_rows(of_first[0]))
        refused("Rows of it were published", lambda: sharing.tables_of(profiles[0]))
        assert sharing.loaded_rows(of_second[0]) == rows, "the other licence stays"
    with after(VOTE_DAYS + PERIOD_DAYS + 1):
        refused(f"The licence ended at {second['ends_at']}", lambda: sharing.loaded_rows(of_second[0]))
        refused("The licence was revoked", lambda: sharing.loaded_rows(of_first[0]))
    say("delta-sharing: refused after a notice of 30 days and after the end of a term, in words that say why and when")


def place_second_offer(operator, buyer, url):
    """A listing of a recipe with every type of column, and an offer for it that the members accept."""
    [listing] = buyer.ask("GET", "/v1/datasets")["items"]
    pool = listing["pool_id"]
    # The examples may have left as many open votes as the members want to answer at once.
    rules = {"quorum_bp": 1, "open_votes_max": 20}
    operator.ask("PATCH", f"/v1/pools/{pool}", {"rules": rules, "reason": "One ballot is enough here."})
    recipe = operator.ask("POST", "/v1/recipes", {"pool_id": pool, "name": "panel", "document": RECIPE})
    dataset = operator.ask("POST", "/v1/datasets", {
        "recipe_id": recipe["id"], "title": "Weekdays of a panel", "description": "When a buyer's artists are played.",
        "keywords": ["panel"], "purposes": listing["purposes"], "licence_name": "Licence 1", "licence_text": "As the terms say.",
        "price_floor": listing["price_floor"], "rows_promised": 0,
    })
    operator.ask("POST", f"/v1/datasets/{dataset['id']}/publish")
    offer = buyer.ask("POST", "/v1/offers", {
        "dataset_id": dataset["id"], "edition": "next", "price": listing["price_floor"], "purpose": listing["purposes"][0],
        "field_of_use": "Our own radio.", "period_days": PERIOD_DAYS, "redistribution": "none", "models_after_term": "keep",
        "artists": ARTISTS,
    }, Idempotency_Key="second-offer")
    path = f"/v1/offers/{offer['id']}"
    vote = patiently("the vote to open", lambda: buyer.ask("GET", path).get("vote"))
    member = Account(url, "listener00000@demo.example")
    member.ask("PUT", f"/v1/votes/{vote['id']}/ballot", {"choice": "yes"})


def settled(buyer, operator):
    """The licences, once the newest invoice is paid and its edition drawn; the newest first."""
    def invoiced():
        return next((one for one in buyer.ask("GET", "/v1/purchases")["items"] if one["state"] == "invoiced"), None)

    purchase = patiently("the invoice", invoiced)
    payment = {"amount": purchase["total"], "payment_reference": "bank 8"}
    operator.ask("POST", f"/v1/purchases/{purchase['id']}/settle", payment, Idempotency_Key="second-settlement")

    def both_active():
        licences = buyer.ask("GET", "/v1/licences")["items"]
        return licences if len(licences) == 2 and all(one["state"] == "active" for one in licences) else None

    return patiently("the edition to be drawn", both_active)
