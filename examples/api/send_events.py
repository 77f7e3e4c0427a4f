"""Send a file of events, one a line, to Fixtrail's event API until Kafka has every good one.

    FIXTRAIL_URL=http://127.0.0.1:8000 FIXTRAIL_API_KEY=ftk_… python send_events.py events.ndjson

Needs nothing but Python. What was not acknowledged is sent again under the same event_id, so nothing counts twice.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

URL = os.environ["FIXTRAIL_URL"] + "/v1/events"
KEY = os.environ["FIXTRAIL_API_KEY"]
BATCH = 500


def post(lines: list[bytes]) -> tuple[int, dict, float]:
    """Status, answer, and seconds to wait before sending again."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-ndjson"}
    request = urllib.request.Request(URL, data=b"\n".join(lines), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer), 0.0
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), float(error.headers.get("Retry-After", 0))
    except OSError:
        return 0, {}, 5.0  # no answer at all


def send(lines: list[bytes]) -> list[tuple[bytes, dict]]:
    """The lines that were refused, each with the reason; all others are with Kafka when this returns."""
    refused = []
    while lines:
        status, answer, wait_s = post(lines)
        items = answer.get("items", [])
        refused += [(lines[item["index"]], item) for item in items if item["status"] == "refused"]
        if status in (202, 207, 422) and items:
            break
        if status not in (0, 429, 503):
            raise SystemExit(f"{status} {answer.get('title')}: {answer.get('detail')}")
        if items:
            lines = [lines[item["index"]] for item in items if item["status"] not in ("accepted", "refused")]
        time.sleep(wait_s)
    return refused


def main() -> int:
    lines = [line for line in Path(sys.argv[1]).read_bytes().split(b"\n") if line.strip()]
    refused = [each for at in range(0, len(lines), BATCH) for each in send(lines[at : at + BATCH])]
    for _, item in refused:
        print(f"refused: {item['code']}: {item['reason']}", file=sys.stderr)
    print(f"{len(lines) - len(refused)} accepted, {len(refused)} refused")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
