"""Compiles the rules with mypyc where FIXTRAIL_COMPILED is set (`make wheel`); pyproject.toml says all else."""

import os

from setuptools import setup

# Pure functions, chosen by profile. Structs and models stay Python: what makes them reads their annotations.
COMPILED = (
    "schemas/fast_path.py",
    "schemas/json_keys.py",
    "schemas/times.py",
    "streams/journey/center_hours.py",
    "streams/journey/content_digest.py",
    "streams/journey/facts.py",
    "streams/journey/first_time_fix.py",
    "streams/journey/ids.py",
    "streams/journey/notices.py",
    "streams/journey/order.py",
    "streams/journey/packed.py",
    "streams/journey/packed_state.py",
    "streams/journey/partition_state.py",
    "streams/journey/visit.py",
)
# Not those of pyproject.toml: pydantic, which the build has not, would be missed everywhere.
MYPY = ("--config-file=", "--follow-imports=silent", "--ignore-missing-imports")

if os.environ.get("FIXTRAIL_COMPILED"):
    from mypyc.build import mypycify

    setup(ext_modules=mypycify([*MYPY, *COMPILED], opt_level="3", debug_level="0", group_name="fixtrail_rules"))
else:
    setup()
