"""How plots look: colours that colour-blind people tell apart, on light and on dark pages and on paper.

The dark ones hold where the notebook says that it is dark (JupyterLab and Notebook, VS Code, Colab), and in a file
where the reader's system does.
"""

# After Okabe and Ito (2008), told apart by colour-blind people too; on paper by their dashes.
STYLE = """
.afx-plot{display:block;width:100%;height:auto;max-width:420px;overflow:visible;font:11px system-ui,sans-serif;
 --afx-1:#0072b2;--afx-2:#c65102;--afx-3:#00805e;--afx-4:#a9548a;--afx-hot:#b3261e}
.afx-dark .afx-plot,[data-jp-theme-light="false"] .afx-plot,[data-vscode-theme-kind*="dark"] .afx-plot,
 [theme="dark"] .afx-plot{--afx-1:#56b4e9;--afx-2:#f0a050;--afx-3:#3fc79a;--afx-4:#dd9fc5;--afx-hot:#ff8a80}
@media (prefers-color-scheme:dark){.afx-page .afx-plot{--afx-1:#56b4e9;--afx-2:#f0a050;--afx-3:#3fc79a;
 --afx-4:#dd9fc5;--afx-hot:#ff8a80}}
@media print{.afx-page .afx-plot{--afx-1:#0072b2;--afx-2:#c65102;--afx-3:#00805e;--afx-4:#a9548a;--afx-hot:#b3261e}}
.afx-plot text{fill:currentColor;opacity:.8}
.afx-plot .afx-t{font-weight:600;font-size:12px;opacity:1}
.afx-plot .afx-axis{stroke:currentColor;opacity:.55;fill:none}
.afx-plot .afx-grid{stroke:currentColor;opacity:.13;fill:none}
.afx-plot path,.afx-plot line{fill:none;vector-effect:non-scaling-stroke}
.afx-plot .afx-1{stroke:var(--afx-1)}.afx-plot .afx-2{stroke:var(--afx-2)}
.afx-plot .afx-3{stroke:var(--afx-3)}.afx-plot .afx-4{stroke:var(--afx-4)}
@media print{.afx-plot .afx-2{stroke-dasharray:7 2}.afx-plot .afx-3{stroke-dasharray:2 2}
 .afx-plot .afx-4{stroke-dasharray:8 2 2 2}}
.afx-plot .afx-raw{opacity:.35;stroke-width:1;stroke-dasharray:none}
.afx-plot .afx-line{stroke-width:1.8}
.afx-plot .afx-limit{stroke:var(--afx-hot);stroke-width:1.3;stroke-dasharray:5 3}
.afx-plot .afx-mark{stroke:var(--afx-hot);stroke-width:1.5}
.afx-plot .afx-done{stroke:var(--afx-3);stroke-width:1.5;stroke-dasharray:4 2}
.afx-plot .afx-words{fill:var(--afx-hot);opacity:1}
.afx-plot .afx-words-done{fill:var(--afx-3);opacity:1}
"""
