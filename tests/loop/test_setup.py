"""What does not fit is said before training starts, in words that name it and the way out."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.errors import AutofixError, ConfigurationError, DataError, ModelError, StoreError
from autofix_nb.loop.setup import choose_goal, choose_name
from tests.cases import mlp, small_loader


def model():
    return mlp(4, 3, 8)


def loader_with(targets, outputs=3, rows=16):
    return DataLoader(TensorDataset(torch.randn(rows, 4), targets), batch_size=8)


class Names(torch.utils.data.Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        return torch.randn(4), ["cat", "dog"][index % 2]


CASES = [
    pytest.param(
        lambda: (model(), DataLoader(Names(), batch_size=8), {}),
        DataError,
        r"`targets` are a (list|tuple) of str, wanted a tensor: class numbers",
        id="targets-are-names",
    ),
    pytest.param(
        lambda: (model(), loader_with(torch.rand(16)), {"loss": nn.CrossEntropyLoss()}),
        DataError,
        r"`loss` \(CrossEntropyLoss\) does not take outputs \(8, 3\) float32 with targets \(8,\) float32",
        id="targets-of-the-wrong-type",
    ),
    pytest.param(
        lambda: (model(), loader_with(torch.rand(16)), {}),
        DataError,
        r"`loss` cannot be chosen for outputs \(8, 3\), targets \(8,\) float32",
        id="targets-that-fit-no-loss",
    ),
    pytest.param(
        lambda: (model(), loader_with(torch.tensor([0, 1, 2, 3] * 4)), {"allow": {"data"}}),
        DataError,
        r"`targets` hold label 3, the model has 3 outputs, so wanted 0 to 2: labels must count from 0",
        id="labels-count-from-one",
    ),
    pytest.param(
        lambda: (model(), loader_with(torch.tensor([0] * 15 + [7])), {"loss": nn.CrossEntropyLoss()}),
        DataError,
        r"`targets` hold label 7, the model has 3 outputs, so wanted 0 to 2: give the model more outputs",
        id="one-label-out-of-range-in-the-last-batch",
    ),
    pytest.param(
        lambda: (model(), loader_with(torch.tensor([-1, 1] * 8)), {}),
        DataError,
        r"`targets` hold label -1",
        id="negative-label",
    ),
    pytest.param(
        lambda: (model(), DataLoader(TensorDataset(torch.empty(0, 4), torch.empty(0).long())), {}),
        DataError,
        r"`train` is empty: wanted at least one batch",
        id="empty-loader",
    ),
    pytest.param(
        lambda: (model(), small_loader(rows=6, batch_size=8, drop_last=True), {}),
        DataError,
        r"`train` has 6 samples but no batch: `drop_last=True` with `batch_size=8`",
        id="drop-last-drops-all",
    ),
    pytest.param(lambda: (model(), [], {}), DataError, r"`train` is empty", id="empty-list"),
    pytest.param(
        lambda: (model(), small_loader(), {"epochs": 0}),
        ConfigurationError,
        r"`epochs` must be a whole number of at least 1, got 0",
        id="no-epochs",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"epochs": 2.5}), ConfigurationError, r"`epochs`.*got 2.5", id="half-an-epoch"
    ),
    pytest.param(
        lambda: (nn.ReLU(), small_loader(), {}),
        ModelError,
        r"`model` \(ReLU\) has no parameters, so there is nothing to train",
        id="model-without-parameters",
    ),
    pytest.param(
        lambda: (model().requires_grad_(False), small_loader(), {}),
        ModelError,
        r"all 4 parameters are frozen",
        id="frozen-model",
    ),
    pytest.param(lambda: (print, small_loader(), {}), ModelError, r"wanted a `torch.nn.Module`", id="no-module"),
    pytest.param(
        lambda: (nn.LazyLinear(3), small_loader(), {}), ModelError, r"lazy layers without a shape yet", id="lazy-layers"
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"optimizer": torch.optim.Adam(model().parameters())}),
        ConfigurationError,
        r"`optimizer` \(Adam\) holds 4 parameters, none of them the model's; make it after the model",
        id="optimizer-of-another-model",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"optimizer": "adamm"}),
        ConfigurationError,
        r"`optimizer` must be .* got 'adamm'",
        id="unknown-optimizer",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"optimizer": torch.optim.LBFGS}),
        ConfigurationError,
        r"LBFGS runs the model several times",
        id="lbfgs",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"lr": -1}), ConfigurationError, r"`lr` must be .* got -1", id="bad-rate"
    ),
    pytest.param(
        lambda: (lambda m: (m, small_loader(), {"optimizer": torch.optim.SGD(m.parameters(), lr=0.1), "lr": 0.2}))(
            model()
        ),
        ConfigurationError,
        r"`lr=0.2` is given beside an `optimizer` that has its own rate",
        id="two-rates",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"loss": nn.CrossEntropyLoss}),
        ConfigurationError,
        r"`loss` is the class CrossEntropyLoss, wanted one of it: `CrossEntropyLoss\(\)`",
        id="loss-class",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"loss": nn.CrossEntropyLoss(), "step": lambda m, b: 0}),
        ConfigurationError,
        r"`loss` and `step` are both given",
        id="loss-and-step",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"autofix": "yes"}), ConfigurationError, r"`autofix` must be", id="bad-mode"
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"allow": {"weather"}}),
        ConfigurationError,
        r"`allow` must be",
        id="bad-leave",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"name": "../elsewhere"}),
        ConfigurationError,
        r"`name` must be",
        id="path-as-name",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"device": "tpu9"}),
        ConfigurationError,
        r"`device='tpu9'`",
        id="no-such-device",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"precision": "int8"}),
        ConfigurationError,
        r"`precision` must be",
        id="precision",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"seed": "abc"}), ConfigurationError, r"`seed` must be", id="seed-of-letters"
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"accumulate": 0}),
        ConfigurationError,
        r"`accumulate` must be",
        id="accumulate",
    ),
    pytest.param(lambda: (model(), small_loader(), {"show": "loud"}), ConfigurationError, r"`show` must be", id="show"),
    pytest.param(
        lambda: (model(), (batch for batch in small_loader()), {}),
        ConfigurationError,
        r"which can be read once only",
        id="generator",
    ),
    pytest.param(
        lambda: (model(), DataLoader(TensorDataset(torch.randn(16, 4)), batch_size=8), {}),
        DataError,
        r"batches of one (list|tuple), without targets",
        id="no-targets",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"scheduler": "cosine"}),
        ConfigurationError,
        r"`scheduler` is a str",
        id="scheduler",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"metrics": ["f1"]}),
        ConfigurationError,
        r"`metrics` must be a dict",
        id="metrics",
    ),
]

CASES += [
    pytest.param(
        lambda: (model(), small_loader(), {"goal": "acuracy", "metrics": {}}),
        ConfigurationError,
        r"`goal` names 'val/acuracy', which is not measured; there are \['val/loss'\]",
        id="misspelt-goal",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"goal": "accuracy"}),
        ConfigurationError,
        r"`val` is None",
        id="goal-without-val",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"goal": ("a", "b", "c"), "metrics": {}}),
        ConfigurationError,
        r"`goal` must be a name",
        id="goal-of-three",
    ),
    pytest.param(
        lambda: (model(), small_loader(), {"scheduler": torch.optim.lr_scheduler.StepLR}),
        ConfigurationError,
        r"`scheduler` is the class StepLR",
        id="scheduler-class",
    ),
    pytest.param(
        lambda: (
            model(),
            small_loader(),
            {
                "optimizer": "sgd",
                "lr": 0.1,
                "epochs": 3,
                "scheduler": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1.0, 20),
            },
        ),
        ConfigurationError,
        r"OneCycleLR has `total_steps=20`, the training has 24 \(3 epochs of 8\)",
        id="one-cycle-too-short",
    ),
]


def test_validation_data_are_checked_under_their_own_name(fit):
    """Before training, not after its first epoch."""
    with pytest.raises(ConfigurationError, match=r"`val` is a generator"):
        fit(model(), small_loader(), (batch for batch in small_loader()), epochs=1)


@pytest.mark.parametrize(("make", "kind", "text"), CASES)
def test_what_does_not_fit_is_said_before_training(fit, tmp_path, make, kind, text):
    """The right error with the right words, no weight changed, and no run begun."""
    what, train, options = make()
    before = (
        [part.clone() for part in what.parameters()]
        if isinstance(what, nn.Module) and "Lazy" not in str(type(what))
        else []
    )

    with pytest.raises(kind, match=text) as caught:
        fit(what, train, small_loader() if "metrics" in options else None, **({"epochs": 1} | options))

    assert isinstance(caught.value, AutofixError)
    assert all(torch.equal(old, new) for old, new in zip(before, what.parameters() if before else (), strict=True))
    assert not list((tmp_path / "run").glob("checkpoints/*.json"))


def test_weights_that_are_nan_to_begin_with_are_said(fit):
    """A model left over from a training that went wrong cannot be rolled back to anything."""
    spoiled = model()
    with torch.no_grad():
        spoiled[0].weight[1, 2] = float("nan")

    with pytest.raises(
        ModelError, match=r"`model`: weight 0.weight is not finite before the first step.*make the model anew"
    ):
        fit(spoiled, small_loader(), epochs=1)


def test_an_unwritable_folder_is_said_before_training(fit, tmp_path):
    """A file where the folder should be: cannot be written, whoever one is."""
    (tmp_path / "taken").write_text("")

    with pytest.raises(StoreError, match=r"`store`: .*taken.* cannot be written .*Give another one with `store=`"):
        fit(model(), small_loader(), epochs=1, store=tmp_path / "taken")


def test_a_rejected_call_leaves_no_sigint_handler_behind(fit):
    """An error before training must not take the stop button away from the user."""
    import signal

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(DataError):
        fit(model(), [], epochs=1)

    assert before is signal.getsignal(signal.SIGINT)


@pytest.mark.parametrize(
    ("goal", "metrics", "expected"),
    [
        (None, {}, ("val/loss", "min")),
        (None, {"f1": abs}, ("val/f1", "max")),
        ("rmse", {}, ("val/rmse", "min")),
        ("val/accuracy", {}, ("val/accuracy", "max")),
        (("shd", "min"), {}, ("val/shd", "min")),
    ],
)
def test_goal(goal, metrics, expected):
    """A name, with a direction where the name does not tell."""
    assert expected == choose_goal(goal, metrics)


def test_default_name_tells_model_and_data():
    """Two different trainings in one notebook do not meet in one folder."""
    assert "Sequential-TensorDataset-64" == choose_name(None, model(), small_loader())


@pytest.mark.parametrize("optimizer", [None, "sgd", torch.optim.RMSprop])
def test_optimizers_are_made_by_name_class_or_default(fit, optimizer):
    """AdamW at 1e-3 is the stated default."""
    run = fit(model(), small_loader(), epochs=1, optimizer=optimizer, lr=None if optimizer is None else 0.01)

    assert (1e-3 if optimizer is None else 0.01) == run.history.last("lr")
    assert any("Optimizer" in sentence for sentence in run.report().to_dict()["told"])


def test_public_names_are_importable():
    """What the README uses is there."""
    assert {"fit", "Guard", "batches", "open_run", "Run", "environment"} <= set(af.__all__)
