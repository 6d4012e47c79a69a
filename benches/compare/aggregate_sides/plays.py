"""What every side of benches/compare/aggregate needs: the files of a made-up pool, and an answer in one form."""
import json
import pathlib
import sys
import time

# The bounds of the product's default recipe (`refrain recipe`): each member's 20 most played artists, at most 200 plays
# of each, of plays of half a minute and more, no artist with fewer than 10 members.
ARTISTS_PER_MEMBER = 20
PLAYS_PER_ARTIST = 200
FLOOR_MEMBERS = 10
MIN_MS_PLAYED = 30_000
# What one draw may cost: zero-concentrated (rho, delta), and the (epsilon, delta) that follow from it.
RHO, RHO_DELTA = 0.1, 1e-9
EPSILON, DELTA = 2.14, 1e-6


def files(directory):
    """The files with the plays, in the order of the shards."""
    mark = json.loads((pathlib.Path(directory) / "bench.json").read_text())
    return [str(pathlib.Path(directory) / shard["plays"]) for shard in mark["shards"]]


def cores():
    import os

    return len(os.sched_getaffinity(0))


def side(queries):
    """Runs `script QUERY DIRECTORY OUT`: the query writes its rows to OUT, a Parquet file, and may return numbers to
    tell. Prints one JSON object with the seconds from before the files are opened until OUT is written."""
    name, directory, out = sys.argv[1:4]
    start = time.perf_counter()
    told = queries[name](directory, out) or {}
    print(json.dumps({"seconds": time.perf_counter() - start, **told}))
