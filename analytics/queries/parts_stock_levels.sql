-- How many pieces of each part lie at each center, and how many are on order?
-- until: as told up to this day of UTC, included; of a part told later what it was before is not kept.
SELECT
    center_id,
    part_no,
    toFloat64(on_hand) AS on_hand,
    toFloat64(on_order) AS on_order,
    occurred_at
FROM stock_levels
WHERE occurred_at < toDateTime(toDateOrZero({until:String}), 'UTC') + INTERVAL 1 DAY
ORDER BY center_id, part_no
