"""Columns of a chunk as bytes and back: lossless, small, and cheap enough for pure Python.

A column becomes integers (decimals of a meter scaled by a power of ten where that gives every bit back,
else the bit patterns), the integers become small (differences), their bytes are put plane by plane, and
deflate does the rest. Little-endian machines only, as all that wattwatch runs on are.
"""

import struct
import zlib
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from operator import xor
from typing import Final

from wattwatch.errors import StoreError

_LARGEST_EXPONENT: Final = 9
_EXACT_INTEGERS: Final = 2**53  # beyond it a double skips integers
_PROBE_ROWS: Final = 16  # so many values rule an exponent out before the whole column is tried
# volts x amperes and 3.6 x mWh are decimals but for the last bits of the product: those are kept beside.
_MOST_ULPS: Final = 4
_RAW: Final = 255  # in the place of the exponent: bit patterns, not decimals
_FIRST, _DELTA, _DELTA2, _XOR = range(4)  # how the integers were made small
_HEAD: Final = struct.Struct("<IBBBqI")  # crc32 of the rest, exponent, order, width, first integer, bytes
_CRC_BYTES: Final = 4
_WIDTHS: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
_DEFLATE_LEVEL: Final = 6
_WINDOW_BITS: Final = -12  # raw deflate; columns are a few kB, a larger window only costs memory


def encode_floats(values: "array[float]") -> bytes:
    """A column of doubles as bytes, from which `decode_floats` makes the same bits."""
    decimals = _as_decimals(values)
    if decimals is None:
        return _pack(_RAW, _XOR, _bits(values))
    exponent, numbers, ulps = decimals
    body = min((_pack(exponent, order, numbers) for order in (_FIRST, _DELTA)), key=len)
    return _sealed(body[_CRC_BYTES:] + _deflated(array("b", ulps).tobytes())) if any(ulps) else body


def decode_floats(data: bytes, rows: int) -> "array[float]":
    """The doubles of a column; StoreError if the bytes are damaged."""
    column = _unpack(data, rows)
    if column.exponent == _RAW:
        return _doubles(column.numbers)
    scale = 10.0**column.exponent
    values = array("d", [number / scale for number in column.numbers])
    if not column.rest:
        return values
    ulps = array("b", _inflated(column.rest))
    return _doubles(bits + ulp for bits, ulp in zip(_bits(values), ulps, strict=True))


def encode_times(times_us: "array[int]") -> bytes:
    """A column of microseconds as bytes: second differences, as ticks come at an even pace."""
    return _pack(0, _DELTA2, times_us)


def decode_times(data: bytes, rows: int) -> "array[int]":
    """The microseconds of a column; StoreError if the bytes are damaged."""
    return array("q", _unpack(data, rows).numbers)


def _as_decimals(values: "array[float]") -> tuple[int, list[int], list[int]] | None:
    for exponent in range(_LARGEST_EXPONENT + 1):
        if _scaled(values[:_PROBE_ROWS], exponent) is None:
            continue
        if (found := _scaled(values, exponent)) is not None:
            return exponent, *found
    return None


def _scaled(values: "array[float]", exponent: int) -> tuple[list[int], list[int]] | None:
    """Integers n and last-bit differences with value = n / 10**exponent + ulps; None if it is no decimal."""
    scale = 10.0**exponent
    try:
        numbers = [round(value * scale) for value in values]
    except (OverflowError, ValueError):  # infinite, or not a number
        return None
    if max(numbers) > _EXACT_INTEGERS or min(numbers) < -_EXACT_INTEGERS:
        return None
    again = array("d", [number / scale for number in numbers])
    ulps = [a - b for a, b in zip(_bits(values), _bits(again), strict=True)]
    return (numbers, ulps) if max(ulps) <= _MOST_ULPS and min(ulps) >= -_MOST_ULPS else None


def _bits(values: "array[float]") -> "array[int]":
    return array("q", values.tobytes())


def _doubles(bits: Iterable[int]) -> "array[float]":
    return array("d", array("q", bits).tobytes())


@dataclass(frozen=True, slots=True)
class _Column:
    exponent: int
    numbers: "list[int] | array[int]"
    rest: bytes


def _pack(exponent: int, order: int, numbers: "list[int] | array[int]") -> bytes:
    small = _small(order, numbers)
    width = _width(small)
    planes = _planes(array(_WIDTHS[width], small).tobytes(), width)
    body = _deflated(planes)
    return _sealed(_HEAD.pack(0, exponent, order, width, numbers[0], len(body))[_CRC_BYTES:] + body)


def _unpack(data: bytes, rows: int) -> _Column:
    if len(data) < _HEAD.size or zlib.crc32(data[_CRC_BYTES:]) != int.from_bytes(data[:_CRC_BYTES], "little"):
        raise StoreError("a stored column is damaged")
    _, exponent, order, width, first, size = _HEAD.unpack_from(data)
    end = _HEAD.size + size
    planes = _inflated(data[_HEAD.size : end])
    small = array(_WIDTHS[width])
    small.frombytes(_interleaved(planes, width))
    if len(small) != rows:
        raise StoreError(f"a stored column has {len(small)} rows, its chunk {rows}")
    return _Column(exponent, _restored(order, first, small), data[end:])


def _small(order: int, numbers: "list[int] | array[int]") -> list[int]:
    first = numbers[0]
    if order == _FIRST:
        return [number - first for number in numbers]
    if order == _XOR:
        return [0, *(a ^ b for a, b in pairwise(numbers))]
    deltas = [0, *(b - a for a, b in pairwise(numbers))]
    return deltas if order == _DELTA else [0, *(b - a for a, b in pairwise(deltas))]


def _restored(order: int, first: int, small: "array[int]") -> list[int]:
    if order == _FIRST:
        return [first + number for number in small]
    operation: Callable[[int, int], int] | None = xor if order == _XOR else None
    steps: Iterable[int] = accumulate(small) if order == _DELTA2 else small
    numbers = accumulate(chain((first,), steps), operation)
    next(numbers)  # `first` itself; the first step is 0
    return list(numbers)


def _width(small: list[int]) -> int:
    largest = max(*small, -min(small) - 1)
    return next(width for width in _WIDTHS if largest < 1 << (8 * width - 1))


def _planes(data: bytes, width: int) -> bytes:
    return data if width == 1 else b"".join(data[plane::width] for plane in range(width))


def _interleaved(planes: bytes, width: int) -> bytes:
    if width == 1:
        return planes
    data = bytearray(len(planes))
    rows = len(planes) // width
    for plane in range(width):
        data[plane::width] = planes[plane * rows : (plane + 1) * rows]
    return bytes(data)


def _sealed(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(_CRC_BYTES, "little") + body


def _deflated(data: bytes) -> bytes:
    deflate = zlib.compressobj(_DEFLATE_LEVEL, zlib.DEFLATED, _WINDOW_BITS)
    return deflate.compress(data) + deflate.flush()


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data, _WINDOW_BITS)
    except zlib.error as error:  # a checksum that fits bytes that do not: an encoder of another make
        raise StoreError(f"a stored column cannot be inflated: {error}") from error
