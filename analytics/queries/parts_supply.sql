-- What did each part last cost, and how long does a missing one take to come, by part, by center and in all?
-- with: parts_requests
-- before: only what was asked for, and what was delivered, before this day, '' for no limit. Days from the request to
-- the delivery, also after the car was gone.
SELECT
    multiIf(grouping(part_no) = 0, 'part', grouping(center_id) = 0, 'center', 'all') AS level,
    part_no,
    center_id,
    argMaxIf(toFloat64(unit_price), (asked_at, order_id, request_id), isNotNull(unit_price)) AS price,
    countIf(isNotNull(unit_price)) AS priced,
    countIf(is_delivery) AS deliveries,
    quantileExactInclusiveIf(0.5)(
        dateDiff('millisecond', requested_at, fulfilled_at) / 86400000,
        is_delivery) AS lead_days
FROM
(
    SELECT
        *,
        stockout AND fulfilled_at > requested_at
            AND ({before:String} = '' OR fulfilled_at < toDateTime(toDateOrZero({before:String}), 'UTC')) AS is_delivery
    FROM parts_requests
)
WHERE {before:String} = '' OR asked_at < toDateTime(toDateOrZero({before:String}), 'UTC')
GROUP BY GROUPING SETS ((part_no), (center_id), ())
ORDER BY level, part_no, center_id
