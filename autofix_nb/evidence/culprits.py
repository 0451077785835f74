"""Which transform, line of source or number in the data set gives images the size that they have."""

import ast
import re
from typing import Any

from autofix_nb.evidence.input_size import WantedSize
from autofix_nb.evidence.transforms import lines_of_source, numbers_of, steps_of


def size_culprit(
    loader: Any, side: str, given: tuple[int, int], wanted: WantedSize
) -> tuple[list[str], str, tuple[str, ...]]:
    """Return where the size comes from, the line that mends it, and lines of evidence."""
    steps = steps_of(loader, side)
    sized = [step for step in steps if step.size]
    fitting = [step for step in sized if step.size in (given, (given[0],)) or step.size == (min(given),)]
    lines = lines_of_source(loader, steps, given[0])
    numbers = numbers_of(loader, side, given[0])
    evidence = [*(f"your code: {line}" for line in lines), *(f"the data set holds {number}" for number in numbers)]
    height, width = wanted.height, wanted.width
    if sized:
        step = (fitting or sized)[-1]
        return (
            [f"{step.path}: {step.said}", *lines],
            f"{step.with_size(height, width)}  # instead of {step.said}",
            (*evidence, f"transforms: {', '.join(one.said for one in steps)}"),
        )
    if lines:
        line = lines[0].partition(": ")[2]
        mended = re.sub(rf"(?<![\w.]){given[0]}(?![\w.])", str(height), line)
        return lines, f"{'' if _stands_alone(mended) else '# '}{mended}  # instead of {given[0]}", tuple(evidence)
    if numbers:
        return numbers, f"{numbers[0].split(' = ')[0]} = {height}", tuple(evidence)
    return [], f"transforms.Resize(({height}, {width}))  # last of the resizing in your transform", ()


def _stands_alone(line: str) -> bool:
    """Tell whether a line of somebody's source can be typed as it stands, or is a part of something longer."""
    try:
        ast.parse(line)
    except SyntaxError:
        return False
    return True
