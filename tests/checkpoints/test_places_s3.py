"""A real object store: an S3-compatible server of this test, spoken to through fsspec and s3fs."""

import shutil
import uuid

import pytest
import torch

from autofix_nb.checkpoints import Store
from autofix_nb.checkpoints.copies import Copies
from autofix_nb.checkpoints.mirror import Mirror
from autofix_nb.checkpoints.newest import newest_of
from autofix_nb.checkpoints.places import Remote
from autofix_nb.errors import StoreError
from tests.checkpoints.standins import Faulty, Run, fresh_machine

pytestmark = [
    pytest.mark.slow,
    # Of the server's and the client's packages, not of ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def libraries():
    """Return moto's server and s3fs; without them there is nothing to test against."""
    server = pytest.importorskip("moto.server", reason="needs `moto[server]`, of the extra `test`")
    return server, pytest.importorskip("s3fs", reason="needs `s3fs`, of the extra `test`")


class Server:
    """An object store that can be switched off and on again, at one address."""

    def __init__(self, kind, port=0):
        self.kind = kind
        self.start(port)

    def start(self, port):
        self.server = self.kind(ip_address="127.0.0.1", port=port, verbose=False)
        self.server.start()
        self.port = self.server.get_host_and_port()[1]

    def stop(self):
        self.server.stop()


@pytest.fixture
def server(libraries, monkeypatch):
    """Return a running store with a bucket, found by the environment variables that people use."""
    moto, s3fs = libraries
    made = Server(moto.ThreadedMotoServer)
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{made.port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    made.bucket = f"runs-{uuid.uuid4()}"  # what a server was given outlives it, in this process
    s3fs.S3FileSystem().mkdir(made.bucket)
    yield made
    s3fs.S3FileSystem.clear_instance_cache()
    made.stop()


@pytest.fixture
def place(server):
    return Remote(f"s3://{server.bucket}/mine", {"config_kwargs": {"connect_timeout": 2, "read_timeout": 5}})


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "here" / "leaves")


def newest_there(run, place, tmp_path):
    """Return the step that a machine gets which has nothing."""
    folder = fresh_machine(run, tmp_path)
    answer = newest_of(Copies(place, folder), lambda _: None)
    assert Store(folder / "checkpoints", writable=False).newest().step == answer.checkpoint.step
    shutil.rmtree(folder)
    return answer.checkpoint.step


def test_a_run_goes_there_and_comes_back(run, place, tmp_path):
    """Pieces, manifests, small files; the last two stay."""
    made = run.copies(place)
    for step in (1, 2, 3):
        made.carry(run.save(step), run.folder / "checkpoints")

    assert 3 == newest_there(run, place, tmp_path)
    assert [3, 2] == [one.step for one in Copies(place, run.folder).checkpoints().values()]
    assert "leaves/run.json" in place.sizes("leaves")


def test_a_piece_of_many_parts(run, place, tmp_path):
    """What is larger than one upload holds is sent in parts, and comes back as it was."""
    big = {"step": 1, "weights": torch.arange(18_000_000, dtype=torch.float32)}
    checkpoint = run.store.save({"state": big}, {"step": 1})
    assert checkpoint.pieces["state"].bytes > 60 * 2**20

    run.carry(place, checkpoint)

    assert 1 == newest_there(run, place, tmp_path)


@pytest.mark.parametrize("fault", ["short", "changed", OSError(5, "Input/output error"), OSError(107, "gone")])
def test_what_goes_wrong_is_tried_again_until_it_is_there(run, place, tmp_path, fault):
    """A cut upload, a flipped byte, an error: the copy before stays whole, the next attempt brings the new one."""
    run.carry(place, run.save(1))
    pauses = []
    made = Mirror(run.copies(Faulty(place, None, fault)), clock=lambda: sum(pauses), wait=lambda _, s: pauses.append(s))
    made.offer(run.save(2))

    while not made.flush(60):
        assert newest_there(run, place, tmp_path) in (1, 2)

    assert ["mirror failed", "mirrored"] == [event.kind for event in made.events()]
    assert 2 == newest_there(run, place, tmp_path)


def test_a_store_that_is_switched_off_and_on_again(run, place, server, tmp_path):
    """Meanwhile the training goes on and saves; what was saved last gets there."""
    pauses = []
    made = Mirror(run.copies(place), clock=lambda: sum(pauses), wait=lambda _, s: pauses.append(s))
    made.offer(run.save(1))
    assert made.flush(60)
    server.stop()
    made.offer(run.save(2))
    assert not made.flush(60)
    assert made.events()[-1].why
    with pytest.raises(StoreError, match="cannot be read"):
        newest_of(Copies(place, fresh_machine(run, tmp_path)), lambda _: None)
    server.start(server.port)

    while not made.flush(60):
        pass

    assert 2 == newest_there(run, place, tmp_path)


def test_another_run_of_the_name_makes_way(run, place, tmp_path):
    """Object stores know no folders: it is copied under another name, and only then deleted."""
    other = Run(tmp_path / "elsewhere" / "leaves", begun=1.6e9)
    other.carry(place, other.save(7))

    run.carry(place, run.save(1))

    assert 1 == newest_there(run, place, tmp_path)
    assert [name for name in place.sizes("leaves.before-1") if "state-00000007" in name]
