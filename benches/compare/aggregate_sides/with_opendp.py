"""OpenDP's Polars front, at the same (rho, delta) and the same bounds as ours. Its noise is then ours too.

top20    Polars counts plays by member and artist and sorts them, streaming; OpenDP keeps each member's first 20, caps the
         plays, and draws. It answers the question that we answer. OpenDP itself cannot say "the most played": a truncation
         after a group_by is refused.
first20  all within OpenDP, from the plays on. It keeps each member's 20 first artists by name: to take 20 at random, as
         its default is, it hashes the artist's name, and 0.16 fails at that with "multiple fields with name 'artist'".

OpenDP searches for its noise scale and threshold first, by bisection. They depend on no data; `search_seconds` says how
long that took, and it is part of `seconds`.
"""
import os
import time
import warnings

import plays

os.environ["POLARS_MAX_THREADS"] = str(plays.cores())
warnings.simplefilter("ignore")
import opendp.prelude as dp
import polars as pl

dp.enable_features("contrib")
TIE = pl.struct("member_id", "artist").hash(7)
# More members than this have no artist in common; OpenDP asks for such a bound before it sums up.
MEMBERS_AT_MOST = 10_000_000


def context(table):
    return dp.Context.compositor(
        data=table,
        privacy_unit=dp.unit_of(contributions=1, identifier=pl.col("member_id")),
        privacy_loss=dp.loss_of(rho=plays.RHO, delta=plays.RHO_DELTA),
        split_evenly_over=1,
        margins=[dp.polars.Margin(by=["artist"], max_length=MEMBERS_AT_MOST)],
    )


def rows(directory):
    table = pl.scan_parquet(plays.files(directory)).filter(pl.col("ms_played") >= plays.MIN_MS_PLAYED)
    return table.select("member_id", "artist")


def favourites_first(directory):
    counted = rows(directory).group_by("member_id", "artist").agg(pl.len().alias("plays"))
    ordered = counted.with_columns(TIE.alias("tie")).sort("plays", "tie", descending=[True, False])
    # OpenDP knows no categories. Members may be numbers, which are faster than texts.
    plain = ordered.select(pl.col("member_id").to_physical(), pl.col("artist").cast(pl.String), "plays")
    return plain.collect(engine="streaming")


def released(query, out):
    start = time.perf_counter()
    measurement = query.resolve()
    search_seconds = time.perf_counter() - start
    answer = object.__getattribute__(query, "_query")._context(measurement).collect()
    answer.rename({"len": "fans", "plays": "capped_plays"}).write_parquet(out)
    return {"search_seconds": search_seconds, "rows_given": answer.height}


def totals(grouped):
    capped = pl.col("plays").cast(pl.Int64, strict=False).fill_null(0).dp.sum((0, plays.PLAYS_PER_ARTIST))
    return grouped.group_by("artist").agg(dp.len(signed=True), capped)


def top20(directory, out):
    query = context(favourites_first(directory).lazy()).query()
    kept = query.truncate_per_group(plays.ARTISTS_PER_MEMBER, keep="first")
    return released(totals(kept.truncate_per_group(1, by=["artist"], keep="first")), out)


def first20(directory, out):
    table = rows(directory).select(pl.col("member_id", "artist").cast(pl.String))
    place = pl.col("artist").rank("dense").over("member_id")
    kept = context(table).query().filter(place <= plays.ARTISTS_PER_MEMBER)
    return released(totals(kept.group_by("member_id", "artist").agg(pl.len().alias("plays"))), out)


def exact_top20(directory, out):
    """What top20 counts before the noise, to tell the noise from the bounds."""
    kept = favourites_first(directory).group_by("member_id", maintain_order=True).head(plays.ARTISTS_PER_MEMBER)
    capped = pl.col("plays").clip(upper_bound=plays.PLAYS_PER_ARTIST).sum()
    kept.group_by("artist").agg(pl.len().alias("fans"), capped.alias("capped_plays")).write_parquet(out)


if __name__ == "__main__":
    plays.side({"top20": top20, "first20": first20, "exact-top20": exact_top20})
