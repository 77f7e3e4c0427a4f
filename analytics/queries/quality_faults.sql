-- Which faults do customers bring, and how often are they fixed first time?
-- with: visits
-- Of handed-off orders; one with several fault groups counts in each, one without a diagnosis under none.
SELECT
    fault_origin,
    fault_group,
    count() AS orders,
    countIf(isNotNull(ftf)) AS judged,
    countIf(ftf) AS fixed,
    countIf(ftf_cause = 'rework') AS rework,
    countIf(ftf_cause = 'open_part') AS open_part,
    countIf(ftf_cause = 'reopened') AS reopened,
    countIf(ftf_cause = 'comeback') AS comeback,
    countIf(isNotNull(score)) AS scores,
    countIf(score >= 9) AS promoters,
    countIf(score <= 6) AS detractors,
    avg(wait_s) AS wait_mean_s
FROM visits
ARRAY JOIN if(empty(fault_groups), [NULL], CAST(fault_groups, 'Array(Nullable(String))')) AS fault_group
WHERE is_handed_off
GROUP BY fault_origin, fault_group
ORDER BY orders DESC, fault_origin, fault_group
