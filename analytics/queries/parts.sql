-- How often was each part asked for and not there, at which center, and how long did customers wait for it?
-- with: visits
-- One row per part, one per center, and one per part and center where something was missing. An order's wait for parts
-- is shared equally by its backordered requests, or by all of its requests where none was; so the shares add up to the
-- wait of all orders. Of open orders, up to now.
SELECT
    multiIf(grouping(center_id) = 1, 'part', grouping(part_no) = 1, 'center', 'both') AS level,
    part_no,
    center_id,
    count() AS requests,
    countIf(stockout) AS stockouts,
    sum(toFloat64(quantity)) AS pieces,
    sum(toFloat64(quantity) * toFloat64(unit_price)) AS amount,
    countIf(isNull(unit_price)) AS without_price,
    countIf(emergency) AS emergencies,
    countIf(emergency AND fulfilled_at <= requested_at + INTERVAL 2 HOUR) AS emergencies_in_time,
    sum(multiIf(isNull(wait_parts_s), 0, order_stockouts = 0, wait_parts_s / part_requests,
        stockout, wait_parts_s / order_stockouts, 0)) AS waited_s
FROM parts
INNER JOIN
(
    SELECT order_id, wait_parts_s, part_requests, stockouts AS order_stockouts
    FROM visits
    WHERE part_requests > 0
) AS visit USING (order_id)
GROUP BY GROUPING SETS ((part_no), (center_id), (part_no, center_id))
HAVING level != 'both' OR stockouts > 0
ORDER BY level, requests DESC, part_no, center_id
