/** The style of the page: light and dark by the reader's preference, legible from the back of a room, no picture or font from elsewhere. */

/** Tabs there may be in one set. */
export const MOST_TABS = 12;

/** Rules that show the panel of the chosen tab. */
const TABS = Array.from(
  { length: MOST_TABS },
  (_, i) =>
    `.tabs>input:nth-of-type(${i + 1}):checked~.shown>:nth-child(${i + 1}){display:block}` +
    `.tabs>input:nth-of-type(${i + 1}):checked~.choice>:nth-child(${i + 1}){background:var(--ink);color:var(--paper);border-color:var(--ink)}` +
    `.tabs>input:nth-of-type(${i + 1}):focus-visible~.choice>:nth-child(${i + 1}){outline:3px solid var(--focus);outline-offset:2px}`,
).join("\n");

/** The style sheet. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fff;--ink:#16191d;--quiet:#59616b;--line:#dfe3e8;--card:#f6f7f9;--focus:#0b62c4;
--bare:#8a929c;--orange:#e69f00;--green:#00815e;--blue:#0072b2;--sky:#56b4e9;--yellow:#d6c31c;--purple:#b65c94;--red:#c84b00;--brown:#7a5230;--teal:#2b7a83;--pink:#e59cc6;--olive:#a5b34a}
@media (prefers-color-scheme:dark){:root{--paper:#14161a;--ink:#eceff3;--quiet:#a5aeb9;--line:#30363e;--card:#1d2126;--focus:#7db8ff;
--bare:#99a2ad;--orange:#f0ac1c;--green:#1fa97f;--blue:#3b8fd0;--sky:#7cc8f2;--yellow:#f0e442;--purple:#d989b8;--red:#e8702a;--brown:#ad8259;--teal:#4fa6b0;--pink:#eeb3d4;--olive:#b9c763}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main,header,footer,nav>ul{max-width:1360px;margin:0 auto;padding:0 24px}
header{padding-top:40px;padding-bottom:8px}
h1{font-size:2.1rem;line-height:1.2;margin:0 0 .3em;overflow-wrap:anywhere}
h2{font-size:1.55rem;margin:2.2em 0 .3em;scroll-margin-top:64px;line-height:1.25}
h3{font-size:1.12rem;margin:1.6em 0 .2em}
p{max-width:76ch;margin:.4em 0 .9em}
.lead{font-size:1.12rem;color:var(--quiet)}
nav{position:sticky;top:0;background:var(--paper);border-bottom:1px solid var(--line);z-index:2}
nav>ul{display:flex;gap:4px 22px;list-style:none;padding-top:10px;padding-bottom:10px;overflow-x:auto;white-space:nowrap}
a{color:inherit;text-decoration-color:var(--bare);text-underline-offset:3px}
a:hover{text-decoration-color:currentColor}
a:focus-visible,.scroll:focus-visible,summary:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:3px}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,380px),1fr));gap:16px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr));gap:16px}
.panel,.plot{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px 10px;margin:0;min-width:0;break-inside:avoid}
.panel h4,.plot h4{margin:0;font-size:1.05rem}
.panel p,.plot p{margin:0 0 6px;font-size:.86rem;color:var(--quiet);line-height:1.35}
svg{display:block;width:100%;height:auto;font-family:inherit}
svg text{font-size:12px;fill:var(--ink)}
svg .tick,svg .axis,svg .note{fill:var(--quiet);font-size:11px}
svg .name{font-weight:600}
svg .value,svg .note,svg .mark{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
svg .value{font-variant-numeric:tabular-nums}
svg .inside{font-size:10px;text-anchor:middle}
svg .grid{stroke:var(--line);stroke-width:1}
svg .measure{stroke:var(--quiet);stroke-width:1.2;stroke-dasharray:3 3}
svg .part{stroke:var(--card);stroke-width:1}
svg .line{fill:none;stroke-width:2.6;stroke-linejoin:round}
svg .leader{stroke:var(--bare);stroke-width:1}
svg .line-name{font-weight:600;font-size:12.5px}
svg .spot{fill:none;stroke:var(--ink);stroke-width:2}
svg .spot-name{font-weight:600}
svg .mark{font-size:11px;fill:var(--quiet)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;padding:0;margin:.4em 0 1em;font-size:.95rem}
.swatch{display:inline-block;width:.85em;height:.85em;border-radius:3px;margin-right:.45em;vertical-align:-.06em}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:10px;margin:12px 0}
table{border-collapse:collapse;width:100%;font-size:.93rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:10px 14px;color:var(--quiet);font-size:.9rem}
th,td{text-align:right;padding:6px 14px;border-top:1px solid var(--line);vertical-align:top}
td{min-width:7.2em}
thead th{border-top:0;white-space:nowrap}
tbody th,thead th:first-child{text-align:left;white-space:nowrap}
tbody th{position:sticky;left:0;background:var(--paper);font-weight:600}
td small,li small{display:block;color:var(--quiet);font-size:.82rem;white-space:nowrap}
.words td{text-align:left}
.words td small{white-space:normal}
.bad{color:var(--red)}
.relations{padding:0;list-style:none;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,290px),1fr));gap:8px 16px}
.relations li{border-left:3px solid var(--line);padding-left:10px}
.tabs>input{position:absolute;opacity:0;pointer-events:none}
.choice{display:flex;flex-wrap:wrap;gap:6px;margin:8px 0 14px}
.choice>label{border:1px solid var(--line);border-radius:99px;padding:3px 13px;cursor:pointer;font-size:.93rem}
.choice>label:hover{border-color:var(--ink)}
.shown>*{display:none}
${TABS}
details{margin:12px 0}
summary{cursor:pointer;color:var(--quiet)}
footer{color:var(--quiet);font-size:.9rem;padding-top:30px;padding-bottom:50px}
@media (max-width:600px){body{font-size:16px}main,header,footer,nav>ul{padding-left:14px;padding-right:14px}h1{font-size:1.6rem}}
@media print{nav{display:none}.panel,.plot{border-color:#bbb}}
`;
