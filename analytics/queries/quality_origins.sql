-- Where do faults come from, and how often are they fixed first time?
-- with: visits
-- Of handed-off orders, each once.
SELECT
    fault_origin,
    count() AS orders,
    countIf(isNotNull(ftf)) AS judged,
    countIf(ftf) AS fixed,
    countIf(ftf_cause = 'rework') AS rework,
    countIf(ftf_cause = 'open_part') AS open_part,
    countIf(ftf_cause = 'reopened') AS reopened,
    countIf(ftf_cause = 'comeback') AS comeback
FROM visits
WHERE is_handed_off
GROUP BY fault_origin
ORDER BY orders DESC, fault_origin
