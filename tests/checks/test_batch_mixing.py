"""BatchMixing: rows that depend on their company, and outputs that depend on chance."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.checks.batch_mixing import BatchMixing
from autofix_nb.finding import Severity
from tests.cases import ConvNet, Lstm, digits_loaders, mlp
from tests.checks.subjects import answer_of, subject, why_not

CHECK = BatchMixing()
LABELS = torch.arange(8) % 3


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


class Made(nn.Module):
    """A model whose forward pass is a function."""

    def __init__(self, forward, **parts):
        super().__init__()
        self._how = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, rows):
        return self._how(self, rows)


def recurrent(kind, **options):
    return Made(
        lambda net, rows: net.head(net.body(rows)[0][:, -1]), body=kind(8, 16, **options), head=nn.Linear(16, 3)
    )


def attention(**options):
    body = nn.MultiheadAttention(8, 2, **options)
    return Made(lambda net, rows: net.head(net.body(rows, rows, rows)[0].mean(1)), body=body, head=nn.Linear(8, 3))


def encoder(**options):
    body = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, **options), 1, enable_nested_tensor=False)
    return Made(lambda net, rows: net.head(net.body(rows).mean(1)), body=body, head=nn.Linear(8, 3))


def before(function):
    return Made(lambda net, rows: net.body(function(rows)), body=mlp(4, 3))


def asked(model, inputs, **options):
    torch.manual_seed(0)
    return answer_of(CHECK, subject(model, [(inputs, LABELS)], **options))


TABLE, SEQUENCE = normal(8, 4), normal(8, 8, 8)


@pytest.mark.parametrize(
    ("model", "inputs", "says", "to_type"),
    [
        pytest.param(recurrent(nn.LSTM), SEQUENCE, "for time", "nn.LSTM(..., batch_first=True)", id="lstm"),
        pytest.param(
            recurrent(nn.GRU, bidirectional=False), SEQUENCE, "for time", "nn.GRU(..., batch_first=True)", id="gru"
        ),
        pytest.param(attention(), SEQUENCE, "for time", "nn.MultiheadAttention(..., batch_first=True)", id="attention"),
        pytest.param(
            encoder(), SEQUENCE, "for time", "nn.TransformerEncoderLayer(..., batch_first=True)", id="encoder"
        ),
        pytest.param(
            nn.Sequential(mlp(4, 3), nn.Softmax(0)), TABLE, "over dimension 0", "nn.Softmax(dim=1)", id="softmax"
        ),
        pytest.param(before(lambda x: x.softmax(0)), TABLE, "mixed by", "", id="softmax-of-inputs"),
        pytest.param(before(lambda x: x.reshape(x.shape[1], -1).T), TABLE, "mixed by", "", id="reshape"),
        pytest.param(before(lambda x: (x - x.mean(0)) / x.std(0)), TABLE, "mixed by", "", id="standardised-by-batch"),
        pytest.param(before(lambda x: x + x.flip(0)), TABLE, "mixed by", "", id="flipped"),
        pytest.param(before(lambda x: x + x.roll(1, 0)), TABLE, "mixed by", "", id="neighbour"),
        pytest.param(
            nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 3)),
            TABLE,
            "statistics of the batch in eval mode too",
            "nn.BatchNorm1d(8, track_running_stats=True)",
            id="batch-norm-without-statistics",
        ),
    ],
)
def test_rows_that_depend_on_others_are_found(model, inputs, says, to_type):
    """With the layer and the line to type where it is known."""
    finding = asked(model, inputs).findings[0]

    assert Severity.WARNING == finding.severity
    assert says in finding.says
    assert to_type == finding.to_type


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(functional.dropout, id="dropout-that-stays-on"),
        pytest.param(lambda rows: functional.alpha_dropout(rows, 0.5, True), id="alpha-dropout"),
        pytest.param(lambda rows: rows * (torch.rand(rows.shape) > 0.1), id="mask"),
        pytest.param(lambda rows: functional.dropout(rows + torch.randn_like(rows)), id="dropout-beside-noise"),
    ],
)
def test_what_is_random_in_eval_mode_is_found(noise):
    """Two runs, two answers; the place where it begins is named."""
    finding = asked(before(noise), TABLE).findings[0]

    assert Severity.WARNING == finding.severity
    assert "something random is not switched off" in finding.says
    assert ("body.0",) == finding.where


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(lambda rows: rows + torch.randn_like(rows), id="reparametrised"),
        pytest.param(lambda rows: torch.distributions.Normal(rows, 1.0).rsample(), id="distribution"),
        pytest.param(lambda rows: functional.gumbel_softmax(rows, dim=1), id="gumbel"),
        pytest.param(lambda rows: functional.dropout(rows + torch.randn_like(rows), training=False), id="dropout-off"),
    ],
)
def test_a_model_that_samples_is_worth_a_note_unless_it_predicts(noise):
    """A variational autoencoder draws its code in eval mode too; the class of a sample is not to be drawn."""

    class WithItsCode(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = before(noise)

        def forward(self, rows):
            return self.body(rows), rows

    made_up = asked(WithItsCode(), TABLE, loss=lambda outputs, targets: outputs[0].square().mean()).findings[0]
    predicted = asked(before(noise), TABLE).findings[0]

    assert Severity.NOTE == made_up.severity
    assert "as an autoencoder that samples does" in made_up.says
    assert Severity.WARNING == predicted.severity
    assert "no two evaluations agree" in predicted.says


def test_observers_for_quantisation_are_worth_a_note():
    """They follow the range of the batches until they are switched off, which the line to type does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantisation = torch.ao.quantization
        model = nn.Sequential(quantisation.QuantStub(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).train()
        model.qconfig = quantisation.get_default_qat_qconfig("fbgemm")
        quantisation.prepare_qat(model, inplace=True)
        found = asked(model, TABLE).findings

    assert [Severity.NOTE] == [finding.severity for finding in found]
    assert "disable_observer" in found[0].to_type


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        pytest.param(mlp(4, 3), TABLE, id="mlp"),
        pytest.param(recurrent(nn.LSTM, batch_first=True), SEQUENCE, id="lstm"),
        pytest.param(recurrent(nn.LSTM, batch_first=True, bidirectional=False, num_layers=2), SEQUENCE, id="layers"),
        pytest.param(
            Made(lambda net, rows: net.body(rows.transpose(0, 1))[0][-1], body=nn.GRU(8, 3)), SEQUENCE, id="transposed"
        ),
        pytest.param(attention(batch_first=True), SEQUENCE, id="attention"),
        pytest.param(encoder(batch_first=True), SEQUENCE, id="encoder"),
        pytest.param(
            nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3)), TABLE, id="norm"
        ),
        pytest.param(
            Made(lambda net, rows: {"logits": net.body(rows), "size": rows.mean()}, body=mlp(4, 3)), TABLE, id="dict"
        ),
        pytest.param(mlp(4, 3).bfloat16(), TABLE.bfloat16(), id="half-precision"),
    ],
)
def test_rows_that_stand_alone_are_left_alone(model, inputs):
    """Normalisation and dropout are off in eval mode."""
    answer = asked(model, inputs)

    assert () == answer.findings
    assert answer.says.startswith("4 rows")


@pytest.mark.parametrize("model", [ConvNet, Lstm])
def test_models_of_digits_are_left_alone(model):
    """Batch norm, dropout, recurrence."""
    assert () == answer_of(CHECK, subject(model(), *digits_loaders())).findings


@pytest.mark.parametrize(
    ("model", "batch", "options", "why"),
    [
        pytest.param(mlp(4, 3), (TABLE[:1], LABELS[:1]), {}, "1 row", id="one-row"),
        pytest.param(mlp(4, 3), (TABLE[:1].repeat(8, 1), LABELS), {}, "all alike", id="equal-rows"),
        pytest.param(before(torch.mean), (TABLE, LABELS), {}, "B06", id="raises"),
        pytest.param(Made(lambda net, x: net.body(x).mean(), body=mlp(4, 3)), (TABLE, LABELS), {}, "one entry a row"),
        pytest.param(mlp(4, 3), (TABLE, LABELS), {"step": lambda model, batch: 0}, "outputs are not seen", id="step"),
    ],
)
def test_where_it_cannot_be_asked(model, batch, options, why):
    """And says why."""
    assert why in why_not(CHECK, subject(model, [batch], **options))


@pytest.mark.parametrize(
    ("momentum", "said"),
    [
        pytest.param(0.0, "a mean of 0 and a variance of 1 for good", id="never-follows"),
        pytest.param(0.99, "hangs on the last batch alone", id="the-last-batch-alone"),
        pytest.param(0.1, "", id="usual"),
    ],
)
def test_batch_norms_whose_statistics_are_none_of_the_data_s(momentum, said):
    """What they will validate by is known before the first step."""
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16, momentum=momentum), nn.ReLU(), nn.Linear(16, 3))
    findings = answer_of(CHECK, subject(model, [(normal(8, 8), LABELS)])).findings

    assert bool(said) == bool(findings)
    assert not said or (said in findings[0].says and ("set_momentum",) == findings[0].fixes)


def test_rows_that_shapes_prove_to_be_mixed_are_found_where_outputs_do_not_show_it():
    """Padding at the end makes the last place the same for all rows, so that nothing of the others shows there."""
    rows = normal(8, 5, 8)
    rows[:, -1] = 0.0
    model = recurrent(nn.GRU)
    data = DataLoader(TensorDataset(rows, LABELS), batch_size=8)
    torch.manual_seed(0)
    (found,) = answer_of(CHECK, subject(model, data)).findings

    assert ("mend_forward",) == found.fixes
    assert "`body` gets (4, 5, 8) and takes the first axis, the rows of the batch, for time" in found.says
