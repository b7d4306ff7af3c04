"""`wattwatch decode`: captured frames as JSON."""

import json
import sys

import click

from wattwatch.errors import FrameError
from wattwatch.sources.um.capture import decode_capture, frame_object, read_capture


@click.command("decode", epilog="\b\nExample: wattwatch decode capture.hex")
@click.argument("source", metavar="[HEX|FILE|-]", default="-")
def command(source: str) -> None:
    """Decode captured UM24C, UM25C and UM34C frames.

    Prints one JSON object for each frame. HEX is the frame as hex text; FILE holds hex text (any white
    space, any number of frames) or the bytes themselves; - or nothing reads standard input. What is no
    frame is named on stderr with its offset, the frames around it are still decoded, and the exit status
    is 1.
    """
    failed = False
    for item in decode_capture(read_capture(source, sys.stdin.buffer)):
        if isinstance(item, FrameError):
            click.echo(f"wattwatch: {item}", err=True)
            failed = True
        else:
            click.echo(json.dumps(frame_object(item)))
    sys.exit(failed)
