"""PipelineDP on its local backend: fans and plays, Gaussian noise, Gaussian thresholding and our floor.

It keeps 20 of each member's artists at random, and up to 200 plays of each. Its accountant is the one that adds up: the
tighter one needs another package and did not come to an end in ten minutes.
"""
import pipeline_dp
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import plays


def rows(directory):
    for file in plays.files(directory):
        table = pq.read_table(file, columns=["member_id", "artist", "ms_played"])
        table = table.filter(pc.greater_equal(table["ms_played"], plays.MIN_MS_PLAYED))
        yield from zip(table["member_id"].to_pylist(), table["artist"].to_pylist())


def random20(directory, out):
    accountant = pipeline_dp.NaiveBudgetAccountant(total_epsilon=plays.EPSILON, total_delta=plays.DELTA)
    engine = pipeline_dp.DPEngine(accountant, pipeline_dp.LocalBackend())
    parameters = pipeline_dp.AggregateParams(
        metrics=[pipeline_dp.Metrics.PRIVACY_ID_COUNT, pipeline_dp.Metrics.COUNT],
        noise_kind=pipeline_dp.NoiseKind.GAUSSIAN,
        max_partitions_contributed=plays.ARTISTS_PER_MEMBER,
        max_contributions_per_partition=plays.PLAYS_PER_ARTIST,
        partition_selection_strategy=pipeline_dp.PartitionSelectionStrategy.GAUSSIAN_THRESHOLDING,
        pre_threshold=plays.FLOOR_MEMBERS,
    )
    extractors = pipeline_dp.DataExtractors(
        privacy_id_extractor=lambda row: row[0], partition_extractor=lambda row: row[1], value_extractor=lambda row: 0)
    result = engine.aggregate(rows(directory), parameters, extractors)
    accountant.compute_budgets()
    given = [(artist, of.privacy_id_count, of.count) for artist, of in result]
    columns = zip(*given) if given else ([], [], [])
    pq.write_table(pa.table(dict(zip(["artist", "fans", "capped_plays"], map(list, columns)))), out)
    return {"rows_given": len(given)}


if __name__ == "__main__":
    plays.side({"random20": random20})
