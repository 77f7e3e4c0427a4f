-- How soon after the close did customers answer, and do those who took their time score otherwise?
-- with: visits
-- early: at most 3 days after the close; a score given before the close is early, as is one of no known time. By center.
-- Added up for each list of keys first, as in kpi.
SELECT
    key,
    center_id,
    sum(part.answers) AS answers,
    sum(part.early) AS early,
    sum(part.early_promoters) AS early_promoters,
    sum(part.early_detractors) AS early_detractors,
    sum(part.late_promoters) AS late_promoters,
    sum(part.late_detractors) AS late_detractors
FROM
(
    SELECT
        keys,
        center_id,
        ifNull(answered_at, toDateTime64(0, 3, 'UTC')) <= closed_at + INTERVAL 3 DAY AS is_early,
        count() AS answers,
        countIf(is_early) AS early,
        countIf(is_early AND score >= 9) AS early_promoters,
        countIf(is_early AND score <= 6) AS early_detractors,
        countIf(NOT is_early AND score >= 9) AS late_promoters,
        countIf(NOT is_early AND score <= 6) AS late_detractors
    FROM visits
    WHERE is_closed AND isNotNull(score)
    GROUP BY keys, center_id, is_early
) AS part
ARRAY JOIN keys AS key
GROUP BY key, center_id
ORDER BY key NULLS LAST, center_id
