"""What statsforecast says of series, as JSON lines: run by an environment of its own (make test-forecast).

python statsforecast_rates.py FILE

FILE holds one JSON list of numbers a line. For each line: {"tsb": …, "adida": …, "ses": …}, one step ahead.
"""

import json
import sys
from pathlib import Path

import numpy as np
from statsforecast.models import (  # type: ignore[import-not-found]
    ADIDA,
    TSB,
    SimpleExponentialSmoothing,
)

MODELS = {"tsb": TSB(0.1, 0.1), "adida": ADIDA(), "ses": SimpleExponentialSmoothing(0.2)}


def main() -> None:
    """Forecast every line."""
    with Path(sys.argv[1]).open(encoding="utf-8") as file:
        for line in file:
            series = np.array(json.loads(line), dtype=np.float64)
            print(json.dumps({name: float(model.forecast(series, h=1)["mean"][0]) for name, model in MODELS.items()}))


if __name__ == "__main__":
    main()
