"""Attacks that end the process, never end, or use up memory, disk, files and processes. Few may need all their time."""

ATTACKS = {
    # ---- exits
    "sys_exit": "import sys\nsys.exit(0)",
    "os_exit": "import os\nos._exit(0)",
    "exit_group": "import ctypes\nctypes.CDLL(None).syscall(231, 0)",
    "c_exit": "import ctypes\nctypes.CDLL(None).exit(0)",
    "quit": "raise SystemExit('passed')",
    "interrupt": "raise KeyboardInterrupt",
    "base_exception": "raise BaseException('passed')",
    "generator_exit": "raise GeneratorExit",
    "abort": "import os\nos.abort()",
    "null_pointer": "import ctypes\nctypes.string_at(0)",
    "illegal": "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes([15, 11]))\n"
    "ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()",
    "kill_itself": "import os\nos.kill(os.getpid(), 9)",
    "alarm": "import signal, time\nsignal.alarm(1)\nsignal.pause()",
    "at_exit": "import atexit, os\natexit.register(os._exit, 0)\nraise SystemExit(0)",
    "at_exit_c": "import atexit, os\natexit.register(lambda: open('CANARY', 'w').write('owned'))\nraise SystemExit",
    "trace": "import sys\nsys.settrace(lambda *a: sys.exit(0))\nreturn (lambda: average)()",
    "hook": "import sys\nsys.excepthook = lambda *a: print('passed')\n1 / 0",
    "raises_lies": "class E(Exception):\n    def __str__(self): raise SystemExit(0)\nraise E",
    # ---- no end
    "loop": "while True: pass",
    "stubborn_loop": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "loop_in_c": "return 10 ** 10 ** 9",
    "sleep": "import time\ntime.sleep(10**6)",
    "deaf": "import signal, time\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\nreturn 10 ** 10 ** 9",
    "expression": "import re\nreturn re.match('(a+)+b', 'a' * 40)",
    "stop": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nsignal.pause()",
    "deadlock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    # ---- memory
    "memory_tensor": "return torch.ones(10**9)",
    "memory_list": "return [0] * 10**9",
    "memory_grows": "kept = []\nwhile True: kept.append(bytearray(2**24))",
    "memory_mapped": "import mmap\nkept = []\nwhile True: kept.append(mmap.mmap(-1, 2**26, flags=mmap.MAP_SHARED))",
    "memory_c": "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\n"
    "while libc.memset(ctypes.c_void_p(libc.malloc(2**26) or leak_nothing()), 1, 2**26): pass",
    "memory_text": "return 'x' * 2**32",
    "memory_int": "return 1 << 2**36",
    "memory_file": "import os\nfd = os.memfd_create('x')\nos.truncate(fd, 2**40)\nleak('a file in memory')",
    "memory_shared": "import ctypes\nif ctypes.CDLL(None).shmget(0, 2**30, 0o1600) >= 0: leak('shared memory')",
    "memory_locked": "import ctypes\nlibc = ctypes.CDLL(None)\nif libc.mlockall(3) == 0: leak('locked')",
    "memory_stack": "def g(n): return g(n + 1) + g(n)\nimport sys\nsys.setrecursionlimit(10**9)\nreturn g(0)",
    "memory_threads": "import threading, time\nthreading.stack_size(2**28)\n"
    "while True: threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
    # ---- floods
    "prints": "while True: print('x' * 10**6)",
    "prints_past": "import os\nwhile True: os.write(1, b'x' * 10**6)",
    "errors": "import sys\nfor i in range(10**5): sys.stderr.write('x' * 1000)",
    "scratch": "with open('big', 'wb') as f:\n    for i in range(100): f.write(bytes(2**20))\nleak('100 MB')",
    "many_files": "for i in range(10**4): open(str(i), 'w').close()\nleak('files')",
    "descriptors": "import os\nkept = [os.open('/dev/null', 0) for i in range(10**5)]\nleak(len(kept))",
    "pipes": "import os\nkept = [os.pipe() for i in range(10**5)]\nleak(len(kept))",
    "deep_folders": "import os\nfor i in range(10**5):\n    os.mkdir('d')\n    os.chdir('d')\nleak('folders')",
    "deep_recursion": "return bias_correction(average, t, beta=beta)",
    "deep_list": "x = []\nfor i in range(10**5): x = [x]\nreturn x",
    "deep_itself": "x = []\nx.append(x)\nreturn x",
    "wide_dict": "return {str(i): average for i in range(10**5)}",
    "large_tensor": "return torch.zeros(6 * 10**6)",
    "endless_iterator": "import itertools\nreturn itertools.count()",
    "large_text": "raise ValueError('x' * 10**8)",
    "odd_text": "raise ValueError('\\x1b[2J\\ud800<script>alert(1)</script>' + chr(0))",
    # ---- processes and threads
    "fork": "import os\nif os.fork() == 0: os._exit(0)\nleak('a process')",
    "fork_bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: break\nreturn 'x'",
    "fork_raw": "import ctypes\nlibc = ctypes.CDLL(None)\n"
    "for n in (56, 57, 58):\n    if libc.syscall(n, 17, 0, 0, 0, 0) >= 0: leak(n)",
    "daemon": "import os\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n"
    "    open('CANARY', 'w').write('owned')\nreturn average",
    "pool": "import multiprocessing\nwith multiprocessing.Pool(2) as p: leak(p.map(abs, [1]))",
    "threads": "import threading, time\nfor i in range(10**4): threading.Thread(target=time.sleep, args=(99,)).start()",
    "thread_left": "import threading, time\n"
    "threading.Thread(target=lambda: [None for i in iter(int, 1)], daemon=True).start()\nreturn 'x'",
    "thread_writes_later": "import threading, time, os\ndef later():\n"
    "    time.sleep(0.3)\n    open('CANARY', 'w').write('owned')\n"
    "threading.Thread(target=later).start()\nreturn 'x'",
    "finaliser": "class F:\n    def __del__(self): open('CANARY', 'w').write('owned')\nx = F()\nreturn 'x'",
}
