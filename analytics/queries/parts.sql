-- How often was each part asked for and not there, at which center, and how long did customers wait for it?
-- with: visits
-- One row per part, one per center, and one per part and center where something was missing. Of open orders, up to now.
SELECT
    multiIf(grouping(center_id) = 1, 'part', grouping(part_no) = 1, 'center', 'both') AS level,
    part_no,
    center_id,
    sum(cell.requests) AS requests,
    sum(cell.stockouts) AS stockouts,
    sum(cell.pieces) AS pieces,
    sum(cell.amount) AS amount,
    sum(cell.without_price) AS without_price,
    sum(cell.emergencies) AS emergencies,
    sum(cell.emergencies_in_time) AS emergencies_in_time,
    sum(cell.waited_s) AS waited_s
FROM
(
    SELECT
        part_no,
        center_id,
        count() AS requests,
        countIf(stockout) AS stockouts,
        sum(toFloat64(quantity)) AS pieces,
        sum(toFloat64(quantity) * toFloat64(unit_price)) AS amount,
        countIf(isNull(unit_price)) AS without_price,
        countIf(emergency) AS emergencies,
        countIf(emergency AND fulfilled_at <= requested_at + INTERVAL 2 HOUR) AS emergencies_in_time,
        sum(waited_s) AS waited_s
    FROM part_waits
    -- Every order's parts where every order counts: a set of them all would cost more than the rest.
    WHERE ({since:String} = '' AND {until:String} = '' AND {rollout:String} = '' AND empty({centers:Array(String)}))
        OR (center_id, order_id, vehicle_key) IN (
            SELECT center_id, order_id, vehicle_key FROM visits WHERE part_requests > 0)
    GROUP BY part_no, center_id
) AS cell
GROUP BY GROUPING SETS ((part_no), (center_id), (part_no, center_id))
HAVING level != 'both' OR stockouts > 0
ORDER BY level, requests DESC, part_no, center_id
