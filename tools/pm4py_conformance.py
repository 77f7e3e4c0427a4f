"""What PM4Py finds in a log beside a model, as one JSON object: run by an environment of its own (make test-pm4py).

python pm4py_conformance.py FILE TREE: TREE is a process tree as PM4Py writes it, of activities without the codes of
steps and with their transition (`repair.start`); events that it does not name are left out. For each case the number
of skipped steps and extra events of an optimal alignment; 0 is a fitting trace.
"""

import json
import re
import sys

import pm4py  # type: ignore[import-not-found]
from pm4py.objects.process_tree.utils.generic import parse  # type: ignore[import-not-found]

# What PM4Py's alignments cost for each move on the log or the model alone.
ONE_MOVE = 10_000


def costs_of(file: str, tree: str) -> dict[str, int]:
    """Each case's cost."""
    log = pm4py.read_xes(file)
    names = log["concept:name"].str.replace(r" \(.*\)$", "", regex=True)
    log["concept:name"] = names + "." + log["lifecycle:transition"]
    log = log[log["concept:name"].isin(re.findall(r"'([^']+)'", tree))]
    traces = pm4py.convert_to_event_log(log)
    alignments = pm4py.conformance_diagnostics_alignments(traces, *pm4py.convert_to_petri_net(parse(tree)))
    cases = [trace.attributes["concept:name"] for trace in traces]
    return {case: alignment["cost"] // ONE_MOVE for case, alignment in zip(cases, alignments, strict=True)}


if __name__ == "__main__":
    print(json.dumps(costs_of(sys.argv[1], sys.argv[2])))
