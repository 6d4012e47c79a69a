"""DuckDB: the plain and the bounded query, without privacy, each in two wordings. It reads dictionaries as such unasked."""
import duckdb

import plays

COUNTED = """
    SELECT member_id, artist, count(*) AS plays FROM {plays} WHERE ms_played >= {min_ms} GROUP BY member_id, artist
"""
QUERIES = {
    "plain-distinct": """
        SELECT artist, count(*) AS plays, count(DISTINCT member_id) AS members FROM {plays} GROUP BY artist
    """,
    "plain-two-steps": """
        SELECT artist, sum(n)::BIGINT AS plays, count(*) AS members
        FROM (SELECT artist, member_id, count(*) AS n FROM {plays} GROUP BY artist, member_id) GROUP BY artist
    """,
    "bounded-window": """
        WITH counted AS ({counted}), placed AS (
            SELECT artist, plays, row_number() OVER (
                PARTITION BY member_id ORDER BY plays DESC, hash(member_id, artist)) AS place
            FROM counted)
        SELECT artist, count(*) AS fans, sum(least(plays, {cap}))::BIGINT AS capped_plays
        FROM placed WHERE place <= {most} GROUP BY artist
    """,
    "bounded-top-n": """
        WITH counted AS ({counted}), top AS (
            SELECT unnest(max({{'plays': plays, 'tie': -hash(member_id, artist)::HUGEINT, 'artist': artist}}, {most})) AS kept
            FROM counted GROUP BY member_id)
        SELECT kept.artist AS artist, count(*) AS fans, sum(least(kept.plays, {cap}))::BIGINT AS capped_plays
        FROM top GROUP BY ALL
    """,
    # For every artist the fewest and the most fans that any way of breaking ties can give.
    "ties": """
        WITH counted AS ({counted}), placed AS (
            SELECT artist, plays, rank() OVER (PARTITION BY member_id ORDER BY plays DESC) AS best,
                count(*) OVER (PARTITION BY member_id ORDER BY plays DESC RANGE UNBOUNDED PRECEDING) AS worst
            FROM counted)
        SELECT artist, count(*) FILTER (worst <= {most}) AS fewest, count(*) FILTER (best <= {most}) AS most
        FROM placed GROUP BY artist HAVING most > 0
    """,
}


def connect():
    connection = duckdb.connect()
    connection.execute(f"SET threads = {plays.cores()}")
    connection.execute("SET preserve_insertion_order = false")
    return connection


def sql(name, directory):
    table = "read_parquet([" + ", ".join(f"'{file}'" for file in plays.files(directory)) + "])"
    counted = COUNTED.format(plays=table, min_ms=plays.MIN_MS_PLAYED)
    return QUERIES[name].format(
        plays=table, counted=counted, cap=plays.PLAYS_PER_ARTIST, most=plays.ARTISTS_PER_MEMBER)


def run(name):
    def query(directory, out):
        connect().execute(f"COPY ({sql(name, directory)}) TO '{out}' (FORMAT parquet)")

    return query


if __name__ == "__main__":
    plays.side({name: run(name) for name in QUERIES})
