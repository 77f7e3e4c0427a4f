-- Which special orders are open: missing, and neither delivered nor withdrawn?
-- with: parts_requests
SELECT
    center_id,
    order_id,
    vehicle_key,
    request_id,
    part_no,
    toFloat64(quantity) AS quantity,
    emergency,
    backordered_at,
    expected_at,
    greatest(0, dateDiff('second', backordered_at, now())) AS age_s,
    expected_at < now() AS is_overdue
FROM parts_requests
-- is_open leaves most requests out before later events are looked up.
WHERE is_open AND stockout AND isNull(fulfilled_at) AND isNull(cancelled_at)
ORDER BY backordered_at, center_id, order_id, vehicle_key, request_id
