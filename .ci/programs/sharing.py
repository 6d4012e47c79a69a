"""Tools that read a licence by Delta Sharing."""
import json

from programs import refused, say, tables


def check_delta_sharing(buyer, licence_id, rows, directory):
    import delta_sharing

    profile = directory / "licence.share"
    path = f"/v1/licences/{licence_id}/profile.share"
    profile.write_bytes(buyer.fetch("GET", path))
    [table] = delta_sharing.SharingClient(str(profile)).list_all_tables()
    url = f"{profile}#{table.share}.{table.schema}.{table.name}"
    loaded = delta_sharing.load_as_pandas(url)
    assert len(loaded) == len(rows) and list(loaded.columns) == list(rows[0]), (len(loaded), list(loaded.columns))
    for mine, told in zip(loaded.to_dict("records"), rows):
        assert mine["artist"] == told["artist"] and mine["fans"] == int(told["fans"]), (mine, told)
    assert len(delta_sharing.load_as_pandas(url, limit=2)) == 2
    assert delta_sharing.get_table_version(url) == 1
    say(f"delta-sharing: {len(loaded)} rows of {table.share}.{table.schema}.{table.name}, equal to the CSV file's")

    forged = directory / "forged.share"
    forged.write_text(json.dumps({**json.loads(profile.read_text()), "bearerToken": "none"}))
    refused("not one of this server's", lambda: delta_sharing.SharingClient(str(forged)).list_all_tables())
    for grant in buyer.ask("GET", f"/v1/licences/{licence_id}/grants")["items"]:
        buyer.fetch("DELETE", f"/v1/grants/{grant['id']}")
    refused("was taken back", lambda: delta_sharing.load_as_pandas(url))
    profile.write_bytes(buyer.fetch("GET", path))
    assert len(delta_sharing.load_as_pandas(url)) == len(rows), "and the next profile is good again"
    say("delta-sharing: refused with a forged token, and after the profile was taken back; in words")


def saved_profile(buyer, licence, directory):
    profile = directory / f"{licence['id']}.share"
    profile.write_bytes(buyer.fetch("GET", f"/v1/licences/{licence['id']}/profile.share"))
    return profile


def tables_of(profile):
    """The addresses of all tables under a profile."""
    import delta_sharing

    tables = delta_sharing.SharingClient(str(profile)).list_all_tables()
    return [f"{profile}#{table.share}.{table.schema}.{table.name}" for table in tables]


def loaded_rows(url):
    import delta_sharing

    return len(delta_sharing.load_as_pandas(url))


def check_values(url, kinds, rows):
    import delta_sharing

    tables.expect_same("delta-sharing", tables.records(delta_sharing.load_as_pandas(url)), rows, kinds)
    say(f"delta-sharing: {len(rows)} rows with the values and the types of the files")


def check_limits(url, rows):
    import delta_sharing

    for limit in (0, 1, rows, rows + 1):
        assert len(delta_sharing.load_as_pandas(url, limit=limit)) == min(limit, rows), limit


def check_other_licence(profile, others):
    """A profile opens the tables of its own licence, and no other's."""
    import delta_sharing

    for url in others:
        address = url.rsplit("#", 1)[1]
        share, schema, table = address.split(".")
        refused(f"There is no table {schema}.{table} under this licence", lambda: delta_sharing.load_as_pandas(f"{profile}#{address}"))
        refused("There is no share elsewhere", lambda: delta_sharing.load_as_pandas(f"{profile}#elsewhere.{schema}.{table}"))
    say(f"delta-sharing: refused {len(others)} table(s) of another licence, and a share of nobody's")
