-- How fast does the emergency channel bring parts, center by center and in all?
-- with: visits
SELECT
    center_id,
    grouping(center_id) = 1 AS is_total,
    count() AS emergencies,
    countIf(isNotNull(fulfilled_at)) AS fulfilled,
    countIf(isNull(fulfilled_at) AND isNotNull(cancelled_at)) AS cancelled,
    countIf(fulfilled_at <= requested_at + INTERVAL 2 HOUR) AS in_time,
    countIf(isNotNull(fulfilled_at) AND isNotNull(requested_at)) AS timed,
    quantilesExactInclusive(0.5, 0.9)(dateDiff('millisecond', requested_at, fulfilled_at) / 1000) AS quantiles_s
FROM parts
-- Every order's where every order counts, as in parts.
WHERE emergency AND (
    ({since:String} = '' AND {until:String} = '' AND {open_until:String} = '' AND {rollout:String} = ''
        AND empty({centers:Array(String)}))
    OR (center_id, order_id, vehicle_key) IN (
        SELECT center_id, order_id, vehicle_key FROM visits WHERE emergencies > 0))
GROUP BY GROUPING SETS ((center_id), ())
ORDER BY is_total, center_id NULLS LAST
