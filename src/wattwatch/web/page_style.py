"""The look of the page, and the little script that keeps it fresh; both stand in the page itself.

The Content-Security-Policy allows exactly these two texts, by their hashes, and nothing from elsewhere.
"""

import base64
import hashlib
from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #16191c; --paper: #f4f6f8; --card: #fff; --quiet: #56606a;
  --line: #dce1e6; --curve: #0b57a4; --gap: #868d94; --good: #1a7f4b; --wait: #8a5a00; --bad: #b3261e;
  --chip: #e8eef5; font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --paper: #101316; --card: #1a1e23;
  --quiet: #9ca6b0; --line: #2e353c; --curve: #7db8f5; --gap: #8b949d; --good: #5fd39a; --wait: #f0b44c;
  --bad: #ff8a80; --chip: #27303a; } }
* { box-sizing: border-box; }
body { max-width: 66rem; margin: 0 auto; padding: 1rem 1rem 2.5rem; color: var(--ink);
  background: var(--paper); }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .8rem; margin: .2rem 0 .9rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; }
h2.over { margin: 1.7rem 0 .6rem; }
p { margin: .3rem 0; }
a { color: var(--curve); }
a:focus-visible { outline: 2px solid var(--curve); outline-offset: 2px; }
code { font-size: .92em; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); font-size: .9rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .9rem 1rem;
  margin: 0 0 .8rem; }
.simulated { background: #b3261e; color: #fff; font-weight: 700; padding: .6rem .9rem; border-radius: .6rem;
  margin: 0 0 .8rem; }
.warning { background: var(--card); border: 1px solid var(--line); border-left: .35rem solid var(--bad);
  border-radius: .4rem; padding: .45rem .8rem; margin: 0 0 .8rem; overflow-wrap: anywhere; }
.power { display: flex; flex-wrap: wrap; align-items: flex-end; gap: .3rem 2.2rem; margin-bottom: .6rem; }
.now { font-size: 3.1rem; font-weight: 650; line-height: 1; margin: .35rem 0 .25rem;
  font-variant-numeric: tabular-nums; letter-spacing: -.02em; white-space: nowrap; }
.now small { font-size: .5em; font-weight: 500; color: var(--quiet); letter-spacing: 0; }
.now.none { font-size: 1.5rem; color: var(--quiet); letter-spacing: 0; white-space: normal; }
dl { margin: 0; } dt { color: var(--quiet); font-size: .82rem; overflow-wrap: anywhere; } dd { margin: 0; }
.facts { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; }
.facts dd { font-weight: 600; font-variant-numeric: tabular-nums; }
figure { margin: 0; }
.chart { display: block; width: 100%; height: 11rem; overflow: hidden; }
.chart * { vector-effect: non-scaling-stroke; }
.chart text { fill: var(--quiet); font-size: .75rem; paint-order: stroke; stroke: var(--card);
  stroke-width: 3px; stroke-linejoin: round; }
.chart .mark { fill: var(--bad); font-weight: 700; letter-spacing: .1em; }
.grid { stroke: var(--line); stroke-width: 1; }
.curve { fill: none; stroke: var(--curve); stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
.area { fill: var(--curve); opacity: .13; }
.gap { fill: var(--gap); opacity: .26; }
.times { display: flex; justify-content: space-between; color: var(--quiet); font-size: .8rem; }
figcaption { margin-top: .35rem; color: var(--quiet); font-size: .9rem; }
.swatch { display: inline-block; width: .8rem; height: .8rem; border-radius: .2rem; background: var(--gap);
  opacity: .45; vertical-align: -.06rem; margin-right: .3rem; }
.cards { columns: 26rem 2; column-gap: .8rem; }
.cards .card { break-inside: avoid; }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .7rem; }
.state { font-weight: 600; font-size: .92rem; white-space: nowrap; }
.state::before { content: "●"; margin-right: .35rem; }
.state.up { color: var(--good); } .state.waiting::before { content: "○"; }
.state.waiting { color: var(--wait); } .state.down, .state.stalled { color: var(--bad); }
.state.stalled::before { content: "◐"; } .state.down::before { content: "✕"; }
.why { border-left: .25rem solid var(--bad); padding-left: .6rem; margin: .5rem 0; overflow-wrap: anywhere; }
.values { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr));
  gap: .55rem 1rem; margin-top: .7rem; }
.values dd { font-variant-numeric: tabular-nums; font-weight: 600; }
.values .tag { display: block; font-weight: 400; font-size: .78rem; color: var(--quiet); }
.absent { display: grid; gap: .45rem; margin-top: .5rem; font-size: .92rem; }
.absent dd { overflow-wrap: anywhere; }
.chip { background: var(--chip); border-radius: 1rem; padding: .05rem .6rem; font-size: .85rem; }
.run + .run { border-top: 1px solid var(--line); margin-top: .8rem; padding-top: .8rem; }
.run .facts { margin-top: .3rem; }
.id { overflow-wrap: anywhere; }
footer { margin-top: 1.6rem; border-top: 1px solid var(--line); padding-top: .7rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.3rem; padding: 0; margin: 0 0 .4rem; }
@media (max-width: 30rem) { .now { font-size: 2.6rem; } .chart { height: 9rem; }
  .values { grid-template-columns: repeat(auto-fill, minmax(7.6rem, 1fr)); } }
"""

SCRIPT: Final = """
"use strict";
(() => {
  const EVERY = 3000, PATIENCE = 8000;
  const stale = document.getElementById("stale");
  let since = new Date();
  const renew = text => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    document.title = fresh.title;
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const old = document.getElementById(part.id);
      if (old && old.outerHTML !== part.outerHTML) old.replaceWith(document.adoptNode(part));
    }
  };
  const selecting = () => { const s = getSelection(); return s !== null && !s.isCollapsed; };
  const look = async () => {
    try {
      const answer = await fetch("/-/page", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) throw new Error(answer.statusText);
      const text = await answer.text();
      if (!selecting()) renew(text);
      since = new Date();
      stale.hidden = true;
    } catch {
      stale.textContent = "No answer from wattwatch since " + since.toLocaleTimeString() +
        ": what stands here is old.";
      stale.hidden = false;
    }
  };
  const loop = async () => {
    if (!document.hidden) await look();
    setTimeout(loop, EVERY);
  };
  setTimeout(loop, EVERY);
})();
"""

ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect width='16' height='16' rx='4' fill='%230b57a4'/%3E"
    "%3Cpath d='M9 2 4 9h3l-1 5 6-7H8z' fill='%23fff'/%3E%3C/svg%3E"
)


def _hash(text: str) -> str:
    """How a policy names an inline text: CSP level 3, hash-source."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_hash(STYLE)}",
        f"script-src {_hash(SCRIPT)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The value of Content-Security-Policy: these texts, our own address, nothing else."""
