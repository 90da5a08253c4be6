"""Every layer, one per file: the file's stem is the type name in lower case without underscores (se3_generator.py holds SE3Generator)."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
