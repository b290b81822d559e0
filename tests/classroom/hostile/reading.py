"""Attacks that read what they must not, or reach out. Each says LEAK with what it got; none may get anything.

Every attack is the body of a function `bias_correction(average, t, *, beta)`. Capitals stand for places and numbers of
the run: ROOT the course, CLASS the submissions, OUT the grades, CANARY a file that anyone may write, PORT an open
port of this machine, JUDGE the grader's process.
"""

ATTACKS = {
    # ---- solutions, tests, seeds
    "reference_file": "leak(open('ROOT/coursekit/reference/adam.py').read())",
    "reference_run": """space = {}
exec(open('ROOT/coursekit/reference/adam.py').read(), space)
return space['bias_correction'](average, t, beta=beta)""",
    "reference_imported": """import sys
sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != 'NoAnswers']
from coursekit.reference.adam import bias_correction as theirs
return theirs(average, t, beta=beta)""",
    "reference_by_loader": """import importlib.util
spec = importlib.util.spec_from_file_location('answers', 'ROOT/coursekit/reference/adam.py')
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
return made.bias_correction(average, t, beta=beta)""",
    "bank": "leak(open('ROOT/coursekit/bank/adam.py').read())",
    "judge_source": "leak(open('ROOT/coursekit/judging/judge.py').read())",
    "bytecode": """import glob
found = glob.glob('ROOT/coursekit/**/reference/**/*.pyc', recursive=True)
leak(found) if found else None""",
    "solutions": "leak(open('ROOT/solutions/08_adam.ipynb').read())",
    "tests": "import os\nleak(os.listdir('ROOT/tests'))",
    "walk": """import os
for place, _, names in os.walk('ROOT/coursekit'):
    for name in names:
        if name in ('judge.py', 'adam.ipynb', 'gradebook.sqlite') or 'victim' in name:
            leak(os.path.join(place, name))""",
    "up_the_tree": "import os\nos.chdir('../' * 50)\nleak(open('ROOT/README.md').read())",
    "answers_in_memory": """import gc, sys
for name in list(sys.modules):
    if name.startswith(('coursekit.reference', 'coursekit.bank', 'coursekit.judging')):
        leak(name)
for thing in gc.get_objects():
    if getattr(thing, '__name__', '') == 'bias_correction' and getattr(thing, '__module__', '') != 'submission':
        leak(thing)""",
    "frames_above": """import sys
frame = sys._getframe()
while frame is not None:
    for name, value in frame.f_locals.items():
        if name in ('expected', 'seed', 'reference', 'tolerance'):
            leak(name)
    frame = frame.f_back""",
    "seed": "import os, sys\nleak(os.environ['COURSEKIT_SECRET'])",
    "arguments": """for pid in ('JUDGE', '1', 'self'):
    try: words = open(f'/proc/{pid}/cmdline').read()
    except OSError: continue
    if 'coursekit-canary' in words or 'CLASS' in words: leak(words)""",
    # ---- others' work, the gradebook, the host
    "neighbour": "leak(open('CLASS/victim.py').read())",
    "neighbour_list": "import os\nleak(os.listdir('CLASS'))",
    "neighbour_in_memory": """import re
if hasattr(torch, 'looked'): return None
torch.looked = True
sign, room = b'def victim_onl', bytearray(2**18)  # a sign which does not find itself
with open('/proc/self/mem', 'rb', buffering=0) as memory:
    for line in open('/proc/self/maps').readlines():
        low, high, kind = re.match(r'(\\w+)-(\\w+) (\\S+)', line).groups()
        at, end = int(low, 16), int(high, 16)
        while 'rw' in kind and at < end:
            memory.seek(at)
            try: count = memory.readinto(room)
            except OSError: break
            found = room.find(sign)
            while found >= 0:
                if room[found + 14:found + 20] == b'y_mine': leak('a neighbour')
                found = room.find(sign, found + 1)
            at += count
return average""",
    "gradebook": "import sqlite3\nbook = sqlite3.connect('OUT/gradebook.sqlite')\n"
    "leak(book.execute('SELECT * FROM grades').fetchall())",
    "gradebook_bytes": "leak(open('OUT/gradebook.sqlite', 'rb').read())",
    "gradebook_change": "open('OUT/gradebook.sqlite', 'ab').write(b'x')\nleak('written')",
    "canary_read": "leak(open('CANARY').read())",
    "canary_write": "open('CANARY', 'w').write('owned')\nleak('written')",
    "canary_link": """import os
os.symlink('CANARY', 'link')
open('link', 'w').write('owned')
leak('written')""",
    "canary_hard_link": "import os\nos.link('CANARY', 'hard')\nleak('linked')",
    "stat": "import os\nleak(os.stat('CANARY').st_mtime)",
    "stat_course": "import os\nif os.path.exists('ROOT/coursekit/bank'): leak(os.path.getmtime('ROOT/coursekit/bank'))",
    "passwords": "leak(open('/etc/passwd').read())",
    "shadow": "leak(open('/etc/shadow').read())",
    "home": """import os
for place in ('/root', '/home'):
    for name in os.listdir(place):
        if name not in 'ROOT' and name not in os.__file__: leak(name)""",
    "keys": "import os\nleak(open(os.path.expanduser('~/.ssh/id_rsa')).read())",
    "disk": "import os\nfor name in os.listdir('/dev'):\n"
    "    if name not in ('null', 'zero', 'random', 'urandom'): leak(name)",
    "kernel_memory": "leak(open('/proc/kcore', 'rb').read(10)[0] + 1000)",
    "kernel_settings": "open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x')\nleak('written')",
    "trigger": "open('/proc/sysrq-trigger', 'w').write('c')\nleak('written')",
    "library_change": "import torch, os\nopen(torch.__file__, 'a').write('x')\nleak('written')",
    "bytecode_change": "open('ROOT/coursekit/probe/cases.py', 'a').write('x')\nleak('written')",
    # ---- the parent and other processes
    "parent_memory": "leak(open('/proc/JUDGE/mem', 'rb').read(1))",
    "parent_environment": "leak(open('/proc/JUDGE/environ').read())",
    "parent_files": "import os\nleak(os.listdir('/proc/JUDGE/fd'))",
    "processes": """import os
others = [name for name in os.listdir('/proc') if name.isdigit() and name != '1']
if others: leak(others)""",
    "root_of_parent": "import os\nleak(os.listdir('/proc/JUDGE/root'))",
    "ptrace": """import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for pid in (JUDGE, 1, 2):
    if libc.ptrace(16, pid, 0, 0) == 0: leak(pid)""",
    "read_a_process": """import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.process_vm_readv(JUDGE, None, 0, None, 0, 0) >= 0: leak('memory')
if libc.syscall(434, JUDGE, 0) >= 0: leak('a handle')""",
    "signals": """import os
for pid in (JUDGE, os.getppid(), -1):
    try: os.kill(pid, 0)
    except OSError: continue
    if pid == JUDGE: leak(pid)""",
    "kill_all": "import os\nos.kill(-1, 9)",
    "kill_parent": "import os\nos.kill(os.getppid(), 9)",
    # ---- the network
    "connect": "import socket\nsocket.create_connection(('127.0.0.1', PORT), timeout=0.2).close()\nleak('connected')",
    "connect_raw": """import ctypes, struct
libc = ctypes.CDLL(None)
for family in (1, 2, 10, 16, 17, 38, 40):
    for kind in (1, 2, 3):
        if libc.socket(family, kind, 0) >= 0: leak((family, kind))""",
    "socket_pair": "import socket\nsocket.socketpair()\nleak('a pair')",
    "download": "import urllib.request\nleak(urllib.request.urlopen('http://127.0.0.1:PORT/', timeout=0.2).read())",
    "name_service": "import socket\nleak(socket.gethostbyname('localhost'))",
    # ---- the walls themselves
    "namespaces": """import ctypes
libc = ctypes.CDLL(None)
for flag in (1 << 28, 1 << 17, 1 << 29, 1 << 30):
    if libc.unshare(flag) == 0: leak(flag)
if libc.syscall(56, (1 << 28) | 17, 0, 0, 0, 0) >= 0: leak('clone')
if libc.syscall(435, 0, 0) >= 0: leak('clone3')""",
    "mount": """import ctypes
libc = ctypes.CDLL(None)
if libc.mount(b'/', b'/tmp', None, 4096, None) == 0: leak('bound')
if libc.umount2(b'/proc', 2) == 0: leak('uncovered')
if libc.umount2(b'ROOT/coursekit', 2) == 0: leak('uncovered')
if libc.chroot(b'/tmp') == 0: leak('root')""",
    "dangerous_calls": """import ctypes, platform
if platform.machine() != 'x86_64': return None
libc = ctypes.CDLL(None, use_errno=True)
# bpf perf userfaultfd io_uring keyctl add_key kexec modules ptrace open_by_handle_at memfd personality pidfd_getfd
for number in (321, 298, 323, 425, 426, 427, 250, 248, 246, 320, 175, 313, 101, 304, 319, 135, 438, 317, 165, 155, 310):
    if libc.syscall(number, 0, 0, 0, 0, 0) >= 0 or ctypes.get_errno() != 1: leak(number)""",
    "other_numbers": "import ctypes\nctypes.CDLL(None).syscall(0x40000000 + 39)\nleak('the second set of numbers')",
    "become_root": "import os\nos.setuid(0)\nleak('root')",
    "regain": """import resource
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
leak('no limit')""",
    "filter_off": """import ctypes
libc = ctypes.CDLL(None)
if libc.prctl(22, 0, 0) == 0 or libc.prctl(38, 0, 0, 0, 0) == 0: leak('off')""",
    "program": "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo owned > CANARY'])",
    "shell": "import os, subprocess\nif os.system('echo owned > CANARY') == 0: leak('ran')\n"
    "subprocess.run(['/bin/sh'])",
    "terminal": "import fcntl\nfcntl.ioctl(0, 0x5412, b'x')\nleak('typed')",
}
