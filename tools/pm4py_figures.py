"""What PM4Py finds in exported logs, as JSON lines: run by an environment of its own (make test-pm4py).

python pm4py_figures.py FILE...
"""

import json
import sys
from statistics import mean, median

import pm4py  # type: ignore[import-not-found]


def figures_of_xes(file: str) -> dict[str, object]:
    """Cases, events, variants, durations, and of logs of stages the seconds by activity."""
    log = pm4py.read_xes(file)
    times = log.groupby("case:concept:name")["time:timestamp"]
    durations = (times.max() - times.min()).dt.total_seconds().tolist()
    seconds = log.groupby("concept:name")["seconds"].sum().to_dict() if "seconds" in log.columns else {}
    return {
        "cases": int(log["case:concept:name"].nunique()),
        "events": len(log),
        "variants": len(pm4py.get_variants(log)),
        "mean_s": mean(durations),
        "median_s": median(durations),
        "seconds": seconds,
    }


def figures_of_ocel(file: str) -> dict[str, object]:
    """Events, relations and objects by type, and the cases once flattened to orders (ties lose their order there)."""
    log = pm4py.read_ocel2(file)
    orders = pm4py.ocel_flattening(log, "order")
    return {
        "events": len(log.events),
        "objects": {str(name): int(count) for name, count in log.objects["ocel:type"].value_counts().items()},
        "relations": len(log.relations),
        "cases": int(orders["case:concept:name"].nunique()),
    }


def main() -> None:
    """Print the figures of each file."""
    for file in sys.argv[1:]:
        print(json.dumps(figures_of_xes(file) if ".xes" in file else figures_of_ocel(file)))


if __name__ == "__main__":
    main()
