"""Tools that read the files of an edition."""
import hashlib
import io
import json
import urllib.request

from programs import say

# What the columns' types are called in a manifest, and what they are in Arrow, Polars and Python.
ARROW = {"text": "string", "whole number": "int64", "number": "double", "yes or no": "bool"}
POLARS = {"text": "String", "whole number": "Int64", "number": "Float64", "yes or no": "Boolean"}
PYTHON = {"text": str, "whole number": int, "number": float, "yes or no": bool}


def check_links(buyer, licence_id, rows):
    import pyarrow.parquet

    [link] = buyer.ask("POST", f"/v1/licences/{licence_id}/links", {"files": ["artist_preference.parquet"]})["items"]
    with urllib.request.urlopen(link["href"], timeout=60) as answer:
        table = pyarrow.parquet.read_table(io.BytesIO(answer.read()))
    assert table.column("fans").to_pylist() == [int(row["fans"]) for row in rows]
    assert table.column("artist").to_pylist() == [row["artist"] for row in rows]
    say(f"pyarrow: {table.num_rows} rows by a signed link, equal to the CSV file's")


def check_formats(buyer, licence, directory):
    """Every program reads every format of every table, and finds the same values in columns of the types that the manifest names.

    Gives the types and the rows of each table, by its name.
    """
    found = {}
    manifest = buyer.ask("GET", f"/v1/editions/{licence['edition_id']}/manifest")["manifest"]
    files = {file["name"]: file for file in buyer.ask("GET", f"/v1/licences/{licence['id']}/files")["items"]}
    for table in manifest["tables"]:
        kinds = {column["name"]: column["type"] for column in table["columns"]}
        paths = {}
        for form in ("parquet", "csv", "jsonl", "arrow"):
            file = files[f"{table['name']}.{form}"]
            content = buyer.fetch("GET", file["href"])
            assert hashlib.sha256(content).hexdigest() == file["sha256"], file
            paths[form] = directory / file["name"]
            paths[form].write_bytes(content)
        rows = [json.loads(line) for line in paths["jsonl"].read_text("utf-8").splitlines()]
        assert len(rows) == table["row_count"] and all(list(row) == list(kinds) for row in rows), table
        readers = {**of_pyarrow(kinds), **of_pandas(kinds), **of_polars(kinds), **of_duckdb(kinds), **of_datasets(kinds, directory)}
        for (program, form), read in readers.items():
            expect_same(f"{program} on {paths[form].name}", read(str(paths[form])), rows, kinds, guarded=form == "csv")
        missing = sum(value is None for row in rows for value in row.values())
        programs = sorted({program for program, _ in readers})
        say(f"{', '.join(programs)}: {len(rows)} rows of {table['name']} equal in {len(paths)} formats, {missing} absent values with them")
        found[table["name"]] = kinds, rows
    return found


def expect_same(what, read, rows, kinds, guarded=False):
    assert len(read) == len(rows), f"{what}: {len(read)} rows and not {len(rows)}"
    for number, (mine, told) in enumerate(zip(read, rows)):
        assert list(mine) == list(kinds), f"{what}: the columns are {list(mine)}"
        for name, kind in kinds.items():
            value = mine[name]
            if kind == "text" and guarded:
                value = unguarded(value)
            same = value is None if told[name] is None else type(value) is PYTHON[kind] and value == told[name]
            assert same, f"{what}, row {number}, {name}: {value!r} and not {told[name]!r}"


def records(frame):
    """The rows of a pandas frame, in which an absent number is a NaN."""
    return [{name: None if value != value else value for name, value in row.items()} for row in frame.to_dict("records")]


def unguarded(text):
    """A text without the apostrophe that keeps a spreadsheet from running it."""
    is_guarded = text.startswith("'") and text.lstrip("'")[:1] in ("=", "+", "-", "@", "\t", "\r")
    return text[1:] if is_guarded else text


def of_pyarrow(kinds):
    import pyarrow
    import pyarrow.csv
    import pyarrow.ipc
    import pyarrow.json
    import pyarrow.parquet

    schema = pyarrow.schema([(name, ARROW[kind]) for name, kind in kinds.items()])

    def typed(table):
        assert table.schema.types == schema.types and table.schema.names == schema.names, table.schema
        return table.to_pylist()

    # No type is given for Parquet and Arrow: they carry them.
    as_told = pyarrow.csv.ConvertOptions(column_types=schema)
    of_json = pyarrow.json.ParseOptions(explicit_schema=schema)
    return {
        ("pyarrow", "parquet"): lambda path: typed(pyarrow.parquet.read_table(path)),
        ("pyarrow", "arrow"): lambda path: typed(pyarrow.ipc.open_file(path).read_all()),
        ("pyarrow", "csv"): lambda path: typed(pyarrow.csv.read_csv(path, convert_options=as_told)),
        ("pyarrow", "jsonl"): lambda path: typed(pyarrow.json.read_json(path, parse_options=of_json)),
    }


def of_pandas(kinds):
    import pandas

    types = {"text": "object", "whole number": "int64", "number": "float64", "yes or no": "bool"}
    dtypes = {name: types[kind] for name, kind in kinds.items()}
    # Left alone, pandas takes an artist called NA for nobody.
    absent = {name: [""] for name, kind in kinds.items() if kind == "number"}

    def typed(frame):
        assert frame.dtypes.astype(str).to_dict() == dtypes, frame.dtypes
        return records(frame)

    return {
        ("pandas", "parquet"): lambda path: typed(pandas.read_parquet(path)),
        ("pandas", "arrow"): lambda path: typed(pandas.read_feather(path)),
        ("pandas", "csv"): lambda path: typed(
            pandas.read_csv(path, dtype=dtypes, keep_default_na=False, na_values=absent, float_precision="round_trip")
        ),
        ("pandas", "jsonl"): lambda path: typed(pandas.read_json(path, lines=True, dtype=dtypes, convert_dates=False, precise_float=True)),
    }


def of_polars(kinds):
    import polars

    schema = {name: getattr(polars, POLARS[kind]) for name, kind in kinds.items()}

    def typed(frame):
        assert dict(frame.schema) == schema, frame.schema
        return frame.to_dicts()

    return {
        ("polars", "parquet"): lambda path: typed(polars.read_parquet(path)),
        ("polars", "arrow"): lambda path: typed(polars.read_ipc(path)),
        ("polars", "csv"): lambda path: typed(polars.read_csv(path, schema=schema)),
        ("polars", "jsonl"): lambda path: typed(polars.read_ndjson(path, schema=schema)),
    }


def of_duckdb(kinds):
    import duckdb
    import pyarrow.ipc

    types = {"text": "VARCHAR", "whole number": "BIGINT", "number": "DOUBLE", "yes or no": "BOOLEAN"}
    types = {name: types[kind] for name, kind in kinds.items()}

    def typed(relation):
        assert dict(zip(relation.columns, map(str, relation.types))) == types, relation.types
        return [dict(zip(relation.columns, row)) for row in relation.fetchall()]

    return {
        ("duckdb", "parquet"): lambda path: typed(duckdb.read_parquet(path)),
        ("duckdb", "arrow"): lambda path: typed(duckdb.from_arrow(pyarrow.ipc.open_file(path).read_all())),
        ("duckdb", "csv"): lambda path: typed(
            duckdb.read_csv(path, dtype=types, header=True, delimiter=",", quotechar='"', escapechar='"')
        ),
        ("duckdb", "jsonl"): lambda path: typed(duckdb.read_json(path, columns=types, format="newline_delimited")),
    }


def of_datasets(kinds, directory):
    import datasets

    datasets.disable_progress_bars()
    types = {"text": "string", "whole number": "int64", "number": "float64", "yes or no": "bool"}
    features = datasets.Features({name: datasets.Value(types[kind]) for name, kind in kinds.items()})

    def load(form, path, **more):
        cache = str(directory / "huggingface")
        loaded = datasets.load_dataset(form, data_files=path, split="train", cache_dir=cache, **more)
        assert loaded.features == features, loaded.features
        return list(loaded)

    absent = {name: [""] for name, kind in kinds.items() if kind == "number"}
    return {
        ("datasets", "parquet"): lambda path: load("parquet", path),
        ("datasets", "arrow"): lambda path: load("arrow", path),
        ("datasets", "csv"): lambda path: load(
            "csv", path, features=features, keep_default_na=False, na_values=absent, float_precision="round_trip"
        ),
        ("datasets", "jsonl"): lambda path: load("json", path, features=features),
    }
