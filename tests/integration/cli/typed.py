"""Runs a command at a terminal of its own, types what standard input has once the command asks, and prints what the terminal
showed. Ends with an error if the terminal is not as it was afterwards, or with the command's exit status."""

import os
import pty
import sys
import termios

typed = sys.stdin.buffer.read()
own, terminal = pty.openpty()
before = termios.tcgetattr(terminal)
child = os.fork()
if child == 0:
    os.setsid()
    for descriptor in (0, 1, 2):
        os.dup2(terminal, descriptor)
    os.execve(sys.argv[1], sys.argv[1:], {})

shown = b""
while b": " not in shown:
    shown += os.read(own, 4096)
# The prompt is shown first, and what is typed from then on is not.
while termios.tcgetattr(terminal)[3] & termios.ECHO:
    os.sched_yield()
os.write(own, typed + b"\n")
status = os.waitpid(child, 0)[1]
after = termios.tcgetattr(terminal)
os.close(terminal)
try:
    while more := os.read(own, 4096):
        shown += more
except OSError:
    pass
sys.stdout.write(shown.decode())
sys.exit("the terminal is not as it was" if after != before else os.waitstatus_to_exitcode(status))
