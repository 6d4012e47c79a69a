"""Polars, streaming: the plain and the bounded query, without privacy. Each is worded in several ways, and reads texts as
the categories that the files have, or as plain strings."""
import os

import plays

os.environ["POLARS_MAX_THREADS"] = str(plays.cores())
import polars as pl

TIE = pl.struct("member_id", "artist").hash(7)


def scan_categories(directory):
    return pl.scan_parquet(plays.files(directory))


def scan_strings(directory):
    files = plays.files(directory)
    schema = {name: pl.String if kind == pl.Categorical else kind
              for name, kind in pl.scan_parquet(files[0]).collect_schema().items()}
    return pl.scan_parquet(files, schema=schema, cast_options=pl.ScanCastOptions(categorical_to_string="allow"))


def counted(table):
    long_enough = table.filter(pl.col("ms_played") >= plays.MIN_MS_PLAYED)
    return long_enough.group_by("member_id", "artist").agg(pl.len().cast(pl.Int64).alias("plays"))


def totals(top):
    capped = pl.col("plays").clip(upper_bound=plays.PLAYS_PER_ARTIST).sum()
    return top.group_by("artist").agg(pl.len().alias("fans"), capped.alias("capped_plays"))


def plain_distinct(table):
    return table.group_by("artist").agg(pl.len().alias("plays"), pl.col("member_id").n_unique().alias("members"))


def plain_two_steps(table):
    pairs = table.group_by("artist", "member_id").agg(pl.len().alias("n"))
    return pairs.group_by("artist").agg(pl.col("n").sum().alias("plays"), pl.len().alias("members"))


def bounded_sorted(table):
    ordered = counted(table).with_columns(TIE.alias("tie")).sort("plays", "tie", descending=[True, False])
    return totals(ordered.group_by("member_id", maintain_order=True).head(plays.ARTISTS_PER_MEMBER))


def bounded_lists(table):
    kept = pl.col("artist", "plays").sort_by("plays", "tie", descending=[True, False]).head(plays.ARTISTS_PER_MEMBER)
    return totals(counted(table).with_columns(TIE.alias("tie")).group_by("member_id").agg(kept).explode("artist", "plays"))


def bounded_ranked(table):
    place = pl.struct(-pl.col("plays"), "tie").rank("ordinal").over("member_id")
    return totals(counted(table).with_columns(TIE.alias("tie")).filter(place <= plays.ARTISTS_PER_MEMBER))


SCANS = {"categories": scan_categories, "strings": scan_strings}
QUERIES = {
    "plain-distinct": plain_distinct, "plain-two-steps": plain_two_steps, "bounded-sorted": bounded_sorted,
    "bounded-lists": bounded_lists, "bounded-ranked": bounded_ranked,
}


def run(query, scan):
    def measured(directory, out):
        query(scan(directory)).with_columns(pl.col("artist").cast(pl.String)).collect(engine="streaming").write_parquet(out)

    return measured


def forms():
    return {f"{name}-{how}": run(query, scan) for name, query in QUERIES.items() for how, scan in SCANS.items()}


if __name__ == "__main__":
    plays.side(forms())
