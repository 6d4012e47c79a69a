"""Compares what the sides of benches/compare/aggregate gave. Runs with DuckDB; takes jobs as JSON on standard input, one list
`[name, arguments…]` each, and prints their answers as one JSON list. Files are Parquet or, where so named, CSV."""
import collections
import json
import sys

import duckdb

import plays

CONNECTION = duckdb.connect()


def table(file):
    return f"read_csv('{file}', header = true)" if file.endswith(".csv") else f"read_parquet('{file}')"


def first_row(sql):
    cursor = CONNECTION.execute(sql)
    names = [column[0] for column in cursor.description]
    return dict(zip(names, cursor.fetchone()))


def same(one, two):
    """Rows that only one of two files has."""
    a, b = table(one), table(two)
    columns = "artist, plays::BIGINT AS plays, members::BIGINT AS members"
    differing = f"(SELECT {columns} FROM {a} EXCEPT ALL SELECT {columns} FROM {b})"
    differing += f" UNION ALL (SELECT {columns} FROM {b} EXCEPT ALL SELECT {columns} FROM {a})"
    return first_row(f"SELECT count(*) AS differing FROM ({differing})")


def bounded(ours, theirs, ties):
    """Two sides that break ties differently: totals, the sum of differences, and what no way of breaking ties explains."""
    joined = f"{table(ours)} AS a FULL JOIN {table(theirs)} AS b USING (artist)"
    told = first_row(f"""
        SELECT sum(a.fans)::BIGINT AS fans, sum(b.fans)::BIGINT AS their_fans, sum(a.capped_plays)::BIGINT AS capped_plays,
            sum(b.capped_plays)::BIGINT AS their_capped_plays,
            sum(abs(coalesce(a.fans, 0) - coalesce(b.fans, 0)::BIGINT))::BIGINT AS fans_differing
        FROM {joined}""")
    for name, file in (("outside_ties", ours), ("their_outside_ties", theirs)):
        told |= first_row(f"""
            SELECT count(*) AS {name} FROM {table(file)} AS given FULL JOIN {table(ties)} AS ties USING (artist)
            WHERE coalesce(fans, 0) NOT BETWEEN coalesce(fewest, 0) AND coalesce(most, 0)""")
    return told


def errors(ours, our_exact, theirs, their_exact):
    """Mean absolute error of the fans, each side's against what it set out to count, over the artists that both give."""

    def off(given, exact, alias):
        return f"""(SELECT artist, abs(g.fans - coalesce(e.fans, 0)) AS {alias}
            FROM {table(given)} AS g LEFT JOIN {table(exact)} AS e USING (artist))"""

    told = first_row(f"""
        SELECT count(*) AS both_give, avg(mine) AS our_error, avg(their) AS their_error,
            sqrt(var_samp(mine) / count(*)) AS our_standard_error, sqrt(var_samp(their) / count(*)) AS their_standard_error
        FROM {off(ours, our_exact, 'mine')} JOIN {off(theirs, their_exact, 'their')} USING (artist)""")
    both = {"we_give": ours, "they_give": theirs}
    rows = {name: first_row(f"SELECT count(*) AS n FROM {table(file)}")["n"] for name, file in both.items()}
    return told | rows


def random20(directory, out):
    """The fans that are to be expected of an artist where 20 artists of each member are kept at random."""
    files = ", ".join(f"'{file}'" for file in plays.files(directory))
    CONNECTION.execute(f"""
        COPY (
            WITH pairs AS (
                SELECT DISTINCT member_id, artist FROM read_parquet([{files}]) WHERE ms_played >= {plays.MIN_MS_PLAYED}
            ), chances AS (
                SELECT artist, least(1, {plays.ARTISTS_PER_MEMBER} / count(*) OVER (PARTITION BY member_id)) AS chance FROM pairs)
            SELECT artist, sum(chance) AS fans FROM chances GROUP BY artist
        ) TO '{out}' (FORMAT parquet)""")
    return {}


def brute_force(directory, plain, bounded_files, ties):
    """Every query once more, in plain Python loops over the rows, for a small set. Returns what is wrong, in words."""
    files = ", ".join(f"'{file}'" for file in plays.files(directory))
    rows = CONNECTION.execute(f"SELECT member_id, artist, ms_played FROM read_parquet([{files}])").fetchall()
    all_plays, members = collections.Counter(), collections.defaultdict(set)
    counts = collections.defaultdict(collections.Counter)
    for member, artist, ms_played in rows:
        all_plays[artist] += 1
        members[artist].add(member)
        if ms_played >= plays.MIN_MS_PLAYED:
            counts[member][artist] += 1
    fewest, most, sure_plays = collections.Counter(), collections.Counter(), collections.Counter()
    fans, capped_plays = 0, 0
    for played in counts.values():
        ranked = sorted(played.values(), reverse=True)
        fans += len(ranked[:plays.ARTISTS_PER_MEMBER])
        capped_plays += sum(min(n, plays.PLAYS_PER_ARTIST) for n in ranked[:plays.ARTISTS_PER_MEMBER])
        for artist, n in played.items():
            if ranked.index(n) < plays.ARTISTS_PER_MEMBER:
                most[artist] += 1
            if sum(1 for other in ranked if other >= n) <= plays.ARTISTS_PER_MEMBER:
                fewest[artist] += 1
                sure_plays[artist] += min(n, plays.PLAYS_PER_ARTIST)
    wrong = []
    for file in plain:
        given = {row[0]: tuple(map(int, row[1:])) for row in fetch(file, "plays, members")}
        if given != {artist: (n, len(members[artist])) for artist, n in all_plays.items()}:
            wrong.append(f"{file}: plain counts")
    for file in bounded_files:
        given = {row[0]: tuple(map(int, row[1:])) for row in fetch(file, "fans, capped_plays")}
        if sum(n for n, _ in given.values()) != fans or sum(n for _, n in given.values()) != capped_plays:
            wrong.append(f"{file}: totals")
        for artist in most:
            n, capped = given.get(artist, (0, 0))
            if not fewest[artist] <= n <= most[artist] or (fewest[artist] == most[artist] and capped != sure_plays[artist]):
                wrong.append(f"{file}: {artist}")
    if {row[0]: tuple(map(int, row[1:])) for row in fetch(ties, "fewest, most")} != {a: (fewest[a], most[a]) for a in most}:
        wrong.append(f"{ties}: what ties can change")
    capped = sum(1 for played in counts.values() for n in played.values() if n > plays.PLAYS_PER_ARTIST)
    return {"wrong": wrong, "artists": len(most), "fans": fans, "capped_pairs": capped}


def fetch(file, columns):
    return CONNECTION.execute(f"SELECT artist, {columns} FROM {table(file)}").fetchall()


if __name__ == "__main__":
    JOBS = {"same": same, "bounded": bounded, "errors": errors, "random20": random20, "brute_force": brute_force}
    print(json.dumps([JOBS[name](*arguments) for name, *arguments in json.load(sys.stdin)]))
