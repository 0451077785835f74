"""`run.explore()`: choose signals, smooth, zoom to what was found, lay another run beside it, page through samples.

Widgets that ipywidgets 7.7 and 8.1 both have, and traits that both know. Drawn as SVG, so that a change shows at once.
"""

import base64
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np

from autofix_nb.errors import AutofixError
from autofix_nb.finding import Severity
from autofix_nb.report.evidence_plot import name_of, scale_of, series_of
from autofix_nb.report.plot import PLOTS, VIEW, WIDE, Line, Mark, Plot, draw
from autofix_nb.report.signal_names import named
from autofix_nb.report.style import STYLE as SHARED

MOST_PLOTS = 6
"""Signals drawn at once; more are counted."""

AROUND = 150
"""Steps shown before and after a finding."""

FIRST_CHOICE = ("loss", "val/loss", "goal", "grad_norm", "lr")
"""Signals chosen at the beginning, the first three that there are."""

WHOLE = "the whole run"
NONE = "no other run"

THIS = "this run"

SMOOTHEST = 0.25
"""Share of a curve that is looked at around each of its points where it is smoothed most."""

FEW = 40
"""Points up to which each is a dot."""

LOOK = f"""<style>{PLOTS}.afx .p{{max-width:{WIDE.width}px;margin:.5em 0}}
.afx-sample{{display:flex;gap:14px;align-items:flex-start}}
.afx-sample img{{width:160px;height:160px;object-fit:contain;image-rendering:pixelated}}</style>"""


class Explorer:
    """The widgets and what they show. `view` is the widget to display."""

    def __init__(self, run: Any, others: Mapping[str, Callable[[], Any]], chosen: str | None = None) -> None:
        """`others` gives runs by name, read when chosen; `chosen` is one of them, laid beside this one at once.

        Raises:
            ImportError: when ipywidgets is not installed.
        """
        widgets = _ipywidgets()
        self.run = run
        self._others = dict(others)
        self._read: dict[str, Any] = {}
        names = names_of(run.history)
        first = [name for name in FIRST_CHOICE if name in names][:3]
        wide = widgets.Layout(width="99%")
        self.signals = widgets.SelectMultiple(
            options=[(f"{named(name)}  ({name})" if named(name) != name else name, name) for name in names],
            value=tuple(first),
            rows=min(8, max(3, len(names))),
            layout=wide,
        )
        self.smooth = widgets.IntSlider(
            value=0, min=0, max=50, description="smooth", continuous_update=False, layout=widgets.Layout(width="280px")
        )
        self.log = widgets.Checkbox(value=False, description="log scale", indent=False)
        self._places = _places(run)
        self.zoom = widgets.Dropdown(options=list(self._places), description="zoom to", layout=wide)
        self.other = widgets.Dropdown(
            options=[NONE, *self._others], value=chosen or NONE, description="beside", layout=wide
        )
        self.plots = widgets.HTML(layout=wide)
        self.samples = _with_pictures_first(run)
        self.back = widgets.Button(description="back", layout=widgets.Layout(width="80px"))
        self.next = widgets.Button(description="next", layout=widgets.Layout(width="80px"))
        self.place = 0
        self.sample = widgets.HTML(layout=wide)
        for control in (self.signals, self.smooth, self.log, self.zoom, self.other):
            control.observe(self._redraw, names="value")
        self.back.on_click(lambda _: self.turn(-1))
        self.next.on_click(lambda _: self.turn(1))
        rows = [self.signals, widgets.HBox([self.smooth, self.log]), self.zoom]
        rows += [self.other] if self._others else []
        rows += [self.plots]
        rows += [widgets.HBox([self.back, self.next]), self.sample] if self.samples else []
        self.view = _box(widgets, rows, lambda: f"{self.plots.value}{self.sample.value}")
        self._redraw()
        self.turn(0)

    def turn(self, by: int) -> None:
        """Show the sample so many further on; after the last comes the first."""
        if self.samples:
            self.place = (self.place + by) % len(self.samples)
            self.sample.value = self._sample_page()

    def _redraw(self, _: Any = None) -> None:
        try:
            self.plots.value = self._plots_page()
        except Exception as error:  # noqa: BLE001 - an exception in a callback of a widget is shown nowhere
            self.plots.value = f"<p>This cannot be drawn: {escape(type(error).__name__)}: {escape(str(error))}</p>"

    def _plots_page(self) -> str:
        parts = [SHARED, LOOK, f'<div class="afx {VIEW}">']
        runs = [(self.run, THIS)]
        if self.other.value != NONE:
            try:
                runs.append((self._beside(self.other.value), self.other.value))
            except AutofixError as error:
                parts.append(f"<p>{escape(str(error))}</p>")
        parts += [
            self._plot(name, runs) or f"<p>{escape(named(name))}: no finite value here.</p>"
            for name in self.signals.value[:MOST_PLOTS]
        ]
        more = len(self.signals.value) - MOST_PLOTS
        parts.append(f"<p>and {more} more: choose fewer</p>" if more > 0 else "")
        parts.append("" if self.signals.value else "<p>Choose one signal or several; Ctrl or Cmd adds one.</p>")
        return "".join([*parts, "</div>"])

    def _plot(self, name: str, runs: list[tuple[Any, str]]) -> str:
        title = name_of(self.run.history, name)
        span = self._places[self.zoom.value] or _span([one.history for one, _ in runs])
        lines = []
        for place, (run, label) in enumerate(runs):
            steps, values = _within(span, *series_of(run.history, name))
            share = SMOOTHEST * self.smooth.value / self.smooth.max
            kind = "band" if share * len(values) >= 2 else "dots" if len(values) <= FEW else "exact"
            label = label if len(runs) > 1 else title
            lines.append(Line(label=label, steps=steps, values=values, kind=kind, smooth=share, colour=f"s{place + 1}"))
        if not any(len(line.values) for line in lines):
            return ""
        marks = [
            Mark(kind="found", step=one.step, word=one.code, text=f"{one.code} {one.title}: {one.says}")
            for one in self.run.findings
            if one.severity > Severity.NOTE and one.step > 0 and span[0] <= one.step <= span[1]
        ]
        plot = Plot(title=title, lines=lines, log=self.log.value or scale_of(name), is_whole=True)
        return draw(plot, span, marks, above=True, signs=True, frame=WIDE)

    def _beside(self, name: str) -> Any:
        if name not in self._read:
            self._read[name] = self._others[name]()
        return self._read[name]

    def _sample_page(self) -> str:
        one = self.samples[self.place]
        png = self.run.quarantine.picture(one)
        picture = ""
        if png:
            picture = f'<img alt="sample {escape(str(one.index))}" src="data:image/png;base64,{_base64(png)}">'
        return (
            f'<div class="afx afx-sample">{picture}<div><b>Set aside: {self.place + 1} of {len(self.samples)}</b><br>'
            f"sample {escape(str(one.index))}, {escape(one.kind)}, in epoch {one.epoch + 1}<br>"
            f"{escape(one.reason)}</div></div>"
        )


def _box(widgets: Any, rows: list[Any], still: Callable[[], str]) -> Any:
    """Return the widgets below each other; where they are gone, as in a notebook on the web, `still()` is shown."""

    class Box(widgets.VBox):
        def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
            own = super()._repr_mimebundle_(**kwargs)
            return own | {"text/plain": "A closer look at a run, by widgets.", "text/html": still()}

    # ipywidgets 7 shows a widget by another way, and leaves room for nothing beside it.
    return (Box if hasattr(widgets.VBox, "_repr_mimebundle_") else widgets.VBox)(rows)


def names_of(history: Any) -> list[str]:
    """Return the signals, and the columns of numbers of the epoch table, that can be drawn; the usual ones first."""
    columns: dict[str, None] = {}
    for row in history.epochs:
        columns |= dict.fromkeys(
            name
            for name, value in row.items()
            if isinstance(value, int | float) and not isinstance(value, bool) and name not in ("epoch", "step", "steps")
        )
    names = dict.fromkeys([*history.names(), *columns])
    return [*(name for name in FIRST_CHOICE if name in names), *(name for name in names if name not in FIRST_CHOICE)]


def _places(run: Any) -> dict[str, tuple[float, float] | None]:
    """Return what can be zoomed to, with its first and last step: all of it (None), and each thing found."""
    places: dict[str, tuple[float, float] | None] = {WHOLE: None}
    for finding in run.findings:
        if finding.step > 0:
            span = (float(max(0, finding.step - AROUND)), float(finding.step + AROUND))
            places[f"step {finding.step}: {finding.code} {finding.title}"] = span
    return places


def _span(histories: list[Any]) -> tuple[float, float]:
    """Return the first and the last step of some runs, so that all plots have the same axis."""
    lasts = [float(history.step("loss")) for history in histories if history.count("loss")]
    lasts += [float(row["step"]) for history in histories for row in history.epochs[-1:] if "step" in row]
    return 0.0, max([1.0, *lasts])


def _within(span: tuple[float, float], steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inside = (steps >= span[0]) & (steps <= span[1])
    return steps[inside], values[inside]


def _with_pictures_first(run: Any) -> list[Any]:
    return sorted(run.quarantine, key=lambda one: not one.picture)


def _base64(png: bytes) -> str:
    return base64.b64encode(png).decode()


def _ipywidgets() -> Any:
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError(
            "`run.explore()` needs ipywidgets: `pip install ipywidgets`. `run.report()` shows most of it without"
        ) from error
    return ipywidgets
