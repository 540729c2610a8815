"""The image's recipe against what it names; scripts/checks/container.sh builds and runs it."""

from __future__ import annotations

import re

import pytest

import trainer
from tests.command import ROOT, run_forked

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, str]:
    """A lock file's lines that name a version, without their hashes."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)(==.*) \\$", text, re.MULTILINE))


def test_the_label_says_the_trainer_s_version():
    assert f'image.version="{trainer.__version__}"' in DOCKERFILE


def test_all_that_is_copied_is_let_through_and_nothing_else():
    copied = {
        name
        for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for name in sources.split()
    }
    copied = copied - {"${LOCK}"} | {"requirements.lock", "requirements-cuda.lock"}

    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.parametrize("lock", ["requirements-cuda.lock", "requirements-dev.lock"])
def test_images_and_tests_have_the_versions_of_requirements_lock(lock):
    assert pins("requirements.lock").items() <= pins(lock).items()


def test_only_the_cuda_image_has_nvidia_s_libraries():
    nvidia = {name for name in pins("requirements-cuda.lock") if name.startswith("nvidia-")}

    assert {"nvidia-cudnn-cu12", "nvidia-nccl-cu12"} <= nvidia
    assert not nvidia & pins("requirements.lock").keys()


def test_what_the_check_looks_for_in_the_help_is_there():
    check = (ROOT / "scripts/checks/container.sh").read_text(encoding="utf-8")
    (pattern,) = re.findall(r'grep --quiet "(.*)" "\$work/help"', check)
    assert re.search(pattern, run_forked("--help").stdout, re.MULTILINE)
