"""How hard the property tests look: with HYPOTHESIS_PROFILE=thorough long, and elsewhere each time."""

import os

from hypothesis import HealthCheck, settings

_SLOW_MACHINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

# The same examples every time: a red run can be run again, and a slow machine does not make one.
settings.register_profile(
    "quick", max_examples=50, derandomize=True, deadline=None, database=None, suppress_health_check=_SLOW_MACHINE
)
settings.register_profile(
    "thorough", max_examples=1500, deadline=None, print_blob=True, suppress_health_check=_SLOW_MACHINE
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
