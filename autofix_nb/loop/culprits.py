"""Finds the rows of a batch that make a step fail, by halving."""

from collections.abc import Callable


def find_culprits(fails: Callable[[list[int]], bool], rows: int) -> list[int]:
    """Return the rows that fail alone, in order; empty when only some rows *together* fail.

    `fails(part)` tells whether a step on these rows fails. Asked about 2 log2(rows) times for one culprit, at most
    2 rows - 1 times.
    """

    def search(part: list[int]) -> list[int]:
        if not fails(part):
            return []
        if len(part) == 1:
            return part
        middle = len(part) // 2
        return search(part[:middle]) + search(part[middle:])

    return search(list(range(rows)))


def fill_up(part: list[int], rows: int) -> list[int]:
    """Repeat `part` until it has `rows` entries.

    A question is asked of a full batch: batch norm cannot take a single row, some models know one batch size only.
    """
    return [part[place % len(part)] for place in range(max(rows, len(part)))]
