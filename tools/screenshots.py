"""Pictures of reports for the documentation, made anew from simulated runs: `make screenshots`.

Needs Chromium on PATH. The runs are simulated, and every picture says so.
"""

import argparse
import base64
import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.chromium import Chromium
from support.simulated_runs import PI, simulated_run
from wattwatch.report.html import run_page

_ROOT = Path(__file__).parents[1]
_LARGEST_BYTES = 200_000


@dataclass(frozen=True)
class Shot:
    """A part of a page: from the element of this selector on, so many pixels down."""

    name: str
    page: str
    width: int
    height: int
    dark: bool = False
    selector: str = "body"


SHOTS = (
    Shot("study", "study", 1120, 1180),
    Shot(
        "study-dark",
        "study",
        1120,
        1500,
        dark=True,
        selector="[aria-labelledby='order-0-title order-0-desc']",
    ),
    Shot("study-phone", "study", 390, 1250),
    Shot("run", "run", 1120, 1240),
)


def pages() -> dict[str, str]:
    """The HTML of all pages by name: the example study as the documentation has it, a run with a gap."""
    holed = simulated_run(PI, (3, 9), gap=True)
    study = (_ROOT / "docs" / "examples" / "study.html").read_text(encoding="utf-8")
    return {"study": study, "run": run_page(holed.document, holed.curves)}


def taken(browser: Chromium, url: str, shot: Shot) -> Image.Image:
    """The picture of a part of a page."""
    with browser.tab(shot.width, 900, dark=shot.dark) as tab:
        tab.open(url)
        chart = f'document.querySelector("{shot.selector}").closest("figure, body")'
        top = max(0.0, float(tab.evaluate(f"{chart}.getBoundingClientRect().top")) - 16)
        clip = {"x": 0, "y": top, "width": shot.width, "height": shot.height, "scale": 1}
        answer = tab.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    return Image.open(io.BytesIO(base64.b64decode(answer["data"])))


def main() -> None:
    """Write all pictures to docs/screenshots; SystemExit if one is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "screenshots")
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Chromium(Path(scratch) / "profile") as browser:
        for name, html in pages().items():
            (Path(scratch) / f"{name}.html").write_text(html, encoding="utf-8")
        for shot in SHOTS:
            image = taken(browser, (Path(scratch) / f"{shot.page}.html").as_uri(), shot)
            path = output / f"{shot.name}.png"
            image.convert("RGB").quantize(192).save(path, optimize=True)
            print(f"{path}: {path.stat().st_size // 1000} kB")
            if path.stat().st_size > _LARGEST_BYTES:
                sys.exit(f"{path} is larger than {_LARGEST_BYTES} bytes: show less")


if __name__ == "__main__":
    main()
