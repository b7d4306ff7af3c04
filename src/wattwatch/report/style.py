"""The look of a report: light and dark, wide and narrow, on paper; nothing is loaded."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1d1f; --paper: #fff; --quiet: #5b6167; --line: #d9dde1;
  --curve: #0b57a4; --heat: #b3401a; --gap: #8a8f94; --alarm: #b3261e; --panel: #f5f7f9;
  --p0: #f2b134; --p1: #3b8bd4; --p2: #3fa66b; --p3: #a56cc1; --p4: #d9646b; --p5: #2ba8a8;
  font: 16px/1.5 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --paper: #14171a; --quiet: #9aa3ab;
  --line: #343a40; --curve: #7db8f5; --heat: #f2936b; --gap: #9aa3ab; --alarm: #d6453c; --panel: #1d2125; } }
* { box-sizing: border-box; }
body { max-width: 60rem; margin: 0 auto; padding: 1.2rem 1rem 3rem; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .5rem; }
.lead { font-size: 1.2rem; margin: .6rem 0 1rem; overflow-wrap: anywhere; }
.quiet, caption { color: var(--quiet); font-size: .9rem; }
.simulated { background: var(--alarm); color: #fff; font-weight: 700; padding: .6rem .8rem;
  border-radius: .4rem; margin: 0 0 1rem; }
.warning { border-left: .3rem solid var(--alarm); padding: .1rem .8rem; margin: .6rem 0; }
.chart { margin: 1.2rem 0 0; } .chart figcaption { font-weight: 600; margin-bottom: .6rem; }
.plot { position: relative; height: 16rem; margin: 0 .8rem 2.2rem 3rem; }
.plot.low { height: 9rem; }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.plot svg * { vector-effect: non-scaling-stroke; }
.plot span { position: absolute; font-size: .8rem; line-height: 1; color: var(--quiet);
  white-space: nowrap; }
.plot .y { right: calc(100% + .45rem); transform: translateY(50%); }
.plot .x { top: calc(100% + .5rem); transform: translateX(-50%); }
.plot .phase { top: .35rem; padding: 0 .3rem; overflow: hidden; text-overflow: ellipsis;
  color: var(--ink); }
.plot .mark { right: .4rem; bottom: .5rem; color: var(--alarm); font-weight: 700; letter-spacing: .1em; }
.grid { stroke: var(--line); stroke-width: 1; } .edge { stroke: var(--quiet); stroke-width: 1.5;
  stroke-dasharray: 4 3; } .mean { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 2 4; }
.curve { fill: none; stroke: var(--curve); stroke-width: 1.6; stroke-linejoin: round;
  stroke-linecap: round; }
.curve.heat { stroke: var(--heat); } .gap { fill: var(--gap); opacity: .28; }
.band { opacity: .22; }
.p0 { fill: var(--p0); background: var(--p0); } .p1 { fill: var(--p1); background: var(--p1); }
.p2 { fill: var(--p2); background: var(--p2); } .p3 { fill: var(--p3); background: var(--p3); }
.p4 { fill: var(--p4); background: var(--p4); } .p5 { fill: var(--p5); background: var(--p5); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: 0; margin: .3rem 0 0;
  font-size: .9rem; }
.legend i { display: inline-block; width: .9rem; height: .9rem; border-radius: .2rem; margin-right: .4rem;
  opacity: .6; vertical-align: -.1rem; } .legend i.gap { background: var(--gap); }
.scroll { overflow-x: auto; } .scroll:focus-visible { outline: 2px solid var(--curve); }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1rem .3rem 0;
  border-bottom: 1px solid var(--line); }
th[scope=row] { font-weight: 400; color: var(--quiet); } thead th { white-space: nowrap; }
.figures td, .figures thead th + th { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; padding: .3rem 0 .3rem 1rem; }
.figures th[scope=row], .figures thead th:first-child { position: sticky; left: 0; background: var(--paper); }
.figures th[scope=rowgroup] { padding-top: 1rem; font-weight: 600; }
.facts th { width: 11rem; } .facts td { overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font-size: .9rem; }
@media (max-width: 36rem) { .plot .x.odd { display: none; } .facts th { width: 7.5rem; }
  .plot { margin-left: 2.4rem; } .figures th[scope=row] { min-width: 8.5rem; }
  .figures td { padding-left: .6rem; } }
@media print { .simulated { border: 2px solid; } .scroll { overflow: visible; } }
"""
