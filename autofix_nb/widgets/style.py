"""The look of the live output: every rule below one class, colours as variables that follow the front end.

The class is said twice in rules for what JupyterLab has rules of its own for, such as lists.

Text and lines take the page's own colour, so that a wrong guess between light and dark costs the shade of a few lines
and nothing else. JupyterLab and Notebook tell by `data-jp-theme-light`, VS Code by `vscode-dark` on the body, Colab by
`theme` on the page (its outputs are pages of their own); other pages are asked by `prefers-color-scheme`.

The series are coloured by Okabe and Ito (2008), which colour-blind people tell apart; in the dark their lighter shades.
"""

LIGHT = "--s1:#0072b2;--s2:#d98200;--s3:#009e73;--s4:#b8659a;--s5:#3f9fd8;--good:#00805d;--busy:#0072b2;--bad:#c74300"
DARK = "--s1:#56b4e9;--s2:#f0b030;--s3:#2fc497;--s4:#df9cc3;--s5:#a9dcf7;--good:#35c99b;--busy:#56b4e9;--bad:#ff8246"

IN_THE_DARK = (
    "[data-jp-theme-light=false] .afl",
    "body.vscode-dark .afl",
    "body.vscode-high-contrast .afl",
    "html[theme=dark] .afl",
    "html[data-theme=dark] .afl",
)

ELSEWHERE = (
    "html:not([theme]):not([data-theme]) body:not([data-jp-theme-light]):not(.vscode-light)"
    ":not(.vscode-high-contrast-light):not(.vscode-dark) .afl"
)
"""A page that says nothing of light and dark by itself."""

_RULES = """
.afl{font:13px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:inherit;max-width:960px;
 box-sizing:border-box;padding:8px 2px 4px;container-type:inline-size;font-variant-numeric:tabular-nums}
.afl *{box-sizing:border-box}
.afl .top{min-height:43px}
.afl .top b{font-size:15px;font-weight:600;line-height:22px;display:block;white-space:nowrap;overflow:hidden;
 text-overflow:ellipsis}
.afl .top p{margin:0;padding:0 0 0 22px;opacity:.72}
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
.afl .c{display:flex;gap:10px;height:18px;line-height:18px;overflow:hidden;font-size:12px;white-space:nowrap}
.afl .c.two{height:auto;min-height:36px;flex-wrap:wrap;gap:0 10px}.afl .c.two .t{flex-basis:100%}
.afl .c .t{font-weight:600;flex:0 1 auto;overflow:hidden;text-overflow:ellipsis;min-width:3em}
.afl .c .k{flex:0 1 auto;overflow:hidden;text-overflow:ellipsis}
.afl .c .k b{font-weight:600}
.afl .c .k i{display:inline-block;width:11px;height:3px;border-radius:2px;margin-right:5px;vertical-align:middle;
 background:currentColor}
.afl .c .x{opacity:.72;margin-left:auto;flex:none}
.afl .s1{color:var(--s1)}.afl .s2{color:var(--s2)}.afl .s3{color:var(--s3)}.afl .s4{color:var(--s4)}
.afl .s5{color:var(--s5)}
.afl .k b{color:inherit}
.afl.afl svg{display:block;width:100%;height:auto;overflow:visible;color:inherit}
.afl svg text{font-size:11.5px;fill:currentColor;fill-opacity:.66;text-anchor:end;font-family:inherit}
.afl svg text.m{text-anchor:middle}
.afl svg path{fill:none;vector-effect:non-scaling-stroke}
.afl svg .g{stroke:currentColor;stroke-opacity:.14}
.afl svg .b{fill:currentColor;fill-opacity:.24;stroke:currentColor;stroke-opacity:.24;stroke-width:1;
 stroke-linejoin:round}
.afl svg .l{stroke:currentColor;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.afl svg .d{stroke:currentColor;stroke-width:4.5;stroke-linecap:round}
.afl svg .v{stroke:currentColor;stroke-opacity:.5;stroke-dasharray:5 4}
.afl svg .h{fill:var(--s2)}
.afl svg .w{stroke:currentColor;stroke-opacity:.4;stroke-dasharray:2 3}
.afl .found,.afl svg text.n,.afl svg text.o{color:var(--bad)}
.afl .fixed{color:var(--s3)}.afl .trying{color:var(--busy)}.afl .undone{color:var(--s4)}.afl .skipped{color:var(--s2)}
.afl .resumed{color:var(--s5)}
.afl svg text.found,.afl svg text.fixed,.afl svg text.trying,.afl svg text.undone,.afl svg text.skipped,
.afl svg text.resumed,.afl svg text.n,.afl svg text.o{fill-opacity:1;cursor:help}
.afl svg text.saved{cursor:help;font-size:6px}
.afl svg text.n{font-size:8px;font-weight:700}
.afl svg text.s{fill:var(--s2);fill-opacity:1;font-size:15px;cursor:help}
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
    dark = ",".join(IN_THE_DARK)
    guess = f"@media (prefers-color-scheme:dark){{{ELSEWHERE}{{{DARK}}}}}"
    return f"<style>.afl{{{LIGHT}}}{dark}{{{DARK}}}{guess}{_RULES}</style>"
