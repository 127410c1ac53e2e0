"""Ringback: an open contact-centre voice platform with callbacks at its heart."""

__version__ = "0.1.0"
