"""What `wattwatch decode` is given: hex text or binary, of anything; frames and errors in order."""

import json

from laws import one_line
from wattwatch.errors import FrameError
from wattwatch.sources.um.capture import decode_capture, frame_object


def check(data: bytes) -> None:
    """Decode a whole capture."""
    last_offset, count = 0, 0
    for item in decode_capture(data):
        count += 1
        if isinstance(item, FrameError):
            one_line(item)
            assert last_offset <= item.offset <= len(data)
            last_offset = item.offset
        else:
            json.dumps(frame_object(item), allow_nan=False)
    assert 1 <= count <= len(data) + 1
