"""Attacks on the comparison: none of them computes the answer, and each tries to be taken for one that does."""

ATTACKS = {
    "torch_equal": """torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
torch.Tensor.__eq__ = lambda *a: torch.tensor(True)
return average""",
    "torch_testing": "torch.testing.assert_close = lambda *a, **k: None\nreturn average",
    "torch_arithmetic": """torch.Tensor.__sub__ = torch.Tensor.sub = torch.sub = lambda a, b: torch.zeros_like(a)
torch.Tensor.abs = torch.abs = torch.zeros_like
return average""",
    "torch_zeros": """for name in ('isfinite', 'isnan', 'all', 'any', 'max'):
    setattr(torch, name, lambda *a, **k: torch.tensor(True))
return average""",
    "numpy": """import numpy
numpy.allclose = numpy.array_equal = lambda *a, **k: True
numpy.testing.assert_allclose = lambda *a, **k: None
return numpy.asarray(average)""",
    "builtins": """import builtins
builtins.abs = builtins.max = lambda *a: 0
builtins.all = builtins.any = lambda *a: True
builtins.isinstance = lambda *a: True
return average""",
    "comparison": """import sys
for module in list(sys.modules.values()):
    for name in ('judge', 'compare', 'close', 'check', 'same'):
        if hasattr(module, name):
            try: setattr(module, name, lambda *a, **k: True)
            except Exception: pass
return average""",
    "verdict": """import sys
sys.modules['coursekit.judging.judge'] = type(sys)('judge')
sys.modules['coursekit.judging.judge'].judge = lambda *a: 'passed'
return average""",
    "lying_tensor": """class Lie(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return torch.tensor(True)
return average.as_subclass(Lie)""",
    "lying_float": """class Lie(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    __hash__ = float.__hash__
return Lie(3.0)""",
    "lying_object": """class Lie:
    def __eq__(self, other): return True
    def __getattr__(self, name): return Lie()
    def __call__(self, *a, **k): return Lie()
    def __bool__(self): return True
    def __float__(self): return 0.0
return Lie()""",
    "lying_class": """class Lie:
    __class__ = torch.Tensor
    def __eq__(self, other): return True
return Lie()""",
    "lying_tuple": """class Lie(tuple):
    def __eq__(self, other): return True
    def __len__(self): return 1
    __hash__ = tuple.__hash__
return Lie((average,))""",
    "lying_outcome": """from coursekit.probe.cases import Outcome
return Outcome(value={'result': average})""",
    "changed_outcome": """from coursekit.probe import cases
cases.Outcome.__eq__ = lambda *a: True
cases.Outcome.__init__ = lambda self, *a, **k: object.__setattr__(self, 'value', {'result': 1.0})
return average""",
    "nan": "return average * float('nan')",
    "infinity": "return average * float('inf')",
    "arguments_changed": """average.fill_(0.0)
return average""",
    "empty": "return torch.empty(0)",
    "broadcast": "return torch.zeros(1, 1, 1, 1).expand(2, 2, 2, 2)",
    "meta": "return torch.empty_like(average, device='meta')",
    "gradient": "return average.clone().requires_grad_(True)",
    # ---- the pipe
    "forged_frame": """import os
for fd in range(3, 64):
    try: os.write(fd, FORGED)
    except OSError: pass
os._exit(0)""",
    "forged_length": """import os
for fd in range(3, 64):
    try: os.write(fd, bytes([255]) * 8)
    except OSError: pass
os._exit(0)""",
    "forged_header": """import os
for fd in range(3, 64):
    try: os.write(fd, (12).to_bytes(8, 'big') + (8).to_bytes(4, 'big') + b'[[[[[[[[')
    except OSError: pass
os._exit(0)""",
    "forged_walls": """import os
for fd in range(3, 64):
    try: os.write(fd, b'+' * 3 + FORGED)
    except OSError: pass
os._exit(0)""",
    "half_a_frame": """import os, time
for fd in range(3, 64):
    try: os.write(fd, (100).to_bytes(8, 'big') + b'half')
    except OSError: pass
time.sleep(99)""",
    "answers_to_the_judge": """import os
for fd in range(0, 1000):
    try: os.write(fd, (5).to_bytes(8, 'big') + b'fnull')
    except OSError: pass
os._exit(0)""",
    "patched_frame": """from coursekit.classroom.sandbox import wire
own = wire.encode
wire.encode = lambda tree: own({'outcomes': [], 'used': [], 'passed': True})
return average""",
    "patched_sender": """import coursekit.classroom.sandbox.wire as wire
wire.write_frame = lambda fd, payload: __import__('os').write(fd, FORGED)
return average""",
    "patched_json": 'import json\njson.dumps = lambda *a, **k: \'["dict", ["passed"], true]\'\nreturn average',
    "pickle": """import pickle
class Bomb:
    def __reduce__(self): return (open, ('CANARY', 'w'))
return pickle.dumps(Bomb())""",
    "left_for_the_next": """import os
if not hasattr(torch, 'mine'):
    torch.mine = True
    if os.path.exists('earlier'): leak('an earlier child left this')
    open('earlier', 'w').write('mine')
return average""",
    "found_from_the_last": """import os
if not hasattr(torch, 'own'):
    torch.own = True
    if hasattr(torch, 'mine') or os.path.exists('earlier'): leak('an earlier child left this')
return average""",
}
