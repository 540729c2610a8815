"""Pictures with a table of what they show: which are used, and with which attributes."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command import run_forked
from tests.conftest import train_flags
from tests.data import folders
from tests.data.folders import load, specify
from tests.untrained_runs import untrained
from trainer.data import loading, picture_files
from trainer.data.datasets import DATASETS, Attribute
from trainer.system.exits import RefusedError

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
PATTERN = "images/{id}.jpg"


def picture(path: Path, colour: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), COLOURS[colour]).save(path)


def described_folder(folder: Path, rows: Sequence[str], names: Sequence[str]) -> Path:
    """A folder with metadata.csv of these lines, and a picture of each name."""
    for number, name in enumerate(names):
        picture(folder / name, list(COLOURS)[number % 3])
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def small(tmp_path) -> Path:
    """Four pictures at several depths, one of them without a row, and a row without a picture."""
    rows = [
        "file_name,colour,kind,about",
        'a.png,red,shirt,"short, cheap"',
        "deep/b.png,green,shirt,long",
        "deep/er/c.png,,coat,warm",
        "gone.png,blue,coat,none",
    ]
    names = ["a.png", "deep/b.png", "deep/er/c.png", "unsaid.png"]
    return described_folder(tmp_path / "set", rows, names)


def test_columns_are_attributes_and_empty_cells_are_not_given(small):
    spec = specify(small, attributes=("kind", "colour"))
    _, labels = load(small, attributes=("kind", "colour"))

    assert spec.attributes == (
        Attribute("kind", ("coat", "shirt")),
        Attribute("colour", ("green", "red")),
    )
    assert labels.tolist() == [[1, 1], [1, 0], [0, -1]]


def test_rows_without_pictures_and_pictures_without_rows_are_counted_and_named(small, caplog):
    with caplog.at_level(logging.INFO):
        images, _ = load(small)
    assert len(images) == 3
    assert "1 row has no picture, of" in caplog.text and ": not used (gone.png)" in caplog.text
    assert "1 picture has no row" in caplog.text and "(unsaid.png)" in caplog.text
    assert "colour: green 1, red 1, not given 1" in caplog.text


def test_a_picture_whose_name_looks_like_another_s_is_left_out_and_said(tmp_path, caplog):
    names = ["e\u0301.png", "\u00e9.png", "b.png"]  # a letter and its accent, and both in one
    described_folder(tmp_path, ["file_name,colour", "\u00e9.png,red", "b.png,green"], names)
    with caplog.at_level(logging.INFO):
        images, _ = load(tmp_path)
    assert len(images) == 2
    assert "1 picture is not used, as the table cannot tell one from others" in caplog.text


def test_a_column_that_names_instead_of_describing_is_left_out_and_said(tmp_path, caplog):
    rows = ["file_name,id,kind,maker"]
    rows += [f"{n}.png,{n},{'shirt' if n % 2 else 'coat'},me" for n in range(12)]
    folder = described_folder(tmp_path / "set", rows, [f"{n}.png" for n in range(12)])
    with caplog.at_level(logging.INFO):
        load(folder)
    assert [attribute.name for attribute in specify(folder).attributes] == ["kind"]
    assert "the column id is left out: it has 12 different values in 12 rows" in caplog.text
    assert "the column maker is left out: it says the same about all pictures (me)" in caplog.text
    with pytest.raises(RefusedError, match="--attributes=maker: the column says the same"):
        specify(folder, attributes=("maker",))


def test_rare_values_become_one(tmp_path, caplog):
    kinds = ["shirt"] * 6 + ["coat"] * 3 + ["hat"] * 2 + ["veil"]
    rows = ["file_name,kind", *(f"{n}.png,{kind}" for n, kind in enumerate(kinds))]
    folder = described_folder(tmp_path / "set", rows, [f"{n}.png" for n in range(12)])
    with caplog.at_level(logging.INFO):
        _, labels = load(folder, attribute_minimum=3)
    spec = specify(folder, attribute_minimum=3)
    assert spec.attributes == (Attribute("kind", ("coat", "shirt", "other")),)
    assert np.bincount(labels[:, 0]).tolist() == [3, 6, 3]
    assert "2 values of kind with fewer than 3 pictures became other (hat, veil)" in caplog.text


def test_a_table_in_the_manner_of_product_lists_is_read_as_it_is(tmp_path, caplog):
    """Pictures named by a number, and commas in the last field without quotes."""
    for number in (15, 39, 59):
        picture(tmp_path / "set" / "images" / f"{number}.jpg")
    (tmp_path / "set" / "styles.csv").write_text(
        "id,gender,articleType,productDisplayName\n"
        "15,Men,Shirts,Turtle Check Men Navy Blue Shirt\n"
        "39,Men,Jeans,Peter England Men Party Blue Jeans, slim, 32\n"
        "59,Women,Jeans,Titan Women Silver\n"
        "99,Women,Watches,No picture of it\n"
    )
    reading = {"metadata": "styles.csv", "metadata_file_name": PATTERN}
    spec = specify(tmp_path / "set", attributes=("gender", "articleType"), **reading)
    assert spec.train_examples == 3
    assert spec.attributes[1].values == ("Jeans", "Shirts")
    names = specify(tmp_path / "set", attributes=("productDisplayName",), **reading).attributes[0]
    assert "Peter England Men Party Blue Jeans, slim, 32" in names.values


def test_lines_of_json_are_a_table_too(tmp_path):
    picture(tmp_path / "set" / "a.png")
    picture(tmp_path / "set" / "b.png")
    rows = [
        {"file_name": "a.png", "kind": "shirt", "size": 38, "boxes": [1, 2]},
        {"file_name": "b.png", "kind": "coat", "size": 40, "boxes": []},
    ]
    text = "\n".join(map(json.dumps, rows))
    (tmp_path / "set" / "metadata.jsonl").write_text(text)
    assert [each.name for each in specify(tmp_path / "set").attributes] == ["kind", "size"]


def test_folders_train_and_test_are_kept_apart_with_a_table_in_each(tmp_path):
    for split, count in (("train", 4), ("test", 2)):
        folder = tmp_path / "set" / split
        rows = ["file_name,kind", *(f"{n}.png,{'ab'[n % 2]}" for n in range(count))]
        described_folder(folder, rows, [f"{n}.png" for n in range(count)])
    spec = specify(tmp_path / "set", test_share=0.5)
    assert (spec.train_examples, spec.test_examples) == (4, 2)
    test_images, test_labels = load(tmp_path / "set", split="test")
    assert len(test_images) == 2 and test_labels.tolist() == [[0], [1]]


def test_folders_train_and_test_may_hold_a_folder_a_class(tmp_path):
    for split in ("train", "test"):
        for kind in ("coat", "shirt"):
            picture(tmp_path / "set" / split / kind / "1.png")
    spec = specify(tmp_path / "set")
    assert spec.attributes == (Attribute("class", ("coat", "shirt")),)
    assert (spec.train_examples, spec.test_examples) == (2, 2)


def test_pictures_for_tests_are_chosen_by_content_and_stay_when_others_come(tmp_path):
    def numbered(number: int) -> None:
        path = tmp_path / "set" / f"{number:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8), number).save(path)

    def tested() -> set[int]:
        images, _ = load(tmp_path / "set", split="test", test_share=0.3)
        return {int(image[0, 0, 0]) for image in images}

    for number in range(0, 200, 2):
        numbered(number)
    before = tested()
    assert 15 <= len(before) <= 45
    for number in range(1, 200, 2):
        numbered(number)
    assert {number for number in tested() if number % 2 == 0} == before


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["name,kind", "a.png,x"], "has no column 'file_name': its columns are name, kind"),
        ([], "metadata.csv is empty: its first line must name the columns"),
        (["file_name,kind"], "has no rows"),
        (["file_name,kind", "/else/a.png,x"], "names '/else/a.png', while there is 'a.png'"),
        (["file_name,kind", "z.png,x"], "describes none of the 1 pictures"),
        (["file_name,kind", "a.png,x", "./a.png,y"], "line 3 names ./a.png again"),
        (["file_name,kind", "", ",x"], "line 3 names no picture"),
        (
            ["file_name,kind", 'a.png,"x', *["b.png,y"] * 30],
            "line 2 opens a quote that no line after it closes: close it",
        ),
        (["file_name,kind", "a.png,x", 'b.png,"y'], "line 3 opens a quote that no line"),
        (
            ["file_name,kind", 'a.png,"x', "b.png,y", 'c.png,"x, y"', "d.png,y"],
            "line 2 runs on to line 4: close its quote",
        ),
        (
            ["file_name,kind", 'a.png,"x', "b.png,y", 'c.png,5"', "d.png,y"],
            "line 2 runs on to line 4: close its quote",
        ),
        (["file_name,kind,kind", "a.png,x,y"], "two columns have the same name"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_in_one_line(rows, reason, tmp_path):
    folder = described_folder(tmp_path / "set", rows, ["a.png"])
    with pytest.raises(RefusedError, match=reason) as refused:
        specify(folder)
    assert "\n" not in str(refused.value)


def test_delimiters_at_the_ends_of_rows_add_nothing_to_the_last_column(tmp_path):
    rows = ["file_name,colour", "a.png,red,", "b.png,red", "c.png,green,,"]
    folder = described_folder(tmp_path / "set", rows, ["a.png", "b.png", "c.png"])
    assert specify(folder).attributes == (Attribute("colour", ("green", "red")),)
    before = specify(folder, rules=6).attributes  # as runs have it
    assert before == (Attribute("colour", ("green,,", "red", "red,")),)

    rows = ["colour,file_name", "red,a.png,", "green,b.png,", "green,c.png,"]
    named_last = described_folder(tmp_path / "named_last", rows, ["a.png", "b.png", "c.png"])
    assert specify(named_last).train_examples == 3


def test_rows_with_more_or_fewer_values_than_columns_are_counted_by_their_lines(tmp_path, caplog):
    rows = ["file_name,kind,colour", "a.png,x,red", "b.png,x, y,red", "", "c.png,red", "d.png,y,x"]
    names = ["a.png", "b.png", "c.png", "d.png"]
    with caplog.at_level(logging.WARNING):
        load(described_folder(tmp_path / "set", rows, names))
    assert (
        "1 row has more values than columns, of which the last took the rest (lines 3 of"
    ) in caplog.text
    assert "put quotes around values with commas" in caplog.text
    assert (
        "1 row has fewer values than columns, of which the last are taken as not given (lines 5 of"
    ) in caplog.text


def test_quotes_in_values_and_values_of_several_lines_are_taken(tmp_path):
    rows = ["file_name,about,kind", 'a.png,5" heel,x', 'b.png,"long, warm', 'short, cheap",5" y']
    rows += ['c.png,"one', 'two",x']
    names = ["a.png", "b.png", "c.png"]
    folder = described_folder(tmp_path / "set", rows, names)
    about, kind = specify(folder).attributes
    assert about.values == ('5" heel', "long, warm short, cheap", "one two")
    assert kind.values == ('5" y', "x")


OBJECTS = [{"file_name": "a.png", "kind": "x"}, {"file_name": "b.png", "kind": "y"}]
LINES = "".join(f"{json.dumps(each)}\n" for each in OBJECTS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("styles.ndjson", LINES),
        ("styles.JSONL", f"\n{LINES}"),
        ("styles.csv", LINES),
        ("styles.json", json.dumps(OBJECTS)),
        ("styles.json", json.dumps(OBJECTS, indent=2)),
        ("styles.csv", "\n\nfile_name,kind\na.png,x\nb.png,y\n"),
        ("styles.csv", "sep=;\nfile_name;kind\na.png;x\nb.png;y\n"),
        ("styles.csv", "sep=|\nfile_name|kind\na.png|x\nb.png|y\n"),
        ("styles.csv", 'file_name;kind;"colour, main"\na.png;x;red\nb.png;y;red\n'),
        ("styles.TSV", "file_name\tkind\tcolour, main\na.png\tx\tred\nb.png\ty\tred\n"),
    ],
)
def test_a_table_is_of_the_kind_that_its_content_shows(name, text, tmp_path):
    folder = described_folder(tmp_path / "set", [], ["a.png", "b.png"])
    (folder / "metadata.csv").unlink()
    (folder / name).write_text(text)
    assert specify(folder, metadata=name).attributes == (Attribute("kind", ("x", "y")),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"file_name": "a.png"}\n\n{"file_name": }\n', "line 3: Expecting value"),
        ('{"file_name": "a.png"}\n3\n', "line 2 is not an object"),
        ('[{"file_name": "a.png"},\n 3]', "line 2 is not an object"),
        ('{"file_name": "a.png", "kind": ' + "[" * 10**5, "nested too deeply"),
        ('{"images": [], "about": {}}', "write one object a picture"),
        ("a" * 10**5 + ",b\n1,2\n", r"its columns are a{60}\.\.\., b;"),
        (",".join(map(str, range(10**4))) + "\n1,2\n", r"0, 1, 2, .*, 9, \.\.\.;"),
    ],
)
def test_a_table_of_other_things_is_refused_in_few_words(text, said, tmp_path):
    folder = described_folder(tmp_path / "set", [], ["a.png"])
    (folder / "metadata.csv").write_text(text)
    with pytest.raises(RefusedError, match=said) as refused:
        specify(folder)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    ("places", "header", "is_said"),
    [
        (("coat", "dress"), "file_name,colour", True),
        (("train/coat", "train/dress"), "file_name,colour", True),
        (("coat", "dress"), "file_name,kind", False),  # whose column says what the folders do
        (("train", "test"), "file_name,colour", False),
        (("images", "images"), "file_name,colour", False),
    ],
)
def test_subfolders_that_are_no_classes_beside_a_table_are_said(
    places, header, is_said, tmp_path, caplog
):
    names = [f"{place}/{number}.png" for number, place in enumerate(places)]
    values = ("coat", "dress") if "kind" in header else ("red", "blue")
    rows = [header, *(f"{name},{value}" for name, value in zip(names, values, strict=True))]
    load(described_folder(tmp_path / "set", rows, names))
    said = "the subfolders (coat, dress) are no attribute, as there is a table: add a column"
    assert (said in caplog.text) == is_said == ("are no attribute" in caplog.text)


def test_columns_with_one_value_and_empty_ones_are_told_apart(tmp_path, caplog):
    rows = ["file_name,sale,season,kind", "a.png,yes,,x", "b.png,,,x", "c.png,yes,,y"]
    with caplog.at_level(logging.WARNING):
        load(described_folder(tmp_path / "set", rows, ["a.png", "b.png", "c.png"]))
    assert "sale is left out: it has one value, yes, in 2 of 3 rows, and nothing in" in caplog.text
    assert "season is left out: it is empty in the rows of all pictures" in caplog.text


@pytest.mark.parametrize("rules", [3, 4, 5, 6, picture_files.CURRENT])
@pytest.mark.parametrize("before", ["{}/", "/", "./", ""])
def test_a_table_may_name_its_pictures_by_whole_paths_and_with_a_slash_before_others(
    before, rules, tmp_path, monkeypatch
):
    rows = [f"{before.format(tmp_path / 'set')}{name}.png,{name}" for name in "ab"]
    folder = described_folder(tmp_path / "set", ["file_name,kind", *rows], ["a.png", "b.png"])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for named in (folder, Path("../set")):
        assert specify(named, rules=rules).attributes == (Attribute("kind", ("a", "b")),)


def test_pictures_are_not_passed_over_for_another_set_which_would_be_put_among_them(
    small, tmp_path
):
    job_dir = untrained(tmp_path / "started", "--dataset=fashion_mnist")
    for command in (
        f"train --job_dir={tmp_path}/run --preset=own",
        "prepare_data",
        f"evaluate --job_dir={job_dir}",
    ):
        refused = run_forked(*command.split(), f"--data_dir={small}", code=64)
        assert "does not read: add --dataset=image_folder" in refused.stderr
        assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("beside", ["cifar10/", "train-images-idx3-ubyte.gz", "docs/logo.png"])
def test_a_folder_of_sets_may_hold_pictures_too(beside, tmp_path):
    for name in ("a.png", "photos/b.png") if "logo" not in beside else (beside, "src/main.py"):
        picture(tmp_path / "data" / name) if name.endswith("png") else None
    place = tmp_path / "data" / beside
    place.mkdir() if beside.endswith("/") else place.touch()
    (tmp_path / "data" / "src").mkdir()
    loading.check(DATASETS["kmnist"], tmp_path / "data")


def test_an_attribute_that_there_is_not_is_refused_with_those_that_there_are(small, tmp_path):
    given = ("--dataset=image_folder", f"--data_dir={small}", "--attributes=sleeve")
    refused = run_forked("train", f"--job_dir={tmp_path}/run", *given, code=64)
    assert "--attributes names 'sleeve': the columns of" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_flags_of_folders_are_refused_elsewhere(tmp_path):
    for flag in ("--fit=pad", "--test_share=.2", "--background=white", "--metadata=a.csv"):
        refused = run_forked("train", f"--job_dir={tmp_path}/run", flag, code=64)
        assert "says how a folder of pictures is read" in refused.stderr


def test_what_a_folder_says_is_part_of_its_identity(small):
    before = specify(small)
    table = small / "metadata.csv"
    table.write_text(table.read_text().replace("a.png,red", "a.png,green"))
    assert specify(small).fingerprint != before.fingerprint


@pytest.mark.parametrize(
    ("reading", "corner", "centre"),
    [
        ({}, [255, 0, 0], [255, 0, 0]),
        ({"fit": "pad"}, [0, 0, 0], [255, 0, 0]),
        ({"fit": "pad", "background": "white"}, [255, 255, 255], [255, 0, 0]),
        ({"fit": "pad", "background": "10,20,30"}, [10, 20, 30], [255, 0, 0]),
    ],
)
def test_a_picture_of_any_shape_is_cropped_or_padded(reading, corner, centre, tmp_path):
    (tmp_path / "set").mkdir()
    Image.new("RGB", (40, 20), "red").save(tmp_path / "set" / "wide.png")
    (pixels,), _ = load(tmp_path / "set", **reading)
    assert pixels[0, 0].tolist() == corner and pixels[8, 8].tolist() == centre


def test_transparent_pixels_show_the_background(tmp_path):
    (tmp_path / "set").mkdir()
    glass = Image.new("RGBA", (16, 16), (255, 255, 255, 0))
    glass.paste((255, 0, 0, 255), (0, 0, 8, 16))
    glass.save(tmp_path / "set" / "glass.png")
    (pixels,), _ = load(tmp_path / "set", background="0,0,200")
    assert pixels[8, 2].tolist() == [255, 0, 0] and pixels[8, -2].tolist() == [0, 0, 200]


def test_a_background_that_is_no_colour_is_refused(tmp_path):
    picture(tmp_path / "set" / "a.png")
    for colour in ("grey", "1,2", "1,2,300", "-1,0,0"):
        with pytest.raises(RefusedError, match="must be black, white, or R,G,B"):
            specify(tmp_path / "set", background=colour)


def test_a_column_of_rare_values_alone_is_left_out_and_said(tmp_path, caplog):
    rows = [f"{number}.png,{number % 10},{'red' if number % 2 else 'blue'}" for number in range(40)]
    names = [f"{number}.png" for number in range(40)]
    folder = described_folder(tmp_path / "set", ["file_name,brand,colour", *rows], names)
    with caplog.at_level(logging.INFO):
        load(folder, attribute_minimum=5)
    (colour,) = specify(folder, attribute_minimum=5).attributes
    assert colour == Attribute("colour", ("blue", "red"))
    assert "brand is left out: it has no value with 5 pictures or more (--attribute_minimum)" in (
        caplog.text
    )
    with pytest.raises(RefusedError, match=r"--attributes=brand: .* \(--attribute_minimum\)"):
        specify(folder, attributes=("brand",), attribute_minimum=5)

    before, _ = specify(folder, attribute_minimum=5, rules=3).attributes  # as runs have it
    assert before == Attribute("brand", ("other",))


def test_a_table_beside_the_folder_is_named_from_there(small, tmp_path):
    (small / "metadata.csv").rename(tmp_path / "styles.csv")
    for named in ("../styles.csv", str(tmp_path / "styles.csv")):
        assert specify(small, metadata=named).train_examples == 3


def test_spaces_before_quotes_and_columns_of_nothing_do_not_matter(tmp_path):
    rows = ["file_name, colour, kind,,", 'a.png, "red, dark", shirt,,', "b.png, blue, coat,,"]
    folder = described_folder(tmp_path / "set", rows, ["a.png", "b.png"])
    assert specify(folder).attributes == (
        Attribute("colour", ("blue", "red, dark")),
        Attribute("kind", ("coat", "shirt")),
    )


def test_columns_of_lists_are_left_out_and_said(tmp_path, caplog):
    for name in ("a", "b"):
        picture(tmp_path / "set" / f"{name}.png")
    rows = [{"file_name": "a.png", "tags": ["x"], "kind": "shirt"}]
    rows.append({"file_name": "b.png", "tags": [], "kind": "coat"})
    table = tmp_path / "set" / "metadata.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with caplog.at_level(logging.WARNING):
        load(tmp_path / "set")
    assert "the column tags is left out: it has lists or objects" in caplog.text


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_table_as_spreadsheets_write_it_is_read(delimiter, tmp_path):
    """Where numbers have commas columns do not; and rows of nothing follow."""
    rows = ["file_name,colour,size", "a.png,red,1", "b.png,green,2", ",,", ",,"]
    separated = [row.replace(",", delimiter) for row in rows]
    folder = described_folder(tmp_path / "set", separated, ["a.png", "b.png"])
    spec = specify(folder, attributes=("colour",))
    assert spec.attributes == (Attribute("colour", ("green", "red")),)
    assert load(folder, attributes=("colour",))[1].tolist() == [[1], [0]]


def test_a_table_in_another_encoding_is_refused_with_what_to_do(tmp_path):
    folder = described_folder(tmp_path / "set", ["file_name,colour"], ["a.png"])
    (folder / "metadata.csv").write_bytes("file_name,colour\na.png,grün\n".encode("cp1252"))
    with pytest.raises(RefusedError, match=r"is not UTF-8 .* save it as CSV UTF-8"):
        specify(folder)


def test_values_are_compared_as_people_see_them(tmp_path):
    decomposed, composed = "Ro\u0308cke", "R\u00f6cke"
    rows = ["file_name,kind", f"a.png,{decomposed}", f"b.png,{composed}", 'c.png,"two\nlines"']
    folder = described_folder(tmp_path / "set", rows, ["a.png", "b.png", "c.png"])
    assert specify(folder).attributes == (Attribute("kind", (composed, "two lines")),)
    before = specify(folder, rules=4).attributes  # as runs have it
    assert before == (Attribute("kind", (decomposed, composed, "two\nlines")),)


def test_folders_of_one_name_are_one_class_however_their_letters_are_composed(tmp_path):
    decomposed, composed = "Ro\u0308cke", "R\u00f6cke"
    for name in (f"train/{decomposed}", "train/Hosen", f"test/{composed}", "test/Hosen"):
        picture(tmp_path / "set" / name / "a.png")
    spec = specify(tmp_path / "set")
    assert spec.attributes == (Attribute("class", ("Hosen", composed)),)

    (tmp_path / "set" / "train" / decomposed).rename(tmp_path / "set" / "train" / composed)
    assert specify(tmp_path / "set").fingerprint == spec.fingerprint


def test_what_pandas_writes_where_nothing_is_known_is_not_given(tmp_path):
    rows = [
        {"file_name": f"{name}.png", "size": size}
        for name, size in zip("abc", (1.0, float("nan"), 2.0), strict=True)
    ]
    folder = described_folder(tmp_path / "set", [], ["a.png", "b.png", "c.png"])
    (folder / "metadata.csv").unlink()
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert specify(folder).attributes == (Attribute("size", ("1.0", "2.0")),)
    _, labels = load(folder)
    assert labels.tolist() == [[0], [-1], [1]]


def test_a_table_in_the_folder_may_be_named_by_its_whole_path_and_moves_with_it(small, tmp_path):
    (small / "metadata.csv").rename(small / "styles.csv")
    spec = specify(small, metadata=str(small / "styles.csv"))
    small.rename(tmp_path / "moved")
    images, _ = folders.at(tmp_path / "moved").load(spec, "train")
    assert len(images) == 3


def test_values_of_no_picture_to_learn_from_are_named(tmp_path, caplog):
    for name in ("train/coat/a.png", "train/shirt/a.png", "test/coat/a.png", "test/boot/a.png"):
        picture(tmp_path / "set" / name)
    with caplog.at_level(logging.WARNING):
        load(tmp_path / "set")
    assert "class: no training picture is boot" in caplog.text


def test_flags_that_mean_nothing_for_a_folder_are_said(tmp_path, caplog):
    for name in ("train/coat/a.png", "train/shirt/a.png", "test/coat/a.png"):
        picture(tmp_path / "set" / name)
    with caplog.at_level(logging.WARNING):
        load(tmp_path / "set", attribute_minimum=2, test_share=0.3)
    assert "--attribute_minimum=2 applies only to a table, and there is none" in caplog.text
    assert "--test_share=0.3 is not used" in caplog.text
    caplog.clear()
    load(tmp_path / "set", test_share=0.1)
    assert "--" not in caplog.text


def test_why_there_are_no_labels_is_said_before_they_are_refused(tmp_path):
    picture(tmp_path / "set" / "dress" / "a.png")
    (tmp_path / "set" / "coat").mkdir()
    (tmp_path / "set" / "coat" / "b.heic").write_bytes(b"x")
    given = ("--dataset=image_folder", f"--data_dir={tmp_path}/set", "--preset=own")
    refused = run_forked("train", f"--job_dir={tmp_path}/run", *given, code=64)
    assert "1 file is not used" in refused.stderr and "b.heic" in refused.stderr
    assert "use --noconditional" in refused.stderr


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--background=grey", "must be black, white"),
        ("--test_share=2", "at least 0 and below 1"),
        ("--metadata=~nobody-here/table.csv", "--metadata=~nobody-here/table.csv: "),
        ("--classification=-1", "at least 0"),
        ("--minutes=0", "must be a positive number"),
    ],
)
def test_what_flags_alone_say_is_refused_before_pictures_are_read(flag, reason, small, tmp_path):
    given = ("--dataset=image_folder", f"--data_dir={small}", "--preset=own", flag)
    unread = (
        "from trainer.system import file_system\n"
        "def sha256(path): raise AssertionError(path)\n"
        "file_system.sha256 = sha256"
    )
    refused = run_forked("train", f"--job_dir={tmp_path}/run", *given, code=64, before=unread)
    assert reason in refused.stderr


def test_a_folder_that_no_longer_tells_what_a_run_knows_is_refused_as_that(tmp_path):
    folder, job_dir = tmp_path / "set", tmp_path / "run"
    for name in ("dress/a.png", "dress/b.png", "coat/a.png", "coat/b.png"):
        picture(folder / name)
    given = ("--dataset=image_folder", f"--data_dir={folder}", "--test_share=0", "--image_size=28")
    few = (*given, "--batch_size=2", "--conditional")
    untrained(job_dir, *train_flags(job_dir, *few)[2:], step=1)
    (folder / "metadata.csv").write_text("file_name,colour\ndress/a.png,red\ncoat/a.png,blue\n")
    refused = run_forked("train", f"--job_dir={job_dir}", f"--data_dir={folder}", code=64)
    assert "holds a run on a folder that gave class for its pictures" in refused.stderr
    assert "colour): restore it" in refused.stderr


def test_values_of_many_lines_are_taken(tmp_path):
    many = "\n".join(["a line"] * 30)
    rows = ["file_name,about,kind", f'a.png,"{many}",x', f'b.png,"{many}",y']
    folder = described_folder(tmp_path / "set", rows, ["a.png", "b.png"])
    assert specify(folder).attributes == (Attribute("kind", ("x", "y")),)
    last = ["file_name,kind,about", f'a.png,x,"{many}"', f'b.png,y,"{many}"']
    folder = described_folder(tmp_path / "other", last, ["a.png", "b.png"])
    assert specify(folder).attributes == (Attribute("kind", ("x", "y")),)


def test_a_run_that_kept_its_table_s_whole_path_goes_on(small, tmp_path):
    (small / "metadata.csv").rename(small / "styles.csv")
    given = ("--dataset=image_folder", f"--data_dir={small}", "--test_share=0", "--image_size=28")
    job_dir, table = tmp_path / "run", small / "styles.csv"
    few = (*given, "--batch_size=2", f"--metadata={table}", "--attribute_minimum=1")
    untrained(job_dir, *train_flags(job_dir, *few)[2:], step=1)
    kept = json.loads((job_dir / "config.json").read_text())
    assert kept["recipe"]["data"]["folder"]["metadata"] == "styles.csv"
    kept["recipe"]["data"]["folder"]["metadata"] = str(table)  # as earlier versions did
    (job_dir / "config.json").write_text(json.dumps(kept))
    run_forked(*train_flags(job_dir, *few, "--steps=2"))


def test_what_a_table_calls_pictures_needs_a_table(tmp_path):
    picture(tmp_path / "images" / "1.jpg")
    (tmp_path / "styles.csv").write_text("id,kind\n1,shirt\n")
    with pytest.raises(RefusedError, match=r"no table was found in .*: name it with --metadata"):
        specify(tmp_path, metadata_file_name=PATTERN)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"kind": "\ud83d"}, r"in the column kind, the value \\ud83d is not UTF-8"),
        ({"kind": "a", "o\ud83d": "x"}, r"the column o\\ud83d is not UTF-8"),
    ],
)
def test_a_value_that_no_file_of_a_run_can_hold_is_refused(row, said, tmp_path):
    """Half of an emoji, as JavaScript cuts it."""
    rows = [{"file_name": "a.png", **row}, {"file_name": "b.png", **dict.fromkeys(row, "b")}]
    for each in rows:
        picture(tmp_path / each["file_name"])
    (tmp_path / "metadata.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    with pytest.raises(RefusedError, match=said):
        specify(tmp_path)


def test_a_resume_reads_a_folder_as_its_run_does(tmp_path):
    """Which the default reading refuses: pictures, and subfolders of pictures."""
    folder, job_dir = tmp_path / "set", tmp_path / "run"
    for number in range(4):
        picture(folder / f"{number}.png")
        picture(folder / "more" / f"{number}.png", "green")
    names = [f"{place}{number}" for place in ("", "more/") for number in range(4)]
    lines = [f"{name},{'b' if 'more' in name else 'a'}" for name in names]
    (folder / "styles.csv").write_text("\n".join(["id,kind", *lines]) + "\n")
    data = ("--dataset=image_folder", f"--data_dir={folder}", "--image_size=28", "--test_share=0")
    reading = ("--metadata=styles.csv", "--metadata_file_name={id}.png", "--attribute_minimum=1")
    given = (*data, "--batch_size=4", "--conditional")
    untrained(job_dir, *train_flags(job_dir, *given, *reading)[2:], step=1)

    refused = run_forked(*train_flags(tmp_path / "other", *given, "--steps=1"), code=64)
    assert "subfolders of pictures" in refused.stderr
    resumed = run_forked(*train_flags(job_dir, *data, "--batch_size=4", "--steps=2"))
    assert "2/2" in resumed.stderr
