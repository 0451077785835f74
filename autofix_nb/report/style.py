"""How reports look: on the colours of the page around them, light or dark; only lines, shades and marks are ours."""

from autofix_nb.report.plot import PLOTS

STYLE = """
<style>
.afx{font:14px/1.5 system-ui,sans-serif;max-width:900px;color:inherit}
.afx h3{font-size:15px;margin:1.1em 0 .3em}
.afx .afx-head{font-size:16px;font-weight:600}
.afx.afx table{border-collapse:collapse;margin:.3em 0;font-size:13px;color:inherit;background:none}
.afx.afx tr{background:none}
.afx.afx td,.afx.afx th{border-bottom:1px solid rgba(128,128,128,.35);padding:3px 12px 3px 0;text-align:left;
 vertical-align:top;white-space:normal;max-width:none}
.afx.afx td.num,.afx.afx th.num{text-align:right;font-variant-numeric:tabular-nums}
.afx pre{background:rgba(128,128,128,.12);padding:6px 10px;border-radius:4px;white-space:pre-wrap;
 max-height:9em;overflow:auto;margin:.3em 0;color:inherit}
.afx img{max-width:100%;height:auto;border-radius:4px;background:#fff}
.afx summary{cursor:pointer}
.afx .afx-note{opacity:.75}
.afx li>details{margin:.1em 0 .5em}
.afx li>details p{margin:.3em 0}
.afx .afx-won td{font-weight:600}
</style>
"""
"""What all of them share."""

# The colours stand out from white and from black alike (contrast 3 and more against both).
REPORT = (
    STYLE
    + f"""<style>{PLOTS}
.afx-report .afx-is-failed,.afx-report .afx-is-critical{{--afx:#d64933}}
.afx-report .afx-is-look,.afx-report .afx-is-warning{{--afx:#b97a00}}
.afx-report .afx-is-note{{--afx:#3b82d0}}.afx-report .afx-is-helped{{--afx:#3b82d0}}
.afx-report .afx-is-well,.afx-report .afx-is-kept{{--afx:#2c9a5a}}
.afx-report .afx-is-undone{{--afx:#b97a00}}
.afx-report p{{margin:.4em 0}}
.afx-report .afx-head{{border-left:5px solid var(--afx);background:rgba(128,128,128,.09);padding:9px 12px;
 border-radius:0 5px 5px 0;font-size:17px}}
.afx-report .afx-chip{{color:var(--afx);font-weight:700}}
.afx-report .afx-chip::before{{content:"\\25CF";margin-right:.35em}}
.afx-report ul.afx-tiles{{display:flex;flex-wrap:wrap;gap:8px;margin:.7em 0;padding:0;list-style:none}}
.afx-report .afx-tiles li{{border:1px solid rgba(128,128,128,.35);border-radius:5px;padding:4px 11px;margin:0;
 min-width:5.5em}}
.afx-report .afx-tiles b{{display:block;font-size:16px;font-variant-numeric:tabular-nums}}
.afx-report .afx-tiles span{{font-size:12px;opacity:.75}}
.afx-report p,.afx-report li,.afx-report summary{{overflow-wrap:anywhere}}
.afx-report td{{overflow-wrap:break-word}}
.afx-report .afx-row{{border-left:4px solid var(--afx);margin:6px 0;background:rgba(128,128,128,.07);
 border-radius:0 4px 4px 0}}
.afx-report .afx-row>summary{{padding:6px 10px}}
.afx-report .afx-row>summary:hover{{background:rgba(128,128,128,.1)}}
.afx-report .afx-body{{padding:0 12px 8px 1.6em;font-size:13px}}
.afx-report .afx-plots{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(300px,100%),1fr));gap:6px 16px;
 margin:.5em 0;align-items:end}}
.afx-report .afx-plots .p{{max-width:430px}}
.afx-report .afx-wide{{overflow-x:auto}}
.afx-report .afx-wide>img{{min-width:620px;display:block}}
.afx-report pre{{max-height:20em;font:12.5px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
 user-select:all;-webkit-user-select:all}}
.afx-report code{{font-size:.93em}}
.afx-report .afx-gallery{{display:flex;flex-wrap:wrap;gap:10px;margin:.5em 0}}
.afx-report figure{{margin:0;width:84px;font-size:11px;line-height:1.3;overflow-wrap:anywhere}}
.afx-report figure img{{width:84px;height:84px;object-fit:contain;image-rendering:pixelated;display:block;
 background:rgba(128,128,128,.2)}}
.afx-report summary:focus-visible,.afx-report pre:focus-visible{{outline:2px solid #3b82d0;outline-offset:1px}}
.afx-report td.afx-when{{white-space:nowrap;opacity:.75;font-variant-numeric:tabular-nums}}
@media print{{.afx-report details::details-content{{content-visibility:visible;display:block}}
 .afx-report pre{{max-height:none}}.afx-report .afx-row,.afx-report figure{{break-inside:avoid}}
 .afx-report .afx-head,.afx-report .afx-row{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}}}
</style>
"""
)
"""What a run's report has besides."""
