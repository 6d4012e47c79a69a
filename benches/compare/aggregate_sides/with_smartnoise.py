"""SmartNoise SQL over a pandas frame, which it copies into SQLite: fans alone, so that they get all of the privacy.

It keeps 20 rows of each member at random. It is given every artist of a member once, so that these are artists, as with
the others, and not plays; that is also faster. Its own accounting takes half as much delta again as one asks for; so it is
asked for two thirds.
"""
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import snsql

import plays

QUERY = "SELECT artist, COUNT(DISTINCT member_id) AS fans FROM pool.plays GROUP BY artist"


def frame(directory):
    texts = pa.schema([("member_id", pa.string()), ("artist", pa.string()), ("ms_played", pa.uint32())])
    tables = [pq.read_table(file, columns=texts.names).cast(texts) for file in plays.files(directory)]
    table = pa.concat_tables(tables)
    table = table.filter(pc.greater_equal(table["ms_played"], plays.MIN_MS_PLAYED))
    return table.group_by(["member_id", "artist"]).aggregate([]).to_pandas()


def random20(directory, out):
    rows = frame(directory)
    table = {
        "row_privacy": False, "max_ids": plays.ARTISTS_PER_MEMBER, "sample_max_ids": True, "censor_dims": True, "rows": len(rows),
        "member_id": {"name": "member_id", "type": "string", "private_id": True},
        "artist": {"name": "artist", "type": "string"},
    }
    privacy = snsql.Privacy(epsilon=plays.EPSILON, delta=plays.DELTA * 2 / 3)
    reader = snsql.from_df(rows, privacy=privacy, metadata={"": {"pool": {"plays": table}}})
    epsilon, delta = reader.get_privacy_cost(QUERY)
    given = reader.execute(QUERY)[1:]
    artists, fans = [row[0] for row in given], [row[1] for row in given]
    pq.write_table(pa.table({"artist": pa.array(artists, pa.string()), "fans": pa.array(fans, pa.int64())}), out)
    return {"rows_given": len(given), "epsilon": float(epsilon), "delta": float(delta)}


if __name__ == "__main__":
    plays.side({"random20": random20})
