"""The quickstart in a real browser, as somebody would use it: watched, paused, stopped, resumed, loaded anew."""

import json
import re
import time

import pytest

from tests.browser.pages import BUTTON, HEIGHT, HINT, PLOT, ROOT, STATE, WIDTH, NotebookPage, server
from tests.environments import python_of

CELLS = ("REPOSITORY", "af.environment()", "class DamagedDigits", "def make_model")
"""What the training needs."""

TRAINING = "epochs=500"
"""The first training of the notebook, made long enough to be watched."""

SECONDS = 60.0


class Reader:
    """Somebody at the notebook, who also sees the run's folder."""

    def __init__(self, page: NotebookPage, folder) -> None:
        self.page, self.folder = page, folder

    def entries(self, kind):
        """Return the entries of a kind in the run's journal."""
        path = self.folder / "runs" / "quickstart" / "journal.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [entry for entry in map(json.loads, lines) if entry["kind"] == kind]

    def wait_for(self, kind, count=1):
        """Wait until the journal has so many entries of a kind; returns the last."""
        end = time.monotonic() + SECONDS
        while len(self.entries(kind)) < count:
            assert time.monotonic() < end, f"no {kind!r} in the journal; the cell says {self.page.text(TRAINING)!r}"
            self.page.page.wait_for_timeout(100)
        return self.entries(kind)[-1]

    def picture(self):
        """Return what moves while it trains: the plots, or the text where there are none."""
        plots = self.page.cell(TRAINING).locator(PLOT)
        return "".join(plots.evaluate_all("all => all.map(one => one.outerHTML)")) or self.page.text(TRAINING)

    def state(self):
        """Return the sentence of state, or all the text where there is none."""
        sentence = self.page.cell(TRAINING).locator(STATE)
        return sentence.first.inner_text() if sentence.count() else self.page.text(TRAINING)

    def moves(self):
        """Tell whether what is shown changes within a while."""
        before, end = self.picture(), time.monotonic() + SECONDS
        while self.picture() == before:
            if time.monotonic() > end:
                return False
            self.page.page.wait_for_timeout(200)
        return True

    def buttons(self):
        """Return what stands on the buttons."""
        return self.page.page.locator(BUTTON).all_inner_texts()

    def press(self, name):
        self.page.button(name).click()


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a copy of the notebook, without outputs, and with a training that takes its time."""
    notebook = json.loads((ROOT / "notebooks" / "01_quickstart.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("epochs=12", TRAINING)
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    made = tmp_path / "work"
    made.mkdir()
    (made / "quickstart.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("front_end", "theme", "kernel"),
    [("lab", "light", None), ("notebook", "dark", None), ("lab", "dark", "ipykernel-6.31")],
    ids=["lab", "notebook-dark", "lab-dark-ipykernel-6"],
)
def test_quickstart(chromium, folder, photograph, front_end, theme, kernel):
    """Every button acts while the cell runs; a stop, a reload and the cell run again lose nothing."""
    with server(front_end, folder, theme, kernel and python_of(kernel)) as address:
        page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        notebook = NotebookPage(page, address, front_end, "quickstart.ipynb")
        reader = Reader(notebook, folder)
        notebook.open()
        for cell in (*CELLS, TRAINING):
            notebook.run(cell)
        notebook.button("Pause").wait_for()
        assert reader.moves()
        assert not notebook.cell(TRAINING).locator(HINT).first.is_visible()
        assert ["Pause", "Stop and save", "Save now", "Halve the rate", "Undo last fix"] == reader.buttons()
        photograph(page, "1-training")

        reader.press("Pause")
        paused = reader.wait_for("paused")
        notebook.wait_for_text(TRAINING, f"Paused at step {paused['step']}, saved")
        assert "Go on" == reader.buttons()[0]
        photograph(page, "2-paused")

        reader.press("Go on")
        reader.wait_for("went on")
        notebook.button("Pause").wait_for()
        reader.press("Halve the rate")
        assert {"lr_scale": 0.5} == _by_hand(reader)["after"]
        saves = len(reader.entries("save"))
        reader.press("Save now")
        reader.wait_for("save", saves + 1)
        assert reader.moves()

        reader.press("Stop and save")
        notebook.wait_for_end(TRAINING)
        assert [] == reader.buttons()
        ended = reader.wait_for("end")
        assert "Stop button" in ended["why"]
        photograph(page, "3-stopped")
        notebook.save()
        assert [] == _traces_of_widgets(folder)

        notebook.run(TRAINING)
        assert ended["step"] == reader.wait_for("resume")["step"]
        notebook.button("Pause").wait_for()
        assert reader.moves()
        notebook.save()
        seen = set(re.findall(r"\w{4,}", reader.state()))

        notebook.open()
        notebook.cell(TRAINING).scroll_into_view_if_needed()
        photograph(page, "4-loaded-anew")
        assert seen & set(re.findall(r"\w{4,}", reader.state()))
        assert notebook.cell(TRAINING).locator(HINT).first.is_visible()  # the buttons are gone
        assert not page.get_by_text("Loading widget").first.is_visible()
        assert 1 == len(reader.entries("end"))  # it trains on

        notebook.interrupt(TRAINING)
        ended = reader.wait_for("end", 2)
        assert "stop button" in ended["why"]
        notebook.run(TRAINING)
        assert ended["step"] == reader.wait_for("resume", 2)["step"]
        notebook.button("Stop and save").click()
        notebook.wait_for_end(TRAINING)
        photograph(page, "5-end")


def _by_hand(reader):
    """Return the change that was made by hand."""
    reader.wait_for("asked")
    return next(entry for entry in reader.entries("change") if entry["code"] == "user")


def _traces_of_widgets(folder):
    """Return what a saved notebook holds of widgets: on the web it would show an error."""
    notebook = json.loads((folder / "quickstart.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    kept = [kind for output in outputs for kind in output.get("data", {}) if "widget" in kind]
    return kept + [name for name in notebook["metadata"] if name == "widgets"]
