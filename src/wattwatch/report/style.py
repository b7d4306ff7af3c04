"""The look of a report: light and dark, wide and narrow, on paper; nothing is loaded."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1d1f; --paper: #fff; --quiet: #5b6167; --line: #d9dde1;
  --curve: #0b57a4; --heat: #b3401a; --gap: #8a8f94; --alarm: #b3261e; --panel: #f5f7f9;
  --p0: #e69f00; --p1: #56b4e9; --p2: #009e73; --p3: #cc79a7; --p4: #d55e00; --p5: #7466b8;
  --g0: #0b62a8; --g1: #cc5208; --g2: #1a9a78; --g3: #a8447f; --g4: #6b4a00; --g5: #3f454b;
  font: 16px/1.5 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --paper: #14171a; --quiet: #9aa3ab;
  --line: #343a40; --curve: #7db8f5; --heat: #f2936b; --gap: #9aa3ab; --alarm: #d6453c; --panel: #1d2125;
  --g0: #6bb8f2; --g1: #f5894d; --g2: #2bb58a; --g3: #e691c1; --g4: #f0cf50; --g5: #d5dade; } }
* { box-sizing: border-box; }
body { max-width: 60rem; margin: 0 auto; padding: 1.2rem 1rem 3rem; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .5rem; }
.lead { font-size: 1.2rem; margin: .6rem 0 1rem; overflow-wrap: anywhere; }
.quiet, caption { color: var(--quiet); font-size: .9rem; }
.simulated { background: var(--alarm); color: #fff; font-weight: 700; padding: .6rem .8rem;
  border-radius: .4rem; margin: 0 0 1rem; }
.warning { border-left: .3rem solid var(--alarm); padding: .1rem .8rem; margin: .6rem 0;
  overflow-wrap: anywhere; }
.chart { margin: 1.2rem 0 0; } .chart figcaption { display: flex; flex-wrap: wrap; gap: 0 .6rem;
  align-items: baseline; font-weight: 600; margin-bottom: .6rem; }
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
.chart .mark { margin-left: auto; font-size: .75rem; color: var(--alarm); letter-spacing: .1em;
  font-weight: 700; }
figcaption small { color: var(--quiet); font-weight: 400; }
.grid { stroke: var(--line); stroke-width: 1; } .edge { stroke: var(--quiet); stroke-width: 1.5;
  stroke-dasharray: 4 3; } .mean { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 2 4; }
.curve { fill: none; stroke: var(--curve); stroke-width: 1.6; stroke-linejoin: round;
  stroke-linecap: round; }
.curve.heat { stroke: var(--heat); } .gap { fill: var(--gap); opacity: .28; }
.band { opacity: .22; }
.g0 { --g: var(--g0); } .g1 { --g: var(--g1); } .g2 { --g: var(--g2); } .g3 { --g: var(--g3); }
.g4 { --g: var(--g4); } .g5 { --g: var(--g5); }
.curve.g0, .curve.g1, .curve.g2, .curve.g3, .curve.g4, .curve.g5 { stroke: var(--g); }
.curve.thin { stroke-width: .8; opacity: .45; }
.box { fill: var(--g); fill-opacity: .16; stroke: var(--g); stroke-width: 1.4; }
.whisker { stroke: var(--g); stroke-width: 1.4; } .middle { stroke: var(--g); stroke-width: 3; }
.median-line { stroke: var(--g); stroke-width: 1; stroke-dasharray: 5 4; opacity: .8; }
.dot, .hollow, .ring, .ring-inside, .begin { stroke-linecap: round; fill: none; }
.dot { stroke: var(--g); stroke-width: 8; } .begin { stroke: var(--g); stroke-width: 5; }
.dot.g1, .dot.g3, .dot.g5 { stroke-linecap: square; stroke-width: 6.5; }
.hollow { stroke: var(--paper); stroke-width: 4; } .ring { stroke: var(--ink); stroke-width: 15; }
.ring-inside { stroke: var(--paper); stroke-width: 12; }
.epoch { fill: none; stroke: var(--g); stroke-width: 1.4; stroke-linecap: round; stroke-linejoin: round;
  opacity: .7; }
.piece { stroke: var(--paper); stroke-width: 1.5; }
.p-untagged { fill: var(--gap); background: var(--gap); }
.p-mixed { fill: var(--quiet); background: var(--quiet); }
.band.p-untagged, .band.p-mixed { opacity: .1; }
.p0 { fill: var(--p0); background: var(--p0); } .p1 { fill: var(--p1); background: var(--p1); }
.p2 { fill: var(--p2); background: var(--p2); } .p3 { fill: var(--p3); background: var(--p3); }
.p4 { fill: var(--p4); background: var(--p4); } .p5 { fill: var(--p5); background: var(--p5); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: 0; margin: .3rem 0 0;
  font-size: .9rem; }
.legend i { display: inline-block; width: .9rem; height: .9rem; border-radius: .2rem; margin-right: .4rem;
  opacity: .6; vertical-align: -.1rem; } .legend i.gap { background: var(--gap); }
.legend i.solid { opacity: 1; } .legend i.swatch { opacity: 1; background: var(--g); border-radius: 50%; }
.legend i.swatch.g1, .legend i.swatch.g3, .legend i.swatch.g5 { border-radius: 0; }
.legend i.mark-hollow { opacity: 1; border: .2rem solid var(--quiet); border-radius: 50%; }
.legend i.mark-least { display: none; }
.legend i.mark-ring { opacity: 1; border-radius: 50%; background: var(--quiet);
  border: .16rem solid var(--paper); outline: .1rem solid var(--ink); }
.grid-of-charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
  column-gap: 1.5rem; }
.plot.boxes { height: 15rem; margin-bottom: 3.4rem; } .plot.order, .plot.epochs { height: 11rem; }
.plot.panel { height: 11rem; } .plot.panel.low { height: 7rem; }
.plot .least { transform: translate(-50%, -.5rem); color: var(--ink); }
.plot .name { top: calc(100% + .5rem); padding: 0 .25rem; text-align: center; white-space: normal;
  overflow-wrap: anywhere; line-height: 1.15; color: var(--ink); max-height: 2.3rem; overflow: hidden; }
.plot.bars { margin-left: .2rem; } .plot .row { left: 0; color: var(--ink); font-size: .9rem; max-width: 100%;
  overflow: hidden; text-overflow: ellipsis; }
.plot .share { text-align: center; transform: translateY(50%); color: #14171a; overflow: hidden; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: .6rem;
  padding: .9rem 1.1rem; }
.card h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
.tiles { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; margin: .6rem 0; }
.tiles dt { color: var(--quiet); font-size: .85rem; }
.tiles dd { margin: 0; font-size: 1.5rem; font-weight: 600; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.tiles small { display: block; font-size: .8rem; font-weight: 400;
  color: var(--quiet); }
.said { padding-left: 1.1rem; margin: .4rem 0 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } .scroll:focus-visible { outline: 2px solid var(--curve); }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; padding: .9rem 0 .4rem; }
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
.ids th[scope=row] { font-family: ui-monospace, monospace; font-size: .85rem; }
@media print { .card, .chart, .warning { break-inside: avoid; } h2 { break-after: avoid; }
  body { max-width: none; font-size: 11pt; } .simulated { border: 2px solid; }
  .scroll { overflow: visible; } table { font-size: 8.5pt; } .legend i, .mark { print-color-adjust: exact; }
  .figures td, .figures thead th, .figures thead th + th { white-space: normal; padding-left: .4rem; }
  .figures th[scope=row] { position: static; overflow-wrap: anywhere; } }
"""
