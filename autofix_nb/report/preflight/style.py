"""How the report looks before training: folds with a coloured edge, on the colours of the page around them."""

from autofix_nb.report.style import STYLE as SHARED

# The four colours stand out from white and from black alike (contrast 3 and more against both).
OWN = """
<style>
.afx-pre .afx-is-error{--afx:#d64933}.afx-pre .afx-is-warning{--afx:#b97a00}.afx-pre .afx-is-note{--afx:#3b82d0}
.afx-pre .afx-is-fine{--afx:#2c9a5a}.afx-pre .afx-is-not-applicable,.afx-pre .afx-is-pictures{--afx:#858585}
.afx-pre .afx-mark{color:var(--afx);font-weight:700;font-size:1.15em;flex:none;width:1.2em;text-align:center;
 line-height:1.3}
.afx-pre p{margin:.4em 0}
.afx-pre .afx-head,.afx-pre .afx-also,.afx-pre .afx-row>summary{display:flex;gap:.45em;align-items:flex-start}
.afx-pre span,.afx-pre li,.afx-pre p{min-width:0;overflow-wrap:anywhere}
.afx-pre .afx-row{border-left:3px solid var(--afx);margin:4px 0;background:rgba(128,128,128,.07);
 border-radius:0 4px 4px 0}
.afx-pre .afx-row>summary{padding:5px 10px 5px 6px;list-style:none}
.afx-pre .afx-row>summary::-webkit-details-marker{display:none}
.afx-pre .afx-row>summary::after{content:"\\25B8";margin-left:auto;opacity:.6;flex:none}
.afx-pre .afx-row[open]>summary::after{content:"\\25BE"}
.afx-pre .afx-row>summary:hover{background:rgba(128,128,128,.1)}
.afx-pre summary:focus-visible,.afx-pre pre:focus-visible{outline:2px solid #3b82d0;outline-offset:1px}
.afx-pre .afx-more{opacity:.7}
.afx-pre .afx-body{padding:0 12px 8px 2.1em;font-size:13px}
.afx-pre .afx-body .afx-row{margin-left:-1.2em}
.afx-pre .afx-also{border-top:1px solid rgba(128,128,128,.3);margin-top:.8em;padding-top:.6em}
.afx-pre ul{margin:.2em 0;padding-left:1.3em}
.afx-pre.afx-pre code{font-size:.93em;background:rgba(128,128,128,.15);padding:0 .25em;border-radius:3px;
 color:inherit}
.afx-pre.afx-pre pre,.afx-pre.afx-pre code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.afx-pre pre.afx-type{max-height:16em;font-size:12.5px;line-height:1.45;user-select:all;-webkit-user-select:all;
 white-space:pre;overflow:auto}
.afx-pre figure{margin:.6em 0}
.afx-pre figcaption{opacity:.75;font-size:12px}
</style>
"""

STYLE = SHARED + OWN
