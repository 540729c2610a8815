"""The flags of `studio`, and the way from them to its configuration."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from trainer.configuration import (
    data_flag_definitions,
    data_flags,
    flag_definitions,
    parsing,
    paths,
)
from trainer.configuration.flag_groups import Group
from trainer.configuration.studio import StudioConfig
from trainer.system.exits import RefusedError

LOCALHOST = "127.0.0.1"


def define(values: flags.FlagValues) -> None:
    """The flags of `studio`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    page = Group(values, "page")
    text = (
        f"The address that it listens on. Any other than {LOCALHOST} lets others in, without a "
        "password."
    )
    page.text("host", LOCALHOST, text)
    page.integer("port", 7860, "The port; 0: any free one.", 0, 65535)
    data_flag_definitions.define_place(Group(values, "data (the test pictures that it offers)"))


def studio(argv: Sequence[str]) -> StudioConfig:
    """The configuration of `studio`.

    Raises:
      RefusedError: flags are wrong.
    """
    values = parsing.parse(argv, define)
    job_dir, job_dir_url = paths.job_dir(values.job_dir)
    host = values.host.strip()
    if not host or not host.isascii() or any(sign in host for sign in "/ \n\t@"):
        raise RefusedError(
            f"--host={values.host} is not an address: {LOCALHOST} is this machine alone"
        )
    return StudioConfig(
        job_dir=job_dir,
        places=data_flags.places(values),
        checkpoint=paths.checkpoint(values.checkpoint),
        host=host,
        port=values.port,
        job_dir_url=job_dir_url,
    )
