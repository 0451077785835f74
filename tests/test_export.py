"""`af.export`: weights alone in one file, bit for bit, with what must be known of them."""

import pickle

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.errors import ConfigurationError, ModelError, StoreError
from autofix_nb.export import read_exported
from tests.cases import same_weights
from tests.test_loading import answer, fresh, trained

pytestmark = pytest.mark.usefixtures("fast_reports")

ENDINGS = ["model.safetensors", "model.pt"]


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A run whose model was changed after the first epoch, and was best in the last one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autofix_nb.report.to_png", lambda *args: None)
        return trained(tmp_path_factory.mktemp("runs"), "insert_norm")


def tied():
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 6))
    model[2].weight = model[0].weight
    return model


def fit(model, folder, **options):
    data = TensorDataset(torch.randn(24, 6), torch.arange(24) % 6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    usual = {"optimizer": optimizer, "store": folder, "name": "plain", "show": "none", "preflight": False}
    return af.fit(model, DataLoader(data, batch_size=8), epochs=1, **(usual | options))


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("which", ["best", "last"])
def test_what_is_exported_is_what_the_run_has_bit_for_bit(changed, tmp_path, name, which):
    """A model of the user's own class, given the file alone, answers as the trained one."""
    run, rows = changed
    path = af.export(run.folder, tmp_path / "new" / name, which)
    model = af.load(fresh(), path, show="none")
    taken = read_exported(path)

    assert same_weights(run.best_weights if which == "best" else run.last_weights, dict(taken.weights))
    assert torch.equal(answer(af.load(fresh(), run, which, show="none"), rows), answer(model, rows))
    assert (3, "val/goal", 1.0) == (taken.epoch, taken.goal_name, taken.goal)
    assert ["insert_norm"] == [change.fix for change in taken.changes]
    assert "changed by insert_norm" in str(taken)
    assert [name] == [file.name for file in path.parent.iterdir()]


def test_safetensors_say_of_themselves_where_they_come_from(changed, tmp_path):
    """Run, epoch, goal and changes stand in the header, as text, for any other program."""
    from safetensors import safe_open

    path = af.export(changed[0], tmp_path / "model.safetensors")
    with safe_open(path, "pt") as file:
        about = file.metadata()

    assert ("insert_norm", "3", "val/goal", "1.0") == tuple(about[key] for key in ("run", "epoch", "goal_name", "goal"))
    assert "Sequential" == about["model"]
    assert about["changed"].startswith("insert_norm: ")
    assert about["made_by"].startswith("autofix_nb")
    assert "pt" == about["format"]


def test_a_pt_file_is_a_state_dict_and_no_pickle_of_anything_else(tmp_path):
    """`model.load_state_dict(torch.load(file, weights_only=True))` takes it as it is, versions of modules included."""
    run = fit(tied(), tmp_path)
    weights = torch.load(af.export(run, tmp_path / "model.pt"), weights_only=True)

    model = tied()
    model.load_state_dict(weights)
    assert same_weights(run.last_weights, model.state_dict())
    assert 2 == weights._metadata["1"]["version"]
    assert "plain" == weights.autofix_nb["run"]


@pytest.mark.parametrize("name", ENDINGS)
def test_weights_that_share_memory_are_there_under_all_their_names(tmp_path, name):
    """Tied weights are written twice, and loaded into tied ones."""
    run = fit(tied(), tmp_path)
    path = af.export(run, tmp_path / name)
    model = af.load(tied(), path, show="none")

    assert model[0].weight is model[2].weight
    assert same_weights(run.last_weights, model.state_dict())


def test_all_kinds_of_numbers_come_back(tmp_path):
    """Half precision, whole numbers, yes or no, and tensors without a shape or without a row."""
    model = nn.Sequential(nn.Linear(6, 6))
    kinds = (torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.uint8, torch.bool)
    for number, kind in enumerate(kinds):
        model.register_buffer(f"of_kind_{number}", torch.tensor([[1, 0], [0, 1]]).to(kind).t())
    model.register_buffer("single", torch.tensor(2.5))
    model.register_buffer("empty", torch.zeros(0, 3))
    run = fit(model, tmp_path)

    for name in ENDINGS:
        weights = dict(read_exported(af.export(run, tmp_path / name)).weights)
        assert same_weights(run.last_weights, weights)
        assert [part.dtype for part in run.last_weights.values()] == [weights[key].dtype for key in run.last_weights]


def test_what_safetensors_cannot_hold_is_refused_with_the_way_out(tmp_path):
    """Complex matrices of a sparse kind, and state that is no tensor."""

    class Extra(nn.Linear):
        def get_extra_state(self):
            return {"calls": 3}

        def set_extra_state(self, state):
            pass

    run = fit(nn.Sequential(Extra(6, 6)), tmp_path)

    with pytest.raises(ConfigurationError, match=r"'0._extra_state' is no tensor.*ends in `.pt`"):
        af.export(run, tmp_path / "model.safetensors")
    assert {"calls": 3} == torch.load(af.export(run, tmp_path / "model.pt"), weights_only=True)["0._extra_state"]
    assert not (tmp_path / "model.safetensors").exists()


def test_without_the_package_the_error_says_what_to_install(changed, tmp_path, monkeypatch):
    """And that `.pt` needs none."""
    monkeypatch.setitem(__import__("sys").modules, "safetensors.torch", None)

    with pytest.raises(ImportError, match=r"pip install safetensors`.*`.pt`"):
        af.export(changed[0], tmp_path / "model.safetensors")
    assert af.export(changed[0], tmp_path / "model.pt").exists()


@pytest.mark.parametrize("name", ENDINGS)
def test_a_disk_that_refuses_leaves_the_older_file(changed, tmp_path, monkeypatch, name):
    """Written under another name first; nothing half-written stays."""
    path = af.export(changed[0], tmp_path / name)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        af.export(changed[0], path, "last")

    assert before == path.read_bytes()
    assert [name] == [file.name for file in tmp_path.iterdir()]


def test_wrong_names_and_runs_are_refused(changed, tmp_path):
    """Before anything is written."""
    for wrong in ("model.onnx", "model", "model.pt.gz"):
        with pytest.raises(ConfigurationError, match=r"must end in .safetensors or .pt"):
            af.export(changed[0], tmp_path / wrong)
    (tmp_path / "folder.pt").mkdir()
    with pytest.raises(ConfigurationError, match="is a folder"):
        af.export(changed[0], tmp_path / "folder.pt")
    with pytest.raises(ConfigurationError, match="`which` must be 'best' or 'last'"):
        af.export(changed[0], tmp_path / "model.pt", "first")
    with pytest.raises(ConfigurationError, match="wanted what `fit` returned"):
        af.export(3, tmp_path / "model.pt")
    with pytest.raises(StoreError, match="is not that of a run"):
        af.export(tmp_path, tmp_path / "model.pt")
    assert ["folder.pt"] == [file.name for file in tmp_path.iterdir()]


def test_a_file_of_somebody_else_is_read_and_never_run(tmp_path):
    """A pickle that would call something, a state dict without a word on its run, damage: each with words."""

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil()))
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pt")
    (tmp_path / "cut.safetensors").write_bytes(b"\xff" * 30)

    for name, says in (
        ("evil.pt", "cannot be read"),
        ("other.pt", "was not written by"),
        ("cut.safetensors", "cannot"),
    ):
        with pytest.raises(StoreError, match=says):
            af.load(fresh(), tmp_path / name, show="none")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ENDINGS)
def test_a_model_that_does_not_fit_the_file_stays_as_it_was(changed, tmp_path, name):
    """As with a run's folder."""
    path = af.export(changed[0], tmp_path / name)
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    before = {key: part.clone() for key, part in model.state_dict().items()}

    with pytest.raises(ModelError, match=r"`model`"):
        af.load(model, path, show="none")
    assert same_weights(before, model.state_dict())


def test_loading_says_which_epoch_and_goal_it_took(changed, capsys):
    """The best and the last are told apart, and where there was no goal the last ones are it."""
    af.load(fresh(), changed[0], "last")
    af.load(fresh(), changed[0])

    said = capsys.readouterr().out.splitlines()
    assert "Loaded the last weights of run 'insert_norm': epoch 3, val/goal 1; changed by insert_norm." == said[0]
    assert said[1].startswith("Loaded the best weights of run 'insert_norm': epoch 3, val/goal 1")
