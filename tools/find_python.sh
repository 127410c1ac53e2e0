#!/bin/sh
# Print a Python 3.11 or newer that can make virtual environments; PYTHON=/path/to/python chooses one.
# Builds differ in speed by a fifth and more, and nothing they say of themselves tells it: so each Python on the PATH
# is measured for a moment, and the first that is within a tenth of the fastest is taken.

measure() { # measure PYTHON: prints CPU microseconds for a little work, or fails where it cannot be used
  "$1" - 2>/dev/null <<'END'
import sys, time, venv, ensurepip
if sys.version_info < (3, 11): sys.exit(1)
class Call:
    def __init__(self, number): self.number = number
    def step(self, by): self.number += by; return self
def work():
    began = time.process_time()
    calls = {number: Call(number) for number in range(4000)}
    for number in range(40000): calls[number % 4000].step(len(str(number)))
    return time.process_time() - began
print(int(min(work() for _ in range(7)) * 1e6))
END
}

if [ -n "$PYTHON" ]; then
  measure "$PYTHON" >/dev/null && command -v "$PYTHON" && exit 0
else
  found=$(
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
      rest=$PATH:
      while [ -n "$rest" ]; do
        python=${rest%%:*}/$name
        rest=${rest#*:}
        [ -x "$python" ] && cost=$(measure "$python") && echo "$cost $python"
      done
    done
  )
  [ -z "$found" ] || {
    echo "$found" | awk '{ cost[NR] = $1; sub(/^[0-9]+ /, ""); path[NR] = $0; if (!best || cost[NR] < best) best = cost[NR] }
      END { for (i = 1; i <= NR; i++) if (cost[i] <= best * 1.1) { print path[i]; exit } }'
    exit 0
  }
fi
echo "No Python 3.11 or newer with venv found: install it (Debian, Ubuntu: apt install python3-venv;" \
  "macOS: brew install python), or run make with PYTHON=/path/to/python." >&2
exit 1
