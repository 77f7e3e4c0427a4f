-- How many orders kept within the operator's own limits: quick lane, the wait and its causes, emergency parts?
-- with: visits
-- limits: seconds for quick_lane, wait, wait_reception, wait_approval, wait_parts, wait_bay and emergency, in this
-- order. Row by row of center; `n` and `held` list the seven. Emergencies are requests, all else orders: they are
-- counted apart, as few orders have any. Added up for each list of keys first, as in kpi.
SELECT
    key,
    center_id,
    sumForEach(part.n) AS n,
    sumForEach(part.held) AS held,
    sum(part.orders) AS orders,
    sum(part.open) AS open,
    sum(part.cancelled) AS cancelled,
    sum(part.requests_all) AS requests_all
FROM
(
    SELECT
        keys,
        center_id,
        countIf(is_handed_off AND isNotNull(wait_s)) AS waits,
        [countIf(is_closed AND lane = 'quick' AND isNotNull(ready_at)), waits, waits, waits, waits, waits, 0] AS n,
        [countIf(is_closed AND lane = 'quick'
            AND dateDiff('millisecond', checked_in_at, ready_at) <= 1000 * {limits:Array(Float64)}[1]),
         countIf(is_handed_off AND wait_s <= {limits:Array(Float64)}[2]),
         countIf(is_handed_off AND wait_reception_s <= {limits:Array(Float64)}[3]),
         countIf(is_handed_off AND wait_approval_s <= {limits:Array(Float64)}[4]),
         countIf(is_handed_off AND wait_parts_s <= {limits:Array(Float64)}[5]),
         countIf(is_handed_off AND wait_bay_s <= {limits:Array(Float64)}[6]),
         0] AS held,
        count() AS orders,
        countIf(NOT is_closed) AS open,
        countIf(is_closed AND NOT is_handed_off) AS cancelled,
        0 AS requests_all
    FROM visits
    GROUP BY keys, center_id
    UNION ALL
    SELECT
        keys,
        center_id,
        0 AS waits,
        [0, 0, 0, 0, 0, 0, sumIf(requests, is_closed)] AS n,
        [0, 0, 0, 0, 0, 0, sumIf(came, is_closed)] AS held,
        0 AS orders,
        0 AS open,
        0 AS cancelled,
        sum(requests) AS requests_all
    FROM visits
    INNER JOIN
    (
        SELECT
            center_id, order_id, vehicle_key, count() AS requests,
            countIf(dateDiff('millisecond', requested_at, fulfilled_at) <= 1000 * {limits:Array(Float64)}[7]) AS came
        FROM parts
        WHERE emergency
        GROUP BY center_id, order_id, vehicle_key
    ) AS emergency USING (center_id, order_id, vehicle_key)
    WHERE emergencies > 0
    GROUP BY keys, center_id
) AS part
ARRAY JOIN keys AS key
GROUP BY key, center_id
ORDER BY key NULLS LAST, center_id
