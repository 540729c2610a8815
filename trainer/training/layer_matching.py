"""Which layers of a network fit into another one.

Layers are taken whole. Numbered ones (`up2`, `down3`) stand at some number of halvings of an image:
where the two networks have another number of them, a layer is looked for first at the same side in
pixels, then at the same distance from the image, where networks that widen towards their coarse end
keep their shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

Shapes = Mapping[str, tuple[int, ...]]  # path of a weight -> its shape

_NUMBERED = re.compile(r"([a-z_]+?)(\d+)")  # at the start of a layer's name


def matches(wanted: Shapes, there: Shapes, numbers_from_image: bool) -> dict[str, str]:
    """Which weights of a network can be taken from another one.

    Args:
      wanted: the weights of the network.
      there: those of the other.
      numbers_from_image: whether layers are numbered from the image, as a discriminator's are,
        or from the coarse end, as those of a generator or of networks that grow.

    Returns:
      Paths in the other network, by those in this one.
    """
    last, last_there = _last_numbers(wanted), _last_numbers(there)
    groups: dict[str, list[str]] = {}
    for path in wanted:
        groups.setdefault(_group(path), []).append(path)
    found: dict[str, str] = {}
    for group, paths in groups.items():
        for other in _candidates(group, last, last_there, numbers_from_image):
            renamed = {path: other + path.removeprefix(group) for path in paths}
            if all(there.get(old) == wanted[new] for new, old in renamed.items()):
                found |= renamed
                break
    return found


def _candidates(
    group: str, last: Mapping[str, int], last_there: Mapping[str, int], numbers_from_image: bool
) -> Iterator[str]:
    """The names under which a group of layers may stand in the other network, the best first."""
    numbered = _NUMBERED.fullmatch(group)
    if not numbered or numbered[1] not in last_there:
        yield group
        return
    name, number = numbered[1], int(numbered[2])
    from_its_start, from_its_end = number, number + last_there[name] - last[name]
    # Sides in pixels are the same at the same number from the coarse end: that one first.
    both = (from_its_end, from_its_start) if numbers_from_image else (from_its_start, from_its_end)
    yield from (f"{name}{each}" for each in dict.fromkeys(both))


def _group(path: str) -> str:
    """What is taken together: a layer, or all of a number, as `up1` and `up1_normalisation`."""
    numbered = _NUMBERED.match(path)
    return numbered[0] if numbered else path.partition("/")[0]


def _last_numbers(paths: Iterable[str]) -> dict[str, int]:
    """By the name before the number."""
    last: dict[str, int] = {}
    for path in paths:
        if numbered := _NUMBERED.match(path):
            last[numbered[1]] = max(int(numbered[2]), last.get(numbered[1], 0))
    return last
