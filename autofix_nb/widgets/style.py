"""The look of the live output: every rule below one class; plots and colours are those of all plots.

The class is said twice in rules for what JupyterLab has rules of its own for, such as lists.

A page loaded anew shows "Loading widget..." in the place of the buttons, whatever stands beside the widget in its
bundle. So where JupyterLab or Notebook has no row of buttons on the page, that is hidden, and the view says what works
without them.
"""

from autofix_nb.report.plot import PLOTS

_RULES = """
.afl{font:13px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:inherit;max-width:960px;
 box-sizing:border-box;padding:8px 2px 4px;container-type:inline-size;font-variant-numeric:tabular-nums}
.afl *{box-sizing:border-box}
.afl .top{min-height:43px}
.afl .top b{font-size:15px;font-weight:600;line-height:22px;display:block;white-space:nowrap;overflow:hidden;
 text-overflow:ellipsis}
.afl .top p{margin:0;padding:0 0 0 22px;opacity:.72}
.afl .top .hint{display:none}.jp-Cell:not(:has(.widget-vbox,.af-said)) .afl .top .hint{display:block}
.jp-Cell:has(.afl .hint) .lm-Panel.jp-OutputArea-output:not(:has(*)){display:none}
.afl .z{display:inline-block;width:22px;font-size:13px;text-align:left}
.afl .good,.afl .done{color:var(--good)}.afl .busy{color:var(--busy)}.afl .bad{color:var(--bad)}
.afl .calm,.afl .z.over{opacity:.75}
.afl .bars{margin:7px 0 3px;height:5px;border-radius:3px;background:rgba(128,128,128,.22);overflow:hidden;
 position:relative}
.afl .bars i{display:block;position:absolute;left:0;top:0;height:5px;background:var(--busy);border-radius:3px}
.afl .bars.q{height:3px;margin:-1px 0 3px;background:none}.afl .bars.q i{height:3px;background:var(--s2)}
.afl .row{display:flex;justify-content:space-between;gap:12px;opacity:.72;font-size:12px;min-height:18px}
.afl .row span{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.afl .row span:last-child{flex:none}.afl .row b{font-weight:600;margin-right:8px}
.afl .ps{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:10px 18px;margin:10px 0 2px;
 align-items:end}
.afl .key{font-size:11px;min-height:17px;opacity:.85;display:flex;flex-wrap:wrap;gap:0 14px;padding-left:2px}
.afl .key span span{opacity:.85;color:initial;color:inherit}
.afl.afl ol{list-style:none;margin:6px 0 0;padding:6px 0 0;border-top:1px solid rgba(128,128,128,.28);min-height:146px}
.afl.afl.over ol{min-height:0}
.afl li:nth-child(n+3) .y{-webkit-line-clamp:1}.afl.over li .y.y{-webkit-line-clamp:6}
.afl.afl li{display:flex;gap:8px;margin:0;padding:1px 0;line-height:18px}
.afl li .z{width:14px;flex:none}
.afl li .n{flex:none;min-width:5.4em;white-space:nowrap;opacity:.66;font-size:12px}
.afl li .y{flex:1 1 auto;min-width:0;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;
 overflow:hidden;overflow-wrap:anywhere}
.afl li .r{flex:none;font-size:12px;opacity:.8}
.afl .end{font-size:12px;opacity:.66;min-height:18px;overflow-wrap:anywhere}
.afl.afl details{margin:4px 0;font-size:12px}
.afl.afl summary{cursor:pointer;opacity:.72}
.afl.afl pre{margin:4px 0;padding:6px 8px;background:rgba(128,128,128,.1);color:inherit;white-space:pre-wrap;
 overflow-wrap:anywhere;max-height:16em;overflow-y:auto;font-size:12px;line-height:1.5;border-radius:4px}
@container (max-width:560px){.afl li .y.y{-webkit-line-clamp:3}.afl.afl ol{min-height:200px}.afl li .n{min-width:3.6em}
 .afl .ps{grid-template-columns:minmax(0,1fr)}.afl .top{min-height:62px}
}
"""


def style() -> str:
    """Return the style sheet, as an element."""
    return f"<style>{PLOTS}{_RULES}</style>"
