"""Every layer, one per file; the file's stem without underscores is the type in lower case: se3_generator.py, SE3Generator."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
