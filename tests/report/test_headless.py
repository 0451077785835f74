"""A notebook without a browser: what a report leaves in the saved file."""

import json

import nbformat
import pytest
from nbclient import NotebookClient

from tests.test_notebooks import ThisPython

TRAINING = """
import autofix_nb as af
from tests.cases import digits_loaders, mlp

train, val = digits_loaders(batch_size=200, nan=[3])
run = af.fit(mlp(), train, val, epochs=2, lr=0.01, name="a", show="none")
"""
CELLS = [TRAINING, "run.report()", "af.open_run(run.folder).report()"]


@pytest.mark.slow
def test_a_saved_notebook_has_the_report_once_and_no_widget(tmp_path):
    """One output with a text form and an HTML form, of less than 300 kB; nothing that the web cannot show."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(book, timeout=300, kernel_manager_class=ThisPython, resources=resources).execute()
    outputs = [cell["outputs"] for cell in book["cells"]]

    assert [0, 1, 1] == list(map(len, outputs))
    assert {"text/plain", "text/html"} == set(outputs[1][0]["data"])
    assert outputs[1][0]["data"]["text/plain"] == outputs[2][0]["data"]["text/plain"]
    assert "afx-head" in outputs[1][0]["data"]["text/html"]
    assert "widgets" not in book["metadata"]
    assert len(json.dumps(outputs[1])) < 300_000
