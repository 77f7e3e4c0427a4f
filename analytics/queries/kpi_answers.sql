-- How soon after the close did customers answer, and do those who took their time score otherwise?
-- with: visits
-- early: at most 3 days after the close; a score given before the close is early. By center.
SELECT
    key,
    center_id,
    count() AS answers,
    countIf(is_early) AS early,
    countIf(is_early AND score >= 9) AS early_promoters,
    countIf(is_early AND score <= 6) AS early_detractors,
    countIf(NOT is_early AND score >= 9) AS late_promoters,
    countIf(NOT is_early AND score <= 6) AS late_detractors
FROM
(
    SELECT
        v.keys AS keys,
        v.center_id AS center_id,
        v.score AS score,
        s.answered_at <= v.closed_at + INTERVAL 3 DAY AS is_early
    FROM
    (
        SELECT order_id, center_id, vehicle_key, closed_at, score, keys
        FROM visits
        WHERE is_closed AND isNotNull(score)
    ) AS v
    ANY LEFT JOIN (SELECT order_id, center_id, vehicle_key, answered_at FROM surveys WHERE is_last) AS s
        USING (order_id, center_id, vehicle_key)
)
ARRAY JOIN keys AS key
GROUP BY key, center_id
ORDER BY key NULLS LAST, center_id
