"""A matrix as a picture that travels inside the page."""

import base64
import struct
import zlib
from typing import Any

import numpy as np


def heatmap(values: np.ndarray[Any, Any], low: float, high: float) -> str:
    """A matrix as a picture, blue below the middle of the scale and red above, one pixel a cell."""
    scaled = np.clip((np.nan_to_num(values) - low) / (high - low), 0, 1)
    away = np.abs(2 * scaled - 1)[..., None]
    cold, hot, paper = np.array([36, 99, 180]), np.array([196, 58, 49]), np.array([250, 249, 246])
    colour = np.where(scaled[..., None] < 0.5, cold, hot)
    pixels = (paper + (colour - paper) * away).round().astype(np.uint8)
    return f"data:image/png;base64,{base64.b64encode(_png(pixels)).decode()}"


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """8-bit RGB pixels (H, W, 3) as a PNG file (W3C PNG, section 5)."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return len(body).to_bytes(4) + kind + body + check.to_bytes(4)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )
