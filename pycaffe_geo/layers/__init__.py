"""Every layer, one per file: se3_generator.py holds SE3Generator (the file's stem without underscores is the type in lower case)."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
