#!/bin/sh
# Print a Python 3.11 or newer that can make virtual environments; PYTHON=/path/to/python chooses one.
for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
  if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    command -v "$python"
    exit 0
  fi
done
echo "No Python 3.11 or newer with venv found: install it (Debian, Ubuntu: apt install python3-venv;" \
  "macOS: brew install python), or run make with PYTHON=/path/to/python." >&2
exit 1
