"""`with_atheris.py DOOR [libFuzzer's options] [corpus]`: fuzz one door, guided by coverage."""

import sys

import atheris

with atheris.instrument_imports(include=["ringback"]):
    from ringback.testing.hostile import DOORS

if __name__ == "__main__":
    door = DOORS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, door)
    atheris.Fuzz()
