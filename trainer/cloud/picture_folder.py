"""A folder of pictures, in a bucket or not, and the cache of what is made of them.

A bucket's pictures are copied before they are looked at; not at all, where the cache is in a bucket
too and knows what they are.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict
from pathlib import Path

from trainer.cloud.bucket import Bucket
from trainer.cloud.data_places import DATA_DIR, DataPlaces
from trainer.cloud.mirror import Mirror
from trainer.cloud.picture_cache import PictureCache
from trainer.data import (
    attribute_tables,
    folder_contents,
    image_folder,
    kept_digests,
    loading,
)
from trainer.data.array_cache import Make
from trainer.data.datasets import (
    IMAGE_FOLDER,
    DataChoice,
    DatasetSpec,
    FolderReading,
    LabelledImages,
)
from trainer.data.image_folder import Found
from trainer.data.picture_files import TRAIN, WrongFolderError
from trainer.system.exits import InterruptedRun, RefusedError

_FORMAT = 1  # of what is kept of a folder


class PictureFolder:
    """The pictures under `--data_dir`.

    Methods raise `RefusedError` where there are no such pictures or no such bucket, and
    `InterruptedRun` where the storage cannot be reached.
    """

    def __init__(self, places: DataPlaces) -> None:
        self._places = places
        self._specified: dict[DataChoice, DatasetSpec] = {}
        self._known: dict[str, Found] = {}  # by keys of the cache

    def specify(self, choice: DataChoice) -> DatasetSpec:
        """What they are as a data set."""
        kept = self._kept(choice)
        spec = kept.spec if kept else self._specify(choice)
        self._specified[choice] = spec
        return spec

    def find(self, spec: DatasetSpec) -> Found:
        """All that is known of the folder; refuses one that holds other pictures."""
        kept = self._kept(_choice_of(spec))
        if kept is None:
            return self._found(spec)
        if kept.spec != spec:
            raise WrongFolderError(image_folder.OTHER_PICTURES.format(self._places.data_dir))
        return kept

    def load(self, spec: DatasetSpec, split: str) -> LabelledImages:
        """Images and labels of `train` or `test`, as `loading.load` gives them."""
        found = self.find(spec)
        part = found.parts[split]
        make = part.decode or self._decoder(spec, split)
        if self._cache:
            make = self._cache.through(part.key, spec.image_shape, make)
        digests = self._digests(spec.folder)
        try:
            arrays = image_folder.arrays(found, split, self._places.cache_dir, make)
        except InterruptedRun:  # a picture is not what it was: as it was known, or as it was read
            if digests:
                kept_digests.forget(digests)
            raise
        if split == TRAIN:
            self._keep(found)
            if digests and found.files:
                kept_digests.keep(digests, *found.files)
        return arrays

    def _specify(self, choice: DataChoice) -> DatasetSpec:
        size = choice.image_size or loading.DEFAULT_FOLDER_SIZE
        digests = self._digests(choice.folder)
        return image_folder.specify(self._files(), size, choice.folder, choice.attributes, digests)

    def _found(self, spec: DatasetSpec) -> Found:
        digests = self._digests(spec.folder)
        try:
            return image_folder.find(spec, self._files(), digests)
        except WrongFolderError:
            if digests is None or not kept_digests.forget(digests):
                raise
        folder_contents.forget()
        return image_folder.find(spec, self._files())  # as the pictures are, not as they were known

    def _decoder(self, spec: DatasetSpec, split: str) -> Make:
        """Decodes pictures, which are copied once the first of them is asked for."""

        @functools.cache
        def decoder() -> Make:
            decode = image_folder.find(spec, self._files()).parts[split].decode
            assert decode is not None
            return decode

        return lambda first, last: decoder()(first, last)

    def forget(self) -> None:
        """Lets go of what is known of the pictures, which takes memory; it is read again."""
        self._known.clear()
        folder_contents.forget()

    @property
    def keeps(self) -> bool:
        """Whether what is made of them is kept in the cache's bucket, if it is in one."""
        return self._cache is None or self._cache.keeps

    @functools.cached_property
    def _cache(self) -> PictureCache | None:
        url, data_url = self._places.cache_dir_url, self._places.data_dir_url
        if url and f"{url}/".startswith(f"{data_url}/"):
            raise RefusedError(f"--cache_dir={url} lies among the pictures: name another folder")
        return PictureCache(url) if url else None

    def _digests(self, reading: FolderReading | None) -> Path | None:
        """Where digests of files are kept; those of a bucket's copies are of this process alone."""
        folder = self._places.data_dir
        if reading is None or self._places.data_dir_url or self._places.cache_dir_url:
            return None
        table = attribute_tables.as_seen_from(folder, reading.metadata)
        read_by = repr((reading.rules, table, reading.metadata_file_name))
        return kept_digests.file_of(self._places.cache_dir, folder, read_by)

    @functools.cached_property
    def _listing(self) -> str:
        """A digest of the names and contents of the objects under the URL, as last listed."""
        return self._fetched(lambda names: ())

    def _files(self) -> Path:
        """The pictures' local folder, with them in it."""
        return self._copied if self._places.data_dir_url else self._places.data_dir

    @functools.cached_property
    def _copied(self) -> Path:
        self._listing = self._fetched(iter)
        return self._places.data_dir

    def _fetched(self, select: Callable[[Collection[str]], Iterable[str]]) -> str:
        """Copies the objects that are selected of all; the digest of all."""
        self._mirror.fetch(select)
        digest = hashlib.sha256()
        for name, version in sorted(self._mirror.versions().items()):
            content = version.md5 or str(version.generation)  # composite objects have no digest
            digest.update(f"{name}\0{content}\n".encode())
        return digest.hexdigest()

    @functools.cached_property
    def _mirror(self) -> Mirror:
        """One, which says once what of the bucket it leaves out."""
        assert self._places.data_dir_url
        return Mirror(Bucket(self._places.data_dir_url, DATA_DIR), self._places.data_dir)

    def _kept(self, choice: DataChoice) -> Found | None:
        """What the cache knows of the folder as it is now."""
        if self._cache is None or not self._is_known_by_objects(choice):
            return None
        key = self._key(choice)
        if key not in self._known and (found := self._cache.folder(key)):
            self._known[key] = found
        return self._known.get(key)

    def _keep(self, found: Found) -> None:
        """By all that was asked for: a later start asks for it, too, before it knows the run."""
        for choice, spec in {**self._specified, _choice_of(found.spec): found.spec}.items():
            if not self._cache or not self._is_known_by_objects(choice) or self._kept(choice):
                continue
            # A run may have earlier rules than those that were asked for at first.
            so = found if spec == found.spec else image_folder.find(spec, self._files())
            key = self._key(choice)
            self._cache.keep_folder(key, so)
            self._known[key] = so

    def _is_known_by_objects(self, choice: DataChoice) -> bool:
        """Whether nothing is said of the pictures elsewhere than under the URL."""
        folder = self._places.data_dir
        table = attribute_tables.path_of(folder, choice.folder.metadata)
        return self._places.data_dir_url is not None and table.is_relative_to(folder)

    def _key(self, choice: DataChoice) -> str:
        """Of the objects' names and contents, and of how they are read."""
        size = choice.image_size or loading.DEFAULT_FOLDER_SIZE
        asked = [_FORMAT, self._listing, size, choice.attributes, asdict(choice.folder)]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


def _choice_of(spec: DatasetSpec) -> DataChoice:
    assert spec.folder is not None
    names = tuple(attribute.name for attribute in spec.attributes)
    return DataChoice(IMAGE_FOLDER, spec.image_shape[0], names, spec.folder)
