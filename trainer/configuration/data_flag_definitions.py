"""The flags for which data set is used, and how a folder of pictures is read."""

from __future__ import annotations

import os

from absl import flags

from trainer.configuration import choices
from trainer.configuration.flag_groups import Group
from trainer.data.datasets import ATTRIBUTE_MINIMUM, DATASETS, IMAGE_FOLDER, TEST_SHARE


def default_data_dir() -> str:
    """Of TensorFlow Datasets, unless its variable names another."""
    return os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"


def _default_cache_dir() -> str:
    return f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/fashion-gan"


def define(values: flags.FlagValues) -> None:
    """The flags of a data set, its place included."""
    data = Group(values, "data")
    text = "The data set; synthetic is drawn in code."
    data.choice("dataset", "fashion_mnist", (*DATASETS, IMAGE_FOLDER), text)
    define_place(data)
    text = (
        "Side to which the pictures of celeb_a, image_folder and synthetic_garments are resized: "
        "4, 5, 6 or 7 times a power of two, from 16 to 256. Unless given: 64 for celeb_a and the "
        "preset own, else 32."
    )
    data.integer("image_size", None, text, 1)
    text = (
        "The data set's attributes to use, in this order, separated by commas; all unless given. "
        "Put a name that contains a comma in double quotes."
    )
    data.text("attributes", "", text)
    _define_folder(Group(values, "folder of pictures"))


def _define_folder(folder: Group) -> None:
    text = (
        "The table of attributes, one row per picture; the table's path within --data_dir, or an "
        "absolute one; unless given, metadata.csv or metadata.jsonl if there is one, else "
        "subfolders are classes."
    )
    folder.text("metadata", "", text)
    text = "Pattern of the pictures' names, like images/{id}.jpg; unless given, column file_name."
    folder.text("metadata_file_name", "", text)
    text = "Values in the table's columns with fewer pictures than this are merged into one, other."
    folder.integer("attribute_minimum", ATTRIBUTE_MINIMUM, text, 1)
    text = "Share of the pictures held out for testing, unless there are folders train and test."
    folder.number("test_share", TEST_SHARE, text)
    text = "How pictures become square: crop to the centre, or pad the whole with margins."
    folder.choice("fit", "crop", choices.FITS, text)
    text = "Colour of margins and behind transparent pictures: black, white or R,G,B."
    folder.text("background", "black", text)


def define_place(data: Group) -> None:
    """The flags that say where data lie."""
    text = (
        "Where TensorFlow Datasets keeps prepared data sets; for image_folder, the pictures. "
        "A local folder, or gs://bucket/folder."
    )
    data.text("data_dir", default_data_dir(), text)
    text = (
        "Where arrays made from pictures are kept, and networks and features for evaluations; may "
        "be deleted at any time. A local folder; or gs://bucket/folder, which keeps only what is "
        "made from a folder of pictures, and Inception."
    )
    data.text("cache_dir", _default_cache_dir(), text)
