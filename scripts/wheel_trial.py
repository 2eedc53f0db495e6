"""What scripts/wheels.py runs with the installed wheel: numbers, training, commands, what is loaded."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import lrswift as lr

assert Path(lr.__file__).is_relative_to(sys.prefix), lr.__file__
assert shutil.which("swift") is None, "swift is on the PATH"

rng = np.random.default_rng(0)
a, b = rng.standard_normal((300, 200)), rng.standard_normal((200, 250))
product = np.array((lr.tensor(a, dtype="float64") @ lr.tensor(b, dtype="float64")).numpy())
assert np.allclose(product, a @ b, rtol=1e-12, atol=1e-12)

x = rng.standard_normal((512, 8)).astype("float32")
y = (x[:, 0] * x[:, 1] > 0).astype("int64")
model = lr.models.mlp(inputs=8, hidden=[32], outputs=2)
history = lr.fit(model, train=(x, y), epochs=20, progress=False)
assert history.rows[-1]["train_loss"] < 0.4, history.rows[-1]

info = [sys.executable, "-m", "lrswift", "info"]
assert lr.__version__ in subprocess.run(info, capture_output=True, text=True, check=True).stdout

loaded = set(re.findall(r"/\S+\.so\S*", Path("/proc/self/maps").read_text()))
used = {path for path in loaded if re.search(r"openblas|gfortran|quadmath", path) and "numpy" not in path}
assert used, "no OpenBLAS is loaded"
assert all("/lrswift.libs/" in path for path in used), used
hidden = not any(p.stat().st_size for p in Path("/usr/lib").glob("*/openblas-*/libopenblas*.so*"))
print(
    f"Python {sys.version.split()[0]}, NumPy {np.__version__}: works, with {len(used)} libraries of its own;",
    "the system's OpenBLAS hidden" if hidden else "the system's OpenBLAS there, not loaded",
)
