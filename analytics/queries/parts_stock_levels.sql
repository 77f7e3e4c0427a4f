-- How many pieces of each part lie at each center, and how many are on order?
SELECT
    center_id,
    part_no,
    toFloat64(on_hand) AS on_hand,
    toFloat64(on_order) AS on_order,
    occurred_at
FROM stock_levels
ORDER BY center_id, part_no
