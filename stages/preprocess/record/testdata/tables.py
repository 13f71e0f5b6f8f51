"""Writes the tables of this folder: python tables.py (pyarrow 26.0.1).

chats.jsonl holds the rows of every chats.* file, types.jsonl those of every types.* file, as package record
is to read them.
"""

import datetime
import decimal
import json
import uuid

import pyarrow as pa
import pyarrow.parquet as pq

texts = ["", "a", "héllo wörld", "你好，世界", "😀 emoji", 'quote " back \\ slash', "line\nbreak\ttab", "x" * 300]
rows = []
for i in range(40):
    messages = [{"from": ("human", "gpt")[k % 2], "value": texts[(i + k) % len(texts)]} for k in range(i % 5)]
    rows.append(
        {
            "id": i,
            "instruction": None if i % 11 == 5 else texts[i % len(texts)],
            "conversations": None if i % 7 == 3 else messages,
            "tags": [texts[(i * k) % len(texts)] if k % 3 else None for k in range(i % 4)],
            "matrix": [[k, None, k * i] if k else [] for k in range(i % 3)] if i % 6 else None,
            "meta": {"lang": ("en", "zh")[i % 2], "source": {"name": None if i % 4 == 2 else f"s{i % 3}", "score": i / 4}} if i % 5 else None,
            "pairs": {f"k{k}": f"v{i}" for k in range(i % 3)},
            "lang": ("en", "zh", "de")[i % 3],
        }
    )

message = pa.struct([("from", pa.string()), ("value", pa.string())])
schema = pa.schema(
    [
        ("id", pa.int64()),
        ("instruction", pa.string()),
        ("conversations", pa.list_(message)),
        ("tags", pa.list_(pa.string())),
        ("matrix", pa.list_(pa.list_(pa.int32()))),
        ("meta", pa.struct([("lang", pa.string()), ("source", pa.struct([("name", pa.string()), ("score", pa.float64())]))])),
        ("pairs", pa.map_(pa.string(), pa.string())),
        ("lang", pa.string()),
    ]
)


def table(schema):
    return pa.Table.from_pylist([{**r, "pairs": list(r["pairs"].items())} for r in rows], schema=schema)


with open("chats.jsonl", "w") as f:
    for r in rows:
        print(json.dumps(r, ensure_ascii=False), file=f)

t = table(schema)
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    pq.write_table(t, f"chats.{codec}.parquet", compression=codec, row_group_size=17)
pq.write_table(t, "chats.v2.parquet", data_page_version="2.0", use_dictionary=False, data_page_size=200, row_group_size=17)
pq.write_table(t, "chats.pages.parquet", data_page_size=100, write_batch_size=2, row_group_size=40, use_dictionary=["lang"])
pq.write_table(t, "chats.delta.parquet", use_dictionary=False, row_group_size=40,
               column_encoding={"instruction": "DELTA_BYTE_ARRAY", "lang": "DELTA_LENGTH_BYTE_ARRAY", "id": "DELTA_BINARY_PACKED"})
pq.write_table(t, "chats.oldlists.parquet", use_compliant_nested_type=False, version="1.0")

large = schema
for name, typ in {
    "instruction": pa.large_string(),
    "tags": pa.large_list(pa.large_string()),
    "lang": pa.dictionary(pa.int8(), pa.string()),
}.items():
    large = large.set(large.get_field_index(name), pa.field(name, typ))


def ipc(name, table, make=pa.ipc.new_stream, **options):
    with make(name, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as w:
        w.write_table(table, max_chunksize=17)


ipc("chats.stream.arrow", t)
ipc("chats.file.arrow", t, pa.ipc.new_file)
ipc("chats.lz4.arrow", t, compression="lz4")
ipc("chats.zstd.arrow", t, pa.ipc.new_file, compression="zstd")
ipc("chats.large.arrow", table(large), emit_dictionary_deltas=True)
views = schema.set(1, pa.field("instruction", pa.string_view()))
ipc("chats.views.arrow", table(views))

utc = datetime.timezone.utc
columns = {
    "bool": ([True, None], pa.bool_()),
    "int8": ([-128, None], pa.int8()),
    "uint8": ([255, None], pa.uint8()),
    "int16": ([-32768, None], pa.int16()),
    "uint32": ([4294967295, None], pa.uint32()),
    "uint64": ([18446744073709551615, None], pa.uint64()),
    "half": ([1.5, None], pa.float16()),
    "float": ([0.1, None], pa.float32()),
    "double": ([1e300, None], pa.float64()),
    "decimal": ([decimal.Decimal("-12.345"), None], pa.decimal128(10, 3)),
    "wide": ([decimal.Decimal("0.05"), None], pa.decimal256(50, 2)),
    "date": ([datetime.date(1969, 12, 31), None], pa.date32()),
    "time": ([datetime.time(12, 30, 1, 500000), None], pa.time64("us")),
    "seconds": ([datetime.time(12, 30, 1), None], pa.time32("ms")),
    "stamp": ([datetime.datetime(2024, 5, 1, 12, 0, 0, 250000), None], pa.timestamp("us")),
    "nanos": ([datetime.datetime(1960, 1, 2, 3, 4, 5), None], pa.timestamp("ns")),
    "zoned": ([datetime.datetime(2024, 5, 1, 12, tzinfo=utc), None], pa.timestamp("ms", tz="UTC")),
    "bytes": ([b"text", b"\xff\xfe"], pa.binary()),
    "fixed": ([b"abcd", None], pa.binary(4)),
    "uuid": ([uuid.UUID("00112233-4455-6677-8899-aabbccddeeff").bytes, None], pa.binary(16)),
    "nothing": ([None, None], pa.null()),
    "numbers": ([[(1, "a"), (2, "b")], []], pa.map_(pa.int32(), pa.string())),
    "three": ([[1, 2, 3], None], pa.list_(pa.int64(), 3)),
}
t = pa.table({n: pa.array(v, typ) for n, (v, typ) in columns.items()})
pq.write_table(t, "types.parquet")
ipc("types.arrow", t, pa.ipc.new_file)
pq.write_table(t.select(["stamp", "nanos"]), "int96.parquet", use_deprecated_int96_timestamps=True)

with open("types.jsonl", "w") as f:
    f.write(
        '{"bool": true, "int8": -128, "uint8": 255, "int16": -32768, "uint32": 4294967295, "uint64": 18446744073709551615, '
        '"half": 1.5, "float": 0.1, "double": 1e+300, "decimal": -12.345, "wide": 0.05, "date": "1969-12-31", '
        '"time": "12:30:01.5", "seconds": "12:30:01", "stamp": "2024-05-01T12:00:00.25", "nanos": "1960-01-02T03:04:05", '
        '"zoned": "2024-05-01T12:00:00Z", "bytes": "text", "fixed": "abcd", "uuid": null, "nothing": null, '
        '"numbers": {"1": "a", "2": "b"}, "three": [1, 2, 3]}\n'
    )
    # Bytes that are no text are not read as one; JSON shows them as null.
    f.write(json.dumps({n: {} if n == "numbers" else None for n in columns}) + "\n")
