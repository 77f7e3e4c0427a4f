-- What did each part last cost, and how long does a missing one take to come, by part, by center and in all?
-- before: only what was asked for before this day, '' for no limit. Days from the request to the delivery.
SELECT
    multiIf(grouping(part_no) = 0, 'part', grouping(center_id) = 0, 'center', 'all') AS level,
    part_no,
    center_id,
    argMaxIf(toFloat64(unit_price), requested_at, isNotNull(unit_price)) AS price,
    countIf(isNotNull(unit_price)) AS priced,
    countIf(stockout AND fulfilled_at > requested_at) AS deliveries,
    quantileExactInclusiveIf(0.5)(
        dateDiff('millisecond', requested_at, fulfilled_at) / 86400000,
        stockout AND fulfilled_at > requested_at) AS lead_days
FROM parts
WHERE {before:String} = '' OR requested_at < toDateTime(toDate({before:String}), 'UTC')
GROUP BY GROUPING SETS ((part_no), (center_id), ())
ORDER BY level, part_no, center_id
