"""Runs a command whose standard error nobody reads until told to.

    unread-stderr.py pipe|foreign-pipe|terminal|socket|file COMMAND...

Orders come on standard input, a line each: "fill" (no more can be written), "read" (everything is read from now on),
"hang up" (nobody will ever read). Answers go to standard output, a JSON object a line: {"pid"}, {"did"}, {"text"} as it
is read, and at the end {"exit", "blocks"}: whether what the command shares with this program still blocks.
"""

import ctypes, fcntl, json, os, pty, socket, subprocess, sys, tempfile, termios, threading, tty

kind, command = sys.argv[1], sys.argv[2:]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, PR_SET_PDEATHSIG, SIGKILL = 24, 1, 1, 9
file = None
if kind in ("pipe", "foreign-pipe"):
    near, far = os.pipe()
elif kind == "terminal":
    near, far = pty.openpty()
    tty.setraw(far)
elif kind == "socket":
    ends = socket.socketpair()
    near, far = (end.detach() for end in ends)
else:
    file = tempfile.TemporaryFile()
    near, far = file.fileno(), file.fileno()
    os.write(far, b"what was there before\n")
if kind == "foreign-pipe":
    os.fchmod(far, 0)


def prepare():
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL)
    # Without it root may open nobody's pipe either.
    if kind == "foreign-pipe":
        libc.prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)


child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=far, preexec_fn=prepare)
lock = threading.Lock()


def say(**what):
    with lock:
        print(json.dumps(what), flush=True)


def fill():
    if kind == "terminal":
        termios.tcflow(far, termios.TCOOFF)
        return
    if kind == "socket":
        end = socket.socket(fileno=os.dup(far))
        flags = socket.MSG_DONTWAIT
        put = lambda octets: end.send(octets, flags)
    else:
        # A description of its own: the command's must go on to block.
        os.fchmod(far, 0o600)
        own = os.open(f"/proc/self/fd/{far}", os.O_WRONLY | os.O_NONBLOCK)
        if kind == "foreign-pipe":
            os.fchmod(far, 0)
        put = lambda octets: os.write(own, octets)
    for size in (4096, 1):
        try:
            while True:
                put(b"\n" * size)
        except BlockingIOError:
            pass


def read():
    if kind == "terminal":
        termios.tcflow(far, termios.TCOON)
    while True:
        try:
            octets = os.read(near, 65536)
        except OSError:
            return
        if not octets:
            return
        say(text=octets.decode())


def obey():
    for line in sys.stdin:
        order = line.strip()
        if order == "fill":
            fill()
        elif order == "read":
            threading.Thread(target=read, daemon=True).start()
        elif order == "hang up":
            os.close(near)
        say(did=order)


say(pid=child.pid)
threading.Thread(target=obey, daemon=True).start()
code = child.wait()
if file is not None:
    file.seek(0)
    say(text=file.read().decode())
say(exit=code, blocks=not fcntl.fcntl(far, fcntl.F_GETFL) & os.O_NONBLOCK)
os._exit(0)
