"""Saved measurements: what is read, what is refused, and the tables of them; every rate worked out by hand."""

from __future__ import annotations

import copy
import json

import pytest

from cnncalc import units
from cnncalc.errors import UsageError
from cnncalc.render import delimited, measured, measured_sides, plain, schemas
from cnncalc.render.schemas import validate

RUN = {
    "batch": 2,
    "median_seconds": 0.002,
    "lower_quartile_seconds": 0.0015,
    "upper_quartile_seconds": 0.0025,
    "least_seconds": 0.001,
    "samples_per_second": 1000.0,
    "macs": 3_000_000,
    "bytes": 60_000,
    "flops_per_second": 3_000_000_000,  # 2 * 3,000,000 / 0.002
    "bytes_per_second": 30_000_000,
    "memory_bytes": 5_000_000,
    "weight_bytes": 4_000_000,
    "compared": [
        {"quantity": "params", "predicted": 10, "measured": 10, "measured_by": "tensors", "note": None},
        {"quantity": "macs", "predicted": 2_000, "measured": 1_500, "measured_by": "counter", "note": None},
        {"quantity": "memory_bytes", "predicted": 800, "measured": 900, "measured_by": "it", "note": "workspaces"},
        {"quantity": "memory_bytes", "predicted": None, "measured": 900, "measured_by": "it", "note": "not predicted"},
    ],
    "sample_seconds": [0.001, 0.002, 0.003],
}
DATA = {
    "schema": "cnncalc.profile/1",
    "tool": {"name": "cnncalc", "version": "9.9"},
    "command": "cnncalc profile net",
    "spec": {"name": "net", "title": "A network", "sha256": "0" * 64, "input": [3, 8, 8], "vars": {"width": [1, 2]}},
    "settings": {
        "device": "cuda",
        "device_chosen": True,
        "dtype": "float32",
        "mode": "infer",
        "loss": None,
        "with_side": False,
        "channels_last": True,
        "compile": False,
        "cuda_graph": False,
        "seconds": 3.0,
        "repeat": None,
    },
    "machine": {
        "device": "NVIDIA X",
        "memory_bytes": 10**9,
        "threads": 4,
        "system": "Linux x86_64",
        "python": "3.11.1",
        "torch": "2.9.0",
        "cuda": "12.8",
        "cudnn": 91002,
        "driver": "570.1",
        "clocks": {"sm_mhz": 1980},
        "arithmetic": "tf32",
        "peak": {
            "arithmetic": "tf32",
            "flops_per_second": 60_000_000_000,
            "bytes_per_second": 600_000_000,
            "source": "https://x",
        },
    },
    "runs": [RUN],
    "stopped": None,
    "layers_timed": "apart",
    "layers": [
        {"path": "a", "op": "conv", "seconds": 0.0012, "macs": 2_500_000, "bytes": 40_000},
        {"path": "b", "op": "relu", "seconds": 0.0003, "macs": 0, "bytes": 20_000},
        {"path": "c", "op": "flatten", "seconds": 0.0, "macs": 0, "bytes": 0},
        {"path": "d", "op": "linear", "seconds": 0.0015, "macs": 500_000, "bytes": 10_001},
    ],
}


def changed(**keys):
    """The measurement with other values at ``a__b__0``."""
    data = copy.deepcopy(DATA)
    for path, value in keys.items():
        *way, last = [int(word) if word.isdigit() else word for word in path.split("__")]
        place = data
        for word in way:
            place = place[word]
        place[last] = value
    return data


def test_the_table():
    assert plain.write(measured.table(DATA)) == (
        "net: A network\n"
        "measured on cuda (NVIDIA X), 4 threads, torch 2.9.0, CUDA 12.8, cuDNN 91002, driver 570.1, Python 3.11.1, "
        "cnncalc 9.9, sm 1980 MHz\n"
        "input 3x8x8, batch 2, float32 (convolutions may use tf32), inference, channels last\n"
        "latency 2.000 ms (median of 3 runs, quartiles 1.500 ms to 2.500 ms, minimum 1.000 ms), 1,000.0 samples/s\n"
        # 3 of 60 GFLOP/s, 30 of 600 MB/s, 6,000,000 / 60,000
        "3.000G FLOP/s (5.0% of peak), 30.00M B/s (5.0% of peak), 100.0 FLOP/B\n"
        "memory 5.000 MB (4.768 MiB), of which weights 4.000 MB (3.815 MiB)\n"
        "\n"
        "layer  op           time       %       MACs  FLOP/s   bytes     B/s  FLOP/B  bound\n"
        "--------------------------------------------------------------------------------------\n"
        # 5,000,000 / 0.0012 = 4.167G; 40,000 / 0.0012 = 33.33M; 125 is above the ridge, 60G/600M = 100
        "a      conv     1.200 ms   40.0%  2,500,000  4.167G  40,000  33.33M   125.0  compute    ####\n"
        "b      relu     300.0 us   10.0%          0       0  20,000  66.67M     0.0  bandwidth  #\n"
        "c      flatten       0 s    0.0%          0               0\n"
        # 1,000,000 / 10,001 is just below 100
        "d      linear   1.500 ms   50.0%    500,000  666.7M  10,001  6.667M   100.0  bandwidth  #####\n"
        "--------------------------------------------------------------------------------------\n"
        "total           3.000 ms  100.0%  3,000,000  2.000G  70,001  23.33M    85.7\n"
        "\n"
        "layers: apart; their sum is 1.5x the whole\n"
        "params: 10 measured (tensors), as predicted\n"
        "macs: 1,500 measured (counter), 500 less than the 2,000 predicted\n"
        "memory_bytes: 900 B measured (it), 100 B more than the 800 B predicted; workspaces\n"
        "memory_bytes: 900 B measured (it); not predicted\n"
        "FLOPs are 2 per MAC; bytes are those of each layer's inputs, weights and output, moved once\n"
        "peak: 60.00G FLOP/s in tf32, 600.0M B/s, ridge at 100.0 FLOP/B (https://x)\n"
    )


def test_without_peaks_nothing_is_said_of_them():
    shown = plain.write(measured.table(changed(machine__peak=None)))
    assert "peak" not in shown and "bound" not in shown


def test_training_shows_the_backward_pass():
    data = changed(settings__mode="train", settings__loss="the loss", layers__0__backward_seconds=0.001)
    shown = plain.write(measured.table(data))
    assert "a      conv     1.200 ms   40.0%  1.000 ms  2,500,000" in shown
    assert "moved once; training adds the gradients\nloss: the loss; no optimizer\n" in shown


@pytest.mark.parametrize(
    ("sort", "top", "paths"),
    [
        (None, None, ["a", "b", "c", "d"]),
        ("seconds", None, ["d", "a", "b", "c"]),
        ("bytes_per_second", 2, ["b", "a", "(2 more rows)"]),
        (None, 3, ["a", "b", "c", "(1 more rows)"]),
        (None, 4, ["a", "b", "c", "d"]),
    ],
)
def test_order_and_top(sort, top, paths):
    assert [row[0] for row in measured.table(DATA, sort, top).rows] == paths


def test_an_unknown_sort_column():
    with pytest.raises(UsageError) as caught:
        measured.table(DATA, "second")
    assert str(caught.value) == "error: unknown sort column 'second' (hint: did you mean seconds?)"


def test_csv_is_as_exact_as_the_measurement():
    assert delimited.write(measured.table(DATA), ",").splitlines()[:2] == [
        "path,op,seconds,macs,flops_per_second,bytes,bytes_per_second,flops_per_byte,bound",
        "a,conv,0.0012,2500000,4.166667e+09,40000,3.333333e+07,125,compute",
    ]


def test_a_sweep():
    stopped = {"batch": 8, "reason": "too much", "largest_batch": 4}
    runs = [{**RUN, "batch": batch, "memory_bytes": 1000 * batch} for batch in (2, 4)]
    shown = plain.write(measured.table(changed(runs=runs, layers=[], stopped=stopped)))
    assert "batch 2, 4, float32" in shown
    assert (
        "    4  2.000 ms        1.500 ms        2.500 ms  1.000 ms    1,000.0  3.000G  30.00M   4,000       5.0%\n"
        in shown
    )
    assert shown.endswith("\nbatch 8 does not fit: too much; the largest that fits is 4\n")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.0000001, "0.1000 us"),
        (0.0000123, "12.30 us"),
        (0.00099994, "999.9 us"),
        (0.001, "1.000 ms"),
        (0.0351234, "35.12 ms"),
        (1, "1.000 s"),
        (1234.5, "1234 s"),
        (12345.6, "12,346 s"),
    ],
)
def test_seconds(seconds, shown):
    assert units.seconds(seconds) == shown


# reading


def test_what_was_written_is_read():
    assert measured.parse(json.dumps(DATA, indent=1), "x.json") == DATA


VALID = json.dumps(DATA)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.json:1:1: error: not JSON: Expecting value"),
        ('{"schema":\n  nope}', "x.json:2:3: error: not JSON: Expecting value"),
        (VALID[:-2], f"x.json:1:{len(VALID) - 1}: error: not JSON: Expecting ',' delimiter"),
        ("[" * 100_000, "x.json:1:1: error: not a measurement: nested too deeply"),
        ('{"a": 1, "a": 2}', "x.json:1:1: error: not JSON: duplicate key in one object"),
        ('{"a": NaN}', "x.json:1:1: error: not JSON: NaN is not a number"),
        ('{"a": -Infinity}', "x.json:1:1: error: not JSON: -Infinity is not a number"),
        (
            "[]",
            "x.json:1:1: error: not a measurement that this cnncalc reads: it has no schema, not 'cnncalc.profile/1'",
        ),
        (
            "{}",
            "x.json:1:1: error: not a measurement that this cnncalc reads: it has no schema, not 'cnncalc.profile/1'",
        ),
        (
            '{\n  "schema": "cnncalc.profile/2"}',
            "x.json:2:13: error: not a measurement that this cnncalc reads: schema is 'cnncalc.profile/2', not 'cnncalc.profile/1'",
        ),
        (
            '{"schema": "\\u001b[31m"}',
            "x.json:1:12: error: not a measurement that this cnncalc reads: schema is '\\x1b[31m', not 'cnncalc.profile/1'",
        ),
    ],
)
def test_what_is_no_measurement(text, message):
    with pytest.raises(UsageError) as caught:
        measured.parse(text, "x.json")
    assert str(caught.value).split(" (hint: ")[0] == message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"runs": []}, "/runs has 0 items"),
        ({"runs__0__median_seconds": 0}, "/runs/0/median_seconds must be at least 1e-06"),
        ({"runs__0__macs": 1.5}, "/runs/0/macs must be of type integer"),
        ({"runs__0__macs": True}, "/runs/0/macs must be of type integer"),
        ({"runs__0__macs": 10**40}, "/runs/0/macs is too large to show"),
        ({"runs__0__median_seconds": 1e999}, "not JSON: Infinity is not a number"),
        ({"layers__1__path": 3}, "/layers/1/path must be of type string"),
        ({"layers__1__path": "a\x1b[31m"}, "/layers/1/path has characters that can't be printed"),
        ({"spec__title": "\u202e"}, "/spec/title has characters that can't be printed"),
        ({"settings__mode": "test"}, "/settings/mode must be one of infer, train"),
        ({"machine__clocks": 3}, "/machine/clocks must be of type object or null"),
        ({"extra": 1}, "/ has an unknown key 'extra'"),
        ({"tool__\x1b": 1}, "/tool has an unknown key '\\x1b'"),
    ],
)
def test_what_does_not_fit_the_schema(keys, message):
    with pytest.raises(UsageError) as caught:
        measured.parse(json.dumps(changed(**keys)), "x.json")
    assert str(caught.value).removeprefix("x.json:1:1: error: ").removeprefix("not a measurement: ") == message


def test_a_number_that_overflows_is_refused():
    with pytest.raises(UsageError, match="/runs/0/median_seconds is too large to show"):
        measured.parse(VALID.replace('"median_seconds": 0.002', '"median_seconds": 1e999'), "x.json")


def test_what_is_missing_is_named():
    data = copy.deepcopy(DATA)
    del data["runs"][0]["batch"]
    with pytest.raises(UsageError, match="/runs/0 needs batch"):
        measured.parse(json.dumps(data), "x.json")


def keywords(schema):
    """Every keyword of a schema; the names under properties and definitions are no keywords."""
    found = set(schema)
    for key, value in schema.items():
        if key in ("properties", "definitions"):
            found |= {word for inner in value.values() for word in keywords(inner)}
        elif key == "items":
            found |= keywords(value)
    return found


@pytest.mark.parametrize("name", ["profile", "compare_measured"])
def test_every_keyword_of_the_schema_is_looked_at(name):
    import jsonschema

    jsonschema.Draft7Validator.check_schema(schemas.schema(name))
    assert keywords(schemas.made(name)) <= validate.KEYWORDS


# side by side


def slower(**keys):
    return changed(
        runs__0__median_seconds=0.004,
        layers=[{**row, "seconds": 2 * row["seconds"]} for row in DATA["layers"][:2]],
        **keys,
    )


def test_measurements_side_by_side():
    sides = [DATA, slower(settings__dtype="float16")]
    table = measured_sides.table(sides, measured_sides.lines(sides))
    assert [heading.title for heading in table.headings] == ["part", "quantity", "net float32", "net float16", "ratio"]
    assert table.rows[0] == ["batch 2", "median_seconds", "2.000 ms", "4.000 ms", "2x"]
    assert table.rows[4] == ["batch 2", "memory_bytes", "5,000,000", "5,000,000", "1x"]
    # the layers that both have, by the time of the first
    assert table.rows[5:] == [
        ["a", "seconds", "1.200 ms", "2.400 ms", "2x"],
        ["b", "seconds", "300.0 us", "600.0 us", "2x"],
    ]
    assert table.values[0] == ["batch 2", "median_seconds", "0.002", "0.004", "2"]
    assert [line.part for line in measured_sides.lines(sides, 1)][5:] == ["a"]


def test_other_batches_are_compared_as_a_whole_if_each_has_one():
    sides = [DATA, changed(runs__0__batch=4)]
    assert {line.part for line in measured_sides.lines(sides, 0)} == {"whole"}
    assert measured_sides.labels(sides) == ["net batch 2", "net batch 4"]


def test_batches_that_are_not_shared():
    sides = [changed(runs=[{**RUN, "batch": 1}, {**RUN, "batch": 2}]), changed(runs__0__batch=4)]
    with pytest.raises(UsageError, match="the measurements have no batch in common"):
        measured_sides.lines(sides)


def test_different_specs_are_said_to_be():
    sides = [DATA, changed(spec__sha256="1" * 64)]
    assert (
        measured_sides.table(sides, measured_sides.lines(sides)).notes[-1] == "the measurements are of different specs"
    )


def test_side_by_side_as_json_fits_its_schema():
    import jsonschema

    sides = [DATA, slower(), DATA]
    data = measured_sides.payload(sides, measured_sides.lines(sides))
    jsonschema.Draft7Validator(schemas.schema("compare_measured")).validate(data)
    assert [side["label"] for side in data["measurements"]] == ["net (1)", "net (2)", "net (3)"]
    assert data["lines"][0] == {
        "part": "batch 2",
        "quantity": "median_seconds",
        "values": [0.002, 0.004, 0.002],
        "ratios": [1.0, 2.0, 1.0],
    }
    # a layer without time has no ratio
    last = measured_sides.payload([DATA, DATA], measured_sides.lines([DATA, DATA]))["lines"][-1]
    assert (last["part"], last["ratios"]) == ("c", [None, None])
