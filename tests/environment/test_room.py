"""Memory, shared memory and disk, also in a container."""

import pytest

from autofix_nb.environment.room import disk_free, memory_available, shared_memory, size_text

KILOBYTE = 1024


def write(root, files: dict[str, str]) -> None:
    """Write the files that a system shows."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.mark.parametrize(
    ("expected", "files"),
    [
        pytest.param(1000 * KILOBYTE, {}, id="no-container"),
        pytest.param(
            300,
            {"sys/fs/cgroup/memory.max": "900", "sys/fs/cgroup/memory.current": "600"},
            id="container",
        ),
        pytest.param(
            500,
            {
                "sys/fs/cgroup/memory.max": "900",
                "sys/fs/cgroup/memory.current": "600",
                "sys/fs/cgroup/memory.stat": "anon 400\ninactive_file 200\n",
            },
            id="what-is-cached-can-be-had",
        ),
        pytest.param(
            1000 * KILOBYTE,
            {"sys/fs/cgroup/memory.max": "max", "sys/fs/cgroup/memory.current": "600"},
            id="container-without-a-limit",
        ),
        pytest.param(
            100,
            {
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/memory.max": "700",
                "sys/fs/cgroup/job/memory.current": "600",
                "sys/fs/cgroup/job/step/memory.max": "max",
                "sys/fs/cgroup/job/step/memory.current": "600",
            },
            id="the-group-above",
        ),
        pytest.param(
            50,
            {
                "proc/self/cgroup": "4:memory:/own\n0::/\n",
                "sys/fs/cgroup/memory/own/memory.limit_in_bytes": "650",
                "sys/fs/cgroup/memory/own/memory.usage_in_bytes": "600",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "600",
            },
            id="the-first-version-of-groups",
        ),
        pytest.param(
            0, {"sys/fs/cgroup/memory.max": "900", "sys/fs/cgroup/memory.current": "950"}, id="never-below-nothing"
        ),
    ],
)
def test_memory_available(expected, files, tmp_path):
    """What the system has, and no more than the container is left."""
    write(tmp_path, {"proc/meminfo": "MemTotal: 2000 kB\nMemAvailable:   1000 kB\n"} | files)

    assert expected == memory_available(tmp_path)


def test_a_system_that_tells_nothing(tmp_path):
    """Then nothing is known."""
    assert memory_available(tmp_path) is None
    assert shared_memory(tmp_path / "shm") is None


def test_the_disk_of_a_folder_that_is_to_be_made(tmp_path):
    """It will lie on the disk of the one above."""
    assert disk_free(tmp_path / "runs" / "mine") > 0


@pytest.mark.parametrize(
    ("expected", "count"), [("300 kB", 300 * 2**10), ("1.5 GB", 1.5 * 2**30), ("64 MB", 2**26), ("1.0 TB", 2**40)]
)
def test_size_text(expected, count):
    """In the unit that reads best."""
    assert expected == size_text(count)
