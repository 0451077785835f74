"""How plots look, and the colours of what stands around them: every rule below the class `afv`, and no script.

Text and lines take the page's own colour, so that a wrong guess between light and dark costs the shade of a few lines
and nothing else. JupyterLab and Notebook tell by `data-jp-theme-light`, VS Code by `vscode-dark` on the body, Colab by
`theme` on the page (its outputs are pages of their own); other pages are asked by `prefers-color-scheme`.

The series are coloured by Okabe and Ito (2008), which colour-blind people tell apart; in the dark their lighter shades;
on paper by their dashes. A drawing grows with the room that it has, and its letters do not: their size is worked out
from the width of the plot (`cqw`), as two tangents of the curve that keeps it the same.
"""

LIGHT = "--s1:#0072b2;--s2:#d98200;--s3:#009e73;--s4:#b8659a;--s5:#3f9fd8;--good:#00805d;--busy:#0072b2;--bad:#c74300"
DARK = "--s1:#56b4e9;--s2:#f0b030;--s3:#2fc497;--s4:#df9cc3;--s5:#a9dcf7;--good:#35c99b;--busy:#56b4e9;--bad:#ff8246"

VIEW = "afv"
"""The class of what holds plots."""

IN_THE_DARK = (
    "[data-jp-theme-light=false] .afv",
    "body.vscode-dark .afv",
    "body.vscode-high-contrast .afv",
    "html[theme=dark] .afv",
    "html[data-theme=dark] .afv",
)

ELSEWHERE = (
    "html:not([theme]):not([data-theme]) body:not([data-jp-theme-light]):not(.vscode-light)"
    ":not(.vscode-high-contrast-light):not(.vscode-dark) .afv"
)
"""A page that says nothing of light and dark by itself."""

_RULES = """
.afv .p{container-type:inline-size;min-width:0}
.afv .c{display:flex;gap:0 10px;height:18px;line-height:18px;overflow:hidden;font-size:12px;white-space:nowrap;
 font-variant-numeric:tabular-nums}
.afv .c.two{height:auto;min-height:36px;flex-wrap:wrap}.afv .c.two .t{flex-basis:100%}
.afv .c .t{font-weight:600;flex:0 1 auto;overflow:hidden;text-overflow:ellipsis;min-width:3em}
.afv .c .k{flex:0 1 auto;overflow:hidden;text-overflow:ellipsis}
.afv .c .k b{font-weight:600;color:inherit}
.afv .c .k i{display:inline-block;width:11px;height:3px;border-radius:2px;margin-right:5px;vertical-align:middle;
 background:currentColor}
.afv .c .x{opacity:.72;margin-left:auto;flex:none}
.afv .s1{color:var(--s1)}.afv .s2{color:var(--s2)}.afv .s3{color:var(--s3)}.afv .s4{color:var(--s4)}
.afv .s5{color:var(--s5)}
.afv.afv svg{display:block;width:100%;height:auto;overflow:visible;color:inherit;font-size:11px;
 font-size:min(13px,max(18.3px - 764cqw/var(--w,372),12.9px - 381cqw/var(--w,372)))}
.afv svg text{fill:currentColor;fill-opacity:.66;text-anchor:end;font-family:inherit}
.afv svg text.m{text-anchor:middle}.afv svg text.a{text-anchor:start}
.afv svg path{fill:none;vector-effect:non-scaling-stroke}
.afv svg .g{stroke:currentColor;stroke-opacity:.14}
.afv svg .b{fill:currentColor;fill-opacity:.24;stroke:currentColor;stroke-opacity:.24;stroke-width:1;
 stroke-linejoin:round}
.afv svg .l{stroke:currentColor;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.afv svg .d{stroke:currentColor;stroke-width:4.5;stroke-linecap:round}
.afv svg .v{stroke:currentColor;stroke-opacity:.5;stroke-dasharray:5 4}
.afv svg .lim{color:var(--bad)}.afv svg path.lim{stroke:currentColor;stroke-width:1.3;stroke-dasharray:5 3}
.afv svg .h{fill:var(--s2)}
.afv svg .w{stroke:currentColor;stroke-opacity:.4;stroke-dasharray:2 3}
.afv .found,.afv svg text.n,.afv svg text.o{color:var(--bad)}
.afv .fixed{color:var(--s3)}.afv .trying{color:var(--busy)}.afv .undone{color:var(--s4)}.afv .skipped{color:var(--s2)}
.afv .resumed{color:var(--s5)}
.afv svg text:is(.found,.fixed,.trying,.undone,.skipped,.resumed,.n,.o,.s,.lim){fill-opacity:1}
.afv svg text:is(.m.found,.fixed,.trying,.undone,.skipped,.resumed,.saved,.n,.o,.s){cursor:help}
.afv svg text.saved{font-size:.52em}
.afv svg text.n{font-size:.7em;font-weight:700}
.afv svg text.s{fill:var(--s2);font-size:1.3em}
@container (max-width:300px){.afv .c .log{display:none}}
@media print{.afv svg .l.s2{stroke-dasharray:7 2}.afv svg .l.s3{stroke-dasharray:2 2}
 .afv svg .l:is(.s4,.s5){stroke-dasharray:8 2 2 2}}
"""


def _sheet() -> str:
    dark = ",".join(IN_THE_DARK)
    guess = f"@media (prefers-color-scheme:dark){{{ELSEWHERE}{{{DARK}}}}}@media print{{{ELSEWHERE}{{{LIGHT}}}}}"
    return f".afv{{{LIGHT}}}{dark}{{{DARK}}}{guess}{_RULES}"


PLOTS = _sheet()
"""The rules of plots, for a style element."""
