-- How content are customers who complained, and how long did their visits take, beside the others'?
-- with: visits
-- One row per center, and per center and side (has_complained) the same; level says which. Lead of handed-off orders.
SELECT
    if(grouping(center_id) = 0, 'center', 'all') AS level,
    center_id,
    complaints > 0 AS has_complained,
    countIf(is_handed_off) AS handed_off,
    countIf(isNotNull(score)) AS scores,
    countIf(score >= 9) AS promoters,
    countIf(score <= 6) AS detractors,
    count() AS closed,
    countIf(is_handed_off AND isNotNull(lead_s)) AS with_lead,
    quantileExactInclusiveIf(0.5)(lead_s, is_handed_off AND isNotNull(lead_s)) AS lead_median_s
FROM visits
WHERE is_closed
GROUP BY GROUPING SETS ((has_complained), (center_id, has_complained))
ORDER BY level, center_id, has_complained
